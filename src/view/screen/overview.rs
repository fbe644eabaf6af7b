//! Everything at a glance: nodes by zone, etcd, placement, the worst findings. At 80x24 all four are there.
//!
//! ```text
//! Nodes  3 of 3 Ready ─────────
//!   zone-a  nbe-1  ● Ready …
//! etcd  quorum held … ─────────
//!   nbe-1 (here)  ● healthy …
//! Placement ───────────────────
//! Findings ────────────────────
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, Screen, State, rows};
use crate::model::KubeKind;
use crate::view::fresh;
use crate::view::ladder::{self, Column};
use crate::view::part::section::{self, Heading};
use crate::view::part::table::{self, Cell, Shown, Table};
use crate::view::part::{detail, findings, members, nodes, workloads};
use crate::view::screen::list;
use crate::view::theme::{Glyph, Role, Theme};

/// From this height on, there is room for the headings of columns.
const HEADINGS_FROM: u16 = 30;

/// One of the four.
struct Section {
    heading: Heading,
    rows: Vec<RowId>,
    columns: Vec<Column>,
    cells: fn(&State, &Theme, &[RowId]) -> Vec<Vec<Cell>>,
    nothing: (String, Role),
}

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let sections = sections(state, theme, &rows);
    let wanted = sections.each_ref().map(|section| section.rows.len().max(1));
    let has_header = area.height >= HEADINGS_FROM;
    let above = if has_header { 2 } else { 1 };
    let room = usize::from(area.height).saturating_sub(sections.len() * above);
    let heights = share(room, wanted);
    let spare = room.saturating_sub(heights.iter().sum());
    let gap = u16::from(spare >= sections.len() - 1);
    let selected = state.cursor().index;
    let (mut y, mut before, mut visible) = (area.y, 0, 0);
    for (section, height) in sections.iter().zip(heights) {
        let height = u16::try_from(height + above)
            .unwrap_or(u16::MAX)
            .min(area.bottom().saturating_sub(y));
        let part = Rect { y, height, ..area };
        let here = selected.checked_sub(before).filter(|index| *index < section.rows.len());
        visible += draw(section, state, here, has_header, theme, part, buf);
        before += section.rows.len();
        y += height + gap;
    }
    let below = Rect {
        y: y.min(area.bottom()),
        height: area.bottom().saturating_sub(y),
        ..area
    };
    worst(state, theme, &rows, below, buf);
    Shown {
        offset: 0,
        rows: visible,
        ..Shown::default()
    }
}

fn sections(state: &State, theme: &Theme, rows: &[RowId]) -> [Section; 4] {
    let of = |home: Screen| -> Vec<RowId> { rows.iter().filter(|row| row.home() == home).cloned().collect() };
    [
        Section {
            heading: nodes::heading(state, theme),
            rows: of(Screen::Nodes),
            columns: ladder::NODES.to_vec(),
            cells: nodes::render,
            nothing: fresh::nothing(theme, &fresh::kind(state, KubeKind::Nodes), "nodes"),
        },
        Section {
            heading: members::heading(state),
            rows: of(Screen::Etcd),
            columns: ladder::MEMBERS.to_vec(),
            cells: members::render,
            nothing: no_members(state, theme),
        },
        Section {
            heading: workloads::heading(state),
            rows: of(Screen::Placement),
            columns: ladder::WORKLOADS.to_vec(),
            cells: workloads::render,
            nothing: fresh::nothing(theme, &fresh::kind(state, KubeKind::Deployments), "workloads"),
        },
        Section {
            heading: findings::heading(state),
            rows: of(Screen::Findings),
            columns: ladder::FINDINGS.to_vec(),
            cells: findings::render,
            nothing: findings::nothing(state, theme),
        },
    ]
}

/// What stands in place of etcd's members where none is known.
pub fn no_members(state: &State, theme: &Theme) -> (String, Role) {
    match &state.snapshot.etcd.no_access {
        Some(why) => (format!("n/a  {why}"), Role::Unknown),
        None => (
            format!("{} waiting for a member list", theme.glyph(Glyph::Loading)),
            Role::Dim,
        ),
    }
}

/// Draws a section and returns how many rows of it are visible.
fn draw(
    section: &Section,
    state: &State,
    selected: Option<usize>,
    has_header: bool,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) -> usize {
    let visible = usize::from(area.height.saturating_sub(1 + u16::from(has_header)));
    let total = section.rows.len();
    let offset = crate::app::list::scroll(0, selected.unwrap_or(0), visible, total);
    let mut heading = section.heading.clone();
    heading.note = section::place(offset, visible, total);
    let inner = section::render(&heading, theme, area, buf);
    if section.rows.is_empty() {
        list::nothing(&section.nothing, state, theme, inner, buf);
        return 0;
    }
    let part = list::part(offset, visible, total);
    let rows = section.rows.get(part.clone()).unwrap_or_default();
    let table = Table {
        columns: &section.columns,
        rows: &(section.cells)(state, theme, rows),
        selected: selected.and_then(|index| index.checked_sub(part.start)),
        offset: offset - part.start,
        has_header,
        above: &[],
        marks: &list::marks(state, rows),
        sections: &[],
        sort: None,
    };
    table::render(&table, theme, inner, buf).rows
}

/// With room to spare: the worst finding, or the selected one, in full.
fn worst(state: &State, theme: &Theme, rows: &[RowId], area: Rect, buf: &mut Buffer) {
    let selected = rows
        .get(state.cursor().index)
        .filter(|row| matches!(row, RowId::Finding(..)));
    let first = || rows.iter().find(|row| matches!(row, RowId::Finding(..)));
    let Some(row) = selected.or_else(first).filter(|_| area.height >= 5) else {
        return;
    };
    let heading = Heading {
        title: "What to do",
        summary: vec![(detail::title(state, row), Role::Dim)],
        note: String::new(),
    };
    let lines = detail::render(state, theme, row, usize::from(area.width));
    list::text(heading, &lines, "5 findings", theme, area, buf);
}

/// Shares `room` lines: first everybody gets the least, then what is left goes round in order. What is wrong with a workload
/// is a finding, so findings come before placement.
fn share(room: usize, [nodes, members, placement, findings]: [usize; 4]) -> [usize; 4] {
    let mut left = room;
    let mut give = |most: usize| {
        let given = most.min(left);
        left -= given;
        given
    };
    let first = [
        give(nodes.min(3)),
        give(members.min(3)),
        give(findings.min(5)),
        give(placement.min(4)),
    ];
    let [some_nodes, some_members, some_findings, some_placement] = first;
    [
        some_nodes + give(nodes - some_nodes),
        some_members + give(members - some_members),
        some_placement + give(placement - some_placement),
        some_findings + give(findings - some_findings),
    ]
}
