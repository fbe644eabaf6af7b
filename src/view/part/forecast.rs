//! A loss in a row: what it would do to etcd, to users, and to pods.

use crate::app::memo;
use crate::app::rows::told;
use crate::app::{RowId, State};
use crate::forecast::{Outlook, QuorumAfter, tell};
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};

/// The cells of the rows, in the order of `ladder::FORECAST`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let cells = rows.iter().filter_map(|row| match row {
        RowId::Loss(domain) => Some(foretold(&told(state, domain)?.first, theme)),
        _ => None,
    });
    cells.collect()
}

fn foretold(outlook: &Outlook, theme: &Theme) -> Vec<Cell> {
    let [name, etcd, web, moves, pending, waits, unknown] = tell::columns(outlook);
    let (glyph, role) = look(outlook);
    let web_role = match outlook.web() {
        Some(web) if web.left == 0 => Role::Critical,
        _ => Role::Text,
    };
    let pending_role = if outlook.pending().next().is_some() {
        Role::Warning
    } else {
        Role::Dim
    };
    vec![
        cell(name, Role::Text),
        cell(format!("{} {etcd}", theme.glyph(glyph)), role),
        cell(web, web_role),
        cell(moves, Role::Text),
        cell(pending, pending_role),
        cell(waits, Role::Dim),
        cell(unknown, Role::Dim),
    ]
}

/// Sign and role of what becomes of etcd.
pub fn look(outlook: &Outlook) -> (Glyph, Role) {
    match &outlook.quorum {
        QuorumAfter::Held { spare: 0, .. } => (Glyph::Warning, Role::Warning),
        QuorumAfter::Held { .. } => (Glyph::Ok, Role::Ok),
        QuorumAfter::Lost { .. } => (Glyph::Critical, Role::Critical),
        QuorumAfter::CannotTell { .. } => (Glyph::Unknown, Role::Unknown),
    }
}

/// How many losses the cluster survives.
pub fn heading(state: &State) -> Heading {
    let foretold = memo::forecast(state);
    let all: Vec<&Outlook> = foretold.iter().flatten().map(|told| &told.first).collect();
    let lost = all.iter().filter(|outlook| outlook.quorum.is_lost()).count();
    let pending = all.iter().filter(|outlook| outlook.pending().next().is_some()).count();
    let counts = [
        (lost, "would stop the cluster", Role::Critical),
        (pending, "would leave pods Pending", Role::Warning),
    ];
    let counts = counts.into_iter().filter(|(number, ..)| *number > 0);
    let counts = counts.map(|(number, what, role)| (format!("{number} of {} {what}", all.len()), role));
    Heading {
        title: "Forecast",
        summary: counts.collect(),
        note: String::new(),
    }
}

/// What stands in place of rows.
pub fn nothing(state: &State, theme: &Theme) -> (String, Role) {
    match &*memo::forecast(state) {
        Err(why) => (
            format!("{} cannot tell: {}", theme.glyph(Glyph::Unknown), why.text),
            Role::Unknown,
        ),
        Ok(_) => ("- no node is known".to_owned(), Role::Dim),
    }
}
