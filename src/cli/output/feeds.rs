//! The sources, as every document carries them.

use jiff::Timestamp;
use serde::Serialize;

use crate::base::Text;
use crate::model::{FeedId, FeedState, Snapshot, stored};

/// One source.
#[derive(Debug, Serialize)]
pub struct FeedDocument {
    /// Its name.
    pub id: FeedId,
    /// syncing, live, lagging, stored, lost or off. What is stored is etcd's last committed state: `as_of` says when it was
    /// read, `why` how old it is.
    pub state: &'static str,
    /// The last answer, UTC.
    pub as_of: Option<Timestamp>,
    /// The age of that answer in milliseconds.
    pub age_ms: Option<u64>,
    /// What is wrong.
    pub why: Option<Text>,
    /// What to do about it.
    pub hint: Option<Text>,
}

/// All sources of a snapshot.
pub fn feeds(snapshot: &Snapshot) -> Vec<FeedDocument> {
    snapshot
        .feeds
        .iter()
        .map(|(id, state)| document(snapshot, *id, state))
        .collect()
}

fn document(snapshot: &Snapshot, id: FeedId, state: &FeedState) -> FeedDocument {
    let as_of = state.as_of();
    FeedDocument {
        id,
        state: state.word(),
        as_of: as_of.map(|stamp| stamp.wall),
        age_ms: as_of.map(|stamp| millis(snapshot.now.since(stamp))),
        why: why(snapshot, state),
        hint: state.why().and_then(|why| why.hint.clone()),
    }
}

fn why(snapshot: &Snapshot, state: &FeedState) -> Option<Text> {
    let why = state.why().map(|why| why.text.clone());
    let FeedState::Stored { revision, written, .. } = state else {
        return why;
    };
    let stored = stored::words(*revision, *written, snapshot.now);
    Some(why.map_or_else(|| Text::new(&stored), |why| Text::from(format!("{stored}; {why}"))))
}

/// Whole milliseconds.
pub fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
