//! The kubelets: they keep their Node and its lease fresh, and run the pods that are bound to it. A kubelet on a
//! controller talks to its own host's API server (k0s from 1.34.1 on); one on a worker to any that it reaches.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::World;
use super::event::About;
use super::genesis::fine_conditions;
use super::host::{Component, HostId};
use super::lease::NODE_LEASES;
use super::read::{self, is_deleting, is_ready, list_at, number_at};
use super::resource::Resource;
use super::store::{Key, str_at};
use super::{overlay, pod};

/// From switching a machine on until its kubelet works.
const BOOT_MS: u64 = 20_000;

/// What a kubelet remembers.
#[derive(Debug, Clone, Default)]
pub(super) struct Kubelet {
    pub next_lease_ms: u64,
    addresses: u16,
    /// Pods that changed since it looked.
    pub queue: BTreeSet<Key>,
    /// What it is about to do, and when.
    plans: BTreeMap<Key, (u64, Deed)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Containers start, for so many times already.
    Run(i64),
    /// Probes pass.
    Pass,
    /// Containers have ended.
    End,
}

impl World {
    /// Lets the kubelets work.
    pub(super) fn run_kubelets(&mut self) {
        for n in 0..self.hosts.len() {
            let Some((host, machine)) = self.hosts.get(n).map(|host| host.id).zip(self.machines.get(n)) else {
                return;
            };
            let kubelet = &machine.kubelet;
            let has_beat = self.now_ms >= kubelet.next_lease_ms;
            let has_plan = kubelet.plans.values().any(|(due, _)| self.now_ms >= *due);
            let is_idle = !has_beat && !has_plan && kubelet.queue.is_empty();
            if is_idle || !self.may_write(host, Component::Kubelet) || self.is_joining(host) {
                continue;
            }
            if has_beat {
                self.beat(host);
            }
            self.sync_pods(host);
        }
    }

    fn beat(&mut self, host: HostId) {
        let name = self.name_of(host).to_owned();
        let now_ms = self.now_ms;
        let node = Key::new(Resource::Nodes, "", name.clone());
        let lease = Key::new(Resource::Leases, NODE_LEASES, name.clone());
        let stored = self.store.get(&lease);
        let lasts_s = stored.and_then(|lease| number_at(lease, "/spec/leaseDurationSeconds"));
        let lasts_s = lasts_s.map_or(u64::from(self.plan.cluster.lease_s), i64::unsigned_abs);
        if let Some(machine) = self.machine_mut(host) {
            // It renews after a quarter of it.
            machine.kubelet.next_lease_ms = now_ms + lasts_s * 250;
        }
        match self.store.get(&node) {
            // Whoever deleted the Node deleted its labels with it.
            None => {
                let at = self.wall();
                self.store.remove(&lease);
                self.register_node(host, None, at);
            }
            Some(stored) if !is_ready(stored) => {
                let at = self.wall();
                self.store.change(&node, |node| {
                    read::set(node, &["status", "conditions"], fine_conditions(at, at));
                });
                let message = format!("Node {name} status is now: NodeReady");
                self.record(&node, About::normal("NodeReady", &message, "kubelet"));
            }
            Some(_) => {}
        }
        self.renew_lease(host, &lease, &name, lasts_s);
    }

    fn sync_pods(&mut self, host: HostId) {
        let now_ms = self.now_ms;
        let Some(machine) = self.machine_mut(host) else { return };
        let changed = std::mem::take(&mut machine.kubelet.queue);
        let plans = machine.kubelet.plans.iter();
        let due: Vec<(Key, Deed)> = plans
            .filter(|(_, (due, _))| now_ms >= *due)
            .map(|(key, (_, deed))| (key.clone(), *deed))
            .collect();
        for key in changed {
            self.look_at_pod(host, &key);
        }
        for (key, deed) in due {
            if let Some(machine) = self.machine_mut(host) {
                machine.kubelet.plans.remove(&key);
            }
            self.do_deed(host, &key, deed);
        }
    }

    fn look_at_pod(&mut self, host: HostId, key: &Key) {
        let plan = self
            .machine(host)
            .and_then(|machine| machine.kubelet.plans.get(key))
            .map(|(_, deed)| *deed);
        let Some(stored) = self.store.get(key).filter(|pod| !pod::is_finished(pod)) else {
            if let Some(machine) = self.machine_mut(host) {
                machine.kubelet.plans.remove(key);
            }
            return;
        };
        if is_deleting(stored) {
            if plan != Some(Deed::End) {
                self.plan(host, key, 1_000, 1_500, Deed::End);
            }
        } else if plan.is_some() {
            // It is on its way already.
        } else if str_at(stored, "/status/startTime").is_none() {
            let (at, address) = (self.wall(), self.address(host));
            let (least, more) = if is_web(stored) {
                (15_000, 20_000)
            } else {
                (1_500, 2_500)
            };
            self.store.change(key, |pod| pod::taken(pod, &address, at));
            self.plan(host, key, least, more, Deed::Run(0));
        } else if str_at(stored, "/status/phase") == Some("Pending") {
            self.plan(host, key, 1_500, 2_500, Deed::Run(0));
        } else if !is_ready(stored) {
            self.plan(host, key, 1_000, 2_000, Deed::Pass);
        }
    }

    fn plan(&mut self, host: HostId, key: &Key, least_ms: u64, more_ms: u64, deed: Deed) {
        let due = self.now_ms + least_ms + self.dice.u64(..=more_ms);
        if let Some(machine) = self.machine_mut(host) {
            machine.kubelet.plans.insert(key.clone(), (due, deed));
        }
    }

    fn do_deed(&mut self, host: HostId, key: &Key, deed: Deed) {
        let Some(stored) = self.store.get(key).cloned() else {
            return;
        };
        let at = self.wall();
        match deed {
            Deed::End => {
                if is_deleting(&stored) {
                    self.store.remove(key);
                }
            }
            Deed::Run(restarts) => {
                let address = self.pod_address(host, &stored);
                self.store
                    .change(key, |pod| pod::running(pod, &address, restarts, false, at));
                for own in list_at(&stored, "/spec/containers") {
                    let message = format!("Started container {}", str_at(own, "/name").unwrap_or_default());
                    self.record(key, About::normal("Started", &message, "kubelet"));
                }
                // NetBox's web needs two to four minutes from a cold start.
                let (least, more) = if is_web(&stored) {
                    (105_000, 100_000)
                } else {
                    (1_000, 3_000)
                };
                self.plan(host, key, least, more, Deed::Pass);
            }
            Deed::Pass => {
                self.store.change(key, |pod| pod::ready(pod, at));
            }
        }
    }

    /// A pod that runs from the first moment on.
    pub(super) fn run_at_once(&mut self, namespace: &str, name: &str, mut body: Value, host: HostId, at: Timestamp) {
        let node = self.name_of(host).to_owned();
        read::set(&mut body, &["spec", "nodeName"], node.into());
        let host_address = self.address(host);
        let address = self.pod_address(host, &body);
        pod::taken(&mut body, &host_address, at);
        pod::running(&mut body, &address, 0, true, at);
        self.make(Resource::Pods, namespace, name, body, at);
    }

    /// The next free address of those that listen, or of a host's range, or the host's own.
    fn pod_address(&mut self, host: HostId, body: &Value) -> String {
        if body.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
            return self.address(host);
        }
        if overlay::port(body).is_some() {
            return self.listening_address();
        }
        let Some(machine) = self.machine_mut(host) else {
            return String::new();
        };
        machine.kubelet.addresses = machine.kubelet.addresses % 250 + 1;
        format!("10.244.{}.{}", host.0.saturating_sub(1), machine.kubelet.addresses + 1)
    }

    /// A machine was switched on: its kubelet starts, and every container on it starts again.
    pub(super) fn booted(&mut self, host: HostId) {
        let now_ms = self.now_ms;
        let name = self.name_of(host).to_owned();
        let bound: Vec<(Key, i64, bool)> = self
            .store
            .list(Resource::Pods, None)
            .filter(|(_, pod)| pod::node(pod) == Some(&name))
            .map(|(key, pod)| {
                let restarts = number_at(pod, "/status/containerStatuses/0/restartCount").unwrap_or(0);
                (key.clone(), restarts, is_deleting(pod))
            })
            .collect();
        if let Some(machine) = self.machine_mut(host) {
            machine.kubelet.next_lease_ms = now_ms + BOOT_MS;
            machine.kubelet.plans.clear();
        }
        for (key, restarts, is_ending) in bound {
            let deed = if is_ending { Deed::End } else { Deed::Run(restarts + 1) };
            self.plan(host, &key, BOOT_MS + 1_000, 4_000, deed);
        }
    }
}

fn is_web(pod: &Value) -> bool {
    str_at(pod, "/spec/containers/0/name") == Some("netbox")
}
