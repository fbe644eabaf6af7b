//! One statement of the checklist in full: what it says, what was found, why it matters, what to do.

use super::chapter::{Chapter, Paragraph, labelled};
use super::{because, of_finding};
use crate::app::State;
use crate::app::rows::check_word;
use crate::check::{self, CheckId, Outcome, proof};
use crate::view::part::readiness;
use crate::view::theme::{Role, Theme};

pub(super) fn chapters(state: &State, theme: &Theme, id: CheckId) -> Option<Vec<Chapter>> {
    let check = check::find(id)?;
    let outcome = state.derived.report.outcome(id)?;
    let (glyph, role) = readiness::look(state, id);
    let mut rows: Vec<Paragraph> = vec![
        ("is", format!("{} {}", theme.glyph(glyph), check_word(state, id)), role),
        ("must hold", check.title.to_owned(), Role::Text),
        ("group", check.group.title().to_owned(), Role::Text),
    ];
    match outcome {
        Outcome::CannotTell { why, .. } | Outcome::NotApplicable { why } => rows.extend(because(why)),
        Outcome::Holds => {
            let lines = proof::of(id, &state.snapshot, &state.policy).into_iter();
            rows.extend(labelled(
                "evidence",
                lines.map(|line| (format!("- {line}"), Role::Text)),
            ));
        }
        Outcome::Broken { .. } => {}
    }
    let statement = check
        .statement
        .map(|text| ("document", format!("\"{text}\""), Role::Text));
    rows.extend(statement);
    rows.push(("looks at", check.looks_at.to_owned(), Role::Dim));
    rows.push(("matters", check.why.to_owned(), Role::Dim));
    rows.push(("fix", check.fix.to_owned(), Role::Accent));
    let mut chapters = Vec::new();
    if let Outcome::Broken { findings } = outcome {
        let each = findings.iter();
        chapters.extend(each.map(|finding| Chapter::of("Found", String::new(), of_finding(state, finding))));
    }
    chapters.push(Chapter::of("Statement", String::new(), rows));
    Some(chapters)
}
