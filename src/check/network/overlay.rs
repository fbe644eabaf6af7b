//! 4789/UDP: does the overlay carry pods' packets from node to node? VXLAN answers nobody, so no connect can tell that the way is
//! open. What can be seen is a node on which Calico itself is not ready.

use super::super::look::{Looked, cannot_tell, evidence, need_kinds, not_applicable};
use super::super::{CheckId, Finding, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::{Node, Pod, Tri};
use crate::model::{FeedId, KubeKind, Snapshot};

/// The daemon set of Calico in k0s (k0s `pkg/component/controller/calico.go`).
const DAEMON: &str = "calico-node";

/// Nodes that Calico has not joined to the overlay; otherwise nobody can tell.
pub fn carried(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::ClusterConfigs, KubeKind::Nodes, KubeKind::Pods])?;
    let Some(config) = snapshot.kube.cluster_configs.values().next() else {
        return Err(not_applicable("there is no ClusterConfig"));
    };
    let provider = config.network_provider.as_ref();
    if provider.is_none_or(|provider| provider != "calico") {
        let provider = provider.map_or("k0s's default", Text::as_str);
        return Err(not_applicable(&format!(
            "the network provider is {provider}, not calico"
        )));
    }
    if config.has_bgp {
        return Err(not_applicable("Calico uses BGP (mode bird) in place of VXLAN"));
    }
    let ready = snapshot
        .kube
        .nodes
        .values()
        .filter(|node| node.ready.status == Tri::True);
    let found: Vec<Finding> = ready.filter_map(|node| cut_off(snapshot, node)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let text = "VXLAN answers nobody: whether 4789/UDP passes between the nodes, no connect can tell";
    let why = Why::new(WhyKind::NoOccasion, text);
    Err(cannot_tell(
        FeedId::Kube(KubeKind::Pods),
        why.hint(
            "from a pod on one node, reach a pod on each other node by its pod address: that goes through the overlay",
        ),
    ))
}

/// A node that is Ready, and whose Calico is not.
fn cut_off(snapshot: &Snapshot, node: &Node) -> Option<Finding> {
    let is_calico = |pod: &Pod| {
        let owner = pod.owner.as_ref();
        owner.is_some_and(|owner| owner.kind == "DaemonSet" && owner.name == DAEMON) && pod.deleting.is_none()
    };
    let mut own = snapshot.pods_on(&node.name);
    let (key, pod) = own.find(|(_, pod)| is_calico(pod) && !pod.ready)?;
    let name = &node.name;
    let words = pod.waiting.as_ref().map_or("it gives no reason", Text::as_str);
    Some(Finding {
        check: CheckId::NetworkOverlay,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{name}")),
        title: format!("Calico is not ready on {name}").into(),
        evidence: evidence([format!("pod {key} is not ready, its node is: {words}")]),
        consequence: "pods there may not reach those of other nodes, and what is started there may serve nobody".into(),
        remedy: format!(
            "kubectl -n {} logs {} -c calico-node; then see firewalls before 4789/UDP",
            key.namespace, key.name
        )
        .into(),
    })
}
