//! What the state looks like: `render` draws one frame from shared references and reports the space it had. It decides
//! nothing and remembers nothing. Start reading at [`render`], then [`screen::overview`].
//!
//! ```text
//! verdict          always
//! tabs             from 60x15 on
//! screen           or one row in full, or the help
//! footer           what is typed, said, or possible
//! ```

pub mod fresh;
pub mod ladder;
pub mod linear;
pub mod part;
pub mod picture;
pub mod screen;
pub mod theme;
pub mod words;

#[cfg(test)]
mod dump;
#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

pub use theme::{Colors, Glyphs, Theme};

use crate::app::list::scroll;
use crate::app::state::SMALL;
use crate::app::{Geometry, MOST_COPIED_BYTES, RowId, Screen, State, rows};
use part::section::{self, Heading};
use part::table::Shown;
use part::{detail, failover, footer, help, palette, quorum, replay, sheet, small, tabs, tour, verdict, work};
use theme::Role;

/// From this height on there is room for a line about a lost node.
const ROOMY: u16 = 20;

/// Draws one frame.
pub fn render(state: &State, theme: &Theme, frame: &mut Frame) -> Geometry {
    let area = frame.area();
    let buf = frame.buffer_mut();
    buf.set_style(area, theme.style(Role::Text));
    if area.width < SMALL.0 || area.height < SMALL.1 {
        return render_small(state, theme, area, buf);
    }
    let width = usize::from(area.width);
    let mut top = verdict::render(state, theme, width, 2);
    top.push(tabs::render(state, theme, width));
    let body = put(&top, area, buf);
    let last = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    footer::render(state, theme, width).render(last, buf);
    let body = Rect {
        height: body.height.saturating_sub(1),
        ..body
    };
    let body = render_last(replay::banner(state, theme, width), body, buf);
    let body = render_last(tour::render(state, theme, width), body, buf);
    let body = render_last(work::banner(state, theme, width), body, buf);
    // On a low terminal the findings need the line more.
    let banner = if area.height >= ROOMY {
        failover::banner(state, theme, width, area.height > ROOMY)
    } else {
        Vec::new()
    };
    let lines = banner.into_iter().rev();
    let body = lines.fold(body, |body, line| render_last(Some(line), body, buf));
    let geometry = render_body(state, theme, body, buf);
    under_palette(geometry, palette::render(state, theme, body, buf))
}

/// Draws a line at the bottom, if there is one, and returns what is left.
fn render_last(line: Option<Line<'static>>, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(line) = line else { return area };
    let height = area.height.saturating_sub(1);
    let last = Rect {
        y: area.y + height,
        height: area.height.min(1),
        ..area
    };
    line.render(last, buf);
    Rect { height, ..area }
}

/// The log is drawn later, and must leave the offers what they cover.
fn under_palette(mut geometry: Geometry, covered: u16) -> Geometry {
    if let Some(log) = &mut geometry.log {
        log.height = log.height.saturating_sub(covered);
    }
    geometry
}

fn render_body(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Geometry {
    if let Some(offset) = state.help {
        let lines = help::render(state, theme, usize::from(area.width));
        return render_text("Keys", "", &lines, offset, theme, area, buf);
    }
    if let Some(open) = state.sheets.last() {
        return sheet::render(state, open, theme, area, buf);
    }
    let selected = rows::rows(state).get(state.cursor().index).cloned();
    if let (Some(offset), Some(row)) = (state.detail, selected) {
        return render_detail(state, theme, &row, offset, area, buf);
    }
    let draw = match state.screen {
        Screen::Overview => screen::overview::render,
        Screen::Nodes => screen::nodes::render,
        Screen::Etcd => screen::etcd::render,
        Screen::Placement => screen::placement::render,
        Screen::Pods => screen::pods::render,
        Screen::Findings => screen::findings::render,
        Screen::Timeline => screen::timeline::render,
        Screen::Readiness => screen::readiness::render,
        Screen::Feeds => screen::feeds::render,
        Screen::Forecast => screen::forecast::render,
        Screen::Actions => screen::actions::render,
        Screen::Recovery => return screen::recovery::render(state, theme, area, buf),
        Screen::Log => {
            return Geometry {
                log: Some(screen::log::render(theme, area, buf)),
                ..Geometry::default()
            };
        }
    };
    let Shown { offset, rows, nodes } = draw(state, theme, area, buf);
    Geometry {
        rows,
        offset,
        nodes,
        ..Geometry::default()
    }
}

fn render_detail(state: &State, theme: &Theme, row: &RowId, offset: usize, area: Rect, buf: &mut Buffer) -> Geometry {
    let width = usize::from(area.width);
    let mut lines = detail::render(state, theme, row, width);
    if let RowId::Member(_) = row {
        // On a low terminal, the screen behind has no room for all of it.
        lines.push(Line::default());
        lines.extend(quorum::render(state, theme, width));
    }
    render_text("Details", &detail::title(state, row), &lines, offset, theme, area, buf)
}

/// Wider than any line of a page: what is copied is not torn apart.
const COPIED_COLUMNS: usize = 10_000;

/// The row that is shown in full as plain text, of too long a page the first lines.
pub fn page_text(state: &State, theme: &Theme) -> String {
    let Some(row) = rows::rows(state).get(state.cursor().index).cloned() else {
        return String::new();
    };
    let lines = detail::render(state, theme, &row, COPIED_COLUMNS).into_iter();
    let title = std::iter::once(detail::title(state, &row));
    let mut text = String::new();
    for line in title.chain(lines.map(|line| line.to_string())) {
        let line = line.trim_end();
        if text.len() + line.len() + 1 > MOST_COPIED_BYTES {
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Draws lines under a heading, scrolled.
pub(crate) fn render_text(
    title: &'static str,
    of: &str,
    lines: &[Line<'static>],
    offset: usize,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) -> Geometry {
    let visible = usize::from(area.height.saturating_sub(1));
    let offset = offset.min(lines.len().saturating_sub(visible));
    let heading = Heading {
        title,
        summary: vec![(of.to_owned(), Role::Text)],
        note: section::place(offset, visible, lines.len()),
    };
    let inner = section::render(&heading, theme, area, buf);
    put(lines.get(offset..).unwrap_or_default(), inner, buf);
    Geometry {
        text_rows: visible,
        text_lines: lines.len(),
        ..Geometry::default()
    }
}

/// The verdict and a list, for terminals of any size.
fn render_small(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> Geometry {
    let width = usize::from(area.width);
    let has_footer = state.prompt.is_some() || state.message.is_some();
    let footer_height = u16::from(has_footer && area.height > 2);
    let verdict = verdict::render(state, theme, width, usize::from(area.height / 3).max(1));
    let body = put(&verdict, area, buf);
    let body = render_last(replay::banner(state, theme, width), body, buf);
    let body = Rect {
        height: body.height.saturating_sub(footer_height),
        ..body
    };
    if footer_height > 0 {
        let last = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        footer::render(state, theme, width).render(last, buf);
    }
    let geometry = if state.is_text() {
        render_body(state, theme, body, buf)
    } else {
        render_small_rows(state, theme, body, buf)
    };
    under_palette(geometry, palette::render(state, theme, body, buf))
}

/// One line per row.
fn render_small_rows(state: &State, theme: &Theme, body: Rect, buf: &mut Buffer) -> Geometry {
    let width = usize::from(body.width);
    let rows = rows::rows(state);
    let visible = usize::from(body.height);
    let cursor = state.cursor();
    let offset = scroll(cursor.offset, cursor.index, visible, rows.len());
    let shown = rows.get(offset..(offset + visible).min(rows.len())).unwrap_or_default();
    put(&small::render(state, theme, shown, width), body, buf);
    let selected = body.y + u16::try_from(cursor.index - offset.min(cursor.index)).unwrap_or(0);
    if selected < body.bottom() {
        let line = Rect {
            y: selected,
            height: 1,
            ..body
        };
        buf.set_style(line, theme.style(Role::Selection));
    }
    Geometry {
        rows: visible,
        offset,
        ..Geometry::default()
    }
}

/// Draws lines from the top of `area`, as far as they fit, and returns what is left.
fn put(lines: &[Line<'static>], area: Rect, buf: &mut Buffer) -> Rect {
    let mut rest = area.intersection(buf.area);
    for line in lines {
        if rest.height == 0 {
            break;
        }
        line.render(Rect { height: 1, ..rest }, buf);
        rest.y += 1;
        rest.height -= 1;
    }
    rest
}
