//! The tour of the demo: one line above the footer.

use ratatui::text::{Line, Span};

use crate::app::{Command, State, tour};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The step shown, in one line; None where there is no tour.
pub fn render(state: &State, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let step = tour::step(state)?;
    let next = format!("{} next  ", state.key_of(Command::Tour));
    let room = width.saturating_sub(next.len());
    let text = words::clip(&(step.text)(state), room, theme.glyph(Glyph::Ellipsis));
    Some(Line::from(vec![
        Span::styled(next, theme.style(Role::Key)),
        Span::styled(text, theme.style(Role::Accent)),
    ]))
}
