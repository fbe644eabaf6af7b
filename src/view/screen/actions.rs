//! What can be done, and the runs; the selected one in full below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::table::Shown;
use crate::view::part::work;
use crate::view::screen::list::{self, List};
use crate::view::theme::{Role, Theme};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: work::heading(state),
        columns: &ladder::ACTIONS,
        above: &[],
        cells: &|rows: &[RowId]| work::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: ("- nothing can be done about it from here".to_owned(), Role::Dim),
        below: 10,
    };
    list::render(&list, state, theme, area, buf)
}
