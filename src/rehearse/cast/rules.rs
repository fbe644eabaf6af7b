//! Selectors, tolerations, affinity and spread, back in Kubernetes' words.

use serde_json::{Map, Value, json};

use crate::model::kube::{Spread, Tolerates};
use crate::model::labels::{Labels, Operator, Requirement, Selector};
use crate::model::placement::HOSTNAME;
use crate::model::scheduling::{Namespaces, NodeTerm, PodTerm, Scheduling, Toleration};

/// Taints of a node that is silent, and of one that says that it is not ready.
const TAINTS: [&str; 2] = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];

/// An object without the fields that are null: as the API server would send it.
pub(super) fn compact(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(field, value)| (field, compact(value))).collect())
        }
        Value::Array(all) => all.into_iter().map(compact).collect(),
        other => other,
    }
}

fn requirement(own: &Requirement) -> Value {
    let takes_values = !matches!(own.operator, Operator::Exists | Operator::DoesNotExist);
    json!({"key": own.key, "operator": own.operator, "values": takes_values.then_some(&own.values)})
}

/// A label selector; null for none.
pub(super) fn selector(own: &Selector) -> Value {
    match own {
        Selector::Nothing => Value::Null,
        Selector::All(all) => json!({"matchExpressions": all.iter().map(requirement).collect::<Vec<_>>()}),
    }
}

/// How long a pod outlives its node, as its first tolerations.
pub(super) fn outlives(unreachable: Tolerates, not_ready: Tolerates) -> impl Iterator<Item = Value> {
    let both = TAINTS.into_iter().zip([unreachable, not_ready]);
    both.map(|(key, tolerates)| {
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds(tolerates)})
    })
}

const fn seconds(tolerates: Tolerates) -> Option<u64> {
    match tolerates {
        Tolerates::Seconds(seconds) => Some(seconds),
        Tolerates::Forever => None,
    }
}

/// A toleration of a template. How long it lasts is known of the pods only: `pods` is how long those outlive their node.
pub(super) fn toleration(own: &Toleration, pods: Option<(Tolerates, Tolerates)>) -> Value {
    let (unreachable, not_ready) = pods.unwrap_or((Tolerates::Forever, Tolerates::Forever));
    let is_lasting = own.effect.is_empty() || own.effect == "NoExecute";
    let lasts = match own.key.as_str() {
        key if key == TAINTS[1] => not_ready,
        key if key.is_empty() || key == TAINTS[0] => unreachable,
        _ => Tolerates::Forever,
    };
    json!({
        "key": (!own.key.is_empty()).then_some(&own.key), "effect": (!own.effect.is_empty()).then_some(&own.effect),
        "operator": if own.value.is_some() { "Equal" } else { "Exists" }, "value": own.value,
        "tolerationSeconds": if is_lasting { seconds(lasts) } else { None },
    })
}

/// A spread constraint.
pub(super) fn spread(own: &Spread) -> Value {
    let honor = |honors: bool| if honors { "Honor" } else { "Ignore" };
    json!({
        "topologyKey": own.topology_key, "maxSkew": own.max_skew, "minDomains": own.min_domains,
        "whenUnsatisfiable": if own.hard { "DoNotSchedule" } else { "ScheduleAnyway" },
        "nodeTaintsPolicy": honor(own.honors_taints), "nodeAffinityPolicy": honor(own.honors_affinity),
        "labelSelector": selector(&own.selector),
        "matchLabelKeys": (!own.match_label_keys.is_empty()).then_some(&own.match_label_keys),
    })
}

fn pod_term(own: &PodTerm) -> Value {
    let (namespaces, chosen) = match &own.namespaces {
        Namespaces::Own => (None, None),
        Namespaces::Listed(names) => (Some(names), None),
        Namespaces::All => (None, Some(Map::new())),
    };
    json!({"topologyKey": own.topology_key, "labelSelector": selector(&own.selector),
        "namespaces": namespaces, "namespaceSelector": chosen})
}

fn node_term(own: &NodeTerm) -> Value {
    let rules = |all: &[Requirement]| {
        let rules: Vec<Value> = all.iter().map(requirement).collect();
        (!rules.is_empty()).then_some(rules)
    };
    json!({"matchExpressions": rules(&own.labels), "matchFields": rules(&own.names)})
}

/// Affinity; null for none. `apart` are the labels of pods that are to keep apart if possible.
pub(super) fn affinity(own: &Scheduling, apart: Option<&Labels>) -> Value {
    let all = |terms: &[PodTerm]| (!terms.is_empty()).then(|| terms.iter().map(pod_term).collect::<Vec<_>>());
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let node = own.node_affinity.as_ref().map(|terms| {
        let terms: Vec<Value> = terms.iter().map(node_term).collect();
        json!({required: {"nodeSelectorTerms": terms}})
    });
    let beside = all(&own.affinity).map(|terms| json!({required: terms}));
    let preferred = apart.map(|labels| {
        json!([{"weight": 100, "podAffinityTerm": {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": labels}}}])
    });
    let hard = all(&own.anti_affinity);
    let is_apart = hard.is_some() || preferred.is_some();
    let apart = is_apart.then(|| json!({required: hard, "preferredDuringSchedulingIgnoredDuringExecution": preferred}));
    if node.is_none() && beside.is_none() && apart.is_none() {
        return Value::Null;
    }
    json!({"nodeAffinity": node, "podAffinity": beside, "podAntiAffinity": apart})
}

/// What of a template's rules the world does not know, in words.
pub(super) fn unknown(own: &Scheduling) -> Vec<String> {
    let is_compared = |rule: &Requirement| matches!(rule.operator, Operator::Gt | Operator::Lt | Operator::Other);
    let mut terms = own.node_affinity.iter().flatten();
    let compares = terms.any(|term| term.labels.iter().chain(&term.names).any(is_compared));
    let mut apart = own.anti_affinity.iter();
    let rules = [
        (!own.affinity.is_empty(), "required pod affinity"),
        (
            apart.any(|term| term.namespaces != Namespaces::Own),
            "anti-affinity to pods of other namespaces",
        ),
        (compares, "node affinity that compares numbers"),
    ];
    let unknown = rules.into_iter().filter(|(is_used, _)| *is_used);
    let unjudged = own.not_judged.iter().map(ToString::to_string);
    unknown.map(|(_, words)| words.to_owned()).chain(unjudged).collect()
}
