//! 4789/UDP: does the overlay carry pods' packets from node to node? VXLAN answers nobody, but the pods behind it do: that a
//! host reaches a pod of another node shows that it passes. Start reading at [`carried`].

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use super::super::look::{Looked, because, cannot_tell, evidence, names, need, need_kinds, not_applicable};
use super::super::{CheckId, Finding, Outcome, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::kube::{Node, Pod};
use crate::model::reach::Knock;
use crate::model::reach::overlay::{Alike, Crossing};
use crate::model::{FeedId, KubeKind, Snapshot};

/// The daemon set of Calico in k0s (k0s `pkg/component/controller/calico.go`).
const DAEMON: &str = "calico-node";

/// Nodes that Calico has not joined to the overlay, and those whose pods other hosts do not reach.
pub fn carried(snapshot: &Snapshot) -> Looked {
    use KubeKind::{ClusterConfigs, Nodes, Pods, ReplicaSets};
    need_kinds(snapshot, &[ClusterConfigs, Nodes, Pods, ReplicaSets])?;
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
    let ready = snapshot.ready_nodes();
    let found: Vec<Finding> = ready.filter_map(|node| cut_off(snapshot, node)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    crossed(snapshot)
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

/// A controller that is a node, too, and what it tried.
struct Standpoint {
    address: IpAddr,
    node: Text,
    tries: Result<(Age, Vec<Crossing>), Outcome>,
}

impl Standpoint {
    fn tries(&self) -> impl Iterator<Item = &Crossing> {
        self.tries.iter().flat_map(|(_, tries)| tries)
    }
}

/// The address of a node.
fn address_of(node: &Node) -> Option<IpAddr> {
    node.address.as_ref()?.as_str().parse().ok()
}

/// This host first, then the other controllers whose nodes are Ready.
fn standpoints(snapshot: &Snapshot) -> Vec<Standpoint> {
    let others = snapshot.neighbours().into_iter().map(|own| own.address);
    let all = snapshot.own_address().into_iter().chain(others);
    let at = |address| snapshot.ready_nodes().find(|node| address_of(node) == Some(address));
    let nodes = all.filter_map(|address| Some((address, at(address)?)));
    nodes
        .map(|(address, node)| {
            let feed = FeedId::From(address);
            let seen = need(snapshot, feed).and_then(|()| {
                let seen = snapshot.from.get(&address);
                seen.ok_or_else(|| cannot_tell(feed, Why::new(WhyKind::NotYet, "no answer yet")))
            });
            Standpoint {
                address,
                node: node.name.clone(),
                tries: seen.map(|seen| (Age(snapshot.now.since(seen.at)), snapshot.crossings(seen))),
            }
        })
        .collect()
}

/// Whether every controller reaches a pod on every other node that is Ready.
fn crossed(snapshot: &Snapshot) -> Looked {
    let ready: Vec<&Node> = snapshot.ready_nodes().collect();
    if ready.len() < 2 {
        return Err(not_applicable("there is no other node that is Ready"));
    }
    let all = standpoints(snapshot);
    if all.is_empty() {
        let why = Why::new(
            WhyKind::Missing,
            "no controller that is a node was seen: nobody tries to reach pods",
        );
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    // Whose pods let hosts of other nodes in: who is not reached elsewhere is not kept out by a NetworkPolicy.
    let admits: BTreeSet<&Alike> = all
        .iter()
        .flat_map(Standpoint::tries)
        .filter(|own| own.knock == Knock::Connected)
        .map(|own| &own.alike)
        .collect();
    let mut lost: BTreeMap<&Text, Vec<(&Standpoint, &Crossing)>> = BTreeMap::new();
    let mut untold = None;
    for from in &all {
        if let Err(outcome) = &from.tries {
            let text = format!("whether {} reaches the pods of other nodes is not told", from.node);
            untold.get_or_insert_with(|| because(outcome.clone(), &text));
            continue;
        }
        for node in ready.iter().filter(|node| node.name != from.node) {
            let to = &node.name;
            // One that has just died is told elsewhere.
            let is_dead = address_of(node).is_some_and(|own| snapshot.etcd_answers_at(own) == Some(false));
            match from.tries().find(|own| own.to == *to) {
                Some(own) if own.knock.is_answer() => {}
                Some(own) if admits.contains(&own.alike) && !is_dead => lost.entry(to).or_default().push((from, own)),
                tried => drop(untold.get_or_insert_with(|| unclear(from, to, tried))),
            }
        }
    }
    match untold {
        Some(outcome) if lost.is_empty() => Err(outcome),
        Some(_) | None => Ok(lost.into_iter().map(|(to, from)| unreached(to, &from)).collect()),
    }
}

/// Nothing was tried, or what was tried may not let anybody in.
fn unclear(from: &Standpoint, to: &Text, tried: Option<&Crossing>) -> Outcome {
    let why = match tried {
        Some(own) => Why::new(
            WhyKind::NoOccasion,
            format!(
                "{} does not reach {} on {to}, and nobody reaches its like on another node: the overlay, or a NetworkPolicy",
                from.node, own.pod
            ),
        )
        .hint("see kubectl get networkpolicies -A; from a pod on one node, reach a pod on each other node by its address"),
        None => Why::new(
            WhyKind::NoOccasion,
            format!(
                "{} has tried no pod on {to}: none was ready there that declares a TCP port, or there are too many nodes",
                from.node
            ),
        ),
    };
    cannot_tell(FeedId::From(from.address), why)
}

/// A node whose pods are reached neither by those hosts nor, then, by the pods there.
fn unreached(to: &Text, from: &[(&Standpoint, &Crossing)]) -> Finding {
    let lines = from.iter().map(|(from, own)| {
        let age = from.tries.as_ref().map(|(age, _)| format!(", {age} ago"));
        format!(
            "{} to {} ({}, which is ready): {}{}",
            from.node,
            own.at,
            own.pod,
            own.knock.word(),
            age.unwrap_or_default()
        )
    });
    let who = names(from.iter().map(|(from, _)| &from.node));
    Finding {
        check: CheckId::NetworkOverlay,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{to}")),
        title: format!("pods on {to} are not reached from {who}").into(),
        evidence: evidence(lines.chain(["its like on another node is reached, so no NetworkPolicy keeps hosts out".to_owned()])),
        consequence: "every node looks well, and what crosses between these nodes is lost: part of the users' requests fail".into(),
        remedy: format!(
            "let 4789/UDP pass between all nodes in both directions; on {to}: ip -s link show vxlan.calico, and see its MTU"
        )
        .into(),
    }
}
