//! The nodes family: are there three controllers, do their kubelets beat, do zones hold what they promise. Start at
//! [`heartbeat`], which is ahead of Kubernetes.

use super::etcd::START;
use super::look::{Looked, arg, cannot_tell, evidence, names, need_kinds, outcome, plural};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::{Age, Stamp, Text, Why, WhyKind};
use crate::model::kube::{Node, Tri};
use crate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot};

mod zones;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::NodeHeartbeat,
        group: Group::Now,
        profile: Profile::Any,
        title: "every node's heartbeat is on time",
        looks_at: "the kubelet leases in kube-node-lease, by when we saw them renewed",
        why: "a late heartbeat shows a dead or cut off node before Kubernetes says NotReady",
        fix: "see whether the host is alive and reaches the API server",
        statement: Some(
            "A network interruption lasting more than ~20 seconds on a node is enough to trigger pod eviction, which can cause false-positive failovers on links with intermittent connectivity.",
        ),
        look: |snapshot, policy| outcome(heartbeat(snapshot, policy)),
    },
    Check {
        id: CheckId::NodeNotReady,
        group: Group::Now,
        profile: Profile::Any,
        title: "every node is ready",
        looks_at: "the Ready condition of every node",
        why: "a node that is not ready serves nothing, and its pods are evicted",
        fix: "bring the node back, or replace it",
        statement: Some(
            "After losing a node, a three-node cluster runs at two of three controllers - still functional, but with no remaining fault tolerance.",
        ),
        look: |snapshot, _| outcome(not_ready(snapshot)),
    },
    Check {
        id: CheckId::NodesThreeControllers,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "three nodes are controllers",
        looks_at: "nodes with the label node-role.kubernetes.io/control-plane, and those without",
        why: "with fewer than three controllers etcd cannot lose one; an even number adds risk and no spare",
        fix: "join controllers until there are three",
        statement: Some("All 3 nodes registered as control plane instances"),
        look: |snapshot, _| outcome(three_controllers(snapshot)),
    },
    Check {
        id: CheckId::ZoneLabels,
        group: Group::Placement,
        profile: Profile::MultiZone,
        title: "every node carries its zone",
        looks_at: "the label topology.kubernetes.io/zone of every node. Where none carries one, it is a single location, unless \
                   policy.site is multi-zone",
        why: "replicas are spread over zones only where every node says in which zone it is; a replaced node comes back \
              without its label",
        fix: "label each node with its zone, then rebalance the workloads, because labels move no running pod",
        statement: Some("Zone topology labels applied to each node (see Topology-Aware Node Labels)"),
        look: |snapshot, policy| outcome(zones::labels(snapshot, policy)),
    },
    Check {
        id: CheckId::ZoneThree,
        group: Group::Placement,
        profile: Profile::MultiZone,
        title: "three zones, none of them decisive",
        looks_at: "the zones and regions that nodes are labeled with, and the zone of every etcd member. A node without a region label is \
                   not compared: then the round trip to every other member must be that of one region",
        why: "with two zones, the loss of the larger one takes the majority of etcd with it",
        fix: "move controllers so that there are exactly three zones with one controller each",
        statement: Some("Nodes provisioned across exactly 3 availability zones (one per zone), same region"),
        look: |snapshot, policy| outcome(zones::three(snapshot, policy)),
    },
];

fn heartbeat(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes, KubeKind::Leases])?;
    // Ages count up to the watch's last sign of life: a watch that has gone silent must not make every node late.
    let as_of = snapshot.kind(KubeKind::Leases).as_of().unwrap_or(snapshot.now);
    let silence = snapshot.now.waited_since(as_of);
    if silence >= policy.heartbeat_late {
        let why = Why::new(
            WhyKind::TimedOut,
            format!("the watch of leases has been silent for {}", Age(silence)),
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::Leases), why));
    }
    // A node that Kubernetes calls NotReady already is `node.not-ready`'s.
    let nodes = snapshot.kube.nodes.values();
    let ready: Vec<&Node> = nodes.filter(|node| node.ready.status == Tri::True).collect();
    let late: Vec<Finding> = ready
        .iter()
        .filter_map(|node| late(snapshot, policy, node, as_of))
        .collect();
    match ready.iter().find_map(|node| ahead(snapshot, node)) {
        Some(why) if late.is_empty() => Err(cannot_tell(FeedId::Kube(KubeKind::Leases), why)),
        Some(_) | None => Ok(late),
    }
}

/// Why nothing can be told about a node whose clock is ahead of ours, until we see it renew.
fn ahead(snapshot: &Snapshot, node: &Node) -> Option<Why> {
    let name = &node.name;
    let leases = &snapshot.kube.leases;
    leases
        .get(&ObjectKey::new("kube-node-lease", name.clone()))
        .filter(|lease| snapshot.is_ahead(lease))
        .map(|_| {
            let text = format!("{name}'s clock is ahead of this host's, and no renewal was seen from here yet");
            Why::new(WhyKind::NotYet, text).hint("set the clocks: timedatectl on both hosts")
        })
}

fn late(snapshot: &Snapshot, policy: &Policy, node: &Node, as_of: Stamp) -> Option<Finding> {
    let name = &node.name;
    let Some(lease) = snapshot
        .kube
        .leases
        .get(&ObjectKey::new("kube-node-lease", name.clone()))
    else {
        let text = format!("there is no lease kube-node-lease/{name}");
        return Some(late_finding(
            snapshot,
            name,
            Severity::Warning,
            format!("{name} has no heartbeat"),
            text,
        ));
    };
    let watched = as_of.since(lease.changed_at);
    if watched >= policy.heartbeat_late {
        let title = format!("{name}'s heartbeat is late");
        let text = format!("no renewal seen for {}; due every 10 s", Age(watched));
        return Some(late_finding(snapshot, name, Severity::Warning, title, text));
    }
    let beat = snapshot.heartbeat_age(name.as_str())?;
    if beat.seen || beat.age < policy.heartbeat_late {
        return None;
    }
    // Only the node's own clock says so, and it may be wrong: the next renewal, or its absence, decides.
    let title = format!("{name}'s heartbeat looks late");
    let text = format!(
        "renewed {} ago by the node's own clock; watched from here for {} only",
        Age(beat.age),
        Age(watched)
    );
    Some(late_finding(snapshot, name, Severity::Info, title, text))
}

fn late_finding(snapshot: &Snapshot, name: &Text, severity: Severity, title: String, line: String) -> Finding {
    let consequence = snapshot.grace_period().map_or_else(
        || "Kubernetes will mark it NotReady, then evict its pods".to_owned(),
        |grace| {
            let after = Age(grace.period);
            format!(
                "Kubernetes marks it NotReady no sooner than {after} after its last heartbeat, then evicts its pods"
            )
        },
    );
    Finding {
        check: CheckId::NodeHeartbeat,
        severity,
        subject: Text::from(format!("node/{name}")),
        title: title.into(),
        evidence: evidence([line]),
        consequence: consequence.into(),
        remedy: format!(
            "see whether {name} answers (ping, ssh) and its k0scontroller runs; change nothing elsewhere until then"
        )
        .into(),
    }
}

fn not_ready(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let nodes = snapshot
        .kube
        .nodes
        .values()
        .filter(|node| node.ready.status != Tri::True);
    Ok(nodes.map(|node| unready_node(snapshot, node)).collect())
}

fn unready_node(snapshot: &Snapshot, node: &Node) -> Finding {
    let name = &node.name;
    let ready = &node.ready;
    let since = ready
        .changed
        .map(|at| format!(" for {}", Age(snapshot.wall_age(at))))
        .unwrap_or_default();
    let beat = snapshot.heartbeat_age(name.as_str());
    let condition = format!(
        "Ready is {}{since}: {} {}",
        ready.status.word(),
        ready.reason,
        ready.message
    );
    let beat = beat.map(|beat| format!("last heartbeat {} ago", Age(beat.age)));
    let pods = snapshot
        .kube
        .pods
        .values()
        .filter(|pod| pod.node.as_ref() == Some(name) && !pod.is_finished());
    let pods = format!("{} bound to it", plural(pods.count(), "pod"));
    Finding {
        check: CheckId::NodeNotReady,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{name}")),
        title: format!("{name} is not ready ({})", ready.status.word()).into(),
        evidence: evidence(
            std::iter::once(condition.trim_end().to_owned())
                .chain(beat)
                .chain([pods]),
        ),
        consequence: "its replicas do not serve; they are evicted and started elsewhere where they may".into(),
        remedy: format!(
            "bring its host back ({START}); what the kubelet says: kubectl describe node {}",
            arg(name.as_str())
        )
        .into(),
    }
}

fn three_controllers(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let count = snapshot.controllers().count();
    let workers = snapshot.kube.nodes.values().filter(|node| !node.is_controller);
    let workers: Vec<Text> = workers.map(|node| node.name.clone()).collect();
    let (severity, title) = match count {
        3 if workers.is_empty() => return Ok(Vec::new()),
        3 => {
            let others = plural(workers.len(), "node");
            (Severity::Info, format!("3 controllers, and {others} beside them"))
        }
        0..3 => (Severity::Warning, format!("{count} of 3 controllers")),
        _ if count % 2 == 1 => (Severity::Info, format!("{count} controllers instead of 3")),
        _ => (Severity::Info, format!("{count} controllers: an even number")),
    };
    let controllers = names(snapshot.controllers().map(|node| node.name.clone()));
    let workers = (!workers.is_empty()).then(|| format!("no controllers: {}", names(workers)));
    let (consequence, remedy) = if count >= 3 && count % 2 == 1 {
        (
            "it works, but the HA document supports exactly three nodes, all of them controllers",
            "nothing while it serves; ask NetBox Labs' support whether this placement is covered, then acknowledge it",
        )
    } else if count < 3 {
        (
            "etcd cannot lose a member, so the cluster is not highly available",
            "join controllers, one at a time: sudo netbox-enterprise join print-command on a healthy controller shows how",
        )
    } else {
        (
            "an even number of members needs more votes and can lose no more than one less",
            "finish the replacement that is under way, or join one more controller",
        )
    };
    Ok(vec![Finding {
        check: CheckId::NodesThreeControllers,
        severity,
        subject: "cluster".into(),
        title: title.into(),
        evidence: evidence([format!("controllers: {controllers}")].into_iter().chain(workers)),
        consequence: consequence.into(),
        remedy: remedy.into(),
    }])
}

#[cfg(test)]
mod tests;
