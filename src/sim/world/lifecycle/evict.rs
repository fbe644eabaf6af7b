//! What NoExecute taints do to pods (taint eviction), and what becomes of pods whose node is gone (pod garbage collection).

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::World;
use super::super::event::About;
use super::super::pod;
use super::super::read::{condition_status, is_deleting, list_at, number_at, set, set_condition, uid};
use super::super::resource::Resource;
use super::super::store::{Key, str_at};

/// How long a node must be missing before its pods are collected.
const QUARANTINE_MS: u64 = 40_000;

/// When a pod is to be evicted.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    uid: String,
    due_ms: u64,
}

impl World {
    pub(super) fn evict(&mut self) {
        if self.lifecycle.is_stirred {
            self.set_timers();
        }
        let timers = self.lifecycle.evictions.iter();
        let due: Vec<Key> = timers
            .filter(|(_, timer)| self.now_ms >= timer.due_ms)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.lifecycle.evictions.remove(&key);
            let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
            self.record(
                &key,
                About::normal("TaintManagerEviction", &message, "taint-eviction-controller"),
            );
            self.delete_pod(&key);
        }
    }

    /// Timers run from when the taint was seen; a taint that went away stops them.
    fn set_timers(&mut self) {
        let mut taints: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, node) in self.store.list(Resource::Nodes, None) {
            let execute = list_at(node, "/spec/taints").iter();
            let execute: Vec<Value> = execute
                .filter(|taint| str_at(taint, "/effect") == Some("NoExecute"))
                .cloned()
                .collect();
            if !execute.is_empty() {
                taints.insert(key.name.clone(), execute);
            }
        }
        if taints.is_empty() && self.lifecycle.evictions.is_empty() {
            return;
        }
        let mut timers = BTreeMap::new();
        for (key, pod) in self.store.list(Resource::Pods, None) {
            let Some(taints) = pod::node(pod).and_then(|node| taints.get(node)) else {
                continue;
            };
            let Some(delay_ms) = tolerated_ms(pod, taints).filter(|_| pod::is_active(pod)) else {
                continue;
            };
            let old = self.lifecycle.evictions.get(key).filter(|old| old.uid == uid(pod));
            let timer = old.cloned().unwrap_or_else(|| Timer {
                uid: uid(pod).to_owned(),
                due_ms: self.now_ms + delay_ms,
            });
            timers.insert(key.clone(), timer);
        }
        let old = std::mem::replace(&mut self.lifecycle.evictions, timers);
        for key in old.into_keys() {
            let is_left = self.lifecycle.evictions.contains_key(&key);
            if !is_left && self.store.get(&key).is_some_and(|pod| !is_deleting(pod)) {
                let message = format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name);
                self.record(
                    &key,
                    About::normal("TaintManagerEviction", &message, "taint-eviction-controller"),
                );
            }
        }
    }

    /// The timers of a cluster that was found have run since the taints were put there.
    pub(in crate::sim::world) fn find_timers(&mut self) {
        self.set_timers();
        let now = self.wall();
        let mut timers = std::mem::take(&mut self.lifecycle.evictions);
        for (key, timer) in &mut timers {
            let node = self.store.get(key).and_then(|pod| pod::node(pod));
            let node = node.and_then(|node| self.store.get(&Key::new(Resource::Nodes, "", node)));
            let taints = node.map_or(&[][..], |node| list_at(node, "/spec/taints")).iter();
            let added = taints.filter_map(|taint| str_at(taint, "/timeAdded")?.parse::<jiff::Timestamp>().ok());
            let age_ms = added.max().map_or(0, |at| now.as_millisecond() - at.as_millisecond());
            timer.due_ms = timer.due_ms.saturating_sub(u64::try_from(age_ms).unwrap_or(0));
        }
        self.lifecycle.evictions = timers;
    }

    /// Asks for a pod's end; one that no kubelet has taken goes at once.
    pub(in crate::sim::world) fn delete_pod(&mut self, key: &Key) {
        let Some(stored) = self.store.get(key) else { return };
        if pod::node(stored).is_none() {
            self.store.remove(key);
        } else if !is_deleting(stored) {
            let at = self.wall();
            self.store.change(key, |pod| pod::mark_deleting(pod, at));
        }
    }

    /// Pods whose node is gone, and those that were to end without ever having had one, or whose node is out of service.
    pub(super) fn collect_pods(&mut self) {
        let nodes: BTreeMap<String, bool> = self
            .store
            .list(Resource::Nodes, None)
            .map(|(key, node)| (key.name.clone(), is_out_of_service(node)))
            .collect();
        let pods = self.store.list(Resource::Pods, None).map(|(key, pod)| {
            let node = pod::node(pod).map(str::to_owned);
            (key.clone(), node, is_deleting(pod))
        });
        let pods: Vec<(Key, Option<String>, bool)> = pods.collect();
        self.lifecycle.missing.retain(|node, _| !nodes.contains_key(node));
        for (key, node, is_ending) in pods {
            let is_over = match node {
                None => is_ending,
                Some(node) => {
                    if let Some(is_out) = nodes.get(&node) {
                        *is_out && is_ending
                    } else {
                        let since = *self.lifecycle.missing.entry(node).or_insert(self.now_ms);
                        self.now_ms >= since + QUARANTINE_MS
                    }
                }
            };
            if is_over {
                self.fail_and_remove(&key);
            }
        }
    }

    fn fail_and_remove(&mut self, key: &Key) {
        let at = self.wall();
        self.store.change(key, |pod| {
            set(pod, &["status", "phase"], "Failed".into());
            let message = "PodGC: node no longer exists";
            set_condition(pod, "DisruptionTarget", "True", "DeletionByPodGC", message, at);
        });
        self.store.remove(key);
    }
}

/// How long a pod stays in spite of taints; None for ever.
fn tolerated_ms(pod: &Value, taints: &[Value]) -> Option<u64> {
    let tolerations = list_at(pod, "/spec/tolerations");
    let mut least: Option<u64> = None;
    for taint in taints {
        let matching = tolerations.iter().filter(|own| pod::tolerates(own, taint));
        let matching: Vec<&Value> = matching.collect();
        if matching.is_empty() {
            return Some(0);
        }
        let seconds = matching.iter().filter_map(|own| number_at(own, "/tolerationSeconds"));
        let shortest = seconds.map(|seconds| u64::try_from(seconds).unwrap_or(0) * 1_000).min();
        least = [least, shortest].into_iter().flatten().min();
    }
    least
}

fn is_out_of_service(node: &Value) -> bool {
    let is_marked = list_at(node, "/spec/taints")
        .iter()
        .any(|taint| str_at(taint, "/key") == Some("node.kubernetes.io/out-of-service"));
    is_marked && condition_status(node, "Ready") != "True"
}
