//! What a step may ask of the outside, fully resolved: whom, by every identity that is known, and what exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Text;
use crate::model::ObjectKey;
use crate::model::etcd::MemberId;

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
    /// Patch the pod template's `kubectl.kubernetes.io/restartedAt`, as `kubectl rollout restart` does.
    RolloutRestart {
        /// Which workload.
        workload: Target,
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
    /// `Maintenance.Defragment` of this host's member.
    Defragment,
    /// Disarm all NOSPACE alarms.
    Disarm,
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
