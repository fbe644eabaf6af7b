//! Every source, and the selected one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::feeds;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::{Glyph, Role, Theme};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: feeds::heading(state),
        columns: &ladder::FEEDS,
        above: &[],
        cells: &|rows: &[RowId]| feeds::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: (
            format!("{} no feed was asked yet", theme.glyph(Glyph::Loading)),
            Role::Dim,
        ),
        below: 6,
    };
    list::render(&list, state, theme, area, buf)
}
