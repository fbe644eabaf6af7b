//! The command lines of the processes, as the lab's have them.

use super::World;
use super::host::{Component, HostId};

/// Where Embedded Cluster keeps k0s's data.
pub const K0S_DIR: &str = "/var/lib/embedded-cluster/k0s";

/// Where every etcd takes clients.
const LOCAL_CLIENT: &str = "https://127.0.0.1:2379";

impl World {
    /// Where etcd of a host takes clients.
    pub(super) fn client_urls(&self, host: HostId) -> Vec<String> {
        let address = self.address(host);
        let is_open = self.plan.cluster.open_etcd.contains(&host);
        let outside = is_open.then(|| format!("https://{address}:2379"));
        std::iter::once(LOCAL_CLIENT.to_owned()).chain(outside).collect()
    }

    /// The flags that a component of a host runs with, without the leading dashes; a switch has an empty value.
    pub fn flags(&self, host: HostId, component: Component) -> Vec<(String, String)> {
        let address = self.address(host);
        let name = self.name_of(host).to_owned();
        let (grace_s, toleration_s) = self
            .machine(host)
            .map_or((0, 0), |machine| (machine.grace_s, machine.toleration_s));
        let toleration = toleration_s.to_string();
        let peer = self.peer_url(host);
        let clients = self.client_urls(host).join(",");
        let all: Vec<(&str, String)> = match component {
            Component::K0s => vec![
                ("enable-worker", String::new()),
                ("no-taints", String::new()),
                ("enable-dynamic-config", String::new()),
                ("data-dir", K0S_DIR.to_owned()),
                ("config", "/etc/k0s/k0s.yaml".to_owned()),
                ("disable-components", "konnectivity-server,update-prober".to_owned()),
            ],
            Component::Etcd => vec![
                ("name", name),
                ("data-dir", format!("{K0S_DIR}/etcd")),
                ("listen-client-urls", clients.clone()),
                ("advertise-client-urls", clients),
                ("listen-peer-urls", peer.clone()),
                ("initial-advertise-peer-urls", peer),
                ("client-cert-auth", "true".to_owned()),
                ("initial-cluster-state", "existing".to_owned()),
            ],
            Component::KubeApiserver => vec![
                ("advertise-address", address),
                ("bind-address", "0.0.0.0".to_owned()),
                ("secure-port", self.plan.network.api_port.to_string()),
                ("etcd-servers", LOCAL_CLIENT.to_owned()),
                ("default-not-ready-toleration-seconds", toleration.clone()),
                ("default-unreachable-toleration-seconds", toleration),
            ],
            Component::KubeControllerManager => vec![
                ("bind-address", "127.0.0.1".to_owned()),
                ("leader-elect", "true".to_owned()),
                ("node-monitor-grace-period", format!("{grace_s}s")),
                ("node-monitor-period", format!("{MONITOR_S}s")),
            ],
            Component::KubeScheduler => vec![
                ("bind-address", "127.0.0.1".to_owned()),
                ("leader-elect", "true".to_owned()),
            ],
            Component::Kubelet => vec![("hostname-override", name), ("node-ip", address)],
        };
        all.into_iter().map(|(flag, value)| (flag.to_owned(), value)).collect()
    }

    /// `--default-*-toleration-seconds` of a host's API server, which its admission stamps on new pods.
    pub fn default_toleration_s(&self, host: HostId) -> u32 {
        self.machine(host).map_or(300, |machine| machine.toleration_s)
    }
}

/// `--node-monitor-period`: the default.
pub(super) const MONITOR_S: u64 = 5;
