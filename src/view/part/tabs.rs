//! The names of the screens, the one shown in brackets.

use ratatui::text::{Line, Span};

use crate::app::{Screen, State};
use crate::view::theme::{Role, Theme};

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
    Line::from_iter(spans)
}
