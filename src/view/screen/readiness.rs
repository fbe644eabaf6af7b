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
    // Sorted by something else, a row stands alone, and says itself to which group it belongs.
    let is_grouped = state.sort().is_none();
    let sections: Vec<&'static str> = rows.iter().filter(|_| is_grouped).map(readiness::group).collect();
    let cells = |rows: &[RowId]| {
        let mut cells = readiness::render(state, theme, rows);
        if is_grouped {
            cells
                .iter_mut()
                .filter_map(|row| row.first_mut())
                .for_each(|cell| cell.text = "".into());
        }
        cells
    };
    let list = List {
        heading: readiness::heading(state),
        columns: &ladder::READINESS,
        above: &[],
        cells: &cells,
        rows: &rows,
        sections: &sections,
        nothing: (
            format!("{} nothing was checked yet", theme.glyph(Glyph::Loading)),
            Role::Dim,
        ),
        below: 14,
    };
    list::render(&list, state, theme, area, buf)
}
