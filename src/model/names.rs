//! The names in a snapshot that a document for strangers must not tell. Start reading at [`Snapshot::name`].

use super::past::Identity;
use super::{Snapshot, leader};
use crate::base::alias::Names;

impl Snapshot {
    /// Adds every name of a node, zone, region, pod, machine, member, domain and of the cluster itself. Namespaces and workloads
    /// are the product's own, the same everywhere.
    pub fn name(&self, names: &mut Names) {
        names.add("node", self.host.name.as_str());
        for node in self.kube.nodes.values() {
            names.add("node", node.name.as_str());
            node.zone.iter().for_each(|zone| names.add("zone", zone.as_str()));
            node.region
                .iter()
                .for_each(|region| names.add("region", region.as_str()));
            let machine = &node.machine;
            for id in [&machine.machine_id, &machine.system_uuid, &machine.boot_id]
                .into_iter()
                .flatten()
            {
                names.add("machine", id.as_str());
            }
        }
        for member in self.quorum().members {
            names.add("node", member.member.name.as_str());
            names.add_hex("member", &member.member.id.to_string());
        }
        for led in leader::OFFICES.iter().filter_map(|office| self.leader_of(office)) {
            names.add("node", led.host.as_str());
        }
        for (key, _) in self.kube.pods.iter() {
            names.add("pod", key.name.as_str());
        }
        self.domains(names);
        self.identity().name(names);
    }

    /// Of hosts outside, and of the names that users go to, the part after the first dot: what stands before it is a node's name,
    /// or a word.
    fn domains(&self, names: &mut Names) {
        let mut add = |host: &str| {
            let domain = host.split(['/', ':']).next().and_then(|host| host.split_once('.'));
            let is_name = |domain: &&str| domain.contains(|c: char| c.is_alphabetic());
            domain
                .map(|(_, domain)| domain)
                .filter(is_name)
                .iter()
                .for_each(|domain| names.add("domain", domain));
        };
        for entry in self.entry.values() {
            add(entry.name.as_str());
            add(entry.target.as_str());
            entry
                .last
                .certificate
                .iter()
                .flat_map(|own| &own.names)
                .for_each(|name| add(name.as_str()));
        }
        for external in self.external.values() {
            external
                .told
                .servers()
                .iter()
                .for_each(|server| add(server.target.as_str()));
        }
    }
}

impl Identity {
    /// Adds what tells this cluster from others.
    pub fn name(&self, names: &mut Names) {
        self.etcd
            .iter()
            .for_each(|id| names.add_hex("cluster", &id.to_string()));
        self.kube.iter().for_each(|uid| names.add("cluster", uid.as_str()));
    }
}
