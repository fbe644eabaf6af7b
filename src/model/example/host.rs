//! What host 1 of the example tells about itself.

use std::collections::BTreeMap;

use super::{address, ago, fact, name, wall_ago};
use crate::base::Text;
use crate::model::admission::{Admission, Stamps};
use crate::model::entry::{Entry, EntryId, Presented, Probed};
use crate::model::etcd::DiskTimes;
use crate::model::feed::{FeedId, HostPart};
use crate::model::host::{
    CONSOLE_PORT, Certificate, Containers, Device, Disk, HostFacts, K0sConfig, K0sStatus, Link, Process, RunningPod,
    Unit,
};
use crate::model::kube::{ApiHealth, Checked, Tolerates};
use crate::model::reach::{HostReach, Knock, Port, Service};

const PKI: &str = "/var/lib/embedded-cluster/k0s/pki";
const DAY: u64 = 24 * 3_600;

pub(super) fn facts() -> HostFacts {
    HostFacts {
        name: name(1),
        is_root: true,
        console_port: Some(CONSOLE_PORT),
        k0s: Some(fact(FeedId::Host(HostPart::Status), 600, status())),
        processes: Some(fact(FeedId::Host(HostPart::Processes), 600, processes())),
        config: Some(fact(FeedId::Host(HostPart::Config), 600, config())),
        certificates: Some(fact(FeedId::Host(HostPart::Certificates), 600, certificates())),
        disk: Some(fact(
            FeedId::Host(HostPart::Disk),
            600,
            Disk {
                path: "/var/lib/embedded-cluster/k0s/etcd".into(),
                total_bytes: 100 << 30,
                free_bytes: 61 << 30,
                device: Ok(Device {
                    name: "nvme0n1".into(),
                    is_rotational: false,
                    is_virtual: false,
                }),
            },
        )),
        unit: Some(fact(
            FeedId::Host(HostPart::Unit),
            600,
            Unit {
                active_state: "active".into(),
                sub_state: "running".into(),
                restarts: Some(0),
                errors: Vec::new(),
            },
        )),
        containers: Some(fact(FeedId::Host(HostPart::Containers), 600, containers())),
        restarts: BTreeMap::new(),
        clock_jump: None,
        links: Some(fact(
            FeedId::Host(HostPart::Links),
            600,
            vec![Link {
                name: "eth0".into(),
                carrier: Some(true),
                up: true,
                speed_mbit: Some(10_000),
            }],
        )),
    }
}

fn status() -> K0sStatus {
    K0sStatus {
        version: "v1.37.2+k0s.0".into(),
        role: "controller".into(),
        pid: Some(912),
        invocation_id: Some(Text::new(&format!("{:032x}", 1))),
        data_dir: Some("/var/lib/embedded-cluster/k0s".into()),
    }
}

pub(super) fn processes() -> Vec<Process> {
    let process = |pid: u32, name: &str, flags: &[(&str, &str)]| Process {
        name: name.into(),
        pid,
        started: Some(wall_ago(9 * DAY)),
        is_stopped: false,
        flags: flags
            .iter()
            .map(|(flag, value)| ((*flag).into(), (*value).into()))
            .collect(),
    };
    let tolerations = [
        ("default-not-ready-toleration-seconds", "30"),
        ("default-unreachable-toleration-seconds", "30"),
    ];
    let monitor = [("node-monitor-grace-period", "20s"), ("node-monitor-period", "5s")];
    vec![
        process(912, "k0s", &[]),
        process(925, "containerd", &[]),
        process(931, "etcd", &[]),
        process(940, "kube-apiserver", &tolerations),
        process(955, "kube-scheduler", &[]),
        process(956, "kube-controller-manager", &monitor),
        process(977, "kubelet", &[]),
    ]
}

fn config() -> K0sConfig {
    let tolerations = [
        ("default-not-ready-toleration-seconds".into(), "30".into()),
        ("default-unreachable-toleration-seconds".into(), "30".into()),
    ];
    K0sConfig {
        path: "/etc/k0s/k0s.yaml".into(),
        changed: Some(wall_ago(10 * DAY)),
        api_address: Some(address(1)),
        api_sans: vec![address(1), address(2), address(3)],
        api_port: Some(6_443),
        peer_address: Some(address(1)),
        api_args: BTreeMap::from(tolerations),
        controller_manager_args: BTreeMap::new(),
    }
}

fn certificates() -> Vec<Certificate> {
    let certificate = |path: &str, subject: &str, names: Vec<Text>, days: u64| Certificate {
        path: Text::new(&format!("{PKI}/{path}")),
        subject: subject.into(),
        not_after: ago(0).plus(std::time::Duration::from_secs(days * DAY)).wall,
        names,
    };
    vec![
        certificate("ca.crt", "CN=kubernetes-ca", Vec::new(), 3_400),
        certificate("etcd/ca.crt", "CN=etcd-ca", Vec::new(), 3_400),
        certificate("etcd/peer.crt", "CN=nbe-1", vec![address(1)], 310),
        certificate("etcd/server.crt", "CN=etcd-server", vec!["127.0.0.1".into()], 310),
        certificate("apiserver-etcd-client.crt", "CN=apiserver-etcd-client", Vec::new(), 310),
        certificate("server.crt", "CN=kubernetes", vec![address(1)], 310),
    ]
}

fn containers() -> Containers {
    let pod = |namespace: &str, name: &str| RunningPod {
        name: Some((namespace.into(), name.into())),
        uid: Text::new(&format!("uid-{name}")),
    };
    Containers {
        sandboxes: 4,
        pods: vec![
            pod("kotsadm", "netbox-netbox-1"),
            pod("kotsadm", "rqlite-0"),
            pod("kube-system", "calico-node-1"),
            pod("kube-system", "kube-proxy-1"),
        ],
    }
}

pub(super) fn api_health() -> ApiHealth {
    let passed = |passed| Checked {
        passed,
        ..Checked::default()
    };
    ApiHealth {
        livez: passed(34),
        readyz: passed(36),
    }
}

pub(super) const fn disk_times() -> DiskTimes {
    DiskTimes {
        fsync_p99_us: Some(4_000),
        commit_p99_us: Some(8_000),
        fsyncs: 112,
        over_s: Some(10),
    }
}

/// How the ports of a healthy controller are reached. Its ssh was not asked: etcd answers there.
pub(super) fn reach() -> HostReach {
    let port = |service, number| {
        let at = ago(20);
        (
            service,
            Port {
                number,
                knock: Knock::Connected,
                at,
            },
        )
    };
    HostReach {
        ports: BTreeMap::from([
            port(Service::Etcd, 2_380),
            port(Service::Api, 6_443),
            port(Service::Kubelet, 10_250),
        ]),
    }
}

/// The ways in, all served: the users' name, and gateway and Admin Console on each node.
pub(super) fn entries() -> BTreeMap<EntryId, Entry> {
    let nodes = (1..=3).filter_map(|n| address(n).as_str().parse().ok());
    let ids = nodes.flat_map(|address| [EntryId::Users(address), EntryId::Console(address)]);
    let ids = ids.chain([EntryId::Balancer]);
    ids.map(|id| (id, entry(id, served()))).collect()
}

/// A way in, after one probe.
pub(super) fn entry(id: EntryId, probed: Probed) -> Entry {
    let site = "netbox.example.com";
    let (target, name, path) = match id {
        EntryId::Balancer => (format!("{site}:443"), site.to_owned(), "/login/"),
        EntryId::Users(address) => (format!("{address}:443"), site.to_owned(), "/login/"),
        EntryId::Console(address) => (format!("{address}:{CONSOLE_PORT}"), address.to_string(), "/"),
    };
    Entry::first(target.into(), name.into(), path.into(), ago(20), probed)
}

fn served() -> Probed {
    Probed {
        status: Some(200),
        took_us: Some(4_200),
        certificate: Some(Presented {
            subject: "CN=netbox.example.com".into(),
            names: vec!["netbox.example.com".into(), name(1), name(2), name(3)],
            not_after: ago(0).plus(std::time::Duration::from_secs(310 * DAY)).wall,
        }),
        why: None,
    }
}

/// Every API server gives new pods half a minute.
pub(super) fn admission() -> Admission {
    let delay = Tolerates::Seconds(30);
    let stamps = Stamps {
        unreachable: delay,
        not_ready: delay,
    };
    Admission {
        at: ago(60),
        servers: (1..=3).map(|n| (address(n), Ok(stamps))).collect(),
    }
}
