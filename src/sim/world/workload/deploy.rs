//! Deployments roll their ReplicaSets; ReplicaSets keep so many pods.

use serde_json::{Value, json};

use super::super::World;
use super::super::event::About;
use super::super::pod;
use super::super::read::{
    annotation, controller, is_ready, label, number_at, owner_reference, set, set_condition, uid,
};
use super::super::resource::Resource;
use super::super::store::{Key, Object, str_at};
use super::{Owned, hash_of};

impl World {
    pub(super) fn run_deployments(&mut self, pods: &Owned) {
        let all: Vec<(Key, Object)> = self.objects(Resource::Deployments);
        for (key, deployment) in all {
            let sets: Vec<(Key, Object)> = self
                .store
                .list(Resource::ReplicaSets, Some(&key.namespace))
                .filter(|(_, set)| controller(set).is_some_and(|(_, _, owner)| owner == uid(&deployment)))
                .map(|(key, set)| (key.clone(), set.clone()))
                .collect();
            if deployment.pointer("/spec/paused") != Some(&Value::Bool(true)) {
                self.roll(&key, &deployment, &sets, pods);
            }
            self.tell_deployment(&key, &deployment, &sets, pods);
        }
    }

    /// One step towards all pods being of the newest template.
    fn roll(&mut self, key: &Key, deployment: &Value, sets: &[(Key, Object)], pods: &Owned) {
        let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = hash_of(deployment);
        let wanted = number_at(deployment, "/spec/replicas").unwrap_or(1);
        let newest = sets
            .iter()
            .find(|(_, set)| label(set, "pod-template-hash") == Some(&hash));
        let Some((newest, stored)) = newest else {
            self.make_replica_set(
                key,
                deployment,
                template,
                &hash,
                if sets.is_empty() { wanted } else { 0 },
            );
            return;
        };
        let replicas = |set: &Value| number_at(set, "/spec/replicas").unwrap_or(0);
        let own = replicas(stored);
        let others: Vec<&(Key, Object)> = sets
            .iter()
            .filter(|(key, set)| key != newest && replicas(set) > 0)
            .collect();
        if others.is_empty() {
            self.scale(key, newest, own, wanted);
            return;
        }
        let total: i64 = own + others.iter().map(|(_, set)| replicas(set)).sum::<i64>();
        // The default strategy: 25 % more at most (rounded up), 25 % fewer at most (rounded down).
        let (surge, unavailable) = ((wanted + 3) / 4, wanted / 4);
        let room = (wanted + surge - total).min(wanted - own).max(0);
        self.scale(key, newest, own, own + room);
        let ready = |set: &Value| i64::try_from(pods.ready(uid(set))).unwrap_or(0);
        let available = ready(stored) + others.iter().map(|(_, set)| ready(set)).sum::<i64>();
        let mut spare = available - (wanted - unavailable);
        for (old, set) in others {
            let unready = (replicas(set) - ready(set)).max(0);
            let less = (unready + spare.max(0)).min(replicas(set));
            spare -= (less - unready).max(0);
            self.scale(key, old, replicas(set), replicas(set) - less);
        }
    }

    fn make_replica_set(&mut self, key: &Key, deployment: &Value, mut template: Value, hash: &str, replicas: i64) {
        set(&mut template, &["metadata", "labels", "pod-template-hash"], hash.into());
        let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
        set(&mut selector, &["matchLabels", "pod-template-hash"], hash.into());
        let revision: u32 = annotation(deployment, REVISION)
            .and_then(|own| own.parse().ok())
            .unwrap_or(0);
        let revision = (revision + 1).to_string();
        let body = json!({
            "metadata": {"labels": template.pointer("/metadata/labels"), "ownerReferences": [owner_reference(deployment)],
                "annotations": {REVISION: revision}},
            "spec": {"replicas": replicas, "template": template, "selector": selector},
            "status": {"replicas": 0},
        });
        let name = Key::new(
            Resource::ReplicaSets,
            key.namespace.clone(),
            format!("{}-{hash}", key.name),
        );
        // A set of this template may have been deleted by hand a moment ago; the next look finds out.
        let _ = self.store.create(&name, body, self.wall());
        self.store.change(key, |own| {
            set(own, &["metadata", "annotations", REVISION], revision.into());
        });
    }

    fn scale(&mut self, deployment: &Key, replica_set: &Key, from: i64, to: i64) {
        if from == to {
            return;
        }
        self.store
            .change(replica_set, |own| set(own, &["spec", "replicas"], to.into()));
        let way = if to > from { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {from} to {to}", replica_set.name);
        self.record(
            deployment,
            About::normal("ScalingReplicaSet", &message, "deployment-controller"),
        );
    }

    fn tell_deployment(&mut self, key: &Key, deployment: &Value, sets: &[(Key, Object)], pods: &Owned) {
        let hash = hash_of(deployment);
        let wanted = usize::try_from(number_at(deployment, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
        let (mut replicas, mut updated, mut ready) = (0, 0, 0);
        for (_, own) in sets {
            let count = pods.active(uid(own)).count();
            replicas += count;
            ready += pods.ready(uid(own));
            if label(own, "pod-template-hash") == Some(&hash) {
                updated += count;
            }
        }
        let at = self.wall();
        let is_available = ready >= wanted - wanted / 4;
        self.store.change(key, |own| {
            let generation = own.pointer("/metadata/generation").cloned().unwrap_or_default();
            set(own, &["status", "observedGeneration"], generation);
            for (field, count) in [
                ("replicas", replicas),
                ("updatedReplicas", updated),
                ("readyReplicas", ready),
                ("availableReplicas", ready),
                ("unavailableReplicas", wanted.saturating_sub(ready)),
            ] {
                set_count(own, field, count);
            }
            let (status, reason, message) = if is_available {
                (
                    "True",
                    "MinimumReplicasAvailable",
                    "Deployment has minimum availability.",
                )
            } else {
                (
                    "False",
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability.",
                )
            };
            set_condition(own, "Available", status, reason, message, at);
        });
    }

    pub(super) fn run_replica_sets(&mut self, pods: &Owned, toleration_s: u32) {
        for (key, owner) in self.objects(Resource::ReplicaSets) {
            let wanted = usize::try_from(number_at(&owner, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
            let active: Vec<&(Key, Object)> = pods.active(uid(&owner)).collect();
            for _ in active.len()..wanted {
                let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
                let body = pod::of_template(&template, Some(owner_reference(&owner)), toleration_s);
                let name = format!("{}-{}", key.name, self.store.suffix());
                let pod = Key::new(Resource::Pods, key.namespace.clone(), name);
                // Five random characters: if they are taken, the next look makes another pod.
                let _ = self.store.create(&pod, body, self.wall());
                let message = format!("Created pod: {}", pod.name);
                self.record(
                    &key,
                    About::normal("SuccessfulCreate", &message, "replicaset-controller"),
                );
            }
            for victim in surplus(&active, wanted) {
                self.delete_pod(&victim);
                let message = format!("Deleted pod: {}", victim.name);
                self.record(
                    &key,
                    About::normal("SuccessfulDelete", &message, "replicaset-controller"),
                );
            }
            let (count, ready) = (active.len(), pods.ready(uid(&owner)));
            self.store.change(&key, |own| {
                let generation = own.pointer("/metadata/generation").cloned().unwrap_or_default();
                set(own, &["status", "observedGeneration"], generation);
                set(own, &["status", "replicas"], count.into());
                for (field, count) in [
                    ("fullyLabeledReplicas", count),
                    ("readyReplicas", ready),
                    ("availableReplicas", ready),
                ] {
                    set_count(own, field, count);
                }
            });
        }
    }
}

const REVISION: &str = "deployment.kubernetes.io/revision";

/// A count in a status; the API server leaves zeros out.
pub(super) fn set_count(object: &mut Value, field: &str, count: usize) {
    if count == 0 {
        super::super::read::unset(object, &["status", field]);
    } else {
        set(object, &["status", field], count.into());
    }
}

/// Pods too many: those without a node first, then those that are not ready, then the youngest.
fn surplus(active: &[&(Key, Object)], wanted: usize) -> Vec<Key> {
    let mut order: Vec<&&(Key, Object)> = active.iter().collect();
    order.sort_by_key(|(key, pod)| {
        let born = str_at(pod, "/metadata/creationTimestamp").unwrap_or_default();
        (
            pod::node(pod).is_some(),
            is_ready(pod),
            std::cmp::Reverse(born.to_owned()),
            key.clone(),
        )
    });
    let many = active.len().saturating_sub(wanted);
    order.into_iter().take(many).map(|(key, _)| key.clone()).collect()
}
