//! A lost node: where its failover stands, in a line, and step by step.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::app::State;
use crate::app::failover::{Failover, tell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

const LOST: &str = " LOST ";

/// The lines below every screen, one or two, while a node is lost; of several the last one, and how many more there are.
pub fn banner(state: &State, theme: &Theme, width: usize, has_two: bool) -> Vec<Line<'static>> {
    let open = state.failovers.open();
    let Some(last) = open.last() else {
        return Vec::new();
    };
    let more = match open.len() {
        1 => String::new(),
        some => format!("; {} more lost", some - 1),
    };
    let text = format!("{}{more}", tell::line(last, state.snapshot.now.wall));
    let room = width.saturating_sub(LOST.len() + 1);
    let first = match words::wrap(&text, room).into_iter().next() {
        Some(first) if has_two => first,
        Some(_) | None => text.clone(),
    };
    let rest = text.get(first.len()..).unwrap_or_default().trim_start();
    let clip = |text: &str| words::clip(text, room, theme.glyph(Glyph::Ellipsis));
    let style = theme.style(Role::Warning);
    let mut lines = vec![Line::from(vec![
        Span::styled(LOST, style.add_modifier(Modifier::REVERSED)),
        Span::styled(format!(" {}", clip(&first)), style),
    ])];
    if !rest.is_empty() {
        lines.push(Line::styled(format!("{:1$}{2}", "", LOST.len() + 1, clip(rest)), style));
    }
    lines
}

/// Every step: its name, what is to be said of it, and how that looks.
pub fn story(of: &Failover, state: &State) -> Vec<(String, Role)> {
    let rows = tell::story(of, state.snapshot.now.wall).into_iter();
    rows.map(shown).collect()
}

/// The same of each pod that leaves.
pub fn pods(of: &Failover, state: &State) -> impl Iterator<Item = (String, Role)> {
    tell::pods(of).map(|step| shown(tell::row(of, step, state.snapshot.now.wall)))
}

fn shown((what, text, is_late): tell::Row) -> (String, Role) {
    let role = if is_late { Role::Warning } else { Role::Text };
    (format!("{what}: {text}"), role)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Policy;
    use crate::model::example::{Death, node_lost};

    fn said(width: usize, has_two: bool) -> (String, Vec<String>) {
        let snapshot = Arc::new(node_lost(Death::Silent));
        let mut state = State::new(snapshot.clone(), Policy::default());
        state.failovers.note(&snapshot, &Policy::default());
        let whole = tell::line(&state.failovers.open()[0], snapshot.now.wall);
        let lines = banner(&state, &Theme::default(), width, has_two);
        (whole, lines.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn with_room_for_two_lines_nothing_is_cut() {
        let (whole, lines) = said(60, true);
        let parts: Vec<&str> = lines.iter().map(|line| line.trim_start_matches(LOST).trim()).collect();
        assert_eq!((parts.len(), parts.join(" ")), (2, whole));
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{lines:?}");
    }

    #[test]
    fn where_one_line_is_left_it_is_marked_as_cut() {
        let (whole, lines) = said(60, false);
        assert!(lines.len() == 1 && lines[0].ends_with('…'), "{lines:?}");
        // At the usual width it fits.
        assert_eq!(said(80, true).1, [format!("{LOST} {whole}")]);
    }
}
