//! Sources and their freshness. A check never passes because data is missing, so every row can be asked how old it is.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::EntryId;
use super::etcd::MemberId;
use super::external::ServiceId;
use crate::base::{Stamp, Text, Why};

/// The kinds of Kubernetes object that are watched, one feed each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KubeKind {
    /// core/v1 Node
    Nodes,
    /// core/v1 Pod
    Pods,
    /// coordination.k8s.io/v1 Lease, in kube-node-lease and kube-system
    Leases,
    /// apps/v1 Deployment
    Deployments,
    /// apps/v1 `ReplicaSet` (owners only)
    ReplicaSets,
    /// apps/v1 `StatefulSet`
    StatefulSets,
    /// apps/v1 `DaemonSet`
    DaemonSets,
    /// core/v1 `PersistentVolumeClaim`
    Claims,
    /// core/v1 `PersistentVolume`
    Volumes,
    /// policy/v1 `PodDisruptionBudget`
    DisruptionBudgets,
    /// etcd.k0sproject.io `EtcdMember`
    EtcdMembers,
    /// autopilot.k0sproject.io `ControlNode`
    ControlNodes,
    /// autopilot.k0sproject.io `Plan`
    Upgrades,
    /// k0s.k0sproject.io `ClusterConfig`
    ClusterConfigs,
    /// embeddedcluster.replicated.com Installation
    Installations,
    /// netboxlabs.com `NetBoxEnterprise`
    NetBoxEnterprises,
}

impl KubeKind {
    /// Every kind, in the order of their feeds.
    pub const ALL: [KubeKind; 16] = [
        KubeKind::Nodes,
        KubeKind::Pods,
        KubeKind::Leases,
        KubeKind::Deployments,
        KubeKind::ReplicaSets,
        KubeKind::StatefulSets,
        KubeKind::DaemonSets,
        KubeKind::Claims,
        KubeKind::Volumes,
        KubeKind::DisruptionBudgets,
        KubeKind::EtcdMembers,
        KubeKind::ControlNodes,
        KubeKind::Upgrades,
        KubeKind::ClusterConfigs,
        KubeKind::Installations,
        KubeKind::NetBoxEnterprises,
    ];

    /// The resource's plural name, as in a URL.
    pub const fn plural(self) -> &'static str {
        match self {
            KubeKind::Nodes => "nodes",
            KubeKind::Pods => "pods",
            KubeKind::Leases => "leases",
            KubeKind::Deployments => "deployments",
            KubeKind::ReplicaSets => "replicasets",
            KubeKind::StatefulSets => "statefulsets",
            KubeKind::DaemonSets => "daemonsets",
            KubeKind::Claims => "persistentvolumeclaims",
            KubeKind::Volumes => "persistentvolumes",
            KubeKind::DisruptionBudgets => "poddisruptionbudgets",
            KubeKind::EtcdMembers => "etcdmembers",
            KubeKind::ControlNodes => "controlnodes",
            KubeKind::Upgrades => "plans",
            KubeKind::ClusterConfigs => "clusterconfigs",
            KubeKind::Installations => "installations",
            KubeKind::NetBoxEnterprises => "netboxenterprises",
        }
    }

    /// The kind of one object, as Kubernetes writes it.
    pub const fn word(self) -> &'static str {
        match self {
            KubeKind::Nodes => "Node",
            KubeKind::Pods => "Pod",
            KubeKind::Leases => "Lease",
            KubeKind::Deployments => "Deployment",
            KubeKind::ReplicaSets => "ReplicaSet",
            KubeKind::StatefulSets => "StatefulSet",
            KubeKind::DaemonSets => "DaemonSet",
            KubeKind::Claims => "PersistentVolumeClaim",
            KubeKind::Volumes => "PersistentVolume",
            KubeKind::DisruptionBudgets => "PodDisruptionBudget",
            KubeKind::EtcdMembers => "EtcdMember",
            KubeKind::ControlNodes => "ControlNode",
            KubeKind::Upgrades => "Plan",
            KubeKind::ClusterConfigs => "ClusterConfig",
            KubeKind::Installations => "Installation",
            KubeKind::NetBoxEnterprises => "NetBoxEnterprise",
        }
    }

    /// The API group; empty for core.
    pub const fn group(self) -> &'static str {
        match self {
            KubeKind::Nodes | KubeKind::Pods | KubeKind::Claims | KubeKind::Volumes => "",
            KubeKind::Leases => "coordination.k8s.io",
            KubeKind::Deployments | KubeKind::ReplicaSets | KubeKind::StatefulSets | KubeKind::DaemonSets => "apps",
            KubeKind::EtcdMembers => "etcd.k0sproject.io",
            KubeKind::ControlNodes | KubeKind::Upgrades => "autopilot.k0sproject.io",
            KubeKind::DisruptionBudgets => "policy",
            KubeKind::ClusterConfigs => "k0s.k0sproject.io",
            KubeKind::Installations => "embeddedcluster.replicated.com",
            KubeKind::NetBoxEnterprises => "netboxlabs.com",
        }
    }

    /// Whether the kind comes from a custom resource definition, which may not be installed.
    pub const fn is_custom(self) -> bool {
        matches!(
            self,
            KubeKind::EtcdMembers
                | KubeKind::ControlNodes
                | KubeKind::Upgrades
                | KubeKind::ClusterConfigs
                | KubeKind::Installations
                | KubeKind::NetBoxEnterprises
        )
    }
}

/// One part of what can be learned on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostPart {
    /// k0s's status socket.
    Status,
    /// Flags of the control plane's processes, from /proc.
    Processes,
    /// k0s.yaml.
    Config,
    /// Certificates below the k0s directory.
    Certificates,
    /// Free space of the file system that holds etcd.
    Disk,
    /// State and last errors of the `k0scontroller` unit.
    Unit,
    /// Pods whose containers run here, from /proc.
    Containers,
    /// Network interfaces: carrier and addresses. Tells "it is us" from "it is they".
    Links,
}

impl HostPart {
    /// Every part.
    pub const ALL: [HostPart; 8] = [
        HostPart::Status,
        HostPart::Processes,
        HostPart::Config,
        HostPart::Certificates,
        HostPart::Disk,
        HostPart::Unit,
        HostPart::Containers,
        HostPart::Links,
    ];

    /// The part's name in a feed id.
    pub const fn name(self) -> &'static str {
        match self {
            HostPart::Status => "status",
            HostPart::Processes => "processes",
            HostPart::Config => "config",
            HostPart::Certificates => "certificates",
            HostPart::Disk => "disk",
            HostPart::Unit => "unit",
            HostPart::Containers => "containers",
            HostPart::Links => "links",
        }
    }
}

/// One source of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedId {
    /// The API server in use: a consistent read of one small object every 2 s.
    Api,
    /// The health checks of the API server on this host: `/livez` and `/readyz`.
    ApiLocal,
    /// What the API servers give to new pods, by dry runs.
    Admission,
    /// The watch of one kind.
    Kube(KubeKind),
    /// The etcd member on this host, through its client port.
    EtcdLocal,
    /// Kubernetes' objects as that member keeps them, while no API server answers.
    EtcdStore,
    /// One etcd member through its peer port.
    EtcdPeer(MemberId),
    /// How fast the disk under the etcd member on this host is, from its `/metrics`.
    EtcdDisk,
    /// One part of this host.
    Host(HostPart),
    /// The TCP ports of another controller, as they are reached from here.
    Ports(IpAddr),
    /// What is seen from a controller: which ports and servers it reaches, and what runs there.
    From(IpAddr),
    /// A way in for users or administrators.
    Entry(EntryId),
    /// A service outside the cluster that keeps NetBox's data.
    External(ServiceId),
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeedId::Api => f.pad("api"),
            FeedId::ApiLocal => f.pad("api.local"),
            FeedId::Admission => f.pad("api.admission"),
            FeedId::Kube(kind) => f.pad(&format!("kube.{}", kind.plural())),
            FeedId::EtcdLocal => f.pad("etcd.local"),
            FeedId::EtcdStore => f.pad("etcd.store"),
            FeedId::EtcdPeer(id) => f.pad(&format!("etcd.peer.{id}")),
            FeedId::EtcdDisk => f.pad("etcd.disk"),
            FeedId::Host(part) => f.pad(&format!("host.{}", part.name())),
            FeedId::Ports(address) => f.pad(&format!("ports.{address}")),
            FeedId::From(address) => f.pad(&format!("from.{address}")),
            FeedId::Entry(id) => f.pad(&format!("entry.{id}")),
            FeedId::External(id) => f.pad(&format!("external.{id}")),
        }
    }
}

impl FromStr for FeedId {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let unknown = || format!("no feed is called {raw:?}");
        match raw.split_once('.') {
            None if raw == "api" => Ok(FeedId::Api),
            Some(("kube", plural)) => KubeKind::ALL
                .into_iter()
                .find(|kind| kind.plural() == plural)
                .map(FeedId::Kube)
                .ok_or_else(unknown),
            Some(("host", name)) => HostPart::ALL
                .into_iter()
                .find(|part| part.name() == name)
                .map(FeedId::Host)
                .ok_or_else(unknown),
            Some(("api", "local")) => Ok(FeedId::ApiLocal),
            Some(("api", "admission")) => Ok(FeedId::Admission),
            Some(("ports", address)) => address.parse().map(FeedId::Ports).map_err(|_| unknown()),
            Some(("from", address)) => address.parse().map(FeedId::From).map_err(|_| unknown()),
            Some(("entry", id)) => id.parse().map(FeedId::Entry).map_err(|_| unknown()),
            Some(("external", id)) => id.parse().map(FeedId::External).map_err(|_| unknown()),
            Some(("etcd", "disk")) => Ok(FeedId::EtcdDisk),
            Some(("etcd", "local")) => Ok(FeedId::EtcdLocal),
            Some(("etcd", "store")) => Ok(FeedId::EtcdStore),
            Some(("etcd", rest)) => rest
                .strip_prefix("peer.")
                .and_then(|id| id.parse().ok())
                .map(FeedId::EtcdPeer)
                .ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }
}

impl Serialize for FeedId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FeedId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer)?
            .as_str()
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// How fresh a source is, at the snapshot's moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum FeedState {
    /// Asked, and no answer yet.
    Syncing {
        /// When we began to ask.
        since: Stamp,
    },
    /// Answers as often as it should.
    Live {
        /// The last answer.
        as_of: Stamp,
    },
    /// Answered not long ago, but the next answer is late or was an error.
    Lagging {
        /// The last answer.
        as_of: Stamp,
        /// What came instead.
        why: Option<Why>,
    },
    /// Not the truth of now, whenever it was read: the last committed state that etcd's store here has.
    Stored {
        /// When we read it.
        as_of: Stamp,
        /// etcd's revision.
        revision: u64,
        /// The newest renewal of a lease in it: the cluster wrote then, and hardly later.
        written: Option<Timestamp>,
        /// What it does not have, or why it cannot be read again.
        why: Option<Why>,
    },
    /// Does not answer.
    Lost {
        /// The last answer, if there ever was one.
        as_of: Option<Stamp>,
        /// What came instead.
        why: Why,
    },
    /// Not there by its nature: not installed, not configured.
    Off {
        /// Why it is off.
        why: Why,
    },
}

impl FeedState {
    /// The last answer.
    pub fn as_of(&self) -> Option<Stamp> {
        match self {
            FeedState::Live { as_of } | FeedState::Lagging { as_of, .. } | FeedState::Stored { as_of, .. } => {
                Some(*as_of)
            }
            FeedState::Lost { as_of, .. } => *as_of,
            FeedState::Syncing { .. } | FeedState::Off { .. } => None,
        }
    }

    /// What is wrong, where something is.
    pub fn why(&self) -> Option<&Why> {
        match self {
            FeedState::Lagging { why, .. } | FeedState::Stored { why, .. } => why.as_ref(),
            FeedState::Lost { why, .. } | FeedState::Off { why } => Some(why),
            FeedState::Syncing { .. } | FeedState::Live { .. } => None,
        }
    }

    /// The state in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            FeedState::Syncing { .. } => "syncing",
            FeedState::Live { .. } => "live",
            FeedState::Lagging { .. } => "lagging",
            FeedState::Stored { .. } => "stored",
            FeedState::Lost { .. } => "lost",
            FeedState::Off { .. } => "off",
        }
    }

    /// Whether it answers.
    pub const fn is_live(&self) -> bool {
        matches!(self, FeedState::Live { .. })
    }

    /// Whether what it said may still be used as the truth of now: live, or late by little.
    pub const fn is_current(&self) -> bool {
        matches!(self, FeedState::Live { .. } | FeedState::Lagging { .. })
    }
}

/// A source and its freshness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Which source.
    pub id: FeedId,
    /// How fresh.
    #[serde(flatten)]
    pub state: FeedState,
}

/// What a source has answered so far; turned into a [`FeedState`] for a given moment by [`History::state`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When we began to ask.
    pub since: Stamp,
    /// The last answer.
    pub last_ok: Option<Stamp>,
    /// The last failure, if it came after the last answer.
    pub failing: Option<Failing>,
    /// Set while the source is off.
    pub off: Option<Why>,
}

/// A run of failures without an answer between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first failure of the run.
    pub since: Stamp,
    /// The newest failure of the run. A refusal is news only while it is young.
    pub latest: Stamp,
    /// How many in a row.
    pub count: u32,
    /// The newest reason.
    pub why: Why,
}

/// After how long without an answer a feed lags, and is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Late.
    pub lagging_after: Duration,
    /// Gone.
    pub lost_after: Duration,
}

impl History {
    /// A source that we begin to ask now.
    pub fn begin(since: Stamp) -> Self {
        Self {
            since,
            last_ok: None,
            failing: None,
            off: None,
        }
    }

    /// Records that the asking begins anew, as of another server. What an old one failed to say is no answer of the new
    /// one; what was answered stays.
    pub fn begun(&mut self, at: Stamp) {
        if self.last_ok.is_none() {
            self.since = at;
            self.failing = None;
        }
    }

    /// Records an answer.
    pub fn ok(&mut self, at: Stamp) {
        self.last_ok = Some(at);
        self.failing = None;
        self.off = None;
    }

    /// Records a failure.
    pub fn failed(&mut self, at: Stamp, why: Why) {
        self.off = None;
        match &mut self.failing {
            Some(run) => {
                run.latest = at;
                run.count = run.count.saturating_add(1);
                run.why = why;
            }
            None => {
                self.failing = Some(Failing {
                    since: at,
                    latest: at,
                    count: 1,
                    why,
                });
            }
        }
    }

    /// Records that the source is not there.
    pub fn off(&mut self, why: Why) {
        self.failing = None;
        self.off = Some(why);
    }

    /// The freshness at `now`.
    pub fn state(&self, now: Stamp, patience: Patience) -> FeedState {
        if let Some(why) = &self.off {
            return FeedState::Off { why: why.clone() };
        }
        let Some(as_of) = self.last_ok else {
            return match &self.failing {
                Some(run) => FeedState::Lost {
                    as_of: None,
                    why: run.why.clone(),
                },
                None => FeedState::Syncing { since: self.since },
            };
        };
        let age = now.waited_since(as_of);
        let why = self.failing.as_ref().map(|run| run.why.clone());
        if age >= patience.lost_after {
            let silent = || Why::new(crate::base::WhyKind::TimedOut, "no answer");
            return FeedState::Lost {
                as_of: Some(as_of),
                why: why.unwrap_or_else(silent),
            };
        }
        if why.is_some() || age >= patience.lagging_after {
            return FeedState::Lagging { as_of, why };
        }
        FeedState::Live { as_of }
    }
}

impl FeedId {
    /// How long a silence of this source is ordinary. Api and etcd are asked every 1 to 2 s; a watch proves itself at least
    /// every 25 s (its server-side timeout); etcd's store and health checks every 5 s; host facts are read every 10 s,
    /// certificates every 10 min; ports of a controller whose etcd answers once a minute; ways in at least every 2 min;
    /// external services, API servers' admission and what is seen from controllers at least every 10 min.
    pub const fn patience(self) -> Patience {
        let (lagging, lost) = match self {
            FeedId::Api => (5, 7),
            FeedId::EtcdLocal | FeedId::EtcdPeer(_) => (3, 5),
            FeedId::EtcdStore => (10, 15),
            FeedId::Kube(_) => (35, 60),
            FeedId::Host(HostPart::Certificates) => (25 * 60, 60 * 60),
            FeedId::ApiLocal => (12, 20),
            FeedId::Host(_) | FeedId::EtcdDisk => (30, 60),
            FeedId::Ports(_) => (90, 150),
            FeedId::Entry(_) => (150, 300),
            FeedId::External(_) | FeedId::Admission | FeedId::From(_) => (11 * 60, 22 * 60),
        };
        Patience {
            lagging_after: Duration::from_secs(lagging),
            lost_after: Duration::from_secs(lost),
        }
    }
}

#[cfg(test)]
#[path = "feed/tests.rs"]
mod tests;
