//! How fresh the rows of a source are, for marking and dating them.

use crate::app::State;
use crate::model::{FeedId, FeedState, KubeKind};
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The freshness of what a feed says, or what etcd's store says in its place. A watch says nothing while nothing changes, so
/// when the API server is lost, so is what its watches say.
pub fn of(state: &State, id: FeedId) -> FeedState {
    let own = match id {
        FeedId::Kube(kind) => state.snapshot.rows_of(kind),
        _ => state.snapshot.feed(id),
    };
    if !matches!(id, FeedId::Kube(_)) || !own.is_live() {
        return own;
    }
    match state.snapshot.feed(FeedId::Api) {
        FeedState::Lost { as_of, why } => FeedState::Lost {
            as_of: as_of.or(own.as_of()),
            why,
        },
        FeedState::Live { .. }
        | FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Syncing { .. }
        | FeedState::Off { .. } => own,
    }
}

/// The freshness of a kind of object.
pub fn kind(state: &State, kind: KubeKind) -> FeedState {
    of(state, FeedId::Kube(kind))
}

/// Whether rows of this feed are shown, but are not of now.
pub const fn is_stale(feed: &FeedState) -> bool {
    match feed {
        FeedState::Lagging { .. } | FeedState::Stored { .. } | FeedState::Lost { .. } => true,
        FeedState::Live { .. } | FeedState::Syncing { .. } | FeedState::Off { .. } => false,
    }
}

/// A state in sign and word: marked where it is not of now.
pub fn mark(theme: &Theme, feed: &FeedState, glyph: Glyph, role: Role, word: &str) -> Cell {
    if is_stale(feed) {
        cell(format!("{} {word}", theme.glyph(Glyph::Stale)), Role::Stale)
    } else {
        cell(format!("{} {word}", theme.glyph(glyph)), role)
    }
}

/// The cell that dates a row; empty while it is live.
pub fn dated(state: &State, feed: &FeedState) -> Cell {
    let date = words::dated(&state.snapshot, feed).map(|date| format!("as of {date}"));
    cell(date.unwrap_or_default(), Role::Stale)
}

/// `as of 14 s ago: connection refused`, for a section's heading; empty while it is live. The whole reason stands with
/// the feed.
pub fn note(state: &State, feed: &FeedState) -> Option<(String, Role)> {
    let date = words::dated(&state.snapshot, feed)?;
    if let FeedState::Stored { revision, .. } = feed {
        return Some((
            format!("from etcd here, revision {revision}, as of {date}"),
            Role::Stale,
        ));
    }
    let why = feed
        .why()
        .map(|why| format!(": {}", words::short(why)))
        .unwrap_or_default();
    Some((format!("as of {date}{why}"), Role::Stale))
}

/// What stands in place of rows where there are none.
pub fn nothing(theme: &Theme, feed: &FeedState, what: &str) -> (String, Role) {
    let blank = words::blank(theme, feed);
    match (blank, feed.why()) {
        ("-", _) => (format!("- no {what}"), Role::Dim),
        ("n/a", Some(why)) => (format!("n/a  {why}"), Role::Unknown),
        (blank, _) => (format!("{blank} waiting for {what}"), Role::Dim),
    }
}
