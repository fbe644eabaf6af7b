//! The kubelets: they keep their Node and its lease fresh, and run the pods that are bound to it. A kubelet on a
//! controller talks to its own host's API server (k0s from 1.34.1 on); one on a worker to any that it reaches.

use jiff::Timestamp;
use serde_json::Value;

use super::World;
use super::host::{Component, HostId};
use super::lease::NODE_LEASES;
use super::resource::Resource;
use super::store::Key;
use super::{pod, read};

/// How often a kubelet renews its lease.
const LEASE_MS: u64 = 10_000;
/// From switching a machine on until its kubelet works.
const BOOT_MS: u64 = 20_000;
/// How long that lease lasts.
const LEASE_LASTS_S: u64 = 40;

/// What a kubelet remembers.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    pub next_lease_ms: u64,
    addresses: u16,
}

impl World {
    /// Lets the kubelets work.
    pub(super) fn run_kubelets(&mut self) {
        let due = |world: &World, host: HostId| {
            let next = world
                .machine(host)
                .map_or(u64::MAX, |machine| machine.kubelet.next_lease_ms);
            world.now_ms >= next && world.may_write(host, Component::Kubelet)
        };
        let hosts: Vec<HostId> = self
            .hosts
            .iter()
            .map(|host| host.id)
            .filter(|host| due(self, *host))
            .collect();
        for host in hosts {
            let name = self.name_of(host).to_owned();
            let key = Key::new(Resource::Leases, NODE_LEASES, name.clone());
            self.renew_lease(host, &key, &name, LEASE_LASTS_S);
            let now_ms = self.now_ms;
            if let Some(machine) = self.machine_mut(host) {
                machine.kubelet.next_lease_ms = now_ms + LEASE_MS;
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

    /// The next free address of a host's range, or the host's own.
    fn pod_address(&mut self, host: HostId, body: &Value) -> String {
        if body.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
            return self.address(host);
        }
        let Some(machine) = self.machine_mut(host) else {
            return String::new();
        };
        machine.kubelet.addresses = machine.kubelet.addresses % 250 + 1;
        format!("10.244.{}.{}", host.0.saturating_sub(1), machine.kubelet.addresses + 1)
    }

    /// A machine was switched on: its kubelet starts from nothing.
    pub(super) fn booted(&mut self, host: HostId) {
        let now_ms = self.now_ms;
        if let Some(machine) = self.machine_mut(host) {
            machine.kubelet.next_lease_ms = now_ms + BOOT_MS;
        }
    }
}
