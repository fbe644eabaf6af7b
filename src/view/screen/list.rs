//! What the list screens share: a table under its heading, and the selected row in full below it.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::app::{RowId, State};
use crate::view::ladder::Column;
use crate::view::part::detail;
use crate::view::part::section::{self, Heading};
use crate::view::part::table::{self, Cell, Shown, Table};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// Rows in a block: see [`part`].
const BLOCK: usize = 128;

/// A list screen.
#[allow(missing_debug_implementations)] // it holds a closure
pub struct List<'a> {
    /// What stands above it.
    pub heading: Heading,
    /// Its columns.
    pub columns: &'a [Column],
    /// Lines of headings above the titles of the columns.
    pub above: &'a [Vec<Cell>],
    /// Makes the cells of rows.
    pub cells: &'a dyn Fn(&[RowId]) -> Vec<Vec<Cell>>,
    /// What its rows are.
    pub rows: &'a [RowId],
    /// Under which heading each row stands; empty where there are no such headings.
    pub sections: &'a [&'static str],
    /// What to say where there are none.
    pub nothing: (String, Role),
    /// Lines that are kept for what stands below it, up to half of the screen.
    pub below: u16,
}

/// Draws the list and, below it, the selected row in full; returns what was visible and the area that is left.
pub fn render(list: &List, state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let (shown, below) = top(list, state, theme, area, buf);
    selected(list.rows, state, theme, below, buf);
    shown
}

/// Draws the list in the upper part of `area`; returns what was visible, and the area below.
pub fn top(list: &List, state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> (Shown, Rect) {
    let mut heading = list.heading.clone();
    let total = list.rows.len();
    let headings = 2 + list.above.len();
    let wanted = total.max(1) + headings + sections_in(list.sections, 0..total);
    let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
    let most = area.height - list.below.min(area.height / 2);
    let height = wanted.min(most).min(area.height);
    let upper = Rect { height, ..area };
    let cursor = state.cursor();
    let visible = usize::from(height).saturating_sub(headings);
    let offset = cursor.offset_for(visible, total);
    let (offset, visible) = within(list.sections, offset, cursor.index, visible);
    heading.note = section::place(offset, visible, total);
    heading.summary.extend(marked(state));
    let inner = section::render(&heading, theme, upper, buf);
    let shown = if list.rows.is_empty() {
        nothing(&list.nothing, state, theme, inner, buf);
        Shown::default()
    } else {
        let part = part(offset, visible, total);
        let rows = list.rows.get(part.clone()).unwrap_or_default();
        let table = Table {
            columns: list.columns,
            rows: &(list.cells)(rows),
            selected: cursor.index.checked_sub(part.start),
            offset: offset - part.start,
            has_header: true,
            above: list.above,
            marks: &marks(state, rows),
            sections: list.sections.get(part.clone()).unwrap_or_default(),
            sort: state.sort(),
        };
        let shown = table::render(&table, theme, inner, buf);
        Shown {
            offset: shown.offset + part.start,
            ..shown
        }
    };
    let gap = u16::from(area.height > height + list.below);
    let below = Rect {
        y: area.y + height + gap,
        height: area.height - height - gap,
        ..area
    };
    (shown, below)
}

/// How many headings stand among these rows, when the first of them has its own.
fn sections_in(sections: &[&str], rows: Range<usize>) -> usize {
    let own = sections.get(rows).unwrap_or_default();
    let changes = own.iter().zip(own.iter().skip(1)).filter(|(one, next)| one != next);
    changes.count() + usize::from(!own.is_empty())
}

/// The first row to show, close to `offset`, so that the selected one and its heading are in sight, and how many rows there
/// is room for with their headings.
fn within(sections: &[&str], offset: usize, selected: usize, lines: usize) -> (usize, usize) {
    if sections.is_empty() {
        return (offset, lines);
    }
    let fits = |from: usize, to: usize| to - from + sections_in(sections, from..to) <= lines;
    let offset = (offset..selected)
        .find(|from| fits(*from, selected + 1))
        .unwrap_or(selected);
    let shown = (offset..sections.len()).take_while(|row| fits(offset, row + 1)).count();
    (offset, shown)
}

/// The rows whose cells are made: whole blocks around the visible ones, so that columns keep their widths while the operator
/// moves by less than a block, and thousands of rows cost no more than hundreds.
pub fn part(offset: usize, visible: usize, total: usize) -> Range<usize> {
    let start = offset / BLOCK * BLOCK;
    let end = (offset + visible).div_ceil(BLOCK) * BLOCK;
    start..end.min(total)
}

/// Which of the rows are marked.
pub fn marks(state: &State, rows: &[RowId]) -> Vec<bool> {
    if state.marks.is_empty() {
        return Vec::new();
    }
    rows.iter().map(|row| state.marks.contains(row)).collect()
}

/// How many rows are marked, in words.
fn marked(state: &State) -> Option<(String, Role)> {
    let count = state.mark_count();
    (count > 0).then(|| (format!("{count} marked"), Role::Accent))
}

/// Draws what stands in place of rows where there are none.
pub fn nothing((text, role): &(String, Role), state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (text, role) = if state.filter().is_empty() {
        (text.as_str(), *role)
    } else {
        ("- no row matches the filter; esc lifts it", Role::Dim)
    };
    let room = usize::from(area.width).saturating_sub(2);
    let text = words::clip(text, room, theme.glyph(Glyph::Ellipsis));
    Line::styled(format!("  {text}"), theme.style(role)).render(area.intersection(buf.area), buf);
}

/// Draws lines under a heading, if that is worth it, and returns what is left. `all` says where all of them are.
pub fn text(heading: Heading, lines: &[Line<'static>], all: &str, theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    if area.height < 2 {
        return area;
    }
    let visible = usize::from(area.height - 1);
    let hidden = lines.len().saturating_sub(visible);
    let heading = Heading {
        note: if hidden > 0 {
            format!("{hidden} more: {all}")
        } else {
            heading.note
        },
        ..heading
    };
    let mut rest = section::render(&heading, theme, area, buf);
    for line in lines.iter().take(visible) {
        line.render(Rect { height: 1, ..rest }, buf);
        rest.y += 1;
        rest.height -= 1;
    }
    rest
}

/// Draws the selected row in full.
pub fn selected(rows: &[RowId], state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some(row) = rows.get(state.cursor().index) else {
        return;
    };
    let heading = Heading {
        title: "Selected",
        summary: vec![(detail::title(state, row), Role::Text)],
        note: String::new(),
    };
    let lines = detail::render(state, theme, row, usize::from(area.width));
    text(heading, &lines, "enter", theme, area, buf);
}
