//! The capacity family: if a node is lost now, have the others room for its work, and may they take it? Start at
//! [`headroom`].

use std::collections::BTreeMap;

use super::look::{Looked, cannot_tell, evidence, need_kinds, not_applicable, outcome, plural};
use super::placement::{PLACED, workload_subject};
use super::{Check, CheckId, Finding, Group, Profile, Scene, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::{Amounts, Node, Pod, Spread, Tri, WorkloadKind};
use crate::model::placement::{HOSTNAME, Placement, ZONE};
use crate::model::{FeedId, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::PlacementHeadroom,
        group: Group::Placement,
        profile: Profile::Any,
        title: "the others have room for each node's work",
        looks_at: "requests of the pods that would move, against what the other ready nodes have left, those without a cordon: CPU, memory, pods. That \
                   all of them can be packed is not proven, and volumes and constraints are not looked at",
        why: "what finds no room stays Pending until the lost node is replaced",
        fix: "larger machines, or smaller requests",
        statement: Some("Surviving nodes must have enough headroom to absorb the workloads from a failed node"),
        look: |snapshot, _| outcome(headroom(snapshot)),
    },
    Check {
        id: CheckId::PlacementReplacement,
        group: Group::Placement,
        profile: Profile::Any,
        title: "a hard spread lets replacements in",
        looks_at: "required spread of Deployments and StatefulSets, over nodes, zones or whatever label it names: maxSkew, \
                   nodeTaintsPolicy and where the replicas are now. Without nodeTaintsPolicy: Honor the dead node stays a part \
                   of its domain with no replica",
        why: "then no survivor may take a second replica: the replacement stays Pending until the Node is deleted or returns",
        fix: "nothing is broken: expect one replica less after a loss, and remove the Node of a host that will not return",
        statement: Some(
            "After losing a node, a three-node cluster runs at two of three controllers - still functional, but with no remaining fault tolerance. Replace the failed node promptly.",
        ),
        look: |snapshot, _| outcome(replacement(snapshot)),
    },
];

pub(super) fn is_ready(node: &Node) -> bool {
    node.ready.status == Tri::True
}

/// Whether the pod starts again elsewhere when its node is lost.
pub(super) fn moves(pod: &Pod) -> bool {
    let is_daemon = pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet");
    pod.owner.is_some() && !is_daemon && !pod.is_static && !pod.is_finished() && pod.deleting.is_none()
}

fn headroom(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes, KubeKind::Pods])?;
    let ready: Vec<&Node> = snapshot.kube.nodes.values().filter(|node| is_ready(node)).collect();
    if ready.len() < 2 {
        return Err(not_applicable("no other node is ready: nothing can move"));
    }
    if let Some(node) = ready.iter().find(|node| node.allocatable.cpu_milli == 0) {
        let why = Why::new(
            WhyKind::Missing,
            format!("{} does not say what pods may use", node.name),
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::Nodes), why));
    }
    let mut pods: BTreeMap<&Text, Vec<&Pod>> = BTreeMap::new();
    for pod in snapshot.kube.pods.values().filter(|pod| !pod.is_finished()) {
        if let Some(node) = &pod.node {
            pods.entry(node).or_default().push(pod);
        }
    }
    let none = Vec::new();
    let on = |node: &Node| pods.get(&node.name).unwrap_or(&none);
    let open = ready.iter().filter(|node| !node.unschedulable);
    let rooms: Vec<(&Text, Room)> = open.map(|node| (&node.name, room(node, on(node)))).collect();
    Ok(ready
        .iter()
        .filter_map(|node| shortage(node, on(node), &rooms))
        .collect())
}

/// CPU in thousandths, memory in bytes, pods.
pub(super) type Room = [u64; 3];

/// What a node has left.
pub(super) fn room(node: &Node, pods: &[&Pod]) -> Room {
    let used = sum(pods.iter().copied());
    let has = as_room(&node.allocatable, node.allocatable.pods);
    std::array::from_fn(|part| has[part].saturating_sub(used[part]))
}

const fn as_room(amounts: &Amounts, pods: u64) -> Room {
    [amounts.cpu_milli, amounts.memory_bytes, pods]
}

pub(super) fn sum<'a>(pods: impl Iterator<Item = &'a Pod>) -> Room {
    pods.fold([0; 3], |all, pod| {
        let own = as_room(&pod.requests, 1);
        std::array::from_fn(|part| all[part].saturating_add(own[part]))
    })
}

fn shortage(lost: &Node, pods: &[&Pod], rooms: &[(&Text, Room)]) -> Option<Finding> {
    let moving: Vec<&Pod> = pods.iter().copied().filter(|pod| moves(pod)).collect();
    let wanted = sum(moving.iter().copied());
    let others = || {
        rooms
            .iter()
            .filter(|(name, _)| **name != lost.name)
            .map(|(_, room)| room)
    };
    let left: Room = others().fold([0; 3], |all, room| {
        std::array::from_fn(|part| all[part].saturating_add(room[part]))
    });
    let fits = |pod: &&Pod| {
        let own = as_room(&pod.requests, 1);
        others().any(|room| own.iter().zip(room).all(|(own, room)| own <= room))
    };
    let homeless = moving.iter().filter(|pod| !fits(pod)).count();
    let is_short = wanted.iter().zip(&left).any(|(wanted, left)| wanted > left);
    if !is_short && homeless == 0 {
        return None;
    }
    let name = &lost.name;
    let lines = [
        format!(
            "{} would move from {name}: {}",
            plural(moving.len(), "pod"),
            words(wanted)
        ),
        format!("the other ready nodes have left: {}", words(left)),
    ];
    let homeless = (homeless > 0).then(|| format!("{} of them would fit on no node", plural(homeless, "pod")));
    Some(Finding {
        check: CheckId::PlacementHeadroom,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{name}")),
        title: format!("no room for the work of {name}").into(),
        evidence: evidence(lines.into_iter().chain(homeless)),
        consequence: format!("after the loss of {name} some of its pods stay Pending until it is replaced").into(),
        remedy: "give the machines more, or lower the requests of what needs less".into(),
    })
}

pub(super) fn words([cpu, memory, pods]: Room) -> String {
    let cores = cpu / 1000;
    let tenths = cpu % 1000 / 100;
    format!(
        "{cores}.{tenths} CPU, {} MiB, {}",
        memory >> 20,
        plural(usize::try_from(pods).unwrap_or(usize::MAX), "pod")
    )
}

fn replacement(snapshot: &Scene) -> Looked {
    need_kinds(snapshot, &PLACED)?;
    let nodes: Vec<&Node> = snapshot.kube.nodes.values().collect();
    if nodes.len() < 2 {
        return Err(not_applicable("there is only one node"));
    }
    if let Some(node) = nodes.iter().find(|node| !is_ready(node)) {
        return Err(not_applicable(&format!(
            "{} is not ready: placement.pending shows what is",
            node.name
        )));
    }
    let stuck = snapshot.placements.iter().filter(|placement| {
        placement.workload.kind != WorkloadKind::DaemonSet
            && nodes.iter().any(|node| is_kept_out(placement, node, &nodes))
    });
    Ok(stuck.map(kept_out).collect())
}

/// Whether no survivor may take the replica that runs on `lost`.
fn is_kept_out(placement: &Placement, lost: &Node, nodes: &[&Node]) -> bool {
    let workload = &placement.workload;
    let rules = workload.spread.iter();
    let rules: Vec<&Spread> = rules.filter(|spread| spread.hard && !spread.honors_taints).collect();
    // A StatefulSet's replica waits for its own Node anyway.
    let is_alone = workload.hard_host_anti_affinity && workload.kind == WorkloadKind::Deployment;
    if on(placement, lost) == 0 || (rules.is_empty() && !is_alone) {
        return false;
    }
    let mut survivors = nodes.iter().filter(|node| node.name != lost.name);
    !survivors.any(|node| {
        let is_free = !is_alone || on(placement, node) == 0;
        is_free && rules.iter().all(|spread| admits(spread, placement, node, lost, nodes))
    })
}

fn on(placement: &Placement, node: &Node) -> u32 {
    placement.nodes.get(&node.name).map_or(0, |tally| tally.pods)
}

/// Whether one replica more may run on `node` while the lost one still is a part of its domain, with none.
fn admits(spread: &Spread, placement: &Placement, node: &Node, lost: &Node, nodes: &[&Node]) -> bool {
    let key = &spread.topology_key;
    let mut domains: BTreeMap<&Text, u32> = BTreeMap::new();
    for own in nodes {
        let pods = if own.name == lost.name { 0 } else { on(placement, own) };
        if let Some(domain) = domain(own, key) {
            *domains.entry(domain).or_default() += pods;
        }
    }
    let here = domain(node, key).and_then(|domain| domains.get(domain));
    let least = domains.values().min().copied().unwrap_or(0);
    here.is_some_and(|here| *here < least + spread.max_skew)
}

/// The value of a node's label, by the name that the checks know it by.
fn domain<'a>(node: &'a Node, key: &Text) -> Option<&'a Text> {
    match key.as_str() {
        HOSTNAME => Some(&node.name),
        ZONE => node.zone.as_ref(),
        _ => node.labels.get(key.as_str()),
    }
}

fn kept_out(placement: &Placement) -> Finding {
    let name = &placement.key.name;
    let workload = &placement.workload;
    let spreads = workload.spread.iter().filter(|spread| spread.hard);
    let lines = spreads.map(|spread| {
        let policy = if spread.honors_taints { "Honor" } else { "Ignore" };
        let (key, skew) = (&spread.topology_key, spread.max_skew);
        format!("DoNotSchedule over {key}, maxSkew {skew}, nodeTaintsPolicy {policy}")
    });
    let wanted = std::iter::once(format!("{} wanted", plural(workload.desired as usize, "replica")));
    let anti = workload
        .hard_host_anti_affinity
        .then(|| "required anti-affinity over nodes".to_owned());
    Finding {
        check: CheckId::PlacementReplacement,
        severity: Severity::Info,
        subject: workload_subject(workload.kind, &placement.key),
        title: format!("after a loss a replica of {name} stays Pending").into(),
        evidence: evidence(wanted.chain(lines).chain(anti)),
        consequence: "one replica less until the dead Node is deleted or returns; the others serve".into(),
        remedy: "nothing now. After a loss: bring the host back, or replace the node, which deletes the dead Node"
            .into(),
    }
}

#[cfg(test)]
mod tests;
