//! What the API servers give to pods that are made today: told by a dry run, which persists nothing. Plain data, and pure
//! questions to a snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kube::Tolerates;
use super::{FeedId, Snapshot};
use crate::base::{Stamp, Text, Why};

/// One round of asking every API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When they were asked.
    pub at: Stamp,
    /// What each told, by its controller's address.
    pub servers: BTreeMap<Text, Result<Stamps, Why>>,
}

/// What an API server writes into a new pod that says nothing about lost nodes (Kubernetes, `DefaultTolerationSeconds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamps {
    /// How long it stays on a silent node.
    pub unreachable: Tolerates,
    /// How long it stays on a node whose kubelet says that it is not ready.
    pub not_ready: Tolerates,
}

impl Snapshot {
    /// What each API server gives to new pods, by its node's name where one has its address, by facts that are current.
    pub fn stamps(&self) -> Option<BTreeMap<&Text, Result<Stamps, &Why>>> {
        let admission = self.kube.admission.as_ref();
        let admission = admission.filter(|_| self.feed(FeedId::Admission).is_current())?;
        let servers = admission.servers.iter().map(|(address, told)| {
            let node = self.node_at(address.as_str()).map(|node| &node.name);
            (node.unwrap_or(address), told.as_ref().copied())
        });
        Some(servers.collect())
    }
}
