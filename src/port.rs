//! The way in for facts: what any source may report, as data; [`act`] is the way out. Sources (`live`, later `sim`) send [`Observation`]s down one
//! bounded channel; `assemble` turns them into snapshots. Knows no source and no screen.

pub mod act;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::base::{Clock, Stamp, Text, Why};
use crate::model::admission::Admission;
use crate::model::entry::{EntryId, Probed};
use crate::model::etcd::{DiskTimes, LocalStatus, MemberId, MembershipView};
use crate::model::external::Told;
use crate::model::feed::HostPart;
use crate::model::host::{Certificate, Containers, Disk, K0sConfig, K0sStatus, Link, Process, Unit};
use crate::model::k0s::{ClusterConfig, ControlNode, EtcdMemberObject, Upgrade};
use crate::model::kube::{
    ApiHealth, Claim, DisruptionBudget, Endpoint, Lease, Node, Pod, ReplicaSet, Volume, Workload,
};
use crate::model::labels::Labels;
use crate::model::past::Past;
use crate::model::product::{Installation, NetBoxEnterprise};
use crate::model::reach::HostReach;
use crate::model::reach::from::FromController;
use crate::model::reach::there::FromThere;
use crate::model::{FeedId, KubeKind, ObjectKey};

/// How many observations may wait. Sources wait beyond that: a slow reader slows them down, memory stays bounded.
pub const CHANNEL_BOUND: usize = 256;

/// An observation and when it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// When the answer came.
    pub at: Stamp,
    /// What it said.
    pub what: Observation,
}

/// What a source reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// How a source fares, without a value: begun, verified, failed, off.
    Feed {
        /// Which source.
        feed: FeedId,
        /// How it fares.
        report: Report,
    },
    /// Another API server is used from now on, or the one in use told its version.
    Endpoint(Endpoint),
    /// Objects of one kind; verifies its feed.
    Kube {
        /// The endpoint's epoch; observations of an old one are dropped.
        epoch: u64,
        /// The resourceVersion at which this is so: etcd's revision. 0 where it is not known.
        revision: u64,
        /// What changed.
        event: KubeEvent,
    },
    /// Kubernetes' objects as the local etcd member keeps them; verifies its feed.
    Stored(StoredRead),
    /// `Maintenance.Status` of the local etcd member; verifies its feed.
    EtcdStatus(LocalStatus),
    /// A member list of the local etcd member, read one way or the other.
    EtcdRead {
        /// Through consensus, or the member's own copy.
        linearizable: bool,
        /// The list, or why not.
        outcome: Result<MembershipView, Why>,
    },
    /// One round of asking a member's peer port; verifies or fails its feed.
    EtcdPeer {
        /// Whom.
        id: MemberId,
        /// What came back.
        outcome: Result<PeerAnswer, Why>,
    },
    /// There is no way to ask etcd at all, and why.
    EtcdNoAccess(Why),
    /// How fast the disk under the local member is; verifies its feed.
    EtcdDisk(DiskTimes),
    /// What the API server on this host says about itself; verifies its feed.
    ApiHealth(ApiHealth),
    /// What the API servers give to new pods; verifies its feed, whatever came of it.
    Admission(Admission),
    /// The controllers whose ports are asked from now on; what was known of others is of the past.
    Neighbours(BTreeSet<IpAddr>),
    /// What came of connects to the ports of another controller; verifies its feed. Ports that were not asked this time keep
    /// what came of the last connect.
    Ports {
        /// Whose.
        address: IpAddr,
        /// What came of them.
        reach: HostReach,
    },
    /// What another controller found when it tried the ports of this one.
    FromThere {
        /// Whose ports.
        address: IpAddr,
        /// What came of it.
        look: FromThere,
    },
    /// The controllers from which is looked from now on; what was seen from others is of the past.
    Standpoints(BTreeSet<IpAddr>),
    /// What is seen from a controller; verifies its feed, whatever came of it.
    From {
        /// Which.
        address: IpAddr,
        /// What.
        look: FromController,
    },
    /// The ways in that are probed from now on; what was known of others is of the past.
    Entries(BTreeSet<EntryId>),
    /// What came of a probe of a way in; verifies its feed, whatever came of it.
    Entry {
        /// Which.
        id: EntryId,
        /// Where it was dialled: host and port.
        target: Text,
        /// The host name that it was asked for.
        name: Text,
        /// The path that it was asked for.
        path: Text,
        /// What came of it.
        probed: Probed,
    },
    /// What a service outside the cluster told, or each of its servers; verifies its feed, whatever came of it.
    External(Told),
    /// What earlier sessions on this host saw.
    Past(Past),
    /// Who we are.
    Host {
        /// This host's name.
        name: Text,
        /// Whether we are root.
        is_root: bool,
        /// The Admin Console's port, where ec.yaml here tells it.
        console_port: Option<u16>,
    },
    /// One part of what this host tells; verifies its feed.
    HostFact(HostFact),
}

/// All kinds at one revision of etcd's store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRead {
    /// The revision.
    pub revision: u64,
    /// All objects of each kind, or why they cannot be read.
    pub kinds: Vec<(KubeKind, Result<Objects, Why>)>,
}

/// How a source fares.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// It is being asked for the first time, or another server is asked from now on.
    Begun,
    /// It confirmed what it said before.
    Verified,
    /// It did not answer, or not sensibly.
    Failed(Why),
    /// It is not there.
    Off(Why),
}

/// What a peer port told in one round. What was not asked in this round is None and leaves the older value standing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerAnswer {
    /// Round trip on the open connection, in microseconds.
    pub rtt_us: u64,
    /// The member's clock minus ours.
    pub clock_skew_ms: Option<i64>,
    /// Server version.
    pub version: Option<Text>,
    /// The end of the certificate that it shows.
    pub certificate_ends: Option<Timestamp>,
    /// The member's own view of the membership.
    pub view: Option<MembershipView>,
}

/// A change of the objects of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum KubeEvent {
    /// All objects of the kind, as a list returned them: what is not among them is gone.
    Replace {
        /// The kind.
        kind: KubeKind,
        /// All of them.
        objects: Objects,
    },
    /// One object is new or changed.
    Apply(ObjectKey, Box<KubeObject>),
    /// One object is gone.
    Delete(KubeKind, ObjectKey),
}

/// Objects of one kind.
pub type Objects = Vec<(ObjectKey, KubeObject)>;

/// An object of one of the watched kinds.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum KubeObject {
    Node(Node),
    Pod(Pod),
    Lease(Lease),
    Deployment(Workload),
    ReplicaSet(ReplicaSet),
    StatefulSet(Workload),
    DaemonSet(Workload),
    Claim(Claim),
    Volume(Volume),
    DisruptionBudget(DisruptionBudget),
    EtcdMember(EtcdMemberObject),
    ControlNode(ControlNode),
    Upgrade(Upgrade),
    ClusterConfig(ClusterConfig),
    Installation(Installation),
    NetBoxEnterprise(NetBoxEnterprise),
}

impl KubeObject {
    /// The object's kind.
    pub const fn kind(&self) -> KubeKind {
        match self {
            KubeObject::Node(_) => KubeKind::Nodes,
            KubeObject::Pod(_) => KubeKind::Pods,
            KubeObject::Lease(_) => KubeKind::Leases,
            KubeObject::Deployment(_) => KubeKind::Deployments,
            KubeObject::ReplicaSet(_) => KubeKind::ReplicaSets,
            KubeObject::StatefulSet(_) => KubeKind::StatefulSets,
            KubeObject::DaemonSet(_) => KubeKind::DaemonSets,
            KubeObject::Claim(_) => KubeKind::Claims,
            KubeObject::Volume(_) => KubeKind::Volumes,
            KubeObject::DisruptionBudget(_) => KubeKind::DisruptionBudgets,
            KubeObject::EtcdMember(_) => KubeKind::EtcdMembers,
            KubeObject::ControlNode(_) => KubeKind::ControlNodes,
            KubeObject::Upgrade(_) => KubeKind::Upgrades,
            KubeObject::ClusterConfig(_) => KubeKind::ClusterConfigs,
            KubeObject::Installation(_) => KubeKind::Installations,
            KubeObject::NetBoxEnterprise(_) => KubeKind::NetBoxEnterprises,
        }
    }

    /// Its labels, where they are kept.
    pub const fn labels_mut(&mut self) -> Option<&mut Labels> {
        match self {
            KubeObject::Node(node) => Some(&mut node.labels),
            KubeObject::Pod(pod) => Some(&mut pod.labels),
            KubeObject::Deployment(own) | KubeObject::StatefulSet(own) | KubeObject::DaemonSet(own) => {
                Some(&mut own.labels)
            }
            KubeObject::Lease(_)
            | KubeObject::ReplicaSet(_)
            | KubeObject::Claim(_)
            | KubeObject::Volume(_)
            | KubeObject::DisruptionBudget(_)
            | KubeObject::EtcdMember(_)
            | KubeObject::ControlNode(_)
            | KubeObject::Upgrade(_)
            | KubeObject::ClusterConfig(_)
            | KubeObject::Installation(_)
            | KubeObject::NetBoxEnterprise(_) => None,
        }
    }
}

/// One part of what this host tells.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum HostFact {
    Status(K0sStatus),
    Processes(Vec<Process>),
    Config(K0sConfig),
    Certificates(Vec<Certificate>),
    Disk(Disk),
    Unit(Unit),
    Containers(Containers),
    Links(Vec<Link>),
}

impl HostFact {
    /// Which part it is.
    pub const fn part(&self) -> HostPart {
        match self {
            HostFact::Status(_) => HostPart::Status,
            HostFact::Processes(_) => HostPart::Processes,
            HostFact::Config(_) => HostPart::Config,
            HostFact::Certificates(_) => HostPart::Certificates,
            HostFact::Disk(_) => HostPart::Disk,
            HostFact::Unit(_) => HostPart::Unit,
            HostFact::Containers(_) => HostPart::Containers,
            HostFact::Links(_) => HostPart::Links,
        }
    }
}

/// The sending end: stamps observations and waits while the channel is full.
#[derive(Debug, Clone)]
pub struct Sink {
    sender: mpsc::Sender<Observed>,
    clock: Clock,
}

/// The reader is gone; the source should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads observations any more")]
pub struct Closed;

impl Sink {
    /// A channel for observations.
    pub fn channel(clock: Clock) -> (Self, mpsc::Receiver<Observed>) {
        let (sender, receiver) = mpsc::channel(CHANNEL_BOUND);
        (Self { sender, clock }, receiver)
    }

    /// The clock that stamps.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends an observation, stamped now.
    pub async fn send(&self, what: Observation) -> Result<(), Closed> {
        let at = self.clock.now();
        self.sender.send(Observed { at, what }).await.map_err(|_| Closed)
    }

    /// Reports how a feed fares.
    pub async fn report(&self, feed: FeedId, report: Report) -> Result<(), Closed> {
        self.send(Observation::Feed { feed, report }).await
    }
}
