//! Nodes by zone, and the selected one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::model::KubeKind;
use crate::view::part::nodes;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::Theme;
use crate::view::{fresh, ladder};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: nodes::heading(state, theme),
        columns: &ladder::NODES,
        above: &[],
        cells: &|rows: &[RowId]| nodes::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: fresh::nothing(theme, &fresh::kind(state, KubeKind::Nodes), "nodes"),
        below: 11,
    };
    list::render(&list, state, theme, area, buf)
}
