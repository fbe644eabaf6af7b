//! What changed, since the console opened and before.

use crate::app::{RowId, State};
use crate::view::part::footer;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::TIMELINE`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let entries = rows.iter().filter_map(|row| {
        let RowId::Change(number) = row else { return None };
        state.timeline.entry(*number)
    });
    entries
        .map(|entry| {
            let (glyph, role) = entry.severity.map_or((Glyph::Ok, Role::Ok), footer::severity);
            let now = state.snapshot.now;
            let age = words::coarse_age(entry.age(now));
            let is_today = entry.at.wall.strftime("%F").to_string() == now.wall.strftime("%F").to_string();
            let form = if is_today { "%H:%M:%SZ" } else { "%m-%d %H:%MZ" };
            vec![
                cell(entry.at.wall.strftime(form).to_string(), Role::Dim),
                cell(age, Role::Dim),
                cell(entry.topic.word(), Role::Dim),
                cell(entry.subject.to_string(), Role::Text),
                cell(format!("{} {}", theme.glyph(glyph), entry.text), role),
            ]
        })
        .collect()
}

/// How many there are.
pub fn heading(state: &State) -> Heading {
    let own = state.timeline.own();
    let past = state.timeline.entries().count() - own;
    let mut summary = vec![("since the console opened, newest first".to_owned(), Role::Dim)];
    if own > 0 {
        summary.insert(0, (words::count(own, "change"), Role::Text));
    }
    if past > 0 {
        summary.push((format!("{past} from before"), Role::Dim));
    }
    Heading {
        title: "Timeline",
        summary,
        note: String::new(),
    }
}
