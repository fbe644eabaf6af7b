//! The names of the screens, the one shown in brackets.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::{Screen, State};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The tabs in one line: all names, else short ones, else only the number of those not shown, else only the one shown.
pub fn render(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let here = state.screen;
    let forms: [&dyn Fn(usize, Screen) -> String; 4] = [
        &|number, screen| format!("{number} {}", screen.name()),
        &|number, screen| {
            format!(
                "{number} {}",
                if screen == here { screen.name() } else { screen.short() }
            )
        },
        &|number, screen| {
            if screen == here {
                format!("{number} {}", screen.name())
            } else {
                number.to_string()
            }
        },
        &|number, screen| {
            if screen == here {
                format!("{number} {}", screen.name())
            } else {
                String::new()
            }
        },
    ];
    let labels = |form: &dyn Fn(usize, Screen) -> String| -> Vec<(Screen, String)> {
        let labels = (1..)
            .zip(Screen::ALL)
            .map(|(number, screen)| (screen, form(number, screen)));
        labels.filter(|(_, label)| !label.is_empty()).collect()
    };
    let total = |labels: &[(Screen, String)]| labels.iter().map(|(_, label)| label.width() + 2).sum::<usize>();
    let mut shown = Vec::new();
    for form in forms {
        shown = labels(form);
        if total(&shown) <= width {
            break;
        }
    }
    let shown = shown.into_iter();
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
