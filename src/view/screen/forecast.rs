//! What the loss of each fault domain would do, and the selected one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::forecast;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::Theme;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: forecast::heading(state),
        columns: &ladder::FORECAST,
        above: &[],
        cells: &|rows: &[RowId]| forecast::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: forecast::nothing(state, theme),
        below: 14,
    };
    list::render(&list, state, theme, area, buf)
}
