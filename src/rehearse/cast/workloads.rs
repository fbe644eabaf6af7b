//! Deployments with their ReplicaSets, StatefulSets, DaemonSets, and all pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::pods::{made_up_uid, owner, pod, template_of, volumes};
use super::rules::unknown;
use super::template::{labels, template};
use crate::base::Text;
use crate::model::kube::{Pod, Workload, WorkloadKind};
use crate::model::{ObjectKey, Snapshot};
use crate::sim::world::found::FOUND_HASH;
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;

type Pods<'a> = [(&'a ObjectKey, &'a Pod)];
type Objects = Vec<(Key, Value)>;

/// All of them.
pub(super) fn workloads(snapshot: &Snapshot, objects: &mut Objects, notes: &mut Vec<Text>) {
    let by_owner = snapshot.pods_by_workload();
    let kube = &snapshot.kube;
    let mut templates: BTreeMap<(WorkloadKind, &ObjectKey), Value> = BTreeMap::new();
    for table in [&kube.deployments, &kube.stateful_sets, &kube.daemon_sets] {
        for (key, row) in table.iter() {
            let workload = &row.value;
            let name = (workload.kind, key.clone());
            let pods = by_owner.get(&name).map(Vec::as_slice).unwrap_or_default();
            let sample = newest(pods);
            tell(key, workload, sample.is_some(), notes);
            let own = template(workload, sample.map(|(_, pod)| pod), &shared(workload, sample));
            match workload.kind {
                WorkloadKind::Deployment => deployment(snapshot, key, workload, pods, &own, objects),
                WorkloadKind::StatefulSet => stateful_set(key, workload, sample, &own, objects),
                WorkloadKind::DaemonSet => daemon_set(key, workload, &own, objects),
            }
            templates.insert((workload.kind, key), own);
        }
    }
    for (key, row) in kube.pods.iter() {
        let own = snapshot.workload_of(key, &row.value);
        let rules = own.as_ref().and_then(|(kind, key)| templates.get(&(*kind, key)));
        put(objects, Resource::Pods, key, pod(snapshot, key, &row.value, rules));
    }
}

pub(super) fn put(objects: &mut Objects, resource: Resource, key: &ObjectKey, body: Value) {
    let key = Key::new(resource, key.namespace.as_str(), key.name.as_str());
    objects.push((key, super::rules::compact(body)));
}

fn newest<'a>(pods: &Pods<'a>) -> Option<(&'a ObjectKey, &'a Pod)> {
    let living = pods.iter().filter(|(_, pod)| !pod.is_finished());
    living
        .max_by_key(|(_, pod)| (pod.deleting.is_none(), pod.created))
        .copied()
}

fn tell(key: &ObjectKey, workload: &Workload, has_pod: bool, notes: &mut Vec<Text>) {
    let name = format!("{} {key}", workload.kind.word());
    if !has_pod && workload.desired > 0 {
        notes.push(Text::from(format!(
            "{name} has no pod: what its pods ask for is not known"
        )));
    }
    // A DaemonSet's pods do not choose between nodes.
    if workload.kind != WorkloadKind::DaemonSet {
        let rules = unknown(&workload.scheduling).into_iter();
        notes.extend(rules.map(|rule| Text::from(format!("{rule} of {name}"))));
    }
}

/// What every pod of a workload mounts alike: its node's own disk, and claims that bear no pod's name.
fn shared(workload: &Workload, sample: Option<(&ObjectKey, &Pod)>) -> Vec<Value> {
    let Some((key, pod)) = sample else { return Vec::new() };
    let is_own = |volume: &Value| {
        let claim = volume
            .pointer("/persistentVolumeClaim/claimName")
            .and_then(Value::as_str);
        claim.is_some_and(|claim| template_of(&Text::new(claim), &key.name).is_some())
    };
    let all = volumes(key, pod).into_iter();
    all.filter(|volume| workload.kind != WorkloadKind::StatefulSet || !is_own(volume))
        .collect()
}

fn meta(workload: &Workload, hash: Option<&str>) -> Value {
    let annotations = hash.map(|hash| json!({FOUND_HASH: hash}));
    json!({"uid": workload.uid, "labels": workload.labels, "annotations": annotations})
}

fn deployment(
    snapshot: &Snapshot,
    key: &ObjectKey,
    workload: &Workload,
    pods: &Pods<'_>,
    template: &Value,
    objects: &mut Objects,
) {
    let is_own = |own: &crate::model::kube::Owner| own.kind == "Deployment" && own.name == key.name;
    let sets = snapshot
        .kube
        .replica_sets
        .iter()
        .filter(|(set, row)| set.namespace == key.namespace && row.value.owner.as_ref().is_some_and(is_own));
    let sets: Vec<&ObjectKey> = sets.map(|(set, _)| set).collect();
    let set_of = |pod: &Pod| pod.owner.as_ref().map(|own| own.name.clone());
    let newest = newest(pods).and_then(|(_, pod)| set_of(pod));
    let newest = newest.or_else(|| sets.last().map(|set| set.name.clone()));
    let hash = newest.as_ref().and_then(|set| hash_in(set, &key.name));
    let body = json!({
        "metadata": meta(workload, hash),
        "spec": {"replicas": workload.desired, "template": template,
            "selector": {"matchLabels": template.pointer("/metadata/labels")}},
        "status": {"replicas": workload.desired, "readyReplicas": workload.ready, "observedGeneration": 1},
    });
    put(objects, Resource::Deployments, key, body);
    let active = |set: &ObjectKey| {
        let own = pods.iter().filter(|(_, pod)| set_of(pod).as_ref() == Some(&set.name));
        let own = own.filter(|(_, pod)| !pod.is_finished() && pod.deleting.is_none());
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    };
    let others: u32 = sets
        .iter()
        .filter(|set| Some(&set.name) != newest.as_ref())
        .map(|set| active(set))
        .sum();
    for set in sets {
        let is_newest = Some(&set.name) == newest.as_ref();
        let replicas = if is_newest {
            workload.desired.saturating_sub(others)
        } else {
            active(set)
        };
        let body = replica_set(snapshot, key, set, replicas, template);
        put(objects, Resource::ReplicaSets, set, body);
    }
}

/// The hash in the name of what a workload made: `WORKLOAD-HASH`.
fn hash_in<'a>(made: &'a Text, workload: &Text) -> Option<&'a str> {
    made.as_str().strip_prefix(workload.as_str())?.strip_prefix('-')
}

fn replica_set(snapshot: &Snapshot, deployment: &ObjectKey, key: &ObjectKey, replicas: u32, template: &Value) -> Value {
    let own = crate::model::kube::Owner {
        kind: "Deployment".into(),
        name: deployment.name.clone(),
    };
    let mut labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    let hash = hash_in(&key.name, &deployment.name);
    if let Some(labels) = labels.as_object_mut() {
        labels.extend(hash.map(|hash| ("pod-template-hash".to_owned(), hash.into())));
    }
    let mut template = template.clone();
    if let Some(own) = template.pointer_mut("/metadata/labels") {
        own.clone_from(&labels);
    }
    json!({
        "metadata": {"uid": made_up_uid("ReplicaSet", key), "labels": labels,
            "ownerReferences": [owner(snapshot, &key.namespace, &own)]},
        "spec": {"replicas": replicas, "template": template, "selector": {"matchLabels": labels}},
        "status": {"replicas": replicas, "observedGeneration": 1},
    })
}

fn stateful_set(
    key: &ObjectKey,
    workload: &Workload,
    sample: Option<(&ObjectKey, &Pod)>,
    template: &Value,
    objects: &mut Objects,
) {
    let claims = sample
        .into_iter()
        .flat_map(|(key, pod)| pod.claims.iter().map(|claim| (claim, &key.name)));
    let names: BTreeSet<&str> = claims.filter_map(|(claim, pod)| template_of(claim, pod)).collect();
    let claims: Vec<Value> = names
        .into_iter()
        .map(|name| json!({"metadata": {"name": name}, "spec": {}}))
        .collect();
    let revision = sample.and_then(|(_, pod)| pod.labels.get("controller-revision-hash"));
    let hash = revision.and_then(|revision| hash_in(revision, &key.name));
    let body = json!({
        "metadata": meta(workload, hash),
        "spec": {"replicas": workload.desired, "serviceName": key.name, "template": template, "volumeClaimTemplates": claims,
            "selector": {"matchLabels": labels(workload, sample.map(|(_, pod)| pod))}},
        "status": {"replicas": workload.desired, "readyReplicas": workload.ready, "observedGeneration": 1},
    });
    put(objects, Resource::StatefulSets, key, body);
}

fn daemon_set(key: &ObjectKey, workload: &Workload, template: &Value, objects: &mut Objects) {
    let body = json!({
        "metadata": meta(workload, None),
        "spec": {"template": template, "selector": {"matchLabels": template.pointer("/metadata/labels")}},
        "status": {"desiredNumberScheduled": workload.desired, "currentNumberScheduled": workload.desired,
            "numberReady": workload.ready, "numberMisscheduled": 0, "observedGeneration": 1},
    });
    put(objects, Resource::DaemonSets, key, body);
}
