//! Rules of metadata: names and labels.

use serde_json::Value;

use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause};
use crate::sim::world::store::str_at;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
    an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// The kind with its group, as messages about invalid objects call it.
pub(super) fn group_kind(resource: Resource) -> String {
    let info = resource.info();
    if info.group.is_empty() {
        info.kind.to_owned()
    } else {
        format!("{}.{}", info.kind, info.group)
    }
}

/// Refuses with 422 metadata that nothing may have.
pub(super) fn validate(resource: Resource, object: &Value) -> Result<(), ApiError> {
    let mut causes = Vec::new();
    let name = str_at(object, "/metadata/name").unwrap_or_default();
    let prefix = str_at(object, "/metadata/generateName").unwrap_or_default();
    if name.is_empty() && prefix.is_empty() {
        let because = "name or generateName is required";
        causes.push(Cause::required("metadata.name", because));
    } else if !name.is_empty() {
        causes.extend(wrong_name(resource, name, "metadata.name"));
    } else {
        // What comes behind the prefix begins and ends as a name must.
        causes.extend(
            wrong_name(resource, &format!("{prefix}a"), "metadata.generateName").map(|cause| Cause {
                message: cause.message.replacen(&format!("{prefix}a"), prefix, 1),
                ..cause
            }),
        );
    }
    causes.extend(wrong_labels(object));
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(&group_kind(resource), name, causes))
    }
}

fn wrong_name(resource: Resource, name: &str, field: &str) -> Option<Cause> {
    let (is_right, most, because) = match resource {
        Resource::Namespaces => (is_label(name), 63, LABEL),
        Resource::Services => (
            is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
            63,
            LABEL_1035,
        ),
        _ => (name.split('.').all(is_label), 253, SUBDOMAIN),
    };
    if name.len() > most {
        let because = format!("must be no more than {most} characters");
        return Some(Cause::invalid(field, &name.into(), &because));
    }
    (!is_right).then(|| Cause::invalid(field, &name.into(), because))
}

fn is_label(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_plain) && text.ends_with(is_plain) && text.chars().all(|c| is_plain(c) || c == '-')
}

fn wrong_labels(object: &Value) -> Vec<Cause> {
    let Some(labels) = object.pointer("/metadata/labels").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut causes = Vec::new();
    for (key, value) in labels {
        let (prefix, name) = key.split_once('/').unwrap_or(("", key));
        if name.is_empty() || !is_word(name) {
            causes.push(Cause::invalid("metadata.labels", &key.as_str().into(), QUALIFIED));
        } else if !prefix.is_empty() && !prefix.split('.').all(is_label) {
            let because = format!("prefix part {SUBDOMAIN}");
            causes.push(Cause::invalid("metadata.labels", &key.as_str().into(), &because));
        }
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid(
                "metadata.labels",
                value,
                "must be no more than 63 bytes",
            ));
        } else if !text.is_empty() && !is_word(text) {
            causes.push(Cause::invalid("metadata.labels", value, VALUE));
        }
    }
    causes
}

fn is_word(text: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(|c| is_edge(c) || "-_.".contains(c))
}
