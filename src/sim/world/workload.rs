//! The controllers of kube-controller-manager that turn workloads into pods: Deployment, ReplicaSet, StatefulSet, DaemonSet.
//! Here is what they make; start reading at [`World::run_workloads`].

mod deploy;
mod stateful;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::World;
use super::lease::Office;
use super::pod::{self, NOT_READY, UNREACHABLE, of_template};
use super::read::{annotation, controller, is_ready, list_at, owner_reference, set, uid};
use super::resource::Resource;
use super::store::{Key, Object, as_map, str_at};

/// On a workload that was found: the hash that its template has here, and the one that its cluster gave it.
pub const FOUND_HASH: &str = "quorate.dev/found-hash";

/// Pods by the uid of their owner.
#[derive(Debug, Default)]
pub(super) struct Owned(BTreeMap<String, Vec<(Key, Object)>>);

impl Owned {
    fn active(&self, owner: &str) -> impl Iterator<Item = &(Key, Object)> {
        let own = self.0.get(owner).into_iter().flatten();
        own.filter(|(_, pod)| pod::is_active(pod))
    }

    fn ready(&self, owner: &str) -> usize {
        self.active(owner).filter(|(_, pod)| is_ready(pod)).count()
    }
}

impl World {
    /// Lets the controllers look at all workloads, if anything changed since they looked last.
    pub(super) fn run_workloads(&mut self) {
        if !self.lifecycle.is_stirred {
            return;
        }
        let Some(leader) = self.in_office(Office::ControllerManager) else {
            return;
        };
        let toleration_s = self.default_toleration_s(leader);
        self.collect_orphans();
        let mut pods = Owned::default();
        for (key, pod) in self.store.list(Resource::Pods, None) {
            if let Some((_, _, owner)) = controller(pod) {
                pods.0
                    .entry(owner.to_owned())
                    .or_default()
                    .push((key.clone(), pod.clone()));
            }
        }
        self.run_deployments(&pods);
        self.run_replica_sets(&pods, toleration_s);
        self.run_stateful_sets(&pods, toleration_s);
        self.run_daemon_sets(&pods, toleration_s);
        self.run_budgets();
    }

    pub(super) fn objects(&self, resource: Resource) -> Vec<(Key, Object)> {
        let all = self.store.list(resource, None);
        all.map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// What an owner left behind goes after it: ReplicaSets of Deployments, pods of whatever made them.
    fn collect_orphans(&mut self) {
        let owners = [
            Resource::Deployments,
            Resource::ReplicaSets,
            Resource::StatefulSets,
            Resource::DaemonSets,
        ];
        let living: BTreeSet<String> = owners
            .into_iter()
            .flat_map(|resource| self.store.list(resource, None))
            .map(|(_, owner)| uid(owner).to_owned())
            .collect();
        for resource in [Resource::ReplicaSets, Resource::Pods] {
            let orphans: Vec<Key> = self
                .store
                .list(resource, None)
                // The mirror of a static pod goes with its Node, which pod garbage collection sees to; what Jobs and others
                // own is theirs.
                .filter(|(_, own)| {
                    let is_kept = |kind| ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"].contains(&kind);
                    controller(own).is_some_and(|(kind, _, uid)| is_kept(kind) && !living.contains(uid))
                })
                .map(|(key, _)| key.clone())
                .collect();
            for key in orphans {
                if resource == Resource::Pods {
                    self.delete_pod(&key);
                } else {
                    self.store.remove(&key);
                }
            }
        }
    }
}

/// The `pod-template-hash` of a template, in the letters that Kubernetes uses.
pub(super) fn template_hash(template: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut plain = template.clone();
    super::read::unset(&mut plain, &["metadata", "labels", "pod-template-hash"]);
    // FNV-1a, 64 bits, over the canonical text.
    let hash = plain.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digit = |n: u32| {
        let at = (hash >> (n * 6)) % LETTERS.len() as u64;
        LETTERS
            .get(usize::try_from(at).unwrap_or(0))
            .copied()
            .map_or('x', char::from)
    };
    (0..10).map(digit).collect()
}

/// The hash of a workload's template. One that was found keeps the hash that its cluster gave it, until its template changes.
pub(super) fn hash_of(owner: &Value) -> String {
    let hash = template_hash(&owner.pointer("/spec/template").cloned().unwrap_or_default());
    let found = annotation(owner, FOUND_HASH).and_then(|both| both.split_once('='));
    match found {
        Some((ours, theirs)) if ours == hash => theirs.to_owned(),
        Some(_) | None => hash,
    }
}

/// A StatefulSet's pod of an ordinal, with its name.
pub(super) fn stateful_pod(owner: &Value, ordinal: usize, toleration_s: u32) -> (String, Value) {
    let set_name = str_at(owner, "/metadata/name").unwrap_or_default();
    let name = format!("{set_name}-{ordinal}");
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let hash = hash_of(owner);
    let mut pod = of_template(&template, Some(owner_reference(owner)), toleration_s);
    for (label, value) in [
        ("statefulset.kubernetes.io/pod-name", name.clone()),
        ("apps.kubernetes.io/pod-index", ordinal.to_string()),
        ("controller-revision-hash", format!("{set_name}-{hash}")),
    ] {
        set(&mut pod, &["metadata", "labels", label], value.into());
    }
    set(&mut pod, &["spec", "hostname"], name.clone().into());
    let own = list_at(owner, "/spec/volumeClaimTemplates")
        .iter()
        .filter_map(|template| str_at(template, "/metadata/name"))
        .map(|volume| json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}}));
    let volumes: Vec<Value> = own.chain(list_at(&pod, "/spec/volumes").iter().cloned()).collect();
    set(&mut pod, &["spec", "volumes"], volumes.into());
    (name, pod)
}

/// The claim that a StatefulSet makes of one of its templates.
pub(super) fn claim_of(owner: &Value, template: &str) -> Value {
    let mut templates = list_at(owner, "/spec/volumeClaimTemplates").iter();
    let found = templates.find(|own| str_at(own, "/metadata/name") == Some(template));
    json!({
        "metadata": {"labels": owner.pointer("/spec/selector/matchLabels"), "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": found.and_then(|own| own.get("spec")), "status": {"phase": "Pending"},
    })
}

/// The claims that a pod mounts.
pub(super) fn claims_of(key: &Key, pod: &Value) -> Vec<Key> {
    list_at(pod, "/spec/volumes")
        .iter()
        .filter_map(|volume| str_at(volume, "/persistentVolumeClaim/claimName"))
        .map(|claim| Key::new(Resource::Claims, key.namespace.clone(), claim))
        .collect()
}

/// A DaemonSet's pod for a node: it tolerates what takes other pods away, and fits only there.
pub(super) fn daemon_pod(owner: &Value, node: &str, toleration_s: u32) -> Value {
    let mut template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let hash = hash_of(owner);
    set(
        &mut template,
        &["metadata", "labels", "controller-revision-hash"],
        hash.into(),
    );
    set(
        &mut template,
        &["metadata", "labels", "pod-template-generation"],
        "1".into(),
    );
    let only = json!({"nodeSelectorTerms": [{"matchFields": [
        {"key": "metadata.name", "operator": "In", "values": [node]}]}]});
    set(
        &mut template,
        &[
            "spec",
            "affinity",
            "nodeAffinity",
            "requiredDuringSchedulingIgnoredDuringExecution",
        ],
        only,
    );
    let spec = as_map(template.get_mut("spec").unwrap_or(&mut Value::Null)).clone();
    let is_host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    let mut tolerated = spec
        .get("tolerations")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    tolerated
        .extend([NOT_READY, UNREACHABLE].map(|key| json!({"key": key, "operator": "Exists", "effect": "NoExecute"})));
    let pressures = ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"];
    let network = is_host_network.then_some("network-unavailable");
    tolerated.extend(
        pressures.into_iter().chain(network).map(
            |key| json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": "NoSchedule"}),
        ),
    );
    set(&mut template, &["spec", "tolerations"], tolerated.into());
    of_template(&template, Some(owner_reference(owner)), toleration_s)
}
