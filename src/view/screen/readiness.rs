//! The HA document's checklist, ticked by observation, and the selected statement in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::readiness;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::{Glyph, Role, Theme};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: readiness::heading(state),
        columns: &ladder::READINESS,
        above: &[],
        cells: &|rows: &[RowId]| readiness::render(state, theme, rows),
        rows: &rows,
        nothing: (
            format!("{} nothing was checked yet", theme.glyph(Glyph::Loading)),
            Role::Dim,
        ),
        below: 14,
    };
    list::render(&list, state, theme, area, buf)
}
