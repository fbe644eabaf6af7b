//! A workload's pod template, from what is kept of the workload and from one of its pods.

use serde_json::{Value, json};

use super::pods::{amounts, mounts};
use super::rules::{affinity, spread, toleration};
use crate::model::kube::{Amounts, Pod, Workload};
use crate::model::labels::Labels;

/// Labels that controllers write onto each pod.
const GENERATED: [&str; 5] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];

/// The labels of a template: those of its pods, or else of the workload.
pub(super) fn labels(workload: &Workload, pod: Option<&Pod>) -> Labels {
    let all = pod.map_or(&workload.labels, |pod| &pod.labels).iter();
    let own = all.filter(|(key, _)| !GENERATED.contains(&key.as_str()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The template; `volumes` are those of each pod alike.
pub(super) fn template(workload: &Workload, pod: Option<&Pod>, volumes: &[Value]) -> Value {
    let labels = labels(workload, pod);
    let rules = &workload.scheduling;
    let lasts = pod.map(|pod| (pod.tolerates_unreachable, pod.tolerates_not_ready));
    let tolerations = rules.tolerations.iter().map(|own| toleration(own, lasts));
    let asked = pod.map_or_else(Amounts::default, |pod| pod.requests);
    let containers = workload.containers.iter().enumerate().map(|(n, name)| {
        let requests = (n == 0).then(|| amounts(&asked));
        let mounts = pod.filter(|_| n == 0).and_then(mounts);
        json!({"name": name, "resources": {"requests": requests}, "volumeMounts": mounts})
    });
    let apart = workload.soft_anti_affinity.then_some(&labels);
    let some = |all: Vec<Value>| (!all.is_empty()).then_some(all);
    // One of several ways to ask for ports, which the world does not tell apart.
    let has_ports = rules.not_judged.iter().any(|rule| rule == "ports of its node");
    let selected = rules.node_selector.iter().next().map(|_| &rules.node_selector);
    json!({
        "metadata": {"labels": labels},
        "spec": {
            "hostNetwork": has_ports.then_some(true), "containers": containers.collect::<Vec<_>>(), "volumes": some(volumes.to_vec()),
            "tolerations": some(tolerations.collect()), "nodeSelector": selected, "affinity": affinity(rules, apart),
            "topologySpreadConstraints": some(workload.spread.iter().map(spread).collect()),
        },
    })
}
