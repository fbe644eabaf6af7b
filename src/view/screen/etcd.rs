//! etcd's members; below, the arithmetic of the next loss, its proof, and what the local member says.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{RowId, State, rows};
use crate::view::ladder;
use crate::view::part::section::Heading;
use crate::view::part::table::Shown;
use crate::view::part::{members, quorum};
use crate::view::screen::list::{self, List};
use crate::view::screen::overview;
use crate::view::theme::Theme;

/// With so many lines left, the selected member is shown in full, too.
const SELECTED_FROM: u16 = 3;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: members::heading(state),
        columns: &ladder::MEMBERS,
        above: &[],
        cells: &|rows: &[RowId]| members::render(state, theme, rows),
        rows: &rows,
        sections: &[],
        nothing: overview::no_members(state, theme),
        below: 11,
    };
    let (shown, below) = list::top(&list, state, theme, area, buf);
    let heading = Heading {
        title: "Quorum",
        ..Heading::default()
    };
    let lines = quorum::render(state, theme, usize::from(below.width));
    let mut rest = list::text(heading, &lines, "enter", theme, below, buf);
    // A line between them.
    rest.y += rest.height.min(1);
    rest.height = rest.height.saturating_sub(1);
    if rest.height >= SELECTED_FROM {
        list::selected(&rows, state, theme, rest, buf);
    }
    shown
}
