//! The machines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A machine, counted from 1 as in `nbe-1`. Controllers come first, then workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub u16);

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nbe-{}", self.0)
    }
}

/// When k0s.yaml was written on every machine, in seconds since 1970: before any world begins.
pub const CONFIGURED_S: i64 = 1_700_000_000;

/// The block device of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drive {
    /// Its name in `/sys/block`.
    pub name: &'static str,
    /// `MAJOR:MINOR`.
    pub numbers: &'static str,
    /// Whether it is a hard disk.
    pub rotates: bool,
}

impl Drive {
    /// An SSD, or a hard disk.
    pub const fn new(rotates: bool) -> Self {
        let (name, numbers) = if rotates { ("sda", "8:0") } else { ("nvme0n1", "259:0") };
        Self { name, numbers, rotates }
    }
}

/// A process on a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Component {
    K0s,
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
    Kubelet,
}

impl Component {
    /// Every component, in the order in which k0s starts them.
    pub const ALL: [Component; 6] = [
        Component::K0s,
        Component::Etcd,
        Component::KubeApiserver,
        Component::KubeControllerManager,
        Component::KubeScheduler,
        Component::Kubelet,
    ];

    /// Its process id. A process keeps its number: what tells a restart is its start time.
    pub const fn pid(self) -> u32 {
        1000 + self as u32
    }

    /// The name of its executable.
    pub const fn name(self) -> &'static str {
        match self {
            Component::K0s => "k0s",
            Component::Etcd => "etcd",
            Component::KubeApiserver => "kube-apiserver",
            Component::KubeControllerManager => "kube-controller-manager",
            Component::KubeScheduler => "kube-scheduler",
            Component::Kubelet => "kubelet",
        }
    }
}

/// How a component fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It works.
    Running,
    /// It is stopped in its tracks (SIGSTOP): its ports accept and nobody answers.
    Frozen,
    /// It does not run: its ports refuse.
    Dead,
}

/// What becomes of a packet from one host to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// It arrives.
    Open,
    /// It is lost without a word.
    Silent,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Which.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Runs a control plane, or is about to.
    pub is_controller: bool,
}
