//! Machines, their Nodes, and what k0s writes about its controllers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::World;
use super::super::etcd::{Etcd, Founder};
use super::super::host::{Component, Host, HostId, Run};
use super::super::lease::NODE_LEASES;
use super::super::machine::Machine;
use super::super::read::{micro, set, uid};
use super::super::resource::Resource;
use super::super::store::{Key, seconds};
use super::AGE_S;
use crate::sim::scenario::K0sFamily;

/// Ids that were seen on a real cluster; others are thrown.
const MEMBER_IDS: [u64; 3] = [0x2529_0263_8f78_db76, 0x8bdb_6a35_a3c9_3633, 0x1a0c_4a9f_e222_2d3b];

/// Conditions that a kubelet posts besides Ready, with reason and message.
const FINE: [(&str, &str, &str); 3] = [
    (
        "MemoryPressure",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    (
        "DiskPressure",
        "KubeletHasNoDiskPressure",
        "kubelet has no disk pressure",
    ),
    (
        "PIDPressure",
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
    ),
];

/// `k0s version` of a family, as its objects and kubelets tell it.
pub(in crate::sim::world) const fn k0s_version(family: K0sFamily) -> &'static str {
    match family {
        K0sFamily::UpTo134_3 => "v1.33.13+k0s.0",
        K0sFamily::From134_4 => "v1.34.9+k0s.0",
        K0sFamily::From135_5 => "v1.37.2+k0s.0",
    }
}

/// What a kubelet that is well says about its node.
pub(in crate::sim::world) fn fine_conditions(at: Timestamp, since: Timestamp) -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
               "lastHeartbeatTime": seconds(at), "lastTransitionTime": seconds(since)})
    };
    let mut all: Vec<Value> = FINE
        .iter()
        .map(|(kind, reason, message)| condition(kind, "False", reason, message))
        .collect();
    all.push(condition(
        "Ready",
        "True",
        "KubeletReady",
        "kubelet is posting ready status",
    ));
    all.into()
}

impl World {
    pub(super) fn make_machines(&mut self) {
        let controllers = u16::from(self.plan.cluster.controllers);
        let all = controllers.saturating_add(self.plan.cluster.workers).min(245);
        let mut founders = Vec::new();
        for n in 1..=all {
            let host = self.add_machine(n <= controllers, Run::Running);
            let age = AGE_S - i64::from(n) * 410;
            let joined = self.past(age);
            self.machine_started(host, joined);
            if n <= controllers {
                let id = MEMBER_IDS.get(usize::from(n) - 1).copied();
                let id = id.unwrap_or_else(|| self.dice.u64(1 << 60..));
                founders.push(Founder {
                    host,
                    name: self.name_of(host).to_owned(),
                    peer_url: self.peer_url(host),
                    client_urls: self.client_urls(host),
                    id,
                });
                self.make_k0s_objects(host, id, joined);
            }
            let zone = self.plan.cluster.zones.get(usize::from(n) - 1).cloned();
            let zone = zone.or_else(|| self.worker_zone(n));
            self.register_node(host, zone.as_deref().filter(|zone| !zone.is_empty()), joined);
            self.make_leases(host, joined);
        }
        self.etcd = Etcd::new(self.plan.cluster.etcd, &founders);
    }

    /// Workers take the controllers' zones in turn.
    fn worker_zone(&self, n: u16) -> Option<String> {
        let zones = &self.plan.cluster.zones;
        zones.get(usize::from(n - 1) % zones.len().max(1)).cloned()
    }

    /// A new machine with the next number.
    pub(in crate::sim::world) fn add_machine(&mut self, is_controller: bool, run: Run) -> HostId {
        let number = u16::try_from(self.hosts.len() + 1).unwrap_or(u16::MAX);
        let id = HostId(number);
        let mut names = (number..).map(|number| HostId(number).to_string());
        let is_free = |name: &String| !self.hosts.iter().any(|own| own.name == *name);
        self.hosts.push(Host {
            id,
            name: names.find(is_free).unwrap_or_default(),
            address: self.address(id),
            is_controller,
        });
        let invocation = self.new_invocation();
        let mut machine = Machine::new(run, self.start, invocation);
        if !is_controller && run == Run::Running {
            for component in Component::ALL {
                if !matches!(component, Component::K0s | Component::Kubelet) {
                    machine.set_run(component, Run::Dead);
                }
            }
        }
        machine.grace_s = self.plan.cluster.grace_s;
        let running = &self.plan.cluster.running_toleration_s;
        let running = running.get(usize::from(number).saturating_sub(1));
        machine.toleration_s = running.copied().unwrap_or(self.plan.cluster.toleration_s);
        // Kubelets do not renew their leases at the same moment.
        machine.kubelet.next_lease_ms = u64::from(number % 10) * 1_000;
        self.machines.push(machine);
        id
    }

    fn machine_started(&mut self, host: HostId, at: Timestamp) {
        if let Some(machine) = self.machine_mut(host) {
            for component in Component::ALL {
                if machine.run(component) == Run::Running {
                    machine.start(component, at);
                }
            }
        }
    }

    /// A kubelet registers its node, with the mirror of its static pod.
    pub(in crate::sim::world) fn register_node(&mut self, host: HostId, zone: Option<&str>, at: Timestamp) {
        let is_controller = self.controllers().any(|controller| controller == host);
        let name = self.name_of(host).to_owned();
        let mut labels = json!({
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
        });
        if is_controller {
            set(&mut labels, &["node.k0sproject.io/role"], "control-plane".into());
            set(&mut labels, &["node-role.kubernetes.io/control-plane"], "true".into());
            set(&mut labels, &["kots.io/embedded-cluster-role"], "total-1".into());
            set(&mut labels, &["kots.io/embedded-cluster-role-0"], "controller".into());
        }
        if let Some(zone) = zone {
            set(&mut labels, &["topology.kubernetes.io/zone"], zone.into());
        }
        let number = host.0;
        if let Some(region) = self.plan.cluster.regions.get(usize::from(number).wrapping_sub(1)) {
            set(&mut labels, &["topology.kubernetes.io/region"], region.as_str().into());
        }
        let machine = &self.plan.cluster.machine;
        let capacity = json!({"cpu": machine.cpus.to_string(), "memory": format!("{}Gi", machine.memory_gib), "pods": "110",
            "ephemeral-storage": format!("{}Gi", machine.disk_gib)});
        let machine_id = if machine.cloned.contains(&host) { 1 } else { number };
        // As a kubelet does: only where there is some.
        let swap = (machine.swap_gib > 0).then(|| json!({"capacity": u64::from(machine.swap_gib) << 30}));
        let cidr = format!("10.244.{}.0/24", number.saturating_sub(1));
        let node = json!({
            "metadata": {"labels": labels, "annotations": {
                "node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
            "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
            "status": {
                "capacity": capacity, "allocatable": capacity,
                "addresses": [{"type": "InternalIP", "address": self.address(host)}, {"type": "Hostname", "address": name}],
                "conditions": fine_conditions(at, at),
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10_250}},
                "nodeInfo": {
                    "kubeletVersion": self.plan.versions.k0s, "kubeProxyVersion": "",
                    "architecture": "amd64", "operatingSystem": "linux", "osImage": "Debian GNU/Linux 13 (trixie)",
                    "kernelVersion": "6.12.48", "containerRuntimeVersion": "containerd://2.2.1",
                    "machineID": format!("{machine_id:032x}"), "systemUUID": format!("00000000-0000-0000-0000-{number:012}"),
                    "bootID": self.invocation_id(host), "swap": swap},
            },
        });
        let node = self.make(Resource::Nodes, "", &name, node, at);
        self.make_static_pod(host, &node, at);
    }

    fn make_static_pod(&mut self, host: HostId, node: &Value, at: Timestamp) {
        let name = self.name_of(host).to_owned();
        let hash = format!("{:032x}", host.0);
        let template = json!({
            "metadata": {"labels": {"app.kubernetes.io/component": "nllb"}, "annotations": {
                "kubernetes.io/config.mirror": hash, "kubernetes.io/config.hash": hash, "kubernetes.io/config.source": "file"}},
            "spec": {"nodeName": name, "hostNetwork": true, "priorityClassName": "system-node-critical",
                "priority": 2_000_001_000, "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
                "containers": [{"name": "nllb", "image": "quay.io/k0sproject/envoy-distroless:v1.39.0"}]},
        });
        let owner = json!({"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid(node), "controller": true});
        let pod = super::super::pod::of_template(&template, Some(owner), 0);
        self.run_at_once("kube-system", &format!("nllb-{name}"), pod, host, at);
    }

    fn make_leases(&mut self, host: HostId, at: Timestamp) {
        let name = self.name_of(host).to_owned();
        let is_controller = self.controllers().any(|controller| controller == host);
        let now = micro(self.start);
        let node = json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": self.node_uid(&name)}]},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": self.plan.cluster.lease_s, "renewTime": now}});
        self.make(Resource::Leases, NODE_LEASES, &name, node, at);
        if is_controller {
            let own = json!({"spec": {"holderIdentity": self.invocation_id(host), "leaseDurationSeconds": 60,
                "acquireTime": micro(at), "renewTime": now, "leaseTransitions": 0}});
            self.make(Resource::Leases, NODE_LEASES, &format!("k0s-ctrl-{name}"), own, at);
        }
    }

    pub(in crate::sim::world) fn node_uid(&self, name: &str) -> String {
        let node = self.store.get(&Key::new(Resource::Nodes, "", name));
        node.map(|node| uid(node).to_owned()).unwrap_or_default()
    }

    /// `EtcdMember` and `ControlNode`, which each k0s writes about itself when it starts, and only then. k0s withdraws its
    /// own leave request by this.
    pub(in crate::sim::world) fn make_k0s_objects(&mut self, host: HostId, id: u64, at: Timestamp) {
        let name = self.name_of(host).to_owned();
        let address = self.address(host);
        let family = self.plan.cluster.k0s;
        let mut metadata = json!({});
        if family != K0sFamily::UpTo134_3 {
            metadata = json!({"labels": {"k0s.k0sproject.io/controller-lease": format!("k0s-ctrl-{name}"),
                "k0s.k0sproject.io/shutdown-on-leave": self.invocation_id(host)}});
        }
        let status = json!({"memberID": format!("{id:x}"), "peerAddress": address, "conditions": [
            {"type": "Joined", "status": "True", "message": "Member joined", "lastTransitionTime": seconds(at)}]});
        let member = json!({"metadata": metadata, "spec": {}, "status": status});
        self.write(Resource::EtcdMembers, &name, member, at);
        let control = json!({
            "metadata": {"annotations": {"autopilot.k0sproject.io/mode": "controller+worker"},
                "labels": {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
            "status": {"k0sVersion": self.plan.versions.k0s, "addresses": [
                {"address": address, "type": "InternalIP"}, {"address": name, "type": "Hostname"}]},
        });
        self.write(Resource::ControlNodes, &name, control, at);
    }

    /// Creates a cluster-scoped object, or brings the present one to the same content.
    fn write(&mut self, resource: Resource, name: &str, body: Value, at: Timestamp) {
        let key = Key::new(resource, "", name);
        if self.store.get(&key).is_none() {
            self.make(resource, "", name, body, at);
            return;
        }
        self.store.change(&key, |object| {
            for (path, pointer) in [
                (&["metadata", "labels"][..], "/metadata/labels"),
                (&["spec"][..], "/spec"),
                (&["status"][..], "/status"),
            ] {
                if let Some(value) = body.pointer(pointer) {
                    set(object, path, value.clone());
                }
            }
        });
    }
}
