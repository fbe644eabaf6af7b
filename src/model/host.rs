//! What is known about the host that quorate runs on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use crate::base::{Stamp, Text, Why, WhyKind};

/// What k0s says on its status socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct K0sStatus {
    /// Such as `v1.37.2+k0s.0`.
    pub version: Text,
    /// `controller`, `worker`, …
    pub role: Text,
    /// Process id.
    pub pid: Option<u32>,
    /// New at every start of k0s; equals the holder of lease `k0s-ctrl-NODE`.
    pub invocation_id: Option<Text>,
    /// k0s's data directory.
    pub data_dir: Option<Text>,
}

/// One process of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Name of the executable: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, k0s.
    pub name: Text,
    /// Process id.
    pub pid: u32,
    /// When it started, by this host's clock.
    pub started: Option<Timestamp>,
    /// Whether it is stopped in its tracks (SIGSTOP, a debugger): it is there, its ports accept, and it does nothing.
    #[serde(default)]
    pub is_stopped: bool,
    /// The flags that matter, without leading dashes. Others are dropped: some hold secrets.
    pub flags: BTreeMap<Text, Text>,
}

/// k0s.yaml: what is local to this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct K0sConfig {
    /// Where it was read.
    pub path: Text,
    /// When it was written last, by this host's clock.
    #[serde(default)]
    pub changed: Option<Timestamp>,
    /// `spec.api.address`.
    pub api_address: Option<Text>,
    /// `spec.api.port`.
    pub api_port: Option<u16>,
    /// `spec.api.sans`: often names the other controllers, and is there when nothing else is.
    pub api_sans: Vec<Text>,
    /// `spec.storage.etcd.peerAddress`.
    pub peer_address: Option<Text>,
    /// `spec.api.extraArgs`, the flags that concern failover.
    pub api_args: BTreeMap<Text, Text>,
    /// `spec.controllerManager.extraArgs`, likewise.
    pub controller_manager_args: BTreeMap<Text, Text>,
}

/// One certificate file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its path.
    pub path: Text,
    /// Its subject.
    pub subject: Text,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// Names and addresses that it is good for.
    pub names: Vec<Text>,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// A path on it.
    pub path: Text,
    /// Its size.
    pub total_bytes: u64,
    /// What an ordinary process may still write.
    pub free_bytes: u64,
    /// What it lies on, or why that cannot be told.
    #[serde(default = "no_device")]
    pub device: Result<Device, Why>,
}

/// A recording of before devices were looked at.
fn no_device() -> Result<Device, Why> {
    Err(Why::new(WhyKind::NotYet, "the disk was not looked at"))
}

/// A block device: what the kernel says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name in `/sys/block`, such as `nvme0n1`.
    pub name: Text,
    /// `queue/rotational`.
    pub is_rotational: bool,
    /// Whether it is a hypervisor's disk or the volume of a storage array or RAID controller: what lies below may be anything.
    pub is_virtual: bool,
}

impl Device {
    /// Whether it is a disk that rotates; None where it cannot be told, because those who hand out volumes often leave
    /// `rotational` at 1 whatever lies below. A 0 was set on purpose.
    pub const fn rotates(&self) -> Option<bool> {
        match (self.is_rotational, self.is_virtual) {
            (false, _) => Some(false),
            (true, false) => Some(true),
            (true, true) => None,
        }
    }
}

/// The unit `k0scontroller`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// `ActiveState`, such as `active`.
    pub active_state: Text,
    /// `SubState`, such as `running`.
    pub sub_state: Text,
    /// How often systemd started it again since it was started by hand or at boot; older ones do not tell.
    #[serde(default)]
    pub restarts: Option<u32>,
    /// The last errors in its journal, newest last; each different one once.
    pub errors: Vec<JournalLine>,
}

/// An error line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// When it was written last, by this host's clock.
    pub at: Option<Timestamp>,
    /// What it says, without secrets.
    pub text: Text,
    /// How often it was found among the last lines, numbers and times in it aside.
    pub times: u32,
}

/// Pods whose containers run on this host, whatever Kubernetes knows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containers {
    /// Pod sandboxes of containerd: one shim each.
    pub sandboxes: usize,
    /// Pods that have a running process, by namespace and name; those whose name could not be found out come last.
    pub pods: Vec<RunningPod>,
}

/// A pod with a running process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunningPod {
    /// Namespace and name, as the kubelet's log directory has them.
    pub name: Option<(Text, Text)>,
    /// Its UID.
    pub uid: Text,
}

/// The wall clock moved while the time that passes did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockJump {
    /// When we noticed.
    pub at: Stamp,
    /// By how much, forward or (negative) back.
    pub by_ms: i64,
}

/// How often a process was seen to have been started anew, since quorate looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// How often.
    pub count: u32,
    /// When we saw it last.
    pub last: Stamp,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: Text,
    /// Whether the cable is in and the other side is up; None when the kernel does not say.
    pub carrier: Option<bool>,
    /// Whether it is switched on.
    pub up: bool,
    /// Nominal speed in Mbit/s.
    pub speed_mbit: Option<u32>,
}

/// The Admin Console's port where ec.yaml names none (Embedded Cluster `kinds/apis/v1beta1/runtimeconfig_types.go`).
pub const CONSOLE_PORT: u16 = 30_000;

/// Everything known about this host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Its name.
    pub name: Text,
    /// Whether quorate runs as root.
    pub is_root: bool,
    /// The Admin Console's port on every node, as ec.yaml on this host tells it; None where that tells nothing.
    #[serde(default)]
    pub console_port: Option<u16>,
    /// k0s's status socket.
    pub k0s: Option<Fact<K0sStatus>>,
    /// Processes of the control plane.
    pub processes: Option<Fact<Vec<Process>>>,
    /// k0s.yaml.
    pub config: Option<Fact<K0sConfig>>,
    /// Certificates.
    pub certificates: Option<Fact<Vec<Certificate>>>,
    /// The file system that holds etcd.
    pub disk: Option<Fact<Disk>>,
    /// The unit.
    pub unit: Option<Fact<Unit>>,
    /// Pods whose containers run here.
    #[serde(default)]
    pub containers: Option<Fact<Containers>>,
    /// Processes that we saw start anew, by name.
    #[serde(default)]
    pub restarts: BTreeMap<Text, Restarts>,
    /// The last jump of this host's clock while quorate looked. A machine that slept or was moved jumps as well.
    #[serde(default)]
    pub clock_jump: Option<ClockJump>,
    /// Interfaces other than loopback.
    pub links: Option<Fact<Vec<Link>>>,
}

impl HostFacts {
    /// The Admin Console's port on every node, or the default.
    pub fn console_port_or_default(&self) -> u16 {
        self.console_port.unwrap_or(CONSOLE_PORT)
    }

    /// The process of an executable, if it was found.
    pub fn process(&self, name: &str) -> Option<&Process> {
        let processes = &self.processes.as_ref()?.value;
        processes.iter().find(|process| process.name == *name)
    }

    /// k0s's directory, as k0s says it, or as etcd's flags or a certificate's path show it.
    pub fn k0s_dir(&self) -> Option<Text> {
        let told = self.k0s.as_ref().and_then(|fact| fact.value.data_dir.clone());
        let flag = || {
            let dir = self.process("etcd")?.flags.get("data-dir")?;
            dir.as_str().strip_suffix("/etcd").map(Text::new)
        };
        let certificate = || {
            let path = self.certificates.as_ref()?.value.first()?.path.as_str();
            path.split_once("/pki/").map(|(dir, _)| Text::new(dir))
        };
        told.or_else(flag).or_else(certificate)
    }

    /// Whether this host is certainly off the network: it has interfaces, and none of them has a carrier.
    pub fn is_unplugged(&self) -> bool {
        self.links.as_ref().is_some_and(|links| {
            !links.value.is_empty() && links.value.iter().all(|link| !link.up || link.carrier == Some(false))
        })
    }
}
