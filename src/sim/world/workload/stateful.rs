//! StatefulSets keep one pod per ordinal, never two; DaemonSets one per node that they tolerate.

use serde_json::{Map, Value};

use super::super::World;
use super::super::event::About;
use super::super::pod;
use super::super::read::{is_deleting, is_ready, label, list_at, number_at, set, uid, unset};
use super::super::resource::Resource;
use super::super::schedule::selects_node;
use super::super::store::{Key, Object, str_at};
use super::deploy::set_count;
use super::{Owned, claim_of, claims_of, daemon_pod, hash_of, stateful_pod};

/// How long a granted eviction counts as a pod less (`DeletionTimeout` of the disruption controller).
const DELETION_TIMEOUT_S: i64 = 120;

impl World {
    pub(super) fn run_stateful_sets(&mut self, pods: &Owned, toleration_s: u32) {
        for (key, owner) in self.objects(Resource::StatefulSets) {
            let wanted = usize::try_from(number_at(&owner, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
            for ordinal in 0..wanted {
                let (name, body) = stateful_pod(&owner, ordinal, toleration_s);
                let pod = Key::new(Resource::Pods, key.namespace.clone(), name);
                let stored = self
                    .store
                    .get(&pod)
                    .map(|pod| pod::is_finished(pod) && !is_deleting(pod));
                match stored {
                    // The old one, Terminating or not, holds the identity until it is gone.
                    Some(false) => {}
                    Some(true) => self.delete_pod(&pod),
                    None => {
                        self.make_claims(&owner, &pod, &body);
                        let _ = self.store.create(&pod, body, self.wall());
                        let message = format!("create Pod {} in StatefulSet {} successful", pod.name, key.name);
                        self.record(
                            &key,
                            About::normal("SuccessfulCreate", &message, "statefulset-controller"),
                        );
                    }
                }
            }
            self.settle_stateful(&key, &owner, pods, wanted);
        }
    }

    fn make_claims(&mut self, owner: &Value, pod: &Key, body: &Value) {
        let templates = list_at(owner, "/spec/volumeClaimTemplates").iter();
        let names: Vec<String> = templates
            .filter_map(|own| str_at(own, "/metadata/name").map(str::to_owned))
            .collect();
        for (claim, template) in claims_of(pod, body).into_iter().zip(names) {
            // The claim of an earlier pod of this ordinal stays, and its data with it.
            let _ = self.store.create(&claim, claim_of(owner, &template), self.wall());
        }
    }

    /// Ends pods beyond the last ordinal and, one after the other, those of an older template; tells how it stands.
    fn settle_stateful(&mut self, key: &Key, owner: &Value, pods: &Owned, wanted: usize) {
        let hash = hash_of(owner);
        let revision = format!("{}-{hash}", key.name);
        let own: Vec<&(Key, Object)> = pods.active(uid(owner)).collect();
        let ordinal = |pod: &Value| label(pod, "apps.kubernetes.io/pod-index").and_then(|n| n.parse::<usize>().ok());
        let is_current = |pod: &Value| label(pod, "controller-revision-hash") == Some(&revision);
        let ready = pods.ready(uid(owner));
        let beyond = own.iter().filter(|(_, pod)| ordinal(pod).is_some_and(|n| n >= wanted));
        let old = own
            .iter()
            .rev()
            .find(|(_, pod)| !is_current(pod))
            .filter(|_| ready >= wanted);
        let victims: Vec<Key> = beyond.chain(old).map(|(key, _)| key.clone()).collect();
        for victim in victims {
            self.delete_pod(&victim);
        }
        let updated = own.iter().filter(|(_, pod)| is_current(pod)).count();
        let count = own.len();
        self.store.change(key, |own| {
            let generation = own.pointer("/metadata/generation").cloned().unwrap_or_default();
            set(own, &["status", "observedGeneration"], generation);
            set(own, &["status", "replicas"], count.into());
            set(own, &["status", "updateRevision"], revision.into());
            for (field, count) in [
                ("readyReplicas", ready),
                ("availableReplicas", ready),
                ("currentReplicas", updated),
                ("updatedReplicas", updated),
            ] {
                set_count(own, field, count);
            }
        });
    }

    pub(super) fn run_daemon_sets(&mut self, pods: &Owned, toleration_s: u32) {
        let nodes = self.objects(Resource::Nodes);
        for (key, owner) in self.objects(Resource::DaemonSets) {
            let own: Vec<&(Key, Object)> = pods.active(uid(&owner)).collect();
            let (mut desired, mut current) = (0, 0);
            for (node, stored) in &nodes {
                let body = daemon_pod(&owner, &node.name, toleration_s);
                let template = owner.pointer("/spec/template");
                let is_wanted = tolerates_all(&body, stored)
                    && template.is_none_or(|template| selects_node(template, &node.name, stored));
                let has_one = own.iter().any(|(_, pod)| target(pod) == Some(node.name.as_str()));
                desired += usize::from(is_wanted);
                current += usize::from(is_wanted && has_one);
                if is_wanted && !has_one {
                    let name = format!("{}-{}", key.name, self.store.suffix());
                    // Five random characters: if they are taken, the next look makes another pod.
                    let _ = self.store.create(
                        &Key::new(Resource::Pods, key.namespace.clone(), name),
                        body,
                        self.wall(),
                    );
                }
            }
            let ready = pods.ready(uid(&owner));
            self.store.change(&key, |own| {
                let generation = own.pointer("/metadata/generation").cloned().unwrap_or_default();
                set(own, &["status", "observedGeneration"], generation);
                for (field, count) in [
                    ("desiredNumberScheduled", desired),
                    ("currentNumberScheduled", current),
                    ("numberReady", ready),
                    ("numberMisscheduled", 0),
                ] {
                    set(own, &["status", field], count.into());
                }
                set_count(own, "numberAvailable", ready);
                set_count(own, "updatedNumberScheduled", current);
                set_count(own, "numberUnavailable", desired.saturating_sub(ready));
            });
        }
    }

    /// How many pods a budget lets go at this moment.
    pub(super) fn run_budgets(&mut self) {
        for (key, budget) in self.objects(Resource::DisruptionBudgets) {
            let selector = budget.pointer("/spec/selector");
            let own = self.store.list(Resource::Pods, Some(&key.namespace));
            let own = own.filter(|(_, pod)| super::super::read::selects(selector, pod) && !pod::is_finished(pod));
            let (mut expected, mut healthy) = (0_i64, 0_i64);
            let mut leaving = Map::new();
            for (pod_key, pod) in own {
                expected += 1;
                let told = self.is_leaving(&budget, pod_key).filter(|_| !is_deleting(pod));
                healthy += i64::from(is_ready(pod) && !is_deleting(pod) && told.is_none());
                leaving.extend(told.map(|since| (pod_key.name.clone(), since.into())));
            }
            let least = number_at(&budget, "/spec/minAvailable").unwrap_or(0);
            self.store.change(&key, |own| {
                let generation = own.pointer("/metadata/generation").cloned().unwrap_or_default();
                set(own, &["status", "observedGeneration"], generation);
                for (field, count) in [
                    ("currentHealthy", healthy),
                    ("desiredHealthy", least),
                    ("expectedPods", expected),
                    ("disruptionsAllowed", (healthy - least).max(0)),
                ] {
                    set(own, &["status", field], count.into());
                }
                if leaving.is_empty() {
                    unset(own, &["status", "disruptedPods"]);
                } else {
                    set(own, &["status", "disruptedPods"], leaving.into());
                }
            });
        }
    }

    /// Since when a pod is about to go because an eviction was granted, for as long as that is believed.
    fn is_leaving(&self, budget: &Value, pod: &Key) -> Option<String> {
        let told = budget.pointer("/status/disruptedPods")?.get(&pod.name)?.as_str()?;
        let since: jiff::Timestamp = told.parse().ok()?;
        let age_s = self.wall().as_second() - since.as_second();
        (age_s <= DELETION_TIMEOUT_S).then(|| told.to_owned())
    }
}

/// The node that a DaemonSet's pod is made for.
fn target(pod: &Value) -> Option<&str> {
    let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    pod::node(pod).or_else(|| str_at(pod, &format!("{terms}/0/matchFields/0/values/0")))
}

fn tolerates_all(pod: &Value, node: &Value) -> bool {
    list_at(node, "/spec/taints").iter().all(|taint| {
        let is_soft = str_at(taint, "/effect") == Some("PreferNoSchedule");
        is_soft
            || list_at(pod, "/spec/tolerations")
                .iter()
                .any(|own| pod::tolerates(own, taint))
    })
}
