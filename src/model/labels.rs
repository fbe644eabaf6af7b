//! The labels of a Kubernetes object, and what selects by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::Text;

/// Labels in order of their keys. Cheap to clone: the replicas of a workload carry the same and can share them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(Arc<[(Text, Text)]>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Text> {
        let found = self.0.binary_search_by(|(own, _)| own.as_str().cmp(key)).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// All of them, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Text)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Whether nothing else holds this copy.
    pub fn is_only_copy(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether both are one copy.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<(Text, Text)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Text, Text)>>(labels: I) -> Self {
        let in_order: BTreeMap<Text, Text> = labels.into_iter().collect();
        Self(in_order.into_iter().collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

/// How a requirement compares a label (`metav1.LabelSelectorOperator`, `core/v1.NodeSelectorOperator`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// Not one of the values, or no such label.
    NotIn,
    /// There is such a label.
    Exists,
    /// There is no such label.
    DoesNotExist,
    /// A larger integer; of nodes only.
    Gt,
    /// A smaller integer; of nodes only.
    Lt,
    /// One that we do not know: it matches nothing.
    Other,
}

/// One requirement about a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The label.
    pub key: Text,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub values: Vec<Text>,
}

impl Requirement {
    /// A label with one value.
    pub fn equal(key: &Text, value: &Text) -> Self {
        Self {
            key: key.clone(),
            operator: Operator::In,
            values: vec![value.clone()],
        }
    }

    /// Whether it holds for a label's value.
    pub fn holds(&self, value: Option<&Text>) -> bool {
        let is_listed = value.is_some_and(|value| self.values.contains(value));
        let compared = |wanted: fn(i64, i64) -> bool| {
            let number = |text: &Text| text.as_str().parse::<i64>().ok();
            let own = value.and_then(number);
            let limit = self.values.first().and_then(number);
            own.zip(limit).is_some_and(|(own, limit)| wanted(own, limit))
        };
        match self.operator {
            Operator::In => is_listed,
            Operator::NotIn => !is_listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => compared(|own, limit| own > limit),
            Operator::Lt => compared(|own, limit| own < limit),
            Operator::Other => false,
        }
    }
}

/// Which objects are meant, by their labels (`metav1.LabelSelectorAsSelector`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    /// None: there is no selector.
    #[default]
    Nothing,
    /// Those of which all of it is true; without anything, all.
    All(Vec<Requirement>),
}

impl Selector {
    /// Those with this label.
    pub fn equal(key: &Text, value: &Text) -> Self {
        Selector::All(vec![Requirement::equal(key, value)])
    }

    /// Whether an object with these labels is meant.
    pub fn selects(&self, labels: &Labels) -> bool {
        match self {
            Selector::Nothing => false,
            Selector::All(all) => all.iter().all(|own| own.holds(labels.get(own.key.as_str()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    }

    fn rule(key: &str, operator: Operator, values: &[&str]) -> Requirement {
        Requirement {
            key: key.into(),
            operator,
            values: values.iter().map(|value| (*value).into()).collect(),
        }
    }

    #[test]
    fn requirements_hold_as_upstream_says() {
        let own = labels(&[("zone", "a"), ("cores", "8")]);
        let cases = [
            (rule("zone", Operator::In, &["a", "b"]), true),
            (rule("zone", Operator::In, &[]), false),
            (rule("zone", Operator::NotIn, &["b"]), true),
            (rule("none", Operator::NotIn, &["b"]), true),
            (rule("zone", Operator::Exists, &[]), true),
            (rule("none", Operator::Exists, &[]), false),
            (rule("none", Operator::DoesNotExist, &[]), true),
            (rule("cores", Operator::Gt, &["7"]), true),
            (rule("cores", Operator::Gt, &["8"]), false),
            (rule("cores", Operator::Lt, &["9"]), true),
            (rule("zone", Operator::Gt, &["1"]), false),
            (rule("zone", Operator::Other, &["a"]), false),
        ];
        for (rule, expected) in cases {
            assert_eq!(rule.holds(own.get(rule.key.as_str())), expected, "{rule:?}");
        }
    }

    #[test]
    fn a_missing_selector_selects_nothing_and_an_empty_one_everything() {
        let own = labels(&[("app", "web")]);
        assert!(!Selector::Nothing.selects(&own));
        assert!(Selector::All(Vec::new()).selects(&own));
        assert!(Selector::equal(&"app".into(), &"web".into()).selects(&own));
    }
}
