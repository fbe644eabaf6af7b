//! What kube-scheduler must find for a pod, as its template says: selectors, affinity, tolerations. Plain data and whether
//! it matches; who is where, and what follows from it, is the forecast's part.

use serde::{Deserialize, Serialize};

use super::kube::Taint;
use super::labels::Labels;
use crate::base::Text;

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

/// A label selector: all requirements, or nothing at all where there is none (`metav1.LabelSelectorAsSelector`: a missing
/// selector selects nothing, an empty one everything).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector(pub Option<Vec<Requirement>>);

impl Selector {
    /// Whether it selects these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        let all = self.0.as_ref();
        all.is_some_and(|all| all.iter().all(|own| own.holds(labels.get(own.key.as_str()))))
    }
}

/// One of several sets of requirements that a node may meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTerm {
    /// About its labels.
    pub labels: Vec<Requirement>,
    /// About its name (`metadata.name`, the only field there is).
    pub names: Vec<Requirement>,
}

/// The namespaces whose pods a term is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namespaces {
    /// The pod's own.
    #[default]
    Own,
    /// These.
    Listed(Vec<Text>),
    /// All.
    All,
}

impl Namespaces {
    /// Whether it is about `namespace`, where the pod's own is `own`.
    pub fn covers(&self, namespace: &Text, own: &Text) -> bool {
        match self {
            Namespaces::Own => namespace == own,
            Namespaces::Listed(names) => names.contains(namespace),
            Namespaces::All => true,
        }
    }
}

/// A required term of pod affinity or anti-affinity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTerm {
    /// The node label whose values are the places.
    pub topology_key: Text,
    /// The pods that it is about.
    pub selector: Selector,
    /// Where those pods are.
    pub namespaces: Namespaces,
}

/// `core/v1.Toleration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toleration {
    /// Empty: every taint.
    pub key: Text,
    /// `Exists`, or a value to be equal to.
    pub value: Option<Text>,
    /// Empty: every effect.
    pub effect: Text,
}

impl Toleration {
    /// Whether it lets a pod onto a node with this taint (`Toleration.ToleratesTaint`).
    pub fn tolerates(&self, taint: &Taint) -> bool {
        (self.key.is_empty() || self.key == taint.key)
            && (self.effect.is_empty() || self.effect == taint.effect)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
    }
}

/// What a pod template asks of a node, besides its spread constraints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduling {
    /// `nodeSelector`: all of them.
    pub node_selector: Labels,
    /// Required node affinity: one of them. None: no such rule.
    pub node_affinity: Option<Vec<NodeTerm>>,
    /// What it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Required pod affinity: all of them.
    pub affinity: Vec<PodTerm>,
    /// Required pod anti-affinity: all of them.
    pub anti_affinity: Vec<PodTerm>,
    /// Rules of the template that are not judged here, in words: host ports, labels of namespaces, …
    pub not_judged: Vec<Text>,
}

impl Scheduling {
    /// Whether it tolerates a taint.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|own| own.tolerates(taint))
    }

    /// Whether its node selector and required node affinity let it onto a node.
    pub fn selects_node(&self, name: &Text, labels: &Labels) -> bool {
        let selected = self.node_selector.iter();
        let mut selected = selected.map(|(key, value)| labels.get(key.as_str()) == Some(value));
        let meets = |term: &NodeTerm| {
            // An empty term matches no node (core/v1 NodeSelectorTerm).
            (!term.labels.is_empty() || !term.names.is_empty())
                && term.labels.iter().all(|own| own.holds(labels.get(own.key.as_str())))
                && term.names.iter().all(|own| own.holds(Some(name)))
        };
        selected.all(|is_met| is_met) && self.node_affinity.as_ref().is_none_or(|terms| terms.iter().any(meets))
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
        assert!(!Selector(None).selects(&own));
        assert!(Selector(Some(Vec::new())).selects(&own));
        assert!(Selector(Some(vec![rule("app", Operator::In, &["web"])])).selects(&own));
    }

    #[test]
    fn a_node_meets_the_selector_and_one_of_the_terms() {
        let mut own = Scheduling {
            node_selector: labels(&[("os", "linux")]),
            ..Scheduling::default()
        };
        let node = labels(&[("os", "linux"), ("zone", "a")]);
        assert!(own.selects_node(&"n".into(), &node));
        own.node_affinity = Some(Vec::new());
        assert!(!own.selects_node(&"n".into(), &node), "none of no terms");
        let term = |names| NodeTerm {
            labels: Vec::new(),
            names,
        };
        own.node_affinity = Some(vec![
            term(Vec::new()),
            term(vec![rule("metadata.name", Operator::In, &["n"])]),
        ]);
        assert!(own.selects_node(&"n".into(), &node));
        assert!(!own.selects_node(&"m".into(), &node));
        assert!(!own.selects_node(&"n".into(), &labels(&[])));
    }

    #[test]
    fn tolerations_match_key_value_and_effect() {
        let taint = Taint {
            key: "k".into(),
            value: "v".into(),
            effect: "NoSchedule".into(),
            added: None,
        };
        let toleration = |key: &str, value: Option<&str>, effect: &str| Toleration {
            key: key.into(),
            value: value.map(Text::new),
            effect: effect.into(),
        };
        assert!(toleration("", None, "").tolerates(&taint));
        assert!(toleration("k", Some("v"), "NoSchedule").tolerates(&taint));
        assert!(!toleration("k", Some("w"), "").tolerates(&taint));
        assert!(!toleration("k", None, "NoExecute").tolerates(&taint));
        assert!(!toleration("x", None, "").tolerates(&taint));
    }
}
