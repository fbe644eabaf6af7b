//! Which objects are meant: label selectors and field selectors.

use serde_json::Value;

use super::query::Query;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::ApiError;

/// What an object must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    pointer: String,
    value: String,
    is_equal: bool,
}

impl Selection {
    /// What a list or a watch asks for.
    pub(super) fn of(query: &Query, resource: Resource) -> Result<Self, ApiError> {
        Ok(Self {
            labels: labels(query.text("labelSelector").unwrap_or_default())?,
            fields: fields(query.text("fieldSelector").unwrap_or_default(), resource)?,
        })
    }

    /// A `metav1.LabelSelector` inside an object; None where it makes no sense. An empty one takes everything.
    pub(super) fn of_object(selector: &Value) -> Option<Self> {
        let mut labels = Vec::new();
        if let Some(all) = selector.get("matchLabels").and_then(Value::as_object) {
            for (key, value) in all {
                let test = Test::In(vec![value.as_str()?.to_owned()]);
                labels.push(Requirement { key: key.clone(), test });
            }
        }
        if let Some(all) = selector.get("matchExpressions").and_then(Value::as_array) {
            for expression in all {
                labels.push(expression_of(expression)?);
            }
        }
        Some(Self {
            labels,
            fields: Vec::new(),
        })
    }

    /// Whether it takes everything.
    pub(super) const fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is meant.
    pub(super) fn takes(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let has_labels = self.labels.iter().all(|requirement| {
            let value = labels
                .and_then(|labels| labels.get(&requirement.key))
                .and_then(Value::as_str);
            requirement.test.passes(value)
        });
        has_labels && self.fields.iter().all(|field| field.passes(object))
    }
}

impl Test {
    fn passes(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Test::In(values), Some(value)) => values.iter().any(|own| own == value),
            (Test::NotIn(values), Some(value)) => !values.iter().any(|own| own == value),
            (Test::Exists, value) => value.is_some(),
            (Test::In(_), None) => false,
            (Test::NotIn(_), None) => true,
            (Test::Absent, value) => value.is_none(),
        }
    }
}

impl Field {
    fn passes(&self, object: &Value) -> bool {
        let is_it = match object.pointer(&self.pointer) {
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Bool(is_true)) => is_true.to_string() == self.value,
            Some(Value::Number(number)) => number.to_string() == self.value,
            // `spec.unschedulable` is false where it is missing.
            _ if self.pointer == "/spec/unschedulable" => self.value == "false",
            _ => self.value.is_empty(),
        };
        is_it == self.is_equal
    }
}

fn expression_of(expression: &Value) -> Option<Requirement> {
    let values = || -> Option<Vec<String>> {
        let values = expression.get("values")?.as_array()?.iter();
        values.map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let test = match expression.get("operator")?.as_str()? {
        "In" => Test::In(values()?),
        "NotIn" => Test::NotIn(values()?),
        "Exists" => Test::Exists,
        "DoesNotExist" => Test::Absent,
        _ => return None,
    };
    Some(Requirement {
        key: expression.get("key")?.as_str()?.to_owned(),
        test,
    })
}

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
fn labels(raw: &str) -> Result<Vec<Requirement>, ApiError> {
    let wrong = |clause: &str| {
        let message = match second_operator(clause) {
            Some(token) => format!("found '{token}', expected: ',' or 'end of string'"),
            None => format!("unable to parse requirement: found {raw:?}, expected: a label selector"),
        };
        ApiError::bad_request(message)
    };
    clauses(raw)
        .map(|clause| label(clause).ok_or_else(|| wrong(clause)))
        .collect()
}

/// What follows where a clause should be at its end: `=` in `a=b=c` (apimachinery `labels/selector.go`).
fn second_operator(clause: &str) -> Option<&str> {
    let is_operator = |letter: char| matches!(letter, '=' | '!');
    let (_, rest) = clause.split_once(is_operator)?;
    let value = rest.trim_start_matches('=');
    let token = value.get(value.find(is_operator)?..)?;
    let length = token.find(|letter| !is_operator(letter)).unwrap_or(token.len());
    token.get(..length.min(2))
}

/// Splits at commas outside of parentheses.
fn clauses(raw: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    raw.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|clause| !clause.is_empty())
}

fn label(clause: &str) -> Option<Requirement> {
    let (key, test) = if let Some((key, set)) = clause.split_once(" notin ") {
        (key, Test::NotIn(set_of(set)?))
    } else if let Some((key, set)) = clause.split_once(" in ") {
        (key, Test::In(set_of(set)?))
    } else if let Some((key, value)) = clause.split_once("!=") {
        (key, Test::NotIn(vec![value.trim().to_owned()]))
    } else if let Some((key, value)) = clause.split_once("==").or_else(|| clause.split_once('=')) {
        (key, Test::In(vec![value.trim().to_owned()]))
    } else if let Some(key) = clause.strip_prefix('!') {
        (key, Test::Absent)
    } else {
        (clause, Test::Exists)
    };
    let key = key.trim();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let are_values = match &test {
        Test::In(values) | Test::NotIn(values) => values.iter().all(|value| is_value(value)),
        Test::Exists | Test::Absent => true,
    };
    (is_key && are_values).then(|| Requirement {
        key: key.to_owned(),
        test,
    })
}

fn is_value(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn set_of(raw: &str) -> Option<Vec<String>> {
    let inner = raw.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

/// `a=b,c==d,e!=f`.
fn fields(raw: &str, resource: Resource) -> Result<Vec<Field>, ApiError> {
    let wrong = |clause: &str| {
        let message = format!("invalid selector: {raw:?}; can't understand {clause:?}");
        ApiError::bad_request(message)
    };
    clauses(raw)
        .map(|clause| {
            let (name, value, is_equal) = if let Some((name, value)) = clause.split_once("!=") {
                (name, value, false)
            } else if let Some((name, value)) = clause.split_once("==").or_else(|| clause.split_once('=')) {
                (name, value, true)
            } else {
                return Err(wrong(clause));
            };
            Ok(Field {
                pointer: pointer(name, resource)?,
                value: value.to_owned(),
                is_equal,
            })
        })
        .collect()
}

fn pointer(name: &str, resource: Resource) -> Result<String, ApiError> {
    const EVERYWHERE: &[&str] = &["metadata.name", "metadata.namespace"];
    let own: &[&str] = match resource {
        Resource::Pods => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        Resource::Nodes => &["spec.unschedulable"],
        Resource::Namespaces => &["status.phase"],
        Resource::Secrets => &["type"],
        Resource::Events => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ],
        _ => &[],
    };
    if EVERYWHERE.contains(&name) || own.contains(&name) {
        return Ok(format!("/{}", name.replace('.', "/")));
    }
    if own.is_empty() {
        let known = "only \"metadata.name\", \"metadata.namespace\"";
        let message = format!("{name:?} is not a known field selector: {known}");
        return Err(ApiError::bad_request(message));
    }
    Err(ApiError::bad_request(format!("field label not supported: {name}")))
}
