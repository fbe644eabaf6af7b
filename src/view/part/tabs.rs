//! The names of the screens, the one shown in brackets.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::{Screen, State, keys};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// A label, made of a screen and the key that shows it.
type Form<'a> = dyn Fn(&str, Screen) -> String + 'a;

/// So many of the forms below give way to the name of the host.
const LONG_FORMS: usize = 2;
/// As much of that name is kept free.
const MOST_OF_HOST: usize = 12;

/// The tabs in one line: all names, else short ones, else these without their numbers, else only the number of those not
/// shown, else only the one shown.
pub fn render(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let here = state.screen;
    let forms: [&Form; 5] = [
        &|key, screen| format!("{key} {}", screen.name()),
        &|key, screen| format!("{key} {}", if screen == here { screen.name() } else { screen.short() }),
        &|key, screen| match screen {
            Screen::Recovery => format!("{key} {}", screen.name()),
            _ if screen == here => screen.name().to_owned(),
            _ => screen.short().to_owned(),
        },
        &|key, screen| {
            if screen == here {
                format!("{key} {}", screen.name())
            } else {
                key.to_owned()
            }
        },
        &|key, screen| {
            if screen == here {
                format!("{key} {}", screen.name())
            } else {
                String::new()
            }
        },
    ];
    let labels = |form: &Form| -> Vec<(Screen, String)> {
        let offered = Screen::ALL.into_iter().filter(|screen| state.offers(*screen));
        let labels = offered.map(|screen| {
            let key = keys::key_of(&state.keys, screen).map_or_else(String::new, |key| key.to_string());
            (screen, form(&key, screen).trim_start().to_owned())
        });
        labels.filter(|(_, label)| !label.is_empty()).collect()
    };
    // A space before each, and the brackets.
    let total = |labels: &[(Screen, String)]| labels.iter().map(|(_, label)| label.width() + 1).sum::<usize>() + 2;
    // With several terminals open, which host is this? Worth more than long names.
    let host = state.snapshot.host.name.as_str();
    let kept = if host.is_empty() {
        0
    } else {
        host.width().min(MOST_OF_HOST) + 1
    };
    let mut shown = Vec::new();
    for (n, form) in forms.into_iter().enumerate() {
        shown = labels(form);
        if total(&shown) + if n < LONG_FORMS { kept } else { 0 } <= width {
            break;
        }
    }
    let spans = shown.into_iter().flat_map(|(screen, name)| {
        let (text, role) = if screen == state.screen {
            (format!("[{name}]"), Role::TabActive)
        } else {
            (name, Role::Tab)
        };
        [
            Span::styled(text, theme.style(role)),
            Span::styled(" ", theme.style(Role::Tab)),
        ]
    });
    let mut line = spans.collect::<Line>();
    let room = width.saturating_sub(line.width() + 2);
    if !host.is_empty() && room >= 5 {
        let host = words::clip_middle(host, room, theme.glyph(Glyph::Ellipsis));
        let gap = width - line.width() - host.width();
        line.push_span(Span::raw(" ".repeat(gap)));
        line.push_span(Span::styled(host, theme.style(Role::Dim)));
    }
    line
}
