//! The line above a section: its name, what it says in short, and how fresh that is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// What a section says about itself.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// Its name.
    pub title: &'static str,
    /// In short, each piece with its role.
    pub summary: Vec<(String, Role)>,
    /// On the right: freshness, place in the list.
    pub note: String,
}

/// Draws it on the first line of `area` and returns the rest.
pub fn render(heading: &Heading, theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    let area = area.intersection(buf.area);
    if area.height == 0 {
        return area;
    }
    let width = usize::from(area.width);
    let rule = theme.glyph(Glyph::Rule);
    let ellipsis = theme.glyph(Glyph::Ellipsis);
    let mut spans = vec![Span::styled(heading.title, theme.style(Role::Title))];
    let mut used = heading.title.width();
    for (text, role) in heading.summary.iter().filter(|(text, _)| !text.is_empty()) {
        let text = words::clip(text, width.saturating_sub(used + 2), ellipsis);
        used += text.width() + 2;
        spans.push(Span::raw("  "));
        spans.push(Span::styled(text, theme.style(*role)));
    }
    let note = if used + heading.note.width() + 5 <= width {
        heading.note.as_str()
    } else {
        ""
    };
    let note_width = if note.is_empty() { 0 } else { note.width() + 1 };
    let fill = width.saturating_sub(used + 1 + note_width);
    spans.push(Span::styled(
        format!(" {}", rule.repeat(fill)),
        theme.style(Role::Border),
    ));
    if !note.is_empty() {
        spans.push(Span::styled(format!(" {note}"), theme.style(Role::Dim)));
    }
    Line::from(spans).render(Rect { height: 1, ..area }, buf);
    Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    }
}

/// `3-5 of 12`, where not all rows are visible.
pub fn place(offset: usize, rows: usize, total: usize) -> String {
    if total <= rows || rows == 0 {
        return String::new();
    }
    format!("{}-{} of {total}", offset + 1, (offset + rows).min(total))
}
