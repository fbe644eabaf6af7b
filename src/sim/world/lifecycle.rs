//! Node lifecycle in kube-controller-manager (`node_lifecycle_controller.go`): who has not renewed for the grace period is
//! Unknown, tainted at once against new pods, and, before Kubernetes 1.34, one pass later against those that run. What counts is when this very
//! process saw a renewal, so a new leader begins to count anew. Start reading at [`World::run_lifecycle`]; `evict` is what
//! the taints do to pods.

mod evict;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::World;
use super::event::About;
use super::flags::MONITOR_S;
use super::host::HostId;
use super::lease::{NODE_LEASES, Office};
use super::pod::{self, NOT_READY, UNREACHABLE};
use super::read::{condition_status, label, list_at, set, set_condition};
use super::resource::Resource;
use super::store::{Key, Store, seconds, str_at};

/// One node of a zone is tainted NoExecute in this time (`--node-eviction-rate` 0.1).
const EVICTION_PAUSE_MS: u64 = 10_000;
/// The same in a large zone of which more than 55 % is not ready (`--secondary-node-eviction-rate` 0.01).
const SLOW_EVICTION_PAUSE_MS: u64 = 100_000;
/// A zone is large from here on (`--large-cluster-size-threshold`).
const LARGE_ZONE: usize = 50;

/// What the running kube-controller-manager has in its memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Lifecycle {
    /// Up to which revision changes were looked at.
    pub revision: u64,
    /// Something changed that concerns the controllers.
    pub is_stirred: bool,
    /// Per node: the renewal that was seen last, and when.
    seen: BTreeMap<String, (String, u64)>,
    next_pass_ms: u64,
    /// Nodes to be tainted NoExecute, in turn.
    queue: Vec<(String, &'static str)>,
    /// When the next node of a zone may be tainted.
    zone_next_ms: BTreeMap<String, u64>,
    is_all_disrupted: bool,
    evictions: BTreeMap<Key, evict::Timer>,
    /// Since when a node that pods are bound to is missing.
    missing: BTreeMap<String, u64>,
    next_gc_ms: u64,
}

impl Lifecycle {
    /// Another kube-controller-manager takes over: it knows nothing of what its predecessor saw.
    pub fn forget(&mut self) {
        let revision = self.revision;
        *self = Self::default();
        self.revision = revision;
        self.is_stirred = true;
    }

    /// The beginning is settled: nothing of it needs a reaction.
    pub fn rest(&mut self, store: &Store) {
        self.revision = store.revision();
    }
}

impl World {
    /// Lets the node controllers work.
    pub(super) fn run_lifecycle(&mut self) {
        let own = &self.lifecycle;
        let is_due = self.now_ms >= own.next_pass_ms.min(own.next_gc_ms);
        if !is_due && !own.is_stirred && own.queue.is_empty() && own.evictions.is_empty() {
            return;
        }
        let Some(leader) = self.in_office(Office::ControllerManager) else {
            return;
        };
        if self.now_ms >= self.lifecycle.next_pass_ms {
            self.lifecycle.next_pass_ms = self.now_ms + MONITOR_S * 1_000;
            self.monitor(leader);
        }
        self.taint_queued();
        self.evict();
        if self.now_ms >= self.lifecycle.next_gc_ms {
            self.lifecycle.next_gc_ms = self.now_ms + 20_000;
            self.collect_pods();
        }
    }

    fn nodes(&self) -> Vec<(Key, Value)> {
        let nodes = self.store.list(Resource::Nodes, None);
        nodes.map(|(key, node)| (key.clone(), Value::clone(node))).collect()
    }

    /// One pass over all nodes.
    fn monitor(&mut self, leader: HostId) {
        let grace_ms = self
            .machine(leader)
            .map_or(0, |machine| u64::from(machine.grace_s) * 1_000);
        let nodes = self.nodes();
        let names: BTreeSet<&str> = nodes.iter().map(|(key, _)| key.name.as_str()).collect();
        self.lifecycle.seen.retain(|name, _| names.contains(name.as_str()));
        let is_tainted_at_once = self.is_tainted_at_once();
        for (key, node) in &nodes {
            let mut status = condition_status(node, "Ready");
            let stamp = self.stamp(&key.name);
            // Real passes take a moment each, so one that is whole periods later finds the grace period over.
            if self.now_ms >= stamp + grace_ms && status != "Unknown" {
                self.mark_unknown(key);
                status = if is_tainted_at_once { "Unknown" } else { status };
            }
            self.taint_unschedulable(key);
            match status {
                "True" => self.clear_execution(&key.name),
                "False" => self.enqueue(&key.name, NOT_READY),
                _ => self.enqueue(&key.name, UNREACHABLE),
            }
        }
        self.judge_zones();
    }

    /// Since 1.34 the pass that sets Unknown also asks for the taint (kubernetes issue 120815).
    fn is_tainted_at_once(&self) -> bool {
        let minor = self.plan.versions.k0s.split('.').nth(1);
        minor
            .and_then(|minor| minor.parse::<u32>().ok())
            .is_some_and(|minor| minor >= 34)
    }

    /// When a node's newest renewal was seen.
    fn stamp(&mut self, name: &str) -> u64 {
        let lease = self.store.get(&Key::new(Resource::Leases, NODE_LEASES, name));
        let renewed = lease
            .and_then(|lease| str_at(lease, "/spec/renewTime"))
            .unwrap_or_default();
        let now_ms = self.now_ms;
        match self.lifecycle.seen.get(name) {
            Some((last, stamp)) if last == renewed => *stamp,
            _ => {
                let seen = (renewed.to_owned(), now_ms);
                self.lifecycle.seen.insert(name.to_owned(), seen);
                now_ms
            }
        }
    }

    fn mark_unknown(&mut self, key: &Key) {
        let at = self.wall();
        self.store.change(key, |node| {
            for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
                let message = "Kubelet stopped posting node status.";
                set_condition(node, kind, "Unknown", "NodeStatusUnknown", message, at);
            }
        });
        let message = format!("Node {} status is now: NodeNotReady", key.name);
        self.record(key, About::normal("NodeNotReady", &message, "node-controller"));
        let bound: Vec<Key> = self
            .store
            .list(Resource::Pods, None)
            .filter(|(_, pod)| pod::node(pod) == Some(&key.name) && condition_status(pod, "Ready") == "True")
            .map(|(key, _)| key.clone())
            .collect();
        for pod in bound {
            self.store
                .change(&pod, |pod| set_condition(pod, "Ready", "False", "", "", at));
            self.record(
                &pod,
                About::warning("NodeNotReady", "Node is not ready", "node-controller"),
            );
        }
    }

    /// The NoSchedule taint follows the Ready condition and the cordon at once.
    fn taint_unschedulable(&mut self, key: &Key) {
        let Some(node) = self.store.get(key) else { return };
        let wanted = match condition_status(node, "Ready") {
            "True" => None,
            "False" => Some(NOT_READY),
            _ => Some(UNREACHABLE),
        };
        let is_cordoned = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
        self.set_taints(key, "NoSchedule", &[NOT_READY, UNREACHABLE], wanted);
        let cordon = "node.kubernetes.io/unschedulable";
        self.set_taints(key, "NoSchedule", &[cordon], is_cordoned.then_some(cordon));
    }

    fn clear_execution(&mut self, name: &str) {
        self.lifecycle.queue.retain(|(queued, _)| queued != name);
        let key = Key::new(Resource::Nodes, "", name);
        self.set_taints(&key, "NoExecute", &[NOT_READY, UNREACHABLE], None);
    }

    /// Of the taints of some keys with one effect, exactly the wanted one stays.
    fn set_taints(&mut self, key: &Key, effect: &str, keys: &[&str], wanted: Option<&str>) {
        let Some(node) = self.store.get(key) else { return };
        let is_own = |taint: &Value| {
            str_at(taint, "/effect") == Some(effect) && str_at(taint, "/key").is_some_and(|key| keys.contains(&key))
        };
        let taints = list_at(node, "/spec/taints");
        let present: Vec<&str> = taints
            .iter()
            .filter(|taint| is_own(taint))
            .filter_map(|taint| str_at(taint, "/key"))
            .collect();
        if present.as_slice() == wanted.as_slice() {
            return;
        }
        let mut next: Vec<Value> = taints.iter().filter(|taint| !is_own(taint)).cloned().collect();
        next.extend(wanted.map(|key| json!({"key": key, "effect": effect, "timeAdded": seconds(self.wall())})));
        self.store
            .change(key, |node| set(node, &["spec", "taints"], next.into()));
    }

    fn enqueue(&mut self, name: &str, taint: &'static str) {
        let node = self.store.get(&Key::new(Resource::Nodes, "", name));
        let is_tainted = node.is_some_and(|node| {
            list_at(node, "/spec/taints")
                .iter()
                .any(|own| str_at(own, "/effect") == Some("NoExecute") && str_at(own, "/key") == Some(taint))
        });
        let is_queued = self.lifecycle.queue.iter().any(|(queued, _)| queued == name);
        if !is_tainted && !is_queued {
            self.lifecycle.queue.push((name.to_owned(), taint));
        }
    }

    /// Taints the next node of every zone, as often as its rate allows.
    fn taint_queued(&mut self) {
        if self.lifecycle.queue.is_empty() || self.lifecycle.is_all_disrupted {
            return;
        }
        let queue = std::mem::take(&mut self.lifecycle.queue);
        for (name, taint) in queue {
            let key = Key::new(Resource::Nodes, "", name.clone());
            let Some(node) = self.store.get(&key) else { continue };
            let zone = zone_of(node);
            let next_ms = self.lifecycle.zone_next_ms.get(&zone).copied().unwrap_or(0);
            match self.eviction_pause_ms(&zone) {
                Some(pause) if self.now_ms >= next_ms => {
                    self.set_taints(&key, "NoExecute", &[NOT_READY, UNREACHABLE], Some(taint));
                    self.lifecycle.zone_next_ms.insert(zone, self.now_ms + pause);
                }
                _ => self.lifecycle.queue.push((name, taint)),
            }
        }
    }

    /// How long one node of a zone waits for the other; None while nothing is evicted there.
    fn eviction_pause_ms(&self, zone: &str) -> Option<u64> {
        let own = self
            .store
            .list(Resource::Nodes, None)
            .filter(|(_, node)| zone_of(node) == zone);
        let (mut all, mut lost) = (0_usize, 0_usize);
        for (_, node) in own {
            all += 1;
            lost += usize::from(condition_status(node, "Ready") != "True");
        }
        let is_partly = lost > 2 && lost < all && lost * 100 >= all * 55;
        match is_partly {
            false => Some(EVICTION_PAUSE_MS),
            true if all > LARGE_ZONE => Some(SLOW_EVICTION_PAUSE_MS),
            true => None,
        }
    }

    /// No node at all is ready: more likely it is the control plane that is ill. Nothing is evicted, and when it is over
    /// everybody starts with a fresh stamp.
    fn judge_zones(&mut self) {
        let is_disrupted = {
            let mut nodes = self.store.list(Resource::Nodes, None);
            nodes.all(|(_, node)| condition_status(node, "Ready") != "True")
        };
        let was = std::mem::replace(&mut self.lifecycle.is_all_disrupted, is_disrupted);
        if is_disrupted && !was {
            self.lifecycle.queue.clear();
            for (key, _) in self.nodes() {
                self.set_taints(&key, "NoExecute", &[NOT_READY, UNREACHABLE], None);
            }
        }
        if was && !is_disrupted {
            let now_ms = self.now_ms;
            for (_, stamp) in self.lifecycle.seen.values_mut() {
                *stamp = now_ms;
            }
        }
    }
}

fn zone_of(node: &Value) -> String {
    let part = |key| label(node, key).unwrap_or_default();
    format!(
        "{}/{}",
        part("topology.kubernetes.io/region"),
        part("topology.kubernetes.io/zone")
    )
}
