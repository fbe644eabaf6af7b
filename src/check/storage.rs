//! The storage family: data that lives on one node alone, and whether NetBox's media are among it.

use std::collections::BTreeSet;

use super::look::{Looked, arg, because, cannot_tell, evidence, names, need_kinds, not_applicable, outcome, plural};
use super::placement::{PLACED, webs, workload_subject};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Scene, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::WorkloadKind;
use crate::model::placement::Placement;
use crate::model::{FeedId, KubeKind, ObjectKey};

/// The store of the Admin Console.
const STORE: &str = "kotsadm-rqlite";

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::StorageMedia,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "NetBox's media are not on one node",
        looks_at: "the volumes that NetBox's web pods mount: claims and their volumes, and hostPath and emptyDir volumes that they see \
                   as media or scripts. Object storage needs none; the bucket itself is not seen here",
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
        title: "no workload keeps its data on one node alone",
        looks_at: "volumes that one node alone can mount (where volumes cannot be read: claims that a local provisioner bound to a \
                   node), and the workloads that use them, daemon sets apart. kotsadm-rqlite is no finding while it has several replicas: it \
                   copies its data among them. Of no other workload is that known",
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
    let Some(web) = webs(placements).next() else {
        return Err(not_applicable("there is no NetBox web Deployment"));
    };
    if snapshot.pods_of(web).iter().all(|(_, pod)| pod.is_finished()) {
        let why = Why::new(WhyKind::Missing, format!("{} has no pod to look at", web.key.name));
        return Err(cannot_tell(FeedId::Kube(KubeKind::Pods), why));
    }
    let (mut lines, mut untold) = (Vec::new(), None);
    for key in mounted(snapshot, web) {
        let name = &key.name;
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
        untold = untold.or_else(|| unread(snapshot, &key));
    }
    let directories = directories(snapshot, web);
    let found: Vec<Finding> = [tied_media(web, lines), scattered(web, &directories)]
        .into_iter()
        .flatten()
        .collect();
    if let Some(outcome) = untold.filter(|_| found.is_empty()) {
        return Err(outcome);
    }
    if found.is_empty() && !directories.is_empty() {
        let seen_at = names(directories.iter().map(|(_, seen_at)| seen_at));
        let text = format!(
            "{seen_at} of {} is an emptyDir, which ends with its pod: right only where media go to object storage, and \
             whether they do is not seen from here",
            web.key.name
        );
        let why = Why::new(WhyKind::Missing, text);
        return Err(cannot_tell(
            FeedId::Kube(KubeKind::Pods),
            why.hint("see in the Admin Console whether external object storage is configured"),
        ));
    }
    Ok(found)
}

/// Why it is not known whether a claim is local to a node: volumes are not read, and the claim itself does not say so.
pub(super) fn unread(scene: &Scene, claim: &ObjectKey) -> Option<Outcome> {
    let is_bound = |claim: &ObjectKey| scene.kube.claims.get(claim)?.value.volume.as_ref();
    if scene.kube.pinned(claim).is_some() || is_bound(claim).is_none() {
        return None;
    }
    let outcome = need_kinds(scene, &[KubeKind::Volumes]).err()?;
    let text = format!("whether the volume of claim {claim} is local to one node is not known");
    Some(because(outcome, &text))
}

/// Where NetBox keeps files that must outlive a node (HA document: "NetBox media and scripts").
const KEPT: [&str; 2] = ["media", "scripts"];

/// The directories of such files that are a node's own disk: the node's path, where there is one, and where NetBox sees it.
fn directories<'a>(scene: &'a Scene, web: &Placement) -> BTreeSet<(Option<&'a Text>, &'a Text)> {
    let pods = scene.pods_of(web).iter().filter(|(_, pod)| !pod.is_finished());
    let files = pods.flat_map(|(_, pod)| &pod.on_node);
    let seen = files.flat_map(|own| own.seen_at.iter().map(|at| (own.host_path.as_ref(), at)));
    seen.filter(|(_, at)| at.as_str().split('/').any(|part| KEPT.contains(&part)))
        .collect()
}

fn media_finding(web: &Placement, title: String, lines: Vec<String>, consequence: &str) -> Finding {
    Finding {
        check: CheckId::StorageMedia,
        severity: Severity::Warning,
        subject: workload_subject(web.workload.kind, &web.key),
        title: title.into(),
        evidence: evidence(lines),
        consequence: consequence.into(),
        remedy: "configure external S3-compatible object storage in the Admin Console, and move the media there".into(),
    }
}

fn tied_media(web: &Placement, lines: Vec<String>) -> Option<Finding> {
    let title = format!("{} keeps files on one node's disk", web.key.name);
    let consequence = "NetBox can run on that node only: its loss is an outage, and its disk's loss loses the media";
    (!lines.is_empty()).then(|| media_finding(web, title, lines, consequence))
}

/// A directory of whichever node a replica runs on.
fn scattered(web: &Placement, directories: &BTreeSet<(Option<&Text>, &Text)>) -> Option<Finding> {
    let lines: Vec<String> = directories
        .iter()
        .filter_map(|(host_path, at)| Some(format!("{at} is the node's own directory {} (hostPath)", (*host_path)?)))
        .collect();
    let title = format!("{} keeps media in a directory of each node", web.key.name);
    let consequence = "each replica shows the files of its own node only, and those of a lost node are gone";
    (!lines.is_empty()).then(|| media_finding(web, title, lines, consequence))
}

fn pinned(snapshot: &Scene) -> Looked {
    need_kinds(snapshot, &PLACED)?;
    need_kinds(snapshot, &[KubeKind::Claims])?;
    let all = snapshot.placements.iter();
    let all: Vec<&Placement> = all
        .filter(|own| own.workload.kind != WorkloadKind::DaemonSet && !copies(own))
        .collect();
    let held = all.iter().map(|own| (own, held(snapshot, own)));
    let found: Vec<Finding> = held
        .filter(|(_, held)| !held.is_empty())
        .map(|(own, held)| tied(own, &held))
        .collect();
    let mut mounted = all.iter().flat_map(|own| mounted(snapshot, own));
    match mounted.find_map(|claim| unread(snapshot, &claim)) {
        Some(outcome) if found.is_empty() => Err(outcome),
        Some(_) | None => Ok(found),
    }
}

/// Whether it is known to copy its data among several replicas: rqlite, the Admin Console's store, does.
pub(super) fn copies(own: &Placement) -> bool {
    own.workload.desired > 1 && own.key.name == STORE
}

/// The claims that a workload's pods mount, each once.
pub(super) fn mounted(scene: &Scene, own: &Placement) -> BTreeSet<ObjectKey> {
    let pods = scene.pods_of(own).iter().filter(|(_, pod)| !pod.is_finished());
    let claims = pods.flat_map(|(key, pod)| pod.claims.iter().map(|name| (key.namespace.clone(), name.clone())));
    claims
        .map(|(namespace, name)| ObjectKey::new(namespace, name))
        .collect()
}

/// Those of them that are local to a node, and these nodes.
pub(super) fn held<'a>(scene: &'a Scene, own: &Placement) -> Vec<(Text, &'a Text)> {
    let local = mounted(scene, own).into_iter().filter_map(|claim| {
        let node = scene.kube.pinned(&claim)?;
        Some((claim.name, node))
    });
    local.collect()
}

fn tied(placement: &Placement, held: &[(Text, &Text)]) -> Finding {
    let key = &placement.key;
    let nodes: BTreeSet<&Text> = held.iter().map(|(_, node)| *node).collect();
    let replicas = placement.workload.desired;
    let (title, consequence) = if replicas <= 1 || nodes.len() == 1 {
        (
            format!("{} keeps its data on {} alone", key.name, names(&nodes)),
            "without that node it does not start, and without its disk the data are gone",
        )
    } else {
        (
            format!("each of {replicas} replicas of {} is bound to a node", key.name),
            "a replica whose node is lost starts nowhere else, and what it alone holds is missing until the node returns",
        )
    };
    Finding {
        check: CheckId::StoragePinned,
        severity: Severity::Info,
        subject: workload_subject(placement.workload.kind, key),
        title: title.into(),
        evidence: evidence(
            held.iter()
                .map(|(claim, node)| format!("claim {claim} is local to {node}")),
        ),
        consequence: consequence.into(),
        remedy: format!(
            "find out what is on its {}, whether its replicas copy it among each other, and whether a backup has it: kubectl -n {} \
             get pvc",
            plural(held.len(), "volume"),
            arg(key.namespace.as_str())
        )
        .into(),
    }
}

#[cfg(test)]
mod tests;
