//! etcd's members; below, the arithmetic of the next loss, its proof, and what the local member says.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{State, rows};
use crate::view::ladder;
use crate::view::part::section::Heading;
use crate::view::part::table::Shown;
use crate::view::part::{members, quorum};
use crate::view::screen::list::{self, List};
use crate::view::screen::overview;
use crate::view::theme::Theme;

/// Draws the screen.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Shown {
    let rows = rows::rows(state);
    let list = List {
        heading: members::heading(state),
        columns: &ladder::MEMBERS,
        cells: &members::render(state, theme, &rows),
        rows: &rows,
        nothing: overview::no_members(state, theme),
    };
    let (shown, below) = list::top(&list, state, theme, area, buf);
    let heading = Heading {
        title: "Quorum",
        ..Heading::default()
    };
    let lines = quorum::render(state, theme, usize::from(below.width));
    list::text(heading, lines, theme, below, buf);
    shown
}
