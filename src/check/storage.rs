//! The storage family: data that lives on one node alone, and whether NetBox's media are among it.

use super::look::{Looked, arg, cannot_tell, evidence, names, need_kinds, not_applicable, outcome, plural};
use super::placement::{PLACED, workload_subject};
use super::{Check, CheckId, Finding, Group, Profile, Scene, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::placement::Placement;
use crate::model::{FeedId, KubeKind, ObjectKey};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::StorageMedia,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "NetBox's media are not on one node",
        looks_at: "the volumes that NetBox's web pods mount: object storage needs none. The bucket itself is not seen here",
        why: "a volume that is local to a node ties NetBox to it: no other node can start a replica",
        fix: "configure external S3-compatible object storage in the Admin Console, and move the media there",
        statement: Some(
            "External S3-compatible object storage for NetBox media and scripts. Without it, media lives on a node-local volume that pins NetBox to one node and breaks recovery.",
        ),
        look: |snapshot, _| outcome(media(snapshot)),
    },
    Check {
        id: CheckId::StoragePinned,
        group: Group::Placement,
        profile: Profile::Any,
        title: "no single replica keeps its data on one node",
        looks_at: "volumes that one node alone can mount (where volumes cannot be read: claims that a local provisioner bound to a \
                   node), and the workloads that use them. Replicas that copy their data among each other are no finding",
        why: "with the node, its pod waits, and with the disk, the data are gone",
        fix: "keep such data outside the cluster, run more replicas where the software copies its data, and make backups",
        statement: None,
        look: |snapshot, _| outcome(pinned(snapshot)),
    },
];

fn media(snapshot: &Scene) -> Looked {
    need_kinds(snapshot, &PLACED)?;
    need_kinds(snapshot, &[KubeKind::Claims])?;
    let placements = &snapshot.placements;
    let best = placements.iter().map(Placement::web_likeness).max().unwrap_or(0);
    let Some(web) = placements.iter().find(|own| best > 0 && own.web_likeness() == best) else {
        return Err(not_applicable("there is no NetBox web Deployment"));
    };
    let pods = snapshot.pods_of(web).iter().filter(|(_, pod)| !pod.is_finished());
    let mut mounted: Vec<&Text> = pods.flat_map(|(_, pod)| &pod.claims).collect();
    mounted.sort();
    mounted.dedup();
    let mut lines = Vec::new();
    for name in mounted {
        let key = ObjectKey::new(web.key.namespace.clone(), name.clone());
        if snapshot.kube.claims.get(&key).is_none() {
            let why = Why::new(WhyKind::Missing, format!("the claim {key} is mounted, but not there"));
            return Err(cannot_tell(FeedId::Kube(KubeKind::Claims), why));
        }
        lines.extend(
            snapshot
                .kube
                .pinned(&key)
                .map(|node| format!("claim {name} is local to {node}")),
        );
    }
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        check: CheckId::StorageMedia,
        severity: Severity::Warning,
        subject: workload_subject(web.workload.kind, &web.key),
        title: format!("{} keeps files on one node's disk", web.key.name).into(),
        evidence: evidence(lines),
        consequence: "NetBox can run on that node only: its loss is an outage, and its disk's loss loses the media"
            .into(),
        remedy: "configure external S3-compatible object storage in the Admin Console, and move the media there".into(),
    }])
}

fn pinned(snapshot: &Scene) -> Looked {
    need_kinds(snapshot, &PLACED)?;
    need_kinds(snapshot, &[KubeKind::Claims])?;
    let alone = snapshot.placements.iter().filter(|own| own.workload.desired == 1);
    let held = alone.map(|own| (own, held(snapshot, own)));
    Ok(held
        .filter(|(_, held)| !held.is_empty())
        .map(|(own, held)| tied(own, &held))
        .collect())
}

/// The claims that a workload's pods mount and that are local to a node, and those nodes.
fn held<'a>(scene: &'a Scene, own: &Placement) -> Vec<(&'a Text, &'a Text)> {
    let pods = scene.pods_of(own).iter().filter(|(_, pod)| !pod.is_finished());
    let claims = pods.flat_map(|(key, pod)| pod.claims.iter().map(|name| (&key.namespace, name)));
    let local = claims.filter_map(|(namespace, name)| {
        let claim = ObjectKey::new(namespace.clone(), name.clone());
        Some((name, scene.kube.pinned(&claim)?))
    });
    local.collect()
}

fn tied(placement: &Placement, held: &[(&Text, &Text)]) -> Finding {
    let key = &placement.key;
    let nodes = names(held.iter().map(|(_, node)| node));
    Finding {
        check: CheckId::StoragePinned,
        severity: Severity::Info,
        subject: workload_subject(placement.workload.kind, key),
        title: format!("{} keeps its data on {nodes} alone", key.name).into(),
        evidence: evidence(
            held.iter()
                .map(|(claim, node)| format!("claim {claim} is local to {node}")),
        ),
        consequence: "without that node it does not start, and without its disk the data are gone".into(),
        remedy: format!(
            "find out what its {} holds, and whether a backup has it: kubectl -n {} get pvc",
            plural(held.len(), "volume"),
            arg(key.namespace.as_str())
        )
        .into(),
    }
}

#[cfg(test)]
mod tests;
