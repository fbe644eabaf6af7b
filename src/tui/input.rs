//! Terminal events as messages.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::key::Code;
use crate::app::{Key, Msg};

/// What an event says; None for what the console does not use.
pub fn read(event: Event) -> Option<Msg> {
    match event {
        Event::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Msg::Key),
        Event::Key(_) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) => None,
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        // Terminals disagree on the case of ctrl-C.
        KeyCode::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        _ => return None,
    };
    Some(Key {
        code,
        ctrl,
        alt: event.modifiers.contains(KeyModifiers::ALT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<String> {
        match read(Event::Key(KeyEvent::new(code, modifiers))) {
            Some(Msg::Key(key)) => Some(key.to_string()),
            _ => None,
        }
    }

    #[test]
    fn keys_become_ours() {
        assert_eq!(
            pressed(KeyCode::Char('c'), KeyModifiers::CONTROL).as_deref(),
            Some("ctrl-c")
        );
        assert_eq!(
            pressed(KeyCode::Char('C'), KeyModifiers::CONTROL).as_deref(),
            Some("ctrl-c")
        );
        assert_eq!(pressed(KeyCode::Char('G'), KeyModifiers::SHIFT).as_deref(), Some("G"));
        assert_eq!(pressed(KeyCode::PageDown, KeyModifiers::NONE).as_deref(), Some("pgdn"));
        assert_eq!(pressed(KeyCode::F(5), KeyModifiers::NONE), None);
    }

    #[test]
    fn releases_are_no_presses() {
        let release = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(read(Event::Key(release)), None);
        assert_eq!(read(Event::Resize(80, 24)), Some(Msg::Resize(80, 24)));
    }
}
