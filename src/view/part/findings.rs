//! What is wrong, worst first, and what could not be told.

use crate::app::rows::{finding, outcome};
use crate::app::{RowId, State};
use crate::check::{self, CheckId, Outcome, Severity};
use crate::view::part::footer;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};

/// The cells of the rows, in the order of `ladder::FINDINGS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let cells = rows.iter().filter_map(|row| match row {
        RowId::Finding(check, subject) => {
            let finding = finding(state, *check, subject)?;
            let (glyph, role) = footer::severity(finding.severity);
            Some(vec![
                cell(format!("{} {}", theme.glyph(glyph), finding.severity.word()), role),
                cell(finding.title.to_string(), Role::Text),
                cell(finding.subject.to_string(), Role::Dim),
                cell(check.name(), Role::Dim),
            ])
        }
        RowId::Untold(check) => Some(untold(state, theme, *check)),
        RowId::Node(_) | RowId::Member(_) | RowId::Workload(..) | RowId::Feed(_) => None,
    });
    cells.collect()
}

/// A check that could not tell.
fn untold(state: &State, theme: &Theme, id: CheckId) -> Vec<Cell> {
    let because = match outcome(state, id) {
        Some(Outcome::CannotTell { feed, why }) => format!(": {feed}: {}", why.text),
        Some(Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. }) | None => String::new(),
    };
    let what = check::find(id).map_or("", |check| check.title);
    vec![
        cell(format!("{} unknown", theme.glyph(Glyph::Unknown)), Role::Unknown),
        cell(format!("cannot tell{because}"), Role::Text),
        cell(what, Role::Dim),
        cell(id.name(), Role::Dim),
    ]
}

/// How many there are.
pub fn heading(state: &State) -> Heading {
    let report = &state.derived.report;
    let findings = report.findings();
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let untold = report
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::CannotTell { .. }))
        .count();
    let counts = [
        (of(Severity::Critical), "critical", Role::Critical),
        (of(Severity::Warning), "warning", Role::Warning),
        (of(Severity::Info), "info", Role::Info),
        (untold, "cannot tell", Role::Unknown),
    ];
    let summary = counts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, what, role)| (format!("{number} {what}"), role))
        .collect();
    Heading {
        title: "Findings",
        summary,
        note: String::new(),
    }
}

/// What stands in place of findings where there are none.
pub fn nothing(state: &State, theme: &Theme) -> (String, Role) {
    let outcomes = &state.derived.report.outcomes;
    let holding = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Holds)
        .count();
    if !state.filter().is_empty() {
        ("- nothing matches the filter".to_owned(), Role::Dim)
    } else if holding == 0 {
        (
            format!("{} nothing was checked yet", theme.glyph(Glyph::Loading)),
            Role::Dim,
        )
    } else {
        let checks = if holding == 1 {
            "1 check holds".to_owned()
        } else {
            format!("{holding} checks hold")
        };
        (
            format!("{} nothing is wrong: {checks}", theme.glyph(Glyph::Ok)),
            Role::Ok,
        )
    }
}
