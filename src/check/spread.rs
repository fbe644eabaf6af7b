//! The spread family: do the other workloads keep apart as well as they can, and did they grow with the cluster?

use super::look::{Looked, cannot_tell, evidence, names, need_kinds, not_applicable, outcome, plural};
use super::placement::{placements, webs, workload_subject};
use super::{Check, CheckId, Finding, Group, Profile, Scene, Severity};
use crate::base::{Why, WhyKind};
use crate::model::kube::{Spread, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::{FeedId, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::PlacementSoftSpread,
        group: Group::Placement,
        profile: Profile::Any,
        title: "workloads with replicas ask to be spread",
        looks_at: "spread constraints over nodes or zones and pod anti-affinity of every Deployment and StatefulSet with two replicas or more",
        why: "without any, the scheduler's own preference is all that keeps replicas apart",
        fix: "give the workload topologySpreadConstraints; those of NetBox Enterprise come with its release",
        statement: Some("other workloads use a softer best-effort spread"),
        look: |scene, _| outcome(soft(scene)),
    },
    Check {
        id: CheckId::PlacementScaling,
        group: Group::Placement,
        profile: Profile::Any,
        title: "NetBox has as many replicas as nodes, up to three",
        looks_at: "replicas of the Deployments and StatefulSets of web, workers, Diode and Hydra beside the NetBoxEnterprise, against the \
                   number of nodes. One that is not recognized is named; without Diode (spec.diode.enabled) the last two are not wanted",
        why: "fewer replicas than nodes leave nodes from which a service cannot be served",
        fix: "the operator scales by itself while nodes join: see its log, and replicas in the NetBoxEnterprise's spec",
        statement: Some(
            "Stateful and pipeline components scale their replica counts to match node count (up to 3) automatically as nodes join.",
        ),
        look: |scene, _| outcome(scaling(scene)),
    },
];

fn soft(scene: &Scene) -> Looked {
    let placements = placements(scene)?;
    let is_loose = |placement: &&Placement| {
        let workload = &placement.workload;
        let keeps_apart = workload.spread.iter().any(Spread::is_over_machines)
            || workload.hard_host_anti_affinity
            || workload.soft_anti_affinity;
        workload.kind != WorkloadKind::DaemonSet && workload.desired >= 2 && !keeps_apart
    };
    let loose: Vec<&Placement> = placements.iter().filter(is_loose).collect();
    if loose.is_empty() {
        return Ok(Vec::new());
    }
    let lines = loose.iter().map(|own| {
        let desired = plural(own.workload.desired as usize, "replica");
        format!("{} {}: {desired}", own.workload.kind.word(), own.key)
    });
    Ok(vec![Finding {
        check: CheckId::PlacementSoftSpread,
        severity: Severity::Info,
        subject: "cluster".into(),
        title: format!("{} without a spread of their own", plural(loose.len(), "workload")).into(),
        evidence: evidence(lines),
        consequence: "their replicas may gather on one node; placement.single-domain says when they have".into(),
        remedy: "give them topologySpreadConstraints with whenUnsatisfiable: ScheduleAnyway".into(),
    }])
}

fn scaling(scene: &Scene) -> Looked {
    need_kinds(scene, &[KubeKind::NetBoxEnterprises])?;
    let placements = placements(scene)?;
    let products = &scene.kube.netbox_enterprises;
    if products.is_empty() {
        return Err(not_applicable("there is no NetBoxEnterprise"));
    }
    let wanted = u32::try_from(scene.kube.nodes.len()).unwrap_or(u32::MAX).min(3);
    let scaled = scaled(scene, placements);
    let small = scaled.iter().filter(|(_, own)| own.workload.desired < wanted);
    let small: Vec<Finding> = small.map(|(_, own)| few(own, wanted, scene.kube.nodes.len())).collect();
    let has_diode = products.values().any(|own| own.diode != Some(false));
    let is_missing = |part: &&&str| !scaled.iter().any(|(own, _)| own == *part);
    let parts = PARTS.iter().filter(|part| has_diode || !OF_DIODE.contains(part));
    let missing: Vec<&&str> = parts.filter(is_missing).collect();
    if small.is_empty() && !missing.is_empty() {
        let text = format!(
            "no workload beside the NetBoxEnterprise was recognized as {}",
            names(missing)
        );
        let why = Why::new(WhyKind::Missing, text);
        return Err(cannot_tell(
            FeedId::Kube(KubeKind::Deployments),
            why.hint("see whether it is there, and by which name: kubectl get deployments,statefulsets -A"),
        ));
    }
    Ok(small)
}

/// What the operator scales.
const PARTS: [&str; 4] = [WEB, "worker", "diode", "hydra"];
const WEB: &str = "web";
/// Those that are there only with Diode.
const OF_DIODE: [&str; 2] = ["diode", "hydra"];

/// The workloads beside a NetBoxEnterprise that the operator scales, each with the part that it is. The web is found as
/// everywhere, the others by their names in NetBox Enterprise 2.x.
pub(super) fn scaled<'a>(snapshot: &Snapshot, placements: &'a [Placement]) -> Vec<(&'static str, &'a Placement)> {
    let products = &snapshot.kube.netbox_enterprises;
    let beside = |own: &&Placement| products.iter().any(|(key, _)| key.namespace == own.key.namespace);
    let is_web = |own: &Placement| webs(placements).any(|web| std::ptr::eq(web, own));
    let part = |own: &Placement| {
        let is_named = |part: &&&str| own.key.name.as_str().contains(**part);
        // Hydra first: a Hydra of Diode's is Hydra.
        let named = || PARTS[1..].iter().rev().find(is_named).copied();
        if is_web(own) { Some(WEB) } else { named() }
    };
    let replicated = placements
        .iter()
        .filter(|own| own.workload.kind != WorkloadKind::DaemonSet);
    replicated
        .filter(beside)
        .filter_map(|own| Some((part(own)?, own)))
        .collect()
}

fn few(placement: &Placement, wanted: u32, nodes: usize) -> Finding {
    let name = &placement.key.name;
    let desired = placement.workload.desired;
    Finding {
        check: CheckId::PlacementScaling,
        severity: Severity::Info,
        subject: workload_subject(placement.workload.kind, &placement.key),
        title: format!(
            "{name} wants {} on {}",
            plural(desired as usize, "replica"),
            plural(nodes, "node")
        )
        .into(),
        evidence: evidence([format!(
            "spec.replicas is {desired}; {wanted} follow from {}",
            plural(nodes, "node")
        )]),
        consequence: "the loss of a node may take its only replica, or more of them than it must".into(),
        remedy: "see the operator's log, and whether the NetBoxEnterprise's spec sets its replicas".into(),
    }
}

#[cfg(test)]
mod tests;
