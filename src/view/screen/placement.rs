//! Every workload and where its replicas run, and the selected one in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::app::{RowId, State, rows};
use crate::model::KubeKind;
use crate::view::fresh;
use crate::view::part::table::Shown;
use crate::view::part::workloads::{self, Places};
use crate::view::screen::list::{self, List};
use crate::view::theme::Theme;

/// What the other columns need beside those of the nodes.
const OTHERS: usize = 60;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let nodes = state.snapshot.kube.nodes.values();
    let wide: usize = nodes.map(|node| node.name.as_str().width().clamp(4, 14) + 2).sum();
    let places = if OTHERS + wide <= usize::from(area.width) {
        Places::Columns
    } else {
        Places::Words
    };
    let list = List {
        heading: workloads::heading(state),
        columns: &workloads::columns(state, theme, places),
        cells: &|rows: &[RowId]| workloads::render(state, theme, rows, places),
        rows: &rows,
        nothing: fresh::nothing(theme, &fresh::kind(state, KubeKind::Deployments), "workloads"),
        below: 9,
    };
    list::render(&list, state, theme, area, buf)
}
