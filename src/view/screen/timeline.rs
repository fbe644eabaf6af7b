//! What changed, since the console opened and before, and the selected change in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::table::Shown;
use crate::view::part::timeline;
use crate::view::screen::list::{self, List};
use crate::view::theme::{Role, Theme};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: timeline::heading(state),
        columns: &ladder::TIMELINE,
        above: &[],
        cells: &|rows: &[RowId]| timeline::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: ("- nothing has changed".to_owned(), Role::Dim),
        below: 5,
    };
    list::render(&list, state, theme, area, buf)
}
