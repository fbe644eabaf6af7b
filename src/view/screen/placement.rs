//! Every workload and where its replicas run, and the selected one in full: a matrix of workloads and nodes, or a list where
//! that has no room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::model::KubeKind;
use crate::view::part::matrix::Matrix;
use crate::view::part::table::Shown;
use crate::view::part::workloads;
use crate::view::screen::list::{self, List};
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, ladder};

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let nothing = fresh::nothing(theme, &fresh::kind(state, KubeKind::Deployments), "workloads");
    let mut heading = workloads::heading(state);
    let Some(matrix) = Matrix::fit(state, theme, usize::from(area.width)) else {
        let list = List {
            heading,
            columns: &ladder::WORKLOADS,
            above: &[],
            cells: &|rows: &[RowId]| workloads::render(state, theme, rows),
            rows: &rows,
            sections: &[],
            nothing,
            below: 9,
        };
        return list::render(&list, state, theme, area, buf);
    };
    heading.summary.extend(matrix.note().map(|note| (note, Role::Accent)));
    let list = List {
        heading,
        columns: &matrix.columns(theme),
        above: &matrix.above(theme),
        cells: &|rows: &[RowId]| matrix.render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing,
        below: 6,
    };
    Shown {
        nodes: matrix.sight(),
        ..list::render(&list, state, theme, area, buf)
    }
}
