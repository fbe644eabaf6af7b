//! The overlay between the nodes, as far as it is seen from outside: pods that take connections at an address of their own, and
//! what becomes of packets to them. Start reading at [`World::listening_pods`].

use core::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::World;
use super::filter::Filtered;
use super::host::{HostId, Path};
use super::pod;
use super::read::{list_at, number_at};
use super::resource::Resource;
use super::store::str_at;

/// The first TCP port that a pod's containers declare.
pub(super) fn port(pod: &Value) -> Option<u16> {
    let containers = list_at(pod, "/spec/containers").iter();
    let mut ports = containers.flat_map(|own| list_at(own, "/ports"));
    let tcp = ports.find(|port| str_at(port, "/protocol").unwrap_or("TCP") == "TCP")?;
    u16::try_from(number_at(tcp, "/containerPort")?).ok()
}

impl World {
    /// Where each pod listens whose containers run, and on which host. Those of the product do: no other declares a port.
    pub fn listening_pods(&self) -> Vec<(HostId, SocketAddr)> {
        let own = |address: &IpAddr| matches!(address, IpAddr::V4(ip) if ip.octets()[..3] == self.network().pods);
        let pods = self.store.list(Resource::Pods, Some("kotsadm")).map(|(_, pod)| pod);
        let running = pods.filter(|pod| str_at(pod, "/status/phase") == Some("Running"));
        let listening = running.filter_map(|pod| {
            let address = str_at(pod, "/status/podIP")?.parse().ok().filter(own)?;
            Some((self.host_named(pod::node(pod)?)?, (address, port(pod)?).into()))
        });
        listening.collect()
    }

    /// What becomes of packets from a host to the pods on another one: those of the overlay go both ways.
    pub fn path_to_pods(&self, from: HostId, to: HostId) -> Path {
        let is_lost = |from, to| self.is_filtered(from, Some(to), Filtered::Overlay);
        if is_lost(from, to) || is_lost(to, from) {
            return Path::Silent;
        }
        self.path(from, to)
    }

    /// The next address of a pod that listens.
    pub(super) fn listening_address(&mut self) -> String {
        let [a, b, c] = self.network().pods;
        self.listening = self.listening % 254 + 1;
        format!("{a}.{b}.{c}.{}", self.listening)
    }
}
