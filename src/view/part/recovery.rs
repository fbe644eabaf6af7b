//! The recovery page as lines: what to read, what to type, what never to do.

use ratatui::text::{Line, Span};

use crate::app::State;
use crate::model::recovery::{self, Kind};
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// Columns before every line.
const INDENT: usize = 4;

/// Every line of the page, wrapped to `width`.
pub fn render(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(INDENT + 2).max(8);
    let mut lines = Vec::new();
    for section in &state.derived.recovery.sections {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(section.title.to_string(), theme.style(Role::Title)));
        lines.extend(section.lines.iter().flat_map(|line| painted(line, theme, room)));
    }
    lines
}

fn painted(line: &recovery::Line, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let text = line.text.as_str();
    let (sign, role) = match line.kind {
        Kind::Say => ("", Role::Text),
        Kind::Command => ("$ ", Role::Key),
        Kind::Never => ("- ", Role::Warning),
    };
    let inner = text.trim_start_matches(' ');
    let deeper = text.len() - inner.len();
    let rows = words::wrap(inner, room.saturating_sub(deeper).max(8));
    let last = rows.len().saturating_sub(1);
    let row = |(number, row): (usize, String)| {
        let sign = if number == 0 { sign } else { "" };
        // So that a command that takes several rows can be copied from them.
        let goes_on = if line.kind == Kind::Command && number < last {
            " \\"
        } else {
            ""
        };
        let before = INDENT + deeper - 2;
        Line::from(vec![
            Span::styled(format!("{:before$}{sign:2}", ""), theme.style(role)),
            Span::styled(format!("{row}{goes_on}"), theme.style(role)),
        ])
    };
    rows.into_iter().enumerate().map(row).collect()
}
