//! The tour of the demo: one line above the footer.

use ratatui::text::{Line, Span};

use crate::app::{State, tour};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The step shown, in one line; None where there is no tour.
pub fn render(state: &State, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let step = tour::step(state)?;
    let text = words::clip(step.text, width.saturating_sub(8), theme.glyph(Glyph::Ellipsis));
    Some(Line::from(vec![
        Span::styled("t next  ", theme.style(Role::Key)),
        Span::styled(text, theme.style(Role::Accent)),
    ]))
}
