//! The way out: how a run asks for things and for fresh facts. Implemented by the real sources and by a simulated world
//! that is driven without a network.

use std::future::Future;

use crate::base::{Stamp, Why};
use crate::model::Snapshot;
use crate::plan::Action;
use crate::plan::event::Sent;

/// Sends requests to the cluster and to hosts. Every call ends within its own deadline.
pub trait Act: Send {
    /// Whether we may and can do it: RBAC (`SelfSubjectAccessReview`), root, the way to the other host. Asked before a run
    /// begins; changes nothing.
    fn may(&self, action: &Action) -> impl Future<Output = Result<(), Why>> + Send;

    /// Sends it once. Never sends again by itself.
    fn send(&self, action: &Action) -> impl Future<Output = Sent> + Send;
}

/// Hands out snapshots.
pub trait Observe: Send {
    /// The next snapshot that is newer than `since`; at the latest after about a second, also when nothing changed, because
    /// [`Snapshot::now`] goes on.
    fn newer(&mut self, since: Stamp) -> impl Future<Output = Snapshot> + Send;
}
