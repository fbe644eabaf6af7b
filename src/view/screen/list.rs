//! What the list screens share: a table under its heading, and the selected row in full below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::app::{RowId, State};
use crate::view::ladder::Column;
use crate::view::part::detail;
use crate::view::part::section::{self, Heading};
use crate::view::part::table::{self, Cell, Shown, Table};
use crate::view::theme::{Role, Theme};

/// The fewest lines below the table that are worth showing.
const BELOW: u16 = 5;

/// A list screen.
#[derive(Debug)]
pub struct List<'a> {
    /// What stands above it.
    pub heading: Heading,
    /// Its columns.
    pub columns: &'a [Column],
    /// Its cells.
    pub cells: &'a [Vec<Cell>],
    /// What its rows are.
    pub rows: &'a [RowId],
    /// What to say where there are none.
    pub nothing: (String, Role),
}

/// Draws the list and, below it, the selected row in full; returns what was visible and the area that is left.
pub fn render(list: &List, state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let (shown, below) = top(list, state, theme, area, buf);
    if let Some(row) = list.rows.get(state.cursor().index) {
        let heading = Heading {
            title: "Selected",
            summary: vec![(detail::title(state, row), Role::Text)],
            note: String::new(),
        };
        let lines = detail::render(state, theme, row, usize::from(below.width));
        text(heading, lines, theme, below, buf);
    }
    shown
}

/// Draws the list in the upper part of `area`; returns what was visible, and the area below.
pub fn top(list: &List, state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> (Shown, Rect) {
    let mut heading = list.heading.clone();
    let wanted = u16::try_from(list.cells.len().max(1) + 2).unwrap_or(u16::MAX);
    // Half of the area belongs to the details, where there is enough of it.
    let most = if area.height >= 2 * BELOW + 4 {
        (area.height / 2).max(area.height.saturating_sub(14))
    } else {
        area.height
    };
    let height = wanted.min(most).min(area.height);
    let upper = Rect { height, ..area };
    let cursor = state.cursor();
    let visible = usize::from(height.saturating_sub(2));
    heading.note = section::place(cursor.offset_for(visible, list.cells.len()), visible, list.cells.len());
    let inner = section::render(&heading, theme, upper, buf);
    let shown = if list.cells.is_empty() {
        let (text, role) = &list.nothing;
        Line::styled(format!("  {text}"), theme.style(*role)).render(inner.intersection(buf.area), buf);
        Shown::default()
    } else {
        let table = Table {
            columns: list.columns,
            rows: list.cells,
            selected: Some(cursor.index),
            offset: cursor.offset,
            has_header: true,
        };
        table::render(&table, theme, inner, buf)
    };
    let gap = u16::from(area.height > height + BELOW);
    let below = Rect {
        y: area.y + height + gap,
        height: area.height - height - gap,
        ..area
    };
    (shown, below)
}

/// Draws lines under a heading, if that is worth it.
pub fn text(heading: Heading, lines: Vec<Line<'static>>, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let visible = usize::from(area.height - 1);
    let hidden = lines.len().saturating_sub(visible);
    let heading = Heading {
        note: if hidden > 0 {
            format!("{hidden} more: enter")
        } else {
            heading.note
        },
        ..heading
    };
    let inner = section::render(&heading, theme, area, buf);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        line.render(Rect { y, height: 1, ..inner }, buf);
    }
}
