//! Kubernetes' objects as the etcd member on this host keeps them: what there is while no API server answers. The last
//! committed state that this member knows, never the truth of now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::feed::KubeKind;
use super::snapshot::Snapshot;
use super::{FeedId, FeedState};
use crate::base::{Age, Stamp, Why};

/// What was read there, while rows of it are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// When we read it.
    pub at: Stamp,
    /// etcd's revision. Every row is of this one moment.
    pub revision: u64,
    /// The newest renewal of a lease in it, by its holder's clock: the cluster wrote then, and hardly later.
    pub written: Option<Timestamp>,
    /// The kinds whose rows are from there.
    pub kinds: BTreeSet<KubeKind>,
    /// The kinds of which it has nothing to show, and why.
    pub unread: BTreeMap<KubeKind, Why>,
}

impl Stored {
    /// Whose it is and how old.
    pub fn words(&self, now: Stamp) -> String {
        words(self.revision, self.written, now)
    }
}

/// `this member, revision 4711, newest heartbeat 4 min ago`.
pub fn words(revision: u64, written: Option<Timestamp>, now: Stamp) -> String {
    let age = written.map_or_else(
        || "no heartbeat in it".to_owned(),
        |written| format!("newest heartbeat {} ago", Age(now.wall_since(written))),
    );
    format!("this member, revision {revision}, {age}")
}

/// Whether the API server tells what is true now: its heartbeat says so or, where that is forbidden, its watch of nodes.
pub fn is_lit(feeds: &BTreeMap<FeedId, FeedState>) -> bool {
    let is_live = |id| feeds.get(&id).is_some_and(FeedState::is_live);
    is_live(FeedId::Api) || is_live(FeedId::Kube(KubeKind::Nodes))
}

impl Snapshot {
    /// The freshness of the rows of a kind: its watch's, or that of etcd's store where the rows are from there.
    pub fn rows_of(&self, kind: KubeKind) -> FeedState {
        if self.is_stored(kind) {
            self.feed(FeedId::EtcdStore)
        } else {
            self.kind(kind)
        }
    }

    /// Whether the rows of a kind are from etcd's store.
    pub fn is_stored(&self, kind: KubeKind) -> bool {
        self.kube
            .stored
            .as_ref()
            .is_some_and(|stored| stored.kinds.contains(&kind))
    }
}
