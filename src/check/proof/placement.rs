//! Where replicas run, what room is left, and where data lie.

use std::collections::BTreeSet;

use crate::base::Age;
use crate::check::capacity::{is_ready, moves, room, sum, words};
use crate::check::look::{names, plural};
use crate::check::placement::webs;
use crate::check::storage::{copies, held, mounted, unread};
use crate::check::{Scene, spread};
use crate::model::kube::{Pod, WorkloadKind};
use crate::model::placement::{HOSTNAME, Placement};
use crate::model::{Policy, Snapshot};

/// How many replicas are ready, and where.
fn spots(placement: &Placement) -> String {
    let nodes = placement.nodes_in_order().into_iter();
    let ready = nodes.filter(|(_, tally)| tally.ready > 0).map(|(node, _)| node);
    let (ready, count, desired) = (names(ready), placement.ready(), placement.workload.desired);
    format!("{}: {count} of {desired} ready on {ready}", placement.key)
}

pub(super) fn web(snapshot: &Snapshot) -> Vec<String> {
    let placements = snapshot.placements();
    let lines = webs(&placements).flat_map(|web| {
        let spreads = web
            .workload
            .spread
            .iter()
            .filter(|spread| spread.hard && spread.is_over_machines());
        let spreads = spreads.map(|spread| format!("hard spread over {}", spread.topology_key));
        let anti = web.workload.hard_host_anti_affinity;
        let anti = anti.then(|| "required anti-affinity over nodes".to_owned());
        std::iter::once(spots(web)).chain(spreads).chain(anti)
    });
    lines.collect()
}

/// Workloads of several replicas, daemon sets apart.
fn replicated(placements: &[Placement]) -> impl Iterator<Item = &Placement> {
    let several = placements.iter().filter(|own| own.workload.desired >= 2);
    several.filter(|own| own.workload.kind != WorkloadKind::DaemonSet)
}

pub(super) fn several(snapshot: &Snapshot) -> Vec<String> {
    let placements = snapshot.placements();
    let several = || replicated(&placements).filter(|own| own.ready() >= 2);
    let count = plural(several().count(), "workload");
    let count = format!("{count} with several ready replicas, none with all of them in one place");
    std::iter::once(count).chain(several().map(spots)).collect()
}

pub(super) fn pending(snapshot: &Snapshot, policy: &Policy) -> Vec<String> {
    let pods = &snapshot.kube.pods;
    let pending = pods
        .values()
        .filter(|pod| pod.phase == "Pending" && pod.deleting.is_none());
    let pending = pending.count();
    vec![format!(
        "{} looked at: {pending} Pending, none for longer than {}",
        plural(pods.len(), "pod"),
        Age(policy.pending_late)
    )]
}

pub(super) fn spread(snapshot: &Snapshot) -> Vec<String> {
    let placements = snapshot.placements();
    let keys: Vec<String> = replicated(&placements).map(|own| own.key.to_string()).collect();
    let count = plural(keys.len(), "workload");
    vec![format!("{count} with spread or anti-affinity: {}", names(keys))]
}

pub(super) fn scaled(snapshot: &Snapshot) -> Vec<String> {
    let placements = snapshot.placements();
    let lines = spread::scaled(snapshot, &placements).into_iter().map(|(part, own)| {
        let desired = plural(own.workload.desired as usize, "replica");
        format!("{part}: {}, {desired} wanted", own.key)
    });
    std::iter::once(plural(snapshot.kube.nodes.len(), "node"))
        .chain(lines)
        .collect()
}

pub(super) fn room_left(snapshot: &Snapshot) -> Vec<String> {
    let nodes = snapshot.kube.nodes.values().filter(|node| is_ready(node));
    let lines = nodes.map(|node| {
        let pods = snapshot.pods_on(&node.name).map(|(_, pod)| pod);
        let pods: Vec<&Pod> = pods.filter(|pod| !pod.is_finished()).collect();
        let moving = words(sum(pods.iter().copied().filter(|pod| moves(pod))));
        let left = if node.unschedulable {
            "it is cordoned".to_owned()
        } else {
            format!("{} left there", words(room(node, &pods)))
        };
        format!("{}: {moving} would move; {left}", node.name)
    });
    lines.collect()
}

pub(super) fn replacement(snapshot: &Snapshot) -> Vec<String> {
    let placements = snapshot.placements();
    let deployments = || {
        placements
            .iter()
            .filter(|own| own.workload.kind == WorkloadKind::Deployment)
    };
    let hard = deployments().flat_map(|own| {
        let spreads = own.workload.spread.iter();
        let spreads = spreads.filter(|spread| spread.hard && spread.topology_key == HOSTNAME);
        spreads.map(|spread| {
            let policy = if spread.honors_taints { "Honor" } else { "Ignore" };
            let key = &own.key;
            format!(
                "{key}: hard spread over nodes, maxSkew {}, nodeTaintsPolicy {policy}",
                spread.max_skew
            )
        })
    });
    let count = plural(deployments().count(), "Deployment");
    std::iter::once(format!("{count} looked at")).chain(hard).collect()
}

pub(super) fn media(snapshot: &Snapshot) -> Vec<String> {
    let scene = Scene::of(snapshot);
    let web = webs(&scene.placements).next();
    let line = web.map(|web| {
        let pods = scene.pods_of(web).iter().filter(|(_, pod)| !pod.is_finished());
        let pods: Vec<&Pod> = pods.map(|(_, pod)| *pod).collect();
        let claims: BTreeSet<_> = pods.iter().flat_map(|pod| &pod.claims).collect();
        let (pods, claims) = (plural(pods.len(), "pod"), plural(claims.len(), "claim"));
        format!("{}: {pods} with {claims}, none local to one node", web.key)
    });
    line.into_iter().collect()
}

pub(super) fn pinned(snapshot: &Snapshot) -> Vec<String> {
    let scene = Scene::of(snapshot);
    let others = scene.placements.iter();
    let others = others.filter(|own| own.workload.kind != WorkloadKind::DaemonSet && !copies(own));
    let count = plural(others.count(), "workload");
    let count = format!("{count} without a volume that one node alone can mount");
    let copied = scene.placements.iter().filter(|own| copies(own)).map(|own| {
        let nodes: BTreeSet<_> = held(&scene, own).into_iter().map(|(_, node)| node).collect();
        let on = if mounted(&scene, own).iter().any(|claim| unread(&scene, claim).is_some()) {
            "their volumes are not read".to_owned()
        } else if nodes.is_empty() {
            "none bound to a node".to_owned()
        } else {
            format!("bound to {}, no replica can move", names(nodes))
        };
        let replicas = plural(own.workload.desired as usize, "replica");
        format!("{}: {replicas} that copy their data, {on}", own.key)
    });
    std::iter::once(count).chain(copied).collect()
}
