//! What is dark and what to do: a text that scrolls. At 80x24 the first page holds who is needed and what must not be done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{Geometry, State};
use crate::view::part::recovery;
use crate::view::theme::Theme;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Geometry {
    let lines = recovery::render(state, theme, usize::from(area.width));
    let headline = state.derived.recovery.diagnosis.headline.to_string();
    crate::view::render_text("Recovery", &headline, &lines, state.recovery_top, theme, area, buf)
}
