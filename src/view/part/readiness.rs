//! What must hold, statement by statement, and whether it does.

use crate::app::rows::{check_word, worst};
use crate::app::{RowId, State};
use crate::check::{self, CheckId, Outcome};
use crate::view::part::footer;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::READINESS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let cells = rows.iter().filter_map(|row| match row {
        RowId::Check(check) => Some(checked(state, theme, *check)),
        _ => None,
    });
    cells.collect()
}

/// The heading of the group to which a row belongs.
pub fn group(row: &RowId) -> &'static str {
    match row {
        RowId::Check(id) => check::find(*id).map_or("", |check| check.group.title()),
        _ => "",
    }
}

fn checked(state: &State, theme: &Theme, id: CheckId) -> Vec<Cell> {
    let (group, title) = check::find(id).map_or(("", ""), |check| (check.group.title(), check.title));
    let (glyph, role) = look(state, id);
    let of_title = if role == Role::Dim { Role::Dim } else { Role::Text };
    vec![
        cell(group, Role::Dim),
        cell(format!("{} {}", theme.glyph(glyph), check_word(state, id)), role),
        cell(title, of_title),
        cell(because(state, id), Role::Dim),
        cell(id.name(), Role::Dim),
    ]
}

/// Sign and role of what a check says.
pub fn look(state: &State, id: CheckId) -> (Glyph, Role) {
    match check_word(state, id) {
        "holds" => (Glyph::Ok, Role::Ok),
        "cannot tell" => (Glyph::Unknown, Role::Unknown),
        "not applicable" => (Glyph::Off, Role::Dim),
        "acknowledged" => (Glyph::Info, Role::Dim),
        _ => worst(state, id).map_or((Glyph::Unknown, Role::Unknown), |finding| {
            footer::severity(finding.severity)
        }),
    }
}

/// What was found, or why nothing can be.
fn because(state: &State, id: CheckId) -> String {
    match state.derived.report.outcome(id) {
        Some(Outcome::Broken { findings }) => {
            let first = worst(state, id).map_or("", |finding| finding.title.as_str());
            match findings.len() {
                0 | 1 => first.to_owned(),
                all => format!("{first} (+{})", all - 1),
            }
        }
        Some(Outcome::CannotTell { why, .. } | Outcome::NotApplicable { why }) => words::short(why).to_string(),
        Some(Outcome::Holds) | None => String::new(),
    }
}

/// How many statements hold.
pub fn heading(state: &State) -> Heading {
    let all: Vec<CheckId> = state.derived.report.outcomes.iter().map(|(id, _)| *id).collect();
    let of = |word: &str| all.iter().filter(|id| check_word(state, **id) == word).count();
    let counts = [
        (of("holds"), "hold", Role::Ok),
        (of("critical"), "critical", Role::Critical),
        (of("warning"), "warning", Role::Warning),
        (of("info"), "info", Role::Info),
        (of("acknowledged"), "acknowledged", Role::Dim),
        (of("cannot tell"), "cannot tell", Role::Unknown),
        (of("not applicable"), "not applicable", Role::Dim),
    ];
    let summary = counts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, what, role)| (format!("{number} {what}"), role))
        .collect();
    Heading {
        title: "Readiness",
        summary,
        note: String::new(),
    }
}
