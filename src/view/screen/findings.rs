//! Findings, worst first, and the selected one with its evidence, consequence and remedy.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::findings;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::Theme;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: findings::heading(state),
        columns: &ladder::FINDINGS,
        above: &[],
        cells: &|rows: &[RowId]| findings::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: findings::nothing(state, theme),
        below: 14,
    };
    list::render(&list, state, theme, area, buf)
}
