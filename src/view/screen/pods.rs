//! All pods, or those of a node or workload, and the selected one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::model::KubeKind;
use crate::view::part::pods;
use crate::view::part::table::Shown;
use crate::view::screen::list::{self, List};
use crate::view::theme::Theme;
use crate::view::{fresh, ladder};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: pods::heading(state, &rows),
        columns: &ladder::PODS,
        above: &[],
        cells: &|rows: &[RowId]| pods::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: fresh::nothing(theme, &fresh::kind(state, KubeKind::Pods), "pods"),
        below: 8,
    };
    list::render(&list, state, theme, area, buf)
}
