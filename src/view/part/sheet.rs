//! What is opened to be read: YAML, events, a log, a choice of pods.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::app::list::scroll;
use crate::app::paper::{self, Tone};
use crate::app::sheet::{Body, Sheet};
use crate::app::{Geometry, State};
use crate::model::FeedId;
use crate::view::part::labelled;
use crate::view::part::section::{self, Heading};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::{fresh, words};

/// What a name in the heading is left with, at least; else it is shortened before the age is cut.
const NAME: usize = 16;

/// Draws a sheet under its heading.
pub fn render(state: &State, sheet: &Sheet, theme: &Theme, area: Rect, buf: &mut Buffer) -> Geometry {
    let lines = sheet.lines(state);
    let visible = usize::from(area.height.saturating_sub(1));
    let width = usize::from(area.width);
    let is_choice = matches!(sheet.body, Body::Pods { .. });
    let paint =
        |at: usize, line: &paper::Line| painted(sheet, line, is_choice.then_some(at == sheet.top), theme, width);
    // How many lines the last page takes.
    let mut room = visible;
    let fits = |(at, line): &(usize, &paper::Line)| {
        let height = if sheet.wrap { paint(*at, line).len() } else { 1 };
        let is_in = height <= room;
        room = room.saturating_sub(height);
        is_in
    };
    let page = lines.iter().enumerate().rev().take_while(fits).count();
    let last = lines.len() - page;
    let top = if is_choice {
        scroll(0, sheet.top, visible, lines.len())
    } else if sheet.is_following() {
        last
    } else {
        sheet.top.min(last)
    };
    let when = when(state, sheet);
    let room = width
        .saturating_sub(sheet.kind().width() + when.0.width() + 4)
        .max(NAME);
    let title = words::clip_middle(&sheet.title(), room, theme.glyph(Glyph::Ellipsis));
    let heading = Heading {
        title: sheet.kind(),
        summary: vec![(title, Role::Text), when],
        note: section::place(top, page, lines.len()),
    };
    let mut rest = section::render(&heading, theme, area, buf);
    let shown = lines.iter().enumerate().skip(top);
    for line in shown
        .flat_map(|(at, line)| paint(at, line))
        .take(usize::from(rest.height))
    {
        line.render(Rect { height: 1, ..rest }, buf);
        rest.y += 1;
        rest.height -= 1;
    }
    Geometry {
        text_rows: page,
        text_lines: lines.len(),
        text_top: top,
        text_columns: widest(sheet, &lines),
        ..Geometry::default()
    }
}

fn widest(sheet: &Sheet, lines: &[paper::Line]) -> usize {
    if sheet.wrap {
        return 0;
    }
    lines.iter().map(|line| line.text().width()).max().unwrap_or(0)
}

/// When it was read, and whether that can be done now. A time of day: an age would tick.
fn when(state: &State, sheet: &Sheet) -> (String, Role) {
    if let Body::Rehearsal(_) = sheet.body {
        return ("on a copy: nothing is sent to the cluster".to_owned(), Role::Warning);
    }
    if sheet.question().is_none() {
        return (String::new(), Role::Dim);
    }
    let api = state.snapshot.feed(FeedId::Api);
    if let Some((note, role)) = fresh::note(state, &api) {
        return (format!("API {note}"), role);
    }
    let read = sheet
        .read
        .as_ref()
        .map(|read| read.at.wall.strftime("read at %H:%M:%S UTC").to_string());
    (read.unwrap_or_default(), Role::Dim)
}

const fn role(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Dim => Role::Dim,
        Tone::Warning => Role::Warning,
        Tone::Stale => Role::Stale,
    }
}

/// One line as it is drawn, in as many rows as it needs.
fn painted(sheet: &Sheet, line: &paper::Line, chosen: Option<bool>, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (text, tone) = match line {
        paper::Line::Fact { label, text, tone } => return labelled::render(label, text, role(*tone), theme, width),
        paper::Line::Plain { text, tone } => (text.as_str(), role(*tone)),
    };
    if let Some(is_chosen) = chosen {
        let sign = if is_chosen { "> " } else { "  " };
        let style = theme.style(if is_chosen { Role::Selection } else { tone });
        return vec![Line::styled(format!("{sign}{text}"), style)];
    }
    if sheet.wrap {
        let rows = wrapped(text, width);
        return rows.iter().map(|row| found(row, &sheet.search, tone, theme)).collect();
    }
    vec![found(from_column(text, sheet.column), &sheet.search, tone, theme)]
}

/// A line in rows, each as far to the right as the first: in YAML that tells what belongs to what.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let inner = text.trim_start_matches(' ');
    // A deep indentation must leave room for words.
    let indentation = (text.len() - inner.len()).min(width / 2);
    let rows = words::wrap(inner, width - indentation);
    let blank = " ".repeat(indentation);
    rows.into_iter().map(|row| format!("{blank}{row}")).collect()
}

/// A row in which what is searched for stands out.
fn found(row: &str, wanted: &str, tone: Role, theme: &Theme) -> Line<'static> {
    let (lower, wanted) = (row.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    if wanted.is_empty() {
        return Line::styled(row.to_owned(), theme.style(tone));
    }
    let mut spans = Vec::new();
    let mut from = 0;
    for (at, hit) in lower.match_indices(&wanted) {
        // ASCII lower case keeps byte offsets.
        let (before, it) = (row.get(from..at), row.get(at..at + hit.len()));
        spans.push(Span::styled(before.unwrap_or_default().to_owned(), theme.style(tone)));
        spans.push(Span::styled(
            it.unwrap_or_default().to_owned(),
            theme.style(Role::Selection),
        ));
        from = at + hit.len();
    }
    spans.push(Span::styled(
        row.get(from..).unwrap_or_default().to_owned(),
        theme.style(tone),
    ));
    Line::from(spans)
}

/// The text without its first columns.
fn from_column(text: &str, column: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().find(|(_, c)| {
        let is_in = used >= column;
        used += c.width().unwrap_or(0);
        is_in
    });
    start.map_or("", |(at, _)| text.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn rows_of_one_line_begin_in_one_column() {
        let text = "    message: no space is left";
        assert_eq!(wrapped(text, 20), ["    message: no", "    space is left"]);
        // However deep it stands, half of the width is for words.
        assert_eq!(wrapped("            abcdef", 8), ["    abcd", "    ef"]);
        assert_eq!(wrapped("", 8), [""]);
    }
}
