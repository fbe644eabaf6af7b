//! What a step may ask of the outside, fully resolved: whom, by every identity that is known, and what exactly.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::Text;
use crate::model::etcd::MemberId;
use crate::model::kube::KubeFacts;
use crate::model::{KubeKind, ObjectKey};

/// The kinds of object that an action may change or delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum ObjectKind {
    Node,
    Pod,
    Lease,
    Deployment,
    StatefulSet,
    DaemonSet,
    EtcdMember,
    ControlNode,
}

impl ObjectKind {
    /// The kind as Kubernetes writes it.
    pub const fn word(self) -> &'static str {
        self.feed().word()
    }

    /// The watch that tells of it.
    pub const fn feed(self) -> KubeKind {
        match self {
            ObjectKind::Node => KubeKind::Nodes,
            ObjectKind::Pod => KubeKind::Pods,
            ObjectKind::Lease => KubeKind::Leases,
            ObjectKind::Deployment => KubeKind::Deployments,
            ObjectKind::StatefulSet => KubeKind::StatefulSets,
            ObjectKind::DaemonSet => KubeKind::DaemonSets,
            ObjectKind::EtcdMember => KubeKind::EtcdMembers,
            ObjectKind::ControlNode => KubeKind::ControlNodes,
        }
    }

    /// The uid of the object that has this name now.
    pub fn uid_of<'a>(self, kube: &'a KubeFacts, key: &ObjectKey) -> Option<&'a Text> {
        match self {
            ObjectKind::Node => kube.nodes.get(key).map(|row| &row.value.uid),
            ObjectKind::Pod => kube.pods.get(key).map(|row| &row.value.uid),
            ObjectKind::Lease => kube.leases.get(key).map(|row| &row.value.uid),
            ObjectKind::Deployment => kube.deployments.get(key).map(|row| &row.value.uid),
            ObjectKind::StatefulSet => kube.stateful_sets.get(key).map(|row| &row.value.uid),
            ObjectKind::DaemonSet => kube.daemon_sets.get(key).map(|row| &row.value.uid),
            ObjectKind::EtcdMember => kube.etcd_members.get(key).map(|row| &row.value.uid),
            ObjectKind::ControlNode => kube.control_nodes.get(key).map(|row| &row.value.uid),
        }
    }
}

/// One object, pinned: a request carries the uid as precondition, so that a namesake made meanwhile is not touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub key: ObjectKey,
    /// Unique over time.
    pub uid: Text,
}

impl Target {
    /// Pins the object that has this name now.
    pub fn pin(kube: &KubeFacts, kind: ObjectKind, key: ObjectKey) -> Option<Self> {
        let uid = kind.uid_of(kube, &key)?.clone();
        Some(Self { kind, key, uid })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.key)
    }
}

/// One request to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Set labels of a Node (None takes one away): a merge patch with the uid.
    Label {
        /// Which.
        node: Target,
        /// Label to value.
        set: BTreeMap<Text, Option<Text>>,
    },
    /// Set `spec.unschedulable` of a Node.
    Cordon {
        /// Which.
        node: Target,
        /// On or off.
        on: bool,
    },
    /// Put `node.kubernetes.io/out-of-service=nodeshutdown:NoExecute` on a Node, or take it away. Leaves other taints alone.
    OutOfService {
        /// Which.
        node: Target,
        /// Put or take.
        on: bool,
    },
    /// POST an eviction: respects disruption budgets.
    Evict {
        /// The pod.
        pod: Target,
    },
    /// Delete one object, with its uid as precondition. Absent already is success.
    Delete {
        /// Which.
        target: Target,
    },
    /// `MemberRemove` by id, sent to this host's member.
    RemoveMember {
        /// Its id.
        id: MemberId,
        /// Its peer address, which must still be listed with that id right before.
        address: Text,
    },
    /// Put a unit of a host into a state, through systemd there.
    Service {
        /// The host's Node name.
        node: Text,
        /// Its address, for ssh. None: this host.
        address: Option<Text>,
        /// What to do with `k0scontroller`.
        verb: ServiceVerb,
    },
    /// Save and verify an etcd snapshot of this host's member.
    SaveSnapshot {
        /// Where to. Never overwrites.
        file: Text,
    },
    /// Copy k0s's `pki` directory of this host into a private archive.
    SavePki {
        /// Where to. Never overwrites.
        file: Text,
    },
    /// `KV.Compact` to a revision.
    Compact {
        /// The revision.
        revision: i64,
    },
    /// `Maintenance.Defragment` of a host's member, which answers on its own loopback alone.
    Defragment {
        /// The member's name, which is its host's.
        node: Text,
        /// Its host's address, for ssh. None: this host.
        address: Option<Text>,
    },
    /// Disarm all NOSPACE alarms.
    Disarm,
}

impl Action {
    /// Whether sending it twice does what sending it once does: the target is pinned and the wish is a state. A second
    /// restart or a second file is another deed.
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Action::Label { .. }
            | Action::Cordon { .. }
            | Action::OutOfService { .. }
            | Action::Evict { .. }
            | Action::Delete { .. }
            | Action::RemoveMember { .. }
            | Action::Compact { .. }
            | Action::Disarm => true,
            Action::Service { verb, .. } => matches!(verb, ServiceVerb::Start | ServiceVerb::Stop),
            Action::SaveSnapshot { .. } | Action::SavePki { .. } | Action::Defragment { .. } => false,
        }
    }

    /// Whether a person can do it elsewhere when quorate cannot: what is done on another host.
    pub const fn can_be_done_by_hand(&self) -> bool {
        matches!(
            self,
            Action::Service { .. } | Action::Defragment { address: Some(_), .. }
        )
    }
}

/// What to do with a host's `k0scontroller` unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum ServiceVerb {
    Start,
    Stop,
    Restart,
}

impl ServiceVerb {
    /// As `systemctl` has it.
    pub const fn word(self) -> &'static str {
        match self {
            ServiceVerb::Start => "start",
            ServiceVerb::Stop => "stop",
            ServiceVerb::Restart => "restart",
        }
    }
}
