//! Rows from etcd's store: they stand in for the API's while it is dark, give way to them, and never replace fresher ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Assembler, rows};
use crate::base::{Stamp, Why, WhyKind};
use crate::model::feed::{FeedState, History};
use crate::model::stored::{Stored, is_lit};
use crate::model::{FeedId, KubeKind, ObjectKey};
use crate::port::{KubeObject, StoredRead};

/// A renewal further ahead of our clock tells nothing about when it was made.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

impl Assembler {
    /// Takes in what was read from etcd's store, kind by kind: where the API does not tell the truth of now, and has not told
    /// of a later revision.
    pub(super) fn take_stored(&mut self, at: Stamp, read: StoredRead) {
        let picture = self.snapshot(at);
        if is_lit(&picture.feeds) {
            return;
        }
        let is_same_cluster = picture.api_is_of_this_cluster() != Some(false);
        let mut stored = Stored {
            at,
            revision: read.revision,
            written: written(at, &read),
            kinds: BTreeSet::new(),
            unread: BTreeMap::new(),
        };
        for (kind, outcome) in read.kinds {
            if picture.kind(kind).is_current() {
                continue;
            }
            let newest = self.revisions.get(&kind).copied().unwrap_or(0);
            let outcome = if is_same_cluster && newest > read.revision {
                Err(behind(read.revision, newest))
            } else {
                outcome
            };
            match outcome {
                Ok(objects) => {
                    rows::replace(&mut self.kube, at, FeedId::EtcdStore, kind, objects);
                    stored.kinds.insert(kind);
                }
                Err(why) => {
                    // What an older read brought is still on screen.
                    if picture.is_stored(kind) {
                        stored.kinds.insert(kind);
                    }
                    stored.unread.insert(kind, why);
                }
            }
        }
        self.stored_epoch = self.kube.endpoint.as_ref().map(|endpoint| endpoint.epoch);
        self.kube.stored = Some(stored);
        self.verified(at, FeedId::EtcdStore);
    }

    /// Rows become the API's again where its watch went on all the while: then it told every change since. A watch of another
    /// session begins with a list, which says so itself. What the API does not serve is gone.
    pub(super) fn relight(&mut self, now: Stamp) {
        let Some(stored) = &self.kube.stored else { return };
        let feeds = self.feeds(now);
        if !is_lit(&feeds) {
            return;
        }
        let epoch = self.kube.endpoint.as_ref().map(|endpoint| endpoint.epoch);
        let went_on = epoch == self.stored_epoch;
        for kind in stored.kinds.clone() {
            let feed = FeedId::Kube(kind);
            match feeds.get(&feed) {
                Some(FeedState::Live { .. }) if went_on => rows::retell(&mut self.kube, kind),
                Some(FeedState::Off { .. }) => rows::replace(&mut self.kube, now, feed, kind, Vec::new()),
                _ => continue,
            }
            self.not_stored(kind);
        }
        if self.kube.stored.as_ref().is_some_and(|stored| stored.kinds.is_empty()) {
            self.kube.stored = None;
        }
    }

    /// The feeds; a watch whose rows are still those of the store has yet to list, whatever an older session said.
    pub(super) fn feeds_of_rows(&self, now: Stamp) -> BTreeMap<FeedId, FeedState> {
        let mut feeds = self.feeds(now);
        if let Some(stored) = &self.kube.stored {
            for kind in &stored.kinds {
                if let Some(watch) = feeds.get_mut(&FeedId::Kube(*kind)).filter(|watch| watch.is_current()) {
                    *watch = FeedState::Syncing { since: stored.at };
                }
            }
        }
        feeds
    }

    /// The rows of a kind are no longer those of etcd's store.
    pub(super) fn not_stored(&mut self, kind: KubeKind) {
        if let Some(stored) = &mut self.kube.stored {
            stored.kinds.remove(&kind);
        }
    }

    /// How the store's feed stands: it is never live, for its answers are not of now.
    pub(super) fn store_state(&self, now: Stamp, history: &History) -> FeedState {
        let own = history.state(now, FeedId::EtcdStore.patience());
        let Some(stored) = &self.kube.stored else {
            return match own {
                FeedState::Live { .. } | FeedState::Lagging { .. } => FeedState::Off {
                    why: Why::new(WhyKind::Disabled, NOT_NEEDED),
                },
                other => other,
            };
        };
        let missing = || stored.unread.values().next().cloned();
        FeedState::Stored {
            as_of: history.last_ok.unwrap_or(stored.at),
            revision: stored.revision,
            written: stored.written,
            why: own.why().cloned().or_else(missing),
        }
    }
}

/// Why the store is not read while the API answers.
pub const NOT_NEEDED: &str = "not needed: the API server answers";

fn behind(revision: u64, newest: u64) -> Why {
    let text = format!("this member is behind: it has revision {revision}, and the API server told of {newest}");
    Why::new(WhyKind::Unavailable, text)
}

/// The newest renewal of a lease that is not of the future.
fn written(at: Stamp, read: &StoredRead) -> Option<Timestamp> {
    let leases = read.kinds.iter().filter_map(|(_, rows)| rows.as_ref().ok()).flatten();
    let renewals = leases.filter_map(|(_, object): &(ObjectKey, KubeObject)| match object {
        KubeObject::Lease(lease) => lease.renewed,
        _ => None,
    });
    let latest = at.plus(CLOCKS_DIFFER).wall;
    renewals.filter(|renewed| *renewed <= latest).max()
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
