//! What a pod template asks of a node: selectors, affinity, tolerations, in our own words.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::base::Text;
use crate::model::labels::{Operator, Requirement, Selector};
use crate::model::scheduling::{Namespaces, NodeTerm, PodTerm, Scheduling, Toleration};

/// The label that every namespace carries with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Reads the rules of a template.
pub fn of(spec: &core::PodSpec) -> Scheduling {
    let affinity = spec.affinity.as_ref();
    let node = affinity.and_then(|own| own.node_affinity.as_ref());
    let node = node.and_then(|own| own.required_during_scheduling_ignored_during_execution.as_ref());
    let beside = affinity.and_then(|own| own.pod_affinity.as_ref());
    let beside = beside.and_then(|own| own.required_during_scheduling_ignored_during_execution.as_deref());
    let apart = affinity.and_then(|own| own.pod_anti_affinity.as_ref());
    let apart = apart.and_then(|own| own.required_during_scheduling_ignored_during_execution.as_deref());
    let (beside, apart) = (beside.unwrap_or_default(), apart.unwrap_or_default());
    Scheduling {
        node_selector: pairs(spec.node_selector.iter().flatten()).collect(),
        node_affinity: node.map(|own| own.node_selector_terms.iter().map(node_term).collect()),
        tolerations: spec.tolerations.iter().flatten().map(toleration).collect(),
        affinity: beside.iter().map(pod_term).collect(),
        anti_affinity: apart.iter().map(pod_term).collect(),
        not_judged: not_judged(spec, beside.iter().chain(apart)),
    }
}

/// Reads a label selector.
pub fn selector(raw: Option<&LabelSelector>) -> Selector {
    let Some(raw) = raw else { return Selector::Nothing };
    let equal = pairs(raw.match_labels.iter().flatten()).map(|(key, value)| Requirement::equal(&key, &value));
    Selector::All(
        equal
            .chain(raw.match_expressions.iter().flatten().map(expression))
            .collect(),
    )
}

fn pairs<'a>(raw: impl Iterator<Item = (&'a String, &'a String)>) -> impl Iterator<Item = (Text, Text)> {
    raw.map(|(key, value)| (Text::new(key), Text::new(value)))
}

fn expression(raw: &LabelSelectorRequirement) -> Requirement {
    requirement(&raw.key, &raw.operator, raw.values.as_deref())
}

fn requirement(key: &str, operator: &str, values: Option<&[String]>) -> Requirement {
    Requirement {
        key: Text::new(key),
        operator: match operator {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::Gt,
            "Lt" => Operator::Lt,
            _ => Operator::Other,
        },
        values: values
            .unwrap_or_default()
            .iter()
            .map(|value| Text::new(value))
            .collect(),
    }
}

fn node_term(raw: &core::NodeSelectorTerm) -> NodeTerm {
    let read = |all: &Option<Vec<core::NodeSelectorRequirement>>| {
        let all = all.iter().flatten();
        all.map(|own| requirement(&own.key, &own.operator, own.values.as_deref()))
            .collect()
    };
    NodeTerm {
        labels: read(&raw.match_expressions),
        names: read(&raw.match_fields),
    }
}

fn pod_term(raw: &core::PodAffinityTerm) -> PodTerm {
    let listed = raw.namespaces.as_deref().unwrap_or_default();
    let names = || listed.iter().map(|name| Text::new(name)).collect::<Vec<Text>>();
    let namespaces = match &raw.namespace_selector {
        None if listed.is_empty() => Namespaces::Own,
        None => Namespaces::Listed(names()),
        Some(chosen) if is_empty(chosen) => Namespaces::All,
        Some(chosen) => Namespaces::Listed(names().into_iter().chain(by_name(chosen)).collect()),
    };
    PodTerm {
        topology_key: Text::new(&raw.topology_key),
        selector: selector(raw.label_selector.as_ref()),
        namespaces,
    }
}

fn is_empty(raw: &LabelSelector) -> bool {
    raw.match_labels.iter().flatten().next().is_none() && raw.match_expressions.iter().flatten().next().is_none()
}

/// Namespaces' labels are not known here; each carries at least its own name.
fn by_name(raw: &LabelSelector) -> Vec<Text> {
    let equal = raw.match_labels.iter().flatten();
    let equal = equal
        .filter(|(key, _)| *key == NAMESPACE_NAME)
        .map(|(_, value)| Text::new(value));
    let listed = raw.match_expressions.iter().flatten();
    let listed = listed.filter(|own| own.key == NAMESPACE_NAME && own.operator == "In");
    let listed = listed
        .flat_map(|own| own.values.iter().flatten())
        .map(|value| Text::new(value));
    equal.chain(listed).collect()
}

fn toleration(raw: &core::Toleration) -> Toleration {
    let text = |raw: &Option<String>| Text::new(raw.as_deref().unwrap_or_default());
    let is_any = raw.operator.as_deref() == Some("Exists");
    Toleration {
        key: text(&raw.key),
        value: (!is_any).then(|| text(&raw.value)),
        effect: text(&raw.effect),
    }
}

/// Rules that the forecast does not know.
fn not_judged<'a>(spec: &core::PodSpec, mut terms: impl Iterator<Item = &'a core::PodAffinityTerm>) -> Vec<Text> {
    let mut ports = spec.containers.iter().flat_map(|own| own.ports.iter().flatten());
    let has_ports = spec.host_network == Some(true) || ports.any(|port| port.host_port.unwrap_or(0) > 0);
    let some = |keys: &Option<Vec<String>>| keys.as_ref().is_some_and(|keys| !keys.is_empty());
    let is_special = |term: &core::PodAffinityTerm| {
        let by_labels = |own: &LabelSelector| !is_empty(own) && by_name(own).is_empty();
        some(&term.match_label_keys)
            || some(&term.mismatch_label_keys)
            || term.namespace_selector.as_ref().is_some_and(by_labels)
    };
    let claims = spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty());
    let rules = [
        (has_ports, "ports of its node"),
        (
            terms.any(is_special),
            "affinity by label keys or by labels of namespaces",
        ),
        (claims, "devices (resource claims)"),
    ];
    let unknown = rules.into_iter().filter(|(is_used, _)| *is_used);
    unknown.map(|(_, words)| words.into()).collect()
}
