//! The placement family: would the loss of one node or zone take every replica of a service? Start at [`web_spread`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::look::{Looked, arg, evidence, names, need_kinds, not_applicable, outcome, plural};
use super::storage::{copies, held};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Scene, Severity};
use crate::base::{Age, Text};
use crate::model::kube::{Pod, Tri, WorkloadKind};
use crate::model::placement::{Placement, Tally};
use crate::model::{KubeKind, ObjectKey, Policy, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::PlacementWebSpread,
        group: Group::Placement,
        profile: Profile::Any,
        title: "NetBox's web replicas run on distinct nodes",
        looks_at: "the web Deployment's spread constraints over nodes, or over zones where there are several, and the nodes of its pods",
        why: "a replica on another node keeps serving while a lost one starts again, which takes minutes",
        fix: "rebalance it once every node is ready",
        statement: Some(
            "NetBox web replicas are forced onto distinct nodes (a hard spread) on multi-node installs that use external S3; other workloads use a softer best-effort spread.",
        ),
        look: |scene, _| outcome(web_spread(scene)),
    },
    Check {
        id: CheckId::PlacementSingleDomain,
        group: Group::Placement,
        profile: Profile::Any,
        title: "no workload has all its replicas in one place",
        looks_at: "nodes and zones of the ready replicas of every Deployment and StatefulSet that wants two or more. One with a single \
                   ready replica, or none, is found unless that is told already: of the web, of kotsadm-rqlite, or of pods that are Pending or \
                   on a node that is not Ready; and not while pods of it start or go, for 5 min",
        why: "replicas in one place are lost together",
        fix: "rebalance the workload once every node is ready: pods do not move by themselves",
        statement: Some("Either way, the loss of one fault domain never takes down every replica of a service."),
        look: |scene, _| outcome(single_domain(scene)),
    },
    Check {
        id: CheckId::PlacementPending,
        group: Group::Now,
        profile: Profile::Any,
        title: "no pod waits for a place",
        looks_at: "pods that stay Pending, with the scheduler's or the container's words",
        why: "a pod that finds no place is a replica less",
        fix: "read why; after a loss, a hard spread may hold the replacement back until the Node is deleted or returns",
        statement: Some("Surviving nodes must have enough headroom to absorb the workloads from a failed node"),
        look: |snapshot, policy| outcome(pending(snapshot, policy)),
    },
];

pub(super) const PLACED: [KubeKind; 6] = [
    KubeKind::Nodes,
    KubeKind::Pods,
    KubeKind::Deployments,
    KubeKind::ReplicaSets,
    KubeKind::StatefulSets,
    KubeKind::DaemonSets,
];

/// The placements, where there are several nodes to place on.
pub(super) fn placements<'a>(scene: &'a Scene) -> Result<&'a [Placement], Outcome> {
    need_kinds(scene, &PLACED)?;
    if scene.kube.nodes.len() < 2 {
        return Err(not_applicable("there is only one node"));
    }
    Ok(&scene.placements)
}

pub(super) fn workload_subject(kind: WorkloadKind, key: &ObjectKey) -> Text {
    Text::from(format!("{}/{key}", kind.word().to_ascii_lowercase()))
}

/// A rollout restart often ends as uneven as it began: new pods are placed while old ones still count.
fn rebalance(scene: &Scene, placement: &Placement) -> String {
    if !held(scene, placement).is_empty() {
        let namespace = arg(placement.key.namespace.as_str());
        return format!("its volumes hold its pods where they are: kubectl -n {namespace} get pvc shows them");
    }
    format!(
        "once every node is ready: quorate plan rebalance {}/{}/{}",
        placement.workload.kind.word().to_ascii_lowercase(),
        arg(placement.key.namespace.as_str()),
        arg(placement.key.name.as_str())
    )
}

/// NetBox's web, by the best sign that any Deployment has.
pub(super) fn webs(placements: &[Placement]) -> impl Iterator<Item = &Placement> {
    let best = placements.iter().map(Placement::web_likeness).max().unwrap_or(0);
    let webs = placements.iter().filter(move |own| own.web_likeness() == best);
    webs.filter(move |_| best > 0)
}

fn web_spread(scene: &Scene) -> Looked {
    let placements = placements(scene)?;
    if webs(placements).next().is_none() {
        return Err(not_applicable("there is no NetBox web Deployment"));
    }
    let webs: Vec<_> = webs(placements).filter(|web| web.workload.desired > 0).collect();
    if webs.is_empty() {
        return Err(not_applicable("the web is scaled to no replica"));
    }
    Ok(webs.into_iter().flat_map(|web| web_findings(scene, web)).collect())
}

fn web_findings(scene: &Scene, web: &Placement) -> Vec<Finding> {
    let ready = web.ready();
    let name = &web.key.name;
    let finding = |severity, title: String, consequence: &str, remedy: String| Finding {
        check: CheckId::PlacementWebSpread,
        severity,
        subject: workload_subject(web.workload.kind, &web.key),
        title: title.into(),
        evidence: evidence(place_lines(web)),
        consequence: consequence.into(),
        remedy: remedy.into(),
    };
    if ready == 0 {
        let remedy = format!(
            "kubectl -n {} describe pods shows why none is ready",
            arg(web.key.namespace.as_str())
        );
        let title = format!("no replica of {name} is ready");
        return vec![finding(
            Severity::Critical,
            title,
            "NetBox is down for its users",
            remedy,
        )];
    }
    let mut findings = Vec::new();
    if !web.is_hard_spread() {
        let title = format!("{name} has no hard spread");
        let consequence = "its replicas may be placed on one node, and be lost together";
        let remedy =
            "NetBox Enterprise sets it on several nodes with external S3: see spec of the NetBoxEnterprise".to_owned();
        findings.push(finding(Severity::Warning, title, consequence, remedy));
    }
    let (fullest, most) = fullest(web);
    if most >= 2 && is_crowded(scene, web) {
        let title = format!("{most} replicas of {name} on {fullest}");
        let consequence = "the loss of that node takes more replicas than it must";
        findings.push(finding(Severity::Warning, title, consequence, rebalance(scene, web)));
    } else if !web.survives_any_loss() {
        let ready_on = web
            .nodes
            .iter()
            .filter(|(_, tally)| tally.ready > 0)
            .map(|(node, _)| node);
        let title = format!("all ready replicas of {name} are on {}", names(ready_on));
        let consequence = "the loss of that node makes NetBox unavailable until a new replica has started";
        let remedy = if web.workload.desired < 2 {
            "one replica is wanted: see placement.scaling for what the NetBoxEnterprise asks for"
        } else {
            "bring the other replicas back: see placement.pending and node.not-ready"
        }
        .to_owned();
        findings.push(finding(Severity::Warning, title, consequence, remedy));
    }
    findings
}

/// The node with the most of its pods.
fn fullest(placement: &Placement) -> (Text, u32) {
    let most = placement.nodes.iter().max_by_key(|(_, tally)| tally.pods);
    most.map_or_else(|| (Text::default(), 0), |(node, tally)| (node.clone(), tally.pods))
}

/// Whether two share a node although there are nodes enough.
fn is_crowded(snapshot: &Snapshot, placement: &Placement) -> bool {
    let nodes = u32::try_from(snapshot.kube.nodes.len()).unwrap_or(u32::MAX);
    placement.workload.desired <= nodes || placement.spread_ok == Some(false)
}

fn place_lines(placement: &Placement) -> impl Iterator<Item = String> {
    let workload = &placement.workload;
    let wanted = format!("{} wanted, {} ready", workload.desired, placement.ready());
    let nodes = placement.nodes_in_order().into_iter();
    let nodes =
        nodes.map(|(node, tally)| format!("{node}: {}, {} ready", plural(tally.pods as usize, "pod"), tally.ready));
    let waiting = (placement.unscheduled > 0)
        .then(|| format!("{} without a node", plural(placement.unscheduled as usize, "pod")));
    std::iter::once(wanted).chain(nodes).chain(waiting)
}

fn single_domain(scene: &Scene) -> Looked {
    let placements = placements(scene)?;
    let several = placements
        .iter()
        .filter(|placement| placement.workload.kind != WorkloadKind::DaemonSet && placement.workload.desired >= 2);
    let has_zones = scene.zone_names().len() > 1;
    let is_web = |own: &Placement| webs(placements).any(|web| std::ptr::eq(web, own));
    let found = several.filter_map(|own| match own.ready() {
        2.. => in_one_place(scene, own, has_zones),
        // [`web_spread`] tells of the web, `ha.store` of rqlite.
        _ if is_web(own) || copies(own) || is_told(scene, own) => None,
        ready => Some(hardly_ready(own, ready)),
    });
    Ok(found.collect())
}

/// So long a pod may take to start, or to go (HA document: NetBox's web starts in 2 to 4 minutes).
const SETTLES: Duration = Duration::from_mins(5);

/// Whether others tell of replicas that are missing, or will unless they come: [`pending`], the check on nodes that are not
/// Ready, a rollout, an eviction.
fn is_told(scene: &Scene, placement: &Placement) -> bool {
    let is_young = |at: Option<Timestamp>| at.is_some_and(|at| scene.wall_age(at) < SETTLES);
    let is_on_lost = |pod: &Pod| {
        let node = pod.node.as_ref().and_then(|node| scene.node(node));
        node.is_some_and(|node| node.ready.status != Tri::True)
    };
    let mut open = scene.pods_of(placement).iter().filter(|(_, pod)| !pod.ready);
    open.any(|(_, pod)| match pod.deleting {
        Some(at) => is_young(Some(at)),
        None => pod.phase == "Pending" || is_young(pod.created) || is_on_lost(pod),
    })
}

/// A workload of several replicas of which at most one is ready.
fn hardly_ready(placement: &Placement, ready: u32) -> Finding {
    let name = &placement.key.name;
    let (title, consequence) = if ready == 0 {
        (
            format!("no ready replica of {name}"),
            "nobody does its work until a replica is ready",
        )
    } else {
        (
            format!("one ready replica of {name} left"),
            "the loss of its node takes the whole service until another replica is ready",
        )
    };
    Finding {
        check: CheckId::PlacementSingleDomain,
        severity: Severity::Warning,
        subject: workload_subject(placement.workload.kind, &placement.key),
        title: title.into(),
        evidence: evidence(place_lines(placement)),
        consequence: consequence.into(),
        remedy: format!(
            "kubectl -n {} describe pods shows why the others are not ready, or are not there",
            arg(placement.key.namespace.as_str())
        )
        .into(),
    }
}

fn in_one_place(scene: &Scene, placement: &Placement, has_zones: bool) -> Option<Finding> {
    let ready = placement.ready();
    let holds_all = |(_, tally): &(&Text, &Tally)| tally.ready == ready;
    let zones = placement.zones(scene);
    let node = placement
        .nodes
        .iter()
        .find(holds_all)
        .map(|(node, _)| format!("node {node}"));
    let zone = || {
        zones
            .iter()
            .filter(|_| has_zones)
            .find(holds_all)
            .map(|(zone, _)| format!("zone {zone}"))
    };
    let place = node.or_else(zone)?;
    let name = &placement.key.name;
    Some(Finding {
        check: CheckId::PlacementSingleDomain,
        severity: Severity::Warning,
        subject: workload_subject(placement.workload.kind, &placement.key),
        title: format!("all {ready} ready replicas of {name} are in {place}").into(),
        evidence: evidence(place_lines(placement)),
        consequence: format!("the loss of {place} takes the whole service until replacements have started").into(),
        remedy: rebalance(scene, placement).into(),
    })
}

fn pending(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Pods, KubeKind::ReplicaSets])?;
    let mut by_subject: BTreeMap<Text, Vec<(&ObjectKey, &Pod, Duration)>> = BTreeMap::new();
    for (key, fact) in snapshot.kube.pods.iter() {
        let pod = &fact.value;
        if pod.phase != "Pending" || pod.deleting.is_some() {
            continue;
        }
        let watched = snapshot.now.since(fact.changed_at);
        let age = pod.created.map_or(watched, |created| snapshot.wall_age(created));
        if age > policy.pending_late {
            let subject = snapshot.workload_of(key, pod).map_or_else(
                || Text::from(format!("pod/{key}")),
                |(kind, key)| workload_subject(kind, &key),
            );
            by_subject.entry(subject).or_default().push((key, pod, age));
        }
    }
    Ok(by_subject
        .iter()
        .map(|(subject, pods)| waiting(subject, pods))
        .collect())
}

fn waiting(subject: &Text, pods: &[(&ObjectKey, &Pod, Duration)]) -> Finding {
    let lines = pods.iter().map(|(key, pod, age)| {
        let words = pod.waiting.as_ref().map_or("no reason given", Text::as_str);
        format!("{} pending for {}: {words}", key.name, Age(*age))
    });
    let unscheduled = pods.iter().any(|(_, pod, _)| pod.node.is_none());
    let first = pods.first().map(|(key, ..)| *key);
    let describe = first.map(|key| {
        format!(
            "kubectl -n {} describe pod {}",
            arg(key.namespace.as_str()),
            arg(key.name.as_str())
        )
    });
    let describe = describe.unwrap_or_default();
    let remedy = if unscheduled {
        format!(
            "{describe}. A hard spread holds a replacement back while a dead Node is still there; so does too little room"
        )
    } else {
        describe
    };
    let name = subject.as_str().rsplit('/').next().unwrap_or(subject.as_str());
    Finding {
        check: CheckId::PlacementPending,
        severity: Severity::Warning,
        subject: subject.clone(),
        title: format!("{} of {name} pending", plural(pods.len(), "pod")).into(),
        evidence: evidence(lines),
        consequence: "as many replicas less, until they find a place and start".into(),
        remedy: remedy.into(),
    }
}

#[cfg(test)]
mod tests;
