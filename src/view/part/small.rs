//! For terminals too small for tables: one line per row, the state first.

use ratatui::text::{Line, Span};

use crate::app::{RowId, State};
use crate::view::part::table::Cell;
use crate::view::part::{feeds, findings, forecast, members, nodes, pods, readiness, timeline, work, workloads};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The rows, one line each.
pub fn render(state: &State, theme: &Theme, rows: &[RowId], width: usize) -> Vec<Line<'static>> {
    rows.iter().map(|row| line(state, theme, row, width)).collect()
}

fn line(state: &State, theme: &Theme, row: &RowId, width: usize) -> Line<'static> {
    let one = std::slice::from_ref(row);
    // The cells that a row cannot do without: state, then name, then date.
    let (mut cells, order): (Vec<Vec<Cell>>, &[usize]) = match row {
        RowId::Node(_) => (nodes::render(state, theme, one), &[2, 1, 3]),
        RowId::Member(_) => (members::render(state, theme, one), &[1, 0]),
        RowId::Workload(..) => (workloads::render(state, theme, one), &[1, 0, 3]),
        RowId::Pod(_) => (pods::render(state, theme, one), &[1, 0, 2, 3]),
        RowId::Finding(..) | RowId::Untold(_) => (findings::render(state, theme, one), &[0, 1]),
        RowId::Check(_) => (readiness::render(state, theme, one), &[1, 2]),
        RowId::Change(_) => (timeline::render(state, theme, one), &[0, 3, 4]),
        RowId::Loss(_) => (forecast::render(state, theme, one), &[1, 0, 2]),
        RowId::Offer(_) | RowId::Run(_) => (work::render(state, theme, one), &[1, 0]),
        RowId::Feed(_) => (feeds::render(state, theme, one), &[1, 0, 2]),
    };
    let cells = cells.pop().unwrap_or_default();
    let picked: Vec<&Cell> = order.iter().filter_map(|index| cells.get(*index)).collect();
    let mut left = width;
    let spans = picked.into_iter().filter(|cell| !cell.text.is_empty()).map(|cell| {
        let text = words::clip(&cell.text, left, theme.glyph(Glyph::Ellipsis));
        left = left.saturating_sub(text.chars().count() + 1);
        [
            Span::styled(text, theme.style(cell.role)),
            Span::styled(" ", theme.style(Role::Text)),
        ]
    });
    Line::from_iter(spans.flatten().collect::<Vec<_>>())
}
