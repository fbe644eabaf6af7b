//! Pods where they are.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rules::outlives;
use crate::base::Text;
use crate::model::kube::{Amounts, NodeFiles, Owner, Pod};
use crate::model::{ObjectKey, Snapshot};
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;

/// A pod that is not ready and younger than this starts; an older one has a trouble of its own.
const STARTS: Duration = Duration::from_mins(10);
/// Every pod is given so long to end: the default of Kubernetes.
const GRACE_S: i64 = 30;
/// Kinds whose pods the world makes anew.
const KEPT: [&str; 5] = ["ReplicaSet", "StatefulSet", "DaemonSet", "Node", "Deployment"];

/// What is asked for, or there, as Kubernetes writes it.
pub(super) fn amounts(own: &Amounts) -> Value {
    let some = |amount: u64, unit: &str| (amount > 0).then(|| format!("{amount}{unit}"));
    json!({"cpu": some(own.cpu_milli, "m"), "memory": some(own.memory_bytes, ""), "pods": some(own.pods, "")})
}

/// What stands for the uid of a ReplicaSet or of an owner that is not observed: its name is as good.
pub(super) fn made_up_uid(kind: &str, key: &ObjectKey) -> String {
    format!("{kind}/{}/{}", key.namespace, key.name)
}

/// An object's controller.
pub(super) fn owner(snapshot: &Snapshot, namespace: &Text, own: &Owner) -> Value {
    let key = ObjectKey::new(namespace.clone(), own.name.clone());
    let kube = &snapshot.kube;
    let uid = match own.kind.as_str() {
        "Deployment" => kube.deployments.get(&key).map(|row| &row.value.uid),
        "StatefulSet" => kube.stateful_sets.get(&key).map(|row| &row.value.uid),
        "DaemonSet" => kube.daemon_sets.get(&key).map(|row| &row.value.uid),
        "Node" => snapshot.node(&own.name).map(|node| &node.uid),
        _ => None,
    };
    let uid = uid.map_or_else(|| made_up_uid(own.kind.as_str(), &key), Text::to_string);
    let version = if own.kind == "Node" { "v1" } else { "apps/v1" };
    json!({"apiVersion": version, "kind": own.kind, "name": own.name, "uid": uid, "controller": true})
}

/// What a pod keeps where. `name` is what a claim is called without the pod's own name, where it bears that.
pub(super) fn volumes(key: &ObjectKey, pod: &Pod) -> Vec<Value> {
    let claims = pod.claims.iter().enumerate().map(|(n, claim)| {
        let name = template_of(claim, &key.name).map_or_else(|| format!("claim-{n}"), str::to_owned);
        json!({"name": name, "persistentVolumeClaim": {"claimName": claim}})
    });
    let files = on_node(pod).into_iter();
    let seen = files.map(|(name, own)| match &own.host_path {
        Some(path) => json!({"name": name, "hostPath": {"path": path}}),
        None => json!({"name": name, "emptyDir": {}}),
    });
    let seen_empty = pod.on_node.iter().filter(|own| own.host_path.is_none()).count();
    let hidden = pod.scratch.iter().skip(seen_empty);
    let hidden = hidden.map(|name| json!({"name": name, "emptyDir": {}}));
    claims.chain(seen).chain(hidden).collect()
}

/// Where a pod's containers see its node's own disk. Which container sees what is not kept: it is the first here.
pub(super) fn mounts(pod: &Pod) -> Option<Vec<Value>> {
    let files = on_node(pod).into_iter();
    let seen = files.flat_map(|(name, own)| {
        let places = own.seen_at.iter();
        places.map(move |at| json!({"name": name, "mountPath": at}))
    });
    let seen: Vec<Value> = seen.collect();
    (!seen.is_empty()).then_some(seen)
}

/// The volumes on the node's own disk that containers see, each with a name. Which name an emptyDir has is not kept: they are
/// taken in order.
fn on_node(pod: &Pod) -> Vec<(String, &NodeFiles)> {
    let mut scratch = pod.scratch.iter();
    let named = pod.on_node.iter().enumerate().map(|(n, own)| {
        let empty = if own.host_path.is_none() { scratch.next() } else { None };
        (empty.map_or_else(|| format!("on-node-{n}"), Text::to_string), own)
    });
    named.collect()
}

/// The template that a claim of a StatefulSet was made of: it is called `TEMPLATE-POD`.
pub(super) fn template_of<'a>(claim: &'a Text, pod: &Text) -> Option<&'a str> {
    claim.as_str().strip_suffix(pod.as_str())?.strip_suffix('-')
}

/// Every pod. `rules` is what its workload's template says besides.
pub(super) fn pod(snapshot: &Snapshot, key: &ObjectKey, pod: &Pod, rules: Option<&Value>) -> Value {
    let rule = |field: &str| rules.and_then(|rules| rules.pointer("/spec")?.get(field)).cloned();
    let lasting = outlives(pod.tolerates_unreachable, pod.tolerates_not_ready);
    let others = rule("tolerations")
        .and_then(|all| all.as_array().cloned())
        .unwrap_or_default();
    let containers = pod.containers.iter().enumerate().map(|(n, name)| {
        let requests = (n == 0).then(|| amounts(&pod.requests));
        let ports = pod
            .listens
            .filter(|_| n == 0)
            .map(|at| [json!({"containerPort": at.port()})]);
        json!({"name": name, "resources": {"requests": requests}, "ports": ports,
            "volumeMounts": mounts(pod).filter(|_| n == 0)})
    });
    let mirror = pod.is_static.then(|| json!({"kubernetes.io/config.mirror": "found"}));
    let end = pod
        .deleting
        .map(|asked| asked.checked_add(SignedDuration::from_secs(GRACE_S)).unwrap_or(asked));
    let owners = pod.owner.as_ref().map(|own| [owner(snapshot, &key.namespace, own)]);
    json!({
        "metadata": {
            "uid": pod.uid, "labels": pod.labels, "annotations": mirror, "ownerReferences": owners,
            "creationTimestamp": pod.created, "deletionTimestamp": end, "deletionGracePeriodSeconds": end.map(|_| GRACE_S),
        },
        "spec": {
            "nodeName": pod.node, "containers": containers.collect::<Vec<_>>(), "volumes": volumes(key, pod),
            "tolerations": lasting.chain(others).collect::<Vec<_>>(), "nodeSelector": rule("nodeSelector"),
            "affinity": rule("affinity"), "topologySpreadConstraints": rule("topologySpreadConstraints"),
            "terminationGracePeriodSeconds": GRACE_S,
        },
        "status": status(pod),
    })
}

fn status(pod: &Pod) -> Value {
    let (reason, message) = match pod.waiting.as_ref().map(Text::as_str) {
        Some(waiting) => waiting
            .split_once(": ")
            .map_or((Some(waiting), None), |(a, b)| (Some(a), Some(b))),
        None => (None, None),
    };
    let mut conditions = vec![
        json!({"type": "Ready", "status": if pod.ready { "True" } else { "False" }, "lastTransitionTime": pod.created}),
    ];
    let is_unscheduled = pod.node.is_none();
    if is_unscheduled && reason.is_some() {
        conditions.push(json!({"type": "PodScheduled", "status": "False", "reason": reason, "message": message}));
    }
    let waiting = (!is_unscheduled && reason.is_some()).then(|| json!({"reason": reason, "message": message}));
    let containers = pod.containers.iter().enumerate().map(|(n, name)| {
        let is_first = n == 0;
        json!({"name": name, "ready": pod.ready, "image": "", "imageID": "",
            "restartCount": if is_first { pod.restarts } else { 0 },
            "state": {"waiting": waiting.as_ref().filter(|_| is_first)}})
    });
    let started = pod.node.as_ref().and(pod.created);
    json!({"phase": pod.phase, "conditions": conditions, "startTime": started, "podIP": pod.listens.map(|at| at.ip()),
        "containerStatuses": (!is_unscheduled).then(|| containers.collect::<Vec<_>>())})
}

/// Pods whose kubelets are about to start or end them. What is in trouble stays so, and is told.
pub(super) fn moving(snapshot: &Snapshot, notes: &mut Vec<Text>) -> Vec<Key> {
    let mut moving = Vec::new();
    for (key, row) in snapshot.kube.pods.iter() {
        let pod = &row.value;
        let is_made_anew = pod.owner.as_ref().is_none_or(|own| KEPT.contains(&own.kind.as_str()));
        if let Some(own) = pod.owner.as_ref().filter(|_| !is_made_anew && !pod.is_finished()) {
            notes.push(Text::from(format!(
                "{} {} makes no pod in the place of {key}",
                own.kind, own.name
            )));
        }
        let is_alive = pod.node.as_ref().and_then(|node| snapshot.node(node));
        let is_alive = is_alive.is_some_and(|node| node.ready.status == crate::model::kube::Tri::True);
        if pod.is_finished() || !is_alive || (pod.ready && pod.deleting.is_none()) {
            continue;
        }
        let is_young = pod.created.is_some_and(|at| snapshot.wall_age(at) < STARTS);
        if pod.deleting.is_some() || (is_young && pod.restarts == 0) {
            moving.push(Key::new(Resource::Pods, key.namespace.as_str(), key.name.as_str()));
        } else {
            notes.push(Text::from(format!("{key} is not ready, and stays so")));
        }
    }
    moving
}
