//! Which cluster this is, for as long as it exists, and what earlier sessions on this host saw of it, as far as a judgement
//! needs it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::etcd::ClusterId;
use super::snapshot::Snapshot;
use crate::base::Text;

/// The names of a cluster that do not change. A restored etcd has a new id; what was asked of the API server stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// etcd's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<ClusterId>,
    /// The uid of the namespace `kube-system`, which lives as long as the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube: Option<Text>,
}

impl Identity {
    /// Whether anything is known of it.
    pub const fn is_known(&self) -> bool {
        self.etcd.is_some() || self.kube.is_some()
    }

    /// Whether both are the same cluster, as far as both are known.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.kube.is_some() && self.kube == other.kube) || (self.etcd.is_some() && self.etcd == other.etcd)
    }

    /// With what the other knows and this one does not.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            etcd: self.etcd.or(other.etcd),
            kube: self.kube.or_else(|| other.kube.clone()),
        }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.etcd, &self.kube) {
            (Some(id), _) => write!(f, "etcd {id}"),
            (None, Some(uid)) => write!(f, "kube-system {uid}"),
            (None, None) => f.write_str("not known"),
        }
    }
}

/// What earlier sessions saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The first moment that counts.
    pub since: Option<Timestamp>,
    /// For how long somebody watched from then on, before this session began.
    pub watched: Duration,
    /// Long pauses of kubelets' heartbeats, by node, the newest last.
    pub pauses: BTreeMap<Text, Vec<PastPause>>,
}

impl Past {
    /// Whether nothing was seen.
    pub const fn is_empty(&self) -> bool {
        self.since.is_none()
    }
}

/// A pause between two renewals of a kubelet's lease that an earlier session saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPause {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it lasted.
    pub lasted: Duration,
}

impl Snapshot {
    /// Which cluster this is, as far as that is told.
    pub fn identity(&self) -> Identity {
        let endpoint = self.kube.endpoint.as_ref();
        Identity {
            etcd: self.cluster_id(),
            kube: endpoint.and_then(|endpoint| endpoint.cluster.clone()),
        }
    }
}
