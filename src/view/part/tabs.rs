//! The names of the screens, the one shown in brackets.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::{Screen, State};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The tabs in one line; on a narrow terminal only the name of the screen shown.
pub fn render(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let names = (1..)
        .zip(Screen::ALL)
        .map(|(number, screen)| (screen, format!("{number} {}", screen.name())));
    let total: usize = names.clone().map(|(_, name)| name.len() + 2).sum();
    let shown = names.filter(|(screen, _)| total <= width || *screen == state.screen);
    let spans = shown.map(|(screen, name)| {
        if screen == state.screen {
            Span::styled(format!("[{name}]"), theme.style(Role::TabActive))
        } else {
            Span::styled(format!(" {name} "), theme.style(Role::Tab))
        }
    });
    let mut line = spans.collect::<Line>();
    // With several terminals open, which host is this?
    let host = state.snapshot.host.name.as_str();
    let room = width.saturating_sub(line.width() + 2);
    if !host.is_empty() && room >= 5 {
        let host = words::clip_middle(host, room, theme.glyph(Glyph::Ellipsis));
        let gap = width - line.width() - host.width();
        line.push_span(Span::raw(" ".repeat(gap)));
        line.push_span(Span::styled(host, theme.style(Role::Dim)));
    }
    line
}
