//! What kube-scheduler must find for a pod, as its template says: selectors, affinity, tolerations. Plain data and whether
//! it matches; who is where, and what follows from it, is the forecast's part.

use serde::{Deserialize, Serialize};

use super::kube::Taint;
use super::labels::{Labels, Requirement, Selector};
use crate::base::Text;

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
    use crate::model::labels::Operator;

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
