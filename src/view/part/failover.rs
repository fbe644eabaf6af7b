//! A lost node: where its failover stands, in a line, and step by step.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::app::State;
use crate::app::failover::{Failover, tell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

const LOST: &str = " LOST ";

/// The line below every screen, while a node is lost; of several the last one, and how many more there are.
pub fn banner(state: &State, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let open = state.failovers.open();
    let last = open.last()?;
    let more = match open.len() {
        1 => String::new(),
        some => format!("; {} more lost", some - 1),
    };
    let text = format!("{}{more}", tell::line(last, state.snapshot.now.wall));
    let room = width.saturating_sub(LOST.len() + 1);
    let text = words::clip(&text, room, theme.glyph(Glyph::Ellipsis));
    let style = theme.style(Role::Warning);
    Some(Line::from(vec![
        Span::styled(LOST, style.add_modifier(Modifier::REVERSED)),
        Span::styled(format!(" {text}"), style),
    ]))
}

/// Every step: its name, what is to be said of it, and how that looks.
pub fn story(of: &Failover, state: &State) -> Vec<(String, Role)> {
    let rows = tell::story(of, state.snapshot.now.wall).into_iter();
    rows.map(|(what, text, is_late)| {
        let role = if is_late { Role::Warning } else { Role::Text };
        (format!("{what}: {text}"), role)
    })
    .collect()
}
