//! When a headless command has seen enough. Pure: what is still awaited is a question to a snapshot.

use std::time::Duration;

use crate::base::{Stamp, WhyKind};
use crate::model::quorum::{Health, MembershipSource};
use crate::model::{FeedId, FeedState, Snapshot};

/// A source that fails is given this long to recover: another API server may take over.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether nothing more is to be expected from waiting.
pub fn is_settled(snapshot: &Snapshot, began: Stamp) -> bool {
    let waited = snapshot.now.since(began);
    let has_feeds = snapshot.feeds.len() > 1;
    has_feeds
        && snapshot
            .feeds
            .iter()
            .all(|(id, state)| feed_is_settled(*id, state, waited))
        && members_are_settled(snapshot, waited)
}

fn feed_is_settled(id: FeedId, state: &FeedState, waited: Duration) -> bool {
    match state {
        FeedState::Live { .. } | FeedState::Lagging { .. } | FeedState::Off { .. } => true,
        FeedState::Lost { why, .. } => waited >= PATIENCE || is_final(id, why.kind),
        FeedState::Syncing { .. } => false,
    }
}

/// Whether asking again soon would hardly change the answer. An API server that refuses may have a successor; a member or
/// a socket that refuses has none.
const fn is_final(id: FeedId, kind: WhyKind) -> bool {
    match kind {
        WhyKind::Refused => !matches!(id, FeedId::Api | FeedId::Kube(_)),
        WhyKind::Unauthenticated
        | WhyKind::Forbidden
        | WhyKind::NotFound
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::Disabled => true,
        WhyKind::TimedOut
        | WhyKind::Unreachable
        | WhyKind::Broken
        | WhyKind::Tls
        | WhyKind::Throttled
        | WhyKind::Unavailable
        | WhyKind::Garbage
        | WhyKind::NotYet => false,
    }
}

/// Every member was judged, unless etcd cannot be asked at all.
fn members_are_settled(snapshot: &Snapshot, waited: Duration) -> bool {
    if snapshot.etcd.no_access.is_some() || waited >= 2 * PATIENCE {
        return true;
    }
    let quorum = snapshot.quorum();
    quorum.membership.source != MembershipSource::Nobody
        && quorum.membership.source != MembershipSource::Objects
        && snapshot.etcd.linearizable.is_some()
        && quorum
            .members
            .iter()
            .all(|state| !matches!(state.health, Health::Unknown { .. }))
}
