//! What is wrong, worst first, and what could not be told.

use crate::app::rows::{self, Untold, finding};
use crate::app::{RowId, State};
use crate::check::{Outcome, Severity};
use crate::model::FeedId;
use crate::view::part::footer;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::FINDINGS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let cells = rows.iter().filter_map(|row| match row {
        RowId::Finding(check, subject) => {
            let finding = finding(state, *check, subject)?;
            let (glyph, role) = footer::severity(finding.severity);
            let (title, of_title) = match state.derived.report.acknowledgement(finding) {
                Some(_) => (format!("acknowledged: {}", finding.title), Role::Dim),
                None => (finding.title.to_string(), Role::Text),
            };
            Some(vec![
                cell(format!("{} {}", theme.glyph(glyph), finding.severity.word()), role),
                cell(title, of_title),
                cell(finding.subject.to_string(), Role::Dim),
                cell(check.name(), Role::Dim),
            ])
        }
        RowId::Untold(feed) => Some(untold(state, theme, *feed)),
        _ => None,
    });
    cells.collect()
}

/// The checks that one source keeps from telling.
fn untold(state: &State, theme: &Theme, feed: FeedId) -> Vec<Cell> {
    let checks: Vec<Untold<'_>> = rows::untold(state).filter(|untold| untold.feed == feed).collect();
    let because = checks
        .first()
        .map(|untold| words::short(untold.why))
        .unwrap_or_default();
    let source = rows::feed_name(state, feed);
    let text = format!(
        "{} cannot tell: {source}: {because}",
        words::count(checks.len(), "check")
    );
    let names: Vec<&str> = checks.iter().map(|untold| untold.check.name()).collect();
    vec![
        cell(format!("{} unknown", theme.glyph(Glyph::Unknown)), Role::Unknown),
        cell(text, Role::Text),
        cell(format!("feed/{source}"), Role::Dim),
        cell(names.join(" "), Role::Dim),
    ]
}

/// How many there are.
pub fn heading(state: &State) -> Heading {
    let report = &state.derived.report;
    let findings = report.findings();
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [
        (of(Severity::Critical), "critical", Role::Critical),
        (of(Severity::Warning), "warning", Role::Warning),
        (of(Severity::Info), "info", Role::Info),
        (rows::untold(state).count(), "cannot tell", Role::Unknown),
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
    if holding == 0 {
        (
            format!("{} nothing was checked yet", theme.glyph(Glyph::Loading)),
            Role::Dim,
        )
    } else {
        (
            format!(
                "{} nothing is wrong, by {}",
                theme.glyph(Glyph::Ok),
                words::count(holding, "check")
            ),
            Role::Ok,
        )
    }
}
