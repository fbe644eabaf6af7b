//! The spread family: do the other workloads keep apart as well as they can, and did they grow with the cluster?

use super::look::{Looked, cannot_tell, evidence, need_kinds, not_applicable, outcome, plural};
use super::placement::{placements, workload_subject};
use super::{Check, CheckId, Finding, Group, Profile, Scene, Severity};
use crate::base::{Why, WhyKind};
use crate::model::kube::{Spread, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::{FeedId, KubeKind};

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
        looks_at: "replicas of web, workers, Diode and Hydra beside the NetBoxEnterprise, against the number of nodes",
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
    let beside = |placement: &&Placement| products.iter().any(|(key, _)| key.namespace == placement.key.namespace);
    let scaled: Vec<&Placement> = placements
        .iter()
        .filter(beside)
        .filter(|placement| is_scaled(placement))
        .collect();
    if scaled.is_empty() {
        let why = Why::new(
            WhyKind::Missing,
            "no Deployment beside the NetBoxEnterprise has a name of web, workers, Diode or Hydra",
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::Deployments), why));
    }
    let small = scaled
        .into_iter()
        .filter(|placement| placement.workload.desired < wanted);
    Ok(small
        .map(|placement| few(placement, wanted, scene.kube.nodes.len()))
        .collect())
}

/// Whether the operator scales it: web, workers, Diode and Hydra, by the names that they have in NetBox Enterprise 2.x.
pub(super) fn is_scaled(placement: &Placement) -> bool {
    let name = placement.key.name.as_str();
    placement.workload.kind == WorkloadKind::Deployment
        && (name == "netbox-netbox"
            || name.contains("netbox-worker")
            || name.contains("diode-")
            || name.contains("hydra"))
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
