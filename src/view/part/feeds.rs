//! Every source and how fresh it is.

use crate::app::rows::feed_name;
use crate::app::{RowId, State};
use crate::model::{FeedId, FeedState};
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::FEEDS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let ids = rows.iter().filter_map(|row| {
        let RowId::Feed(id) = row else { return None };
        Some(*id)
    });
    ids.map(|id| {
        let feed = state.snapshot.feed(id);
        let (word, role) = words::feed(theme, &feed);
        let last = words::last_answer(&state.snapshot, &feed);
        vec![
            cell(feed_name(state, id), Role::Text),
            cell(word, role),
            last.map_or_else(|| cell("", Role::Dim), |(age, role)| cell(age, role)),
            cell(why(state, id, &feed), Role::Dim),
        ]
    })
    .collect()
}

/// In short; the watches of a lost API server have nothing to add to its reason.
fn why(state: &State, id: FeedId, feed: &FeedState) -> String {
    match feed.why() {
        Some(why) if matches!(id, FeedId::Kube(_)) && state.snapshot.feed(FeedId::Api).why() == Some(why) => {
            "as api".to_owned()
        }
        Some(why) => words::short(why).to_owned(),
        None => stored(state, feed).unwrap_or_default(),
    }
}

/// What etcd's store shows in place of the API.
fn stored(state: &State, feed: &FeedState) -> Option<String> {
    let FeedState::Stored { revision, .. } = feed else {
        return None;
    };
    let kinds = state
        .snapshot
        .kube
        .stored
        .as_ref()
        .map_or(0, |stored| stored.kinds.len());
    Some(format!(
        "revision {revision}: {} on screen",
        words::count(kinds, "kind")
    ))
}

/// How many are in which state.
pub fn heading(state: &State) -> Heading {
    let feeds = state.snapshot.feeds.values();
    let of = |word| feeds.clone().filter(|feed| feed.word() == word).count();
    let counts = [
        ("live", Role::Text),
        ("lagging", Role::Stale),
        ("stored", Role::Stale),
        ("lost", Role::Critical),
        ("syncing", Role::Dim),
        ("off", Role::Dim),
    ];
    Heading {
        title: "Feeds",
        summary: counts
            .into_iter()
            .map(|(word, role)| (of(word), word, role))
            .filter(|(number, ..)| *number > 0)
            .map(|(number, word, role)| (format!("{number} {word}"), role))
            .collect(),
        note: String::new(),
    }
}
