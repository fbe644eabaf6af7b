//! A table: columns go down the ladder, and are shortened for the sake of the first rung, until what is left fits; the selected row is marked by sign and by style.

use std::borrow::Cow;
use std::cmp::Reverse;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::app::list::scroll;
use crate::app::sort::Sort;
use crate::app::state::Sight;
use crate::view::ladder::Column;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// Columns before the first cell: the sign of the selected row.
pub const MARGIN: usize = 2;
/// Columns between cells.
pub const GAP: usize = 2;
/// Columns up to this rung are worth shortening others.
const WORTH: u8 = 1;
/// No column is made narrower than this before it is cut off by the edge.
const NARROWEST: usize = 4;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it says; empty where there is nothing to say.
    pub text: Cow<'static, str>,
    /// What it is.
    pub role: Role,
}

/// A cell.
pub fn cell(text: impl Into<Cow<'static, str>>, role: Role) -> Cell {
    Cell {
        text: text.into(),
        role,
    }
}

/// A table and where the operator is in it.
#[derive(Debug)]
pub struct Table<'a> {
    /// Its columns.
    pub columns: &'a [Column],
    /// Its rows: one cell per column.
    pub rows: &'a [Vec<Cell>],
    /// The selected row.
    pub selected: Option<usize>,
    /// The first row to show, if the selected one is visible then.
    pub offset: usize,
    /// Whether headings are shown.
    pub has_header: bool,
    /// Lines of headings above the titles: one cell per column.
    pub above: &'a [Vec<Cell>],
    /// Which rows are marked; may be shorter than the rows.
    pub marks: &'a [bool],
    /// Under which heading each row stands; empty where there are no such headings.
    pub sections: &'a [&'static str],
    /// The column that the rows are sorted by.
    pub sort: Option<&'a Sort>,
}

/// Which rows and nodes a table had room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// The first.
    pub offset: usize,
    /// How many.
    pub rows: usize,
    /// Which nodes, where each has a column.
    pub nodes: Sight,
}

/// Draws a table.
pub fn render(table: &Table, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let area = area.intersection(buf.area);
    let above = if table.has_header { table.above } else { &[] };
    let header = u16::from(table.has_header) + u16::try_from(above.len()).unwrap_or(u16::MAX);
    let header = if area.height > header { header } else { 0 };
    let visible = usize::from(area.height.saturating_sub(header));
    // Headings take lines, too: whoever gives them has reckoned with that.
    let offset = if table.sections.is_empty() {
        scroll(table.offset, table.selected.unwrap_or(0), visible, table.rows.len())
    } else {
        table.offset
    };
    let widths = fit(table, usize::from(area.width).saturating_sub(MARGIN));
    if header > 0 {
        for (y, cells) in (area.y..).zip(above) {
            line(table, cells, &widths, theme, "  ").render(Rect { y, height: 1, ..area }, buf);
        }
        let titles = Rect {
            y: area.y + header - 1,
            height: 1,
            ..area
        };
        let cells: Vec<Cell> = table
            .columns
            .iter()
            .map(|column| cell(title(table, column, theme), Role::Header))
            .collect();
        line(table, &cells, &widths, theme, "  ").render(titles, buf);
    }
    let mut y = area.y + header;
    let mut drawn = 0;
    for (index, row) in table.rows.iter().enumerate().skip(offset) {
        let section = table.sections.get(index).filter(|own| {
            let before = index.checked_sub(1).filter(|_| index > offset);
            before.and_then(|before| table.sections.get(before)) != Some(own)
        });
        if y + u16::from(section.is_some()) >= area.bottom() {
            break;
        }
        if let Some(section) = section {
            let title = Line::styled(format!("  {section}"), theme.style(Role::Title));
            title.render(Rect { y, height: 1, ..area }, buf);
            y += 1;
        }
        let area = Rect { y, height: 1, ..area };
        (y, drawn) = (y + 1, drawn + 1);
        let is_selected = table.selected == Some(index);
        let margin = match (is_selected, table.marks.get(index).copied().unwrap_or(false)) {
            (true, true) => ">*",
            (true, false) => "> ",
            (false, true) => " *",
            (false, false) => "  ",
        };
        line(table, row, &widths, theme, margin).render(area, buf);
        if is_selected {
            buf.set_style(area, theme.style(Role::Selection));
        }
    }
    Shown {
        offset,
        rows: if table.sections.is_empty() { visible } else { drawn },
        nodes: Sight::default(),
    }
}

/// A column's heading, with the direction where it is sorted by.
fn title(table: &Table, column: &Column, theme: &Theme) -> Cow<'static, str> {
    match table.sort.filter(|sort| sort.column == column.title) {
        None => column.title.clone(),
        Some(sort) => {
            let arrow = if sort.is_descending {
                Glyph::Descending
            } else {
                Glyph::Ascending
            };
            format!("{}{}", column.title, theme.glyph(arrow)).into()
        }
    }
}

fn line(table: &Table, cells: &[Cell], widths: &[usize], theme: &Theme, margin: &'static str) -> Line<'static> {
    let ellipsis = theme.glyph(Glyph::Ellipsis);
    let mut spans = vec![Span::styled(margin, theme.style(Role::Accent))];
    for ((column, cell), width) in table.columns.iter().zip(cells).zip(widths) {
        if *width == 0 {
            continue;
        }
        let text = if column.is_name {
            words::clip_middle(&cell.text, *width, ellipsis)
        } else {
            words::clip(&cell.text, *width, ellipsis)
        };
        let padding = width - text.width() + GAP;
        spans.push(Span::styled(text, theme.style(cell.role)));
        spans.push(Span::raw(" ".repeat(padding)));
    }
    Line::from(spans)
}

/// The width of every column; 0 for those that have nothing to say or no room.
fn fit(table: &Table, available: usize) -> Vec<usize> {
    let natural: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(n, _)| natural(table, n))
        .collect();
    let mut widths: Vec<usize> = table
        .columns
        .iter()
        .zip(&natural)
        .map(|(column, natural)| (*natural).min(usize::from(column.cap)))
        .collect();
    let total = |widths: &[usize]| {
        let shown = widths.iter().filter(|width| **width > 0).count();
        widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1)
    };
    while total(&widths) > available {
        let shown = table.columns.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let Some(rung) = shown.map(|(column, _)| column.rung).max() else {
            break;
        };
        if rung <= WORTH
            && let Some(short) = shortened(table.columns, &widths, total(&widths) - available)
        {
            widths = short;
        } else if rung > 0 {
            let mut shown = table.columns.iter().zip(&mut widths).filter(|(_, width)| **width > 0);
            if let Some((_, last)) = shown.rfind(|(column, _)| column.rung == rung) {
                *last = 0;
            }
        } else {
            break;
        }
    }
    while total(&widths) > available {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) | None => break,
        }
    }
    // What is left goes to columns that had to stop at their cap.
    let mut left = available.saturating_sub(total(&widths));
    for (width, natural) in widths.iter_mut().zip(&natural).filter(|(width, _)| **width > 0) {
        let more = natural.saturating_sub(*width).min(left);
        *width += more;
        left -= more;
    }
    widths
}

/// The widths with `over` taken off, from what may be shortened and stays to the end first; None where that does not suffice.
fn shortened(columns: &[Column], widths: &[usize], over: usize) -> Option<Vec<usize>> {
    let spare = |column: &Column, width: usize| width.saturating_sub(usize::from(column.least));
    let mut widths = widths.to_vec();
    for _ in 0..over {
        let candidates = columns.iter().zip(&mut widths);
        let (_, width) = candidates
            .filter(|(column, width)| spare(column, **width) > 0)
            .max_by_key(|(column, width)| (Reverse(column.rung), spare(column, **width)))?;
        *width -= 1;
    }
    Some(widths)
}

/// The width that a column would like; 0 if all its cells are empty.
fn natural(table: &Table, number: usize) -> usize {
    let widest = |rows: &[Vec<Cell>]| {
        let cells = rows.iter().filter_map(|row| row.get(number));
        cells.map(|cell| cell.text.width()).max().unwrap_or(0)
    };
    let above = widest(table.above);
    let widest = widest(table.rows);
    match table.columns.get(number) {
        Some(column) if (widest > 0 || column.stays) && table.has_header => {
            let arrow = usize::from(table.sort.is_some_and(|sort| sort.column == column.title));
            widest.max(above).max(column.title.width() + arrow)
        }
        Some(column) if column.needs_heading => 0,
        Some(_) | None => widest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::ladder;

    fn widths(columns: &[Column], cells: &[&'static str], available: usize) -> Vec<usize> {
        assert_eq!(columns.len(), cells.len());
        let row: Vec<Cell> = cells.iter().map(|text| cell(*text, Role::Text)).collect();
        let table = Table {
            columns,
            rows: &[row],
            selected: None,
            offset: 0,
            has_header: true,
            above: &[],
            marks: &[],
            sections: &[],
            sort: None,
        };
        fit(&table, available)
    }

    fn pod(available: usize) -> Vec<usize> {
        let pod = "netbox-netbox-reconciler-st86crnsbd-6qtsb";
        let state = "Unschedulable: 0/3 nodes are available";
        widths(
            &ladder::PODS,
            &[pod, "▲ not ready", state, "", "0", "2 min", "nbe-3", "300 s", "ns"],
            available,
        )
    }

    #[test]
    fn long_texts_are_shortened_before_the_node_goes() {
        assert_eq!(pod(78), [32, 11, 24, 0, 0, 0, 5, 0, 0]);
        assert_eq!(pod(58), [21, 11, 15, 0, 0, 0, 5, 0, 0]);
        // At 56 both are at their least; below that the node goes, and they are as wide as they can be.
        assert_eq!(pod(56), [20, 11, 14, 0, 0, 0, 5, 0, 0]);
        assert_eq!(pod(55), [23, 11, 17, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn nothing_is_shortened_for_what_goes_first() {
        // The restarts, of the second rung, would fit if the state were shortened.
        assert_eq!(pod(86), [40, 11, 24, 0, 0, 0, 5, 0, 0]);
    }

    #[test]
    fn where_replicas_run_is_shortened_last() {
        let cells = [
            "netbox-enterprise-operator-controller",
            "▲ 2/3 ready",
            "▲ hard, BROKEN",
            "",
            "nbe-3 0/1, nbe-1, nbe-2",
            "kotsadm",
            "Deployment",
        ];
        let of = |available| widths(&ladder::WORKLOADS, &cells, available);
        assert_eq!(of(78), [24, 11, 14, 0, 23, 0, 0]);
        assert_eq!(of(58), [16, 11, 14, 0, 11, 0, 0]);
    }
}
