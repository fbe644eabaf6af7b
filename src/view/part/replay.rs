//! Where in a recording the frame is: one line above the footer, so that nobody takes the past for the present.

use ratatui::text::Line;

use crate::app::replay::Deed;
use crate::app::{Command, State};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The line; None where the present is shown.
pub fn banner(state: &State, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let place = state.replay.as_ref()?;
    let text = words::clip(
        &place.line(state.key_of(Command::Replay(Deed::Follow))),
        width,
        theme.glyph(Glyph::Ellipsis),
    );
    // As wide as the screen, so that it cannot be overlooked.
    Some(Line::styled(format!("{text:<width$}"), theme.style(Role::Selection)))
}
