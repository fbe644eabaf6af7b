//! Terminal events as messages.

use termina::Event;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};

use crate::app::key::Code;
use crate::app::{Key, Msg};

/// What an event says; None for what the console does not use.
pub fn read(event: Event) -> Option<Msg> {
    match event {
        Event::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text)),
        _ => None,
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    let ctrl = event.modifiers.contains(Modifiers::CONTROL);
    let code = match event.code {
        // Terminals disagree on the case of ctrl-C.
        KeyCode::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Escape => Code::Esc,
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
        alt: event.modifiers.contains(Modifiers::ALT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: Modifiers) -> Option<String> {
        match read(Event::Key(KeyEvent::new(code, modifiers))) {
            Some(Msg::Key(key)) => Some(key.to_string()),
            _ => None,
        }
    }

    #[test]
    fn keys_become_ours() {
        assert_eq!(
            pressed(KeyCode::Char('c'), Modifiers::CONTROL).as_deref(),
            Some("ctrl-c")
        );
        assert_eq!(
            pressed(KeyCode::Char('C'), Modifiers::CONTROL).as_deref(),
            Some("ctrl-c")
        );
        assert_eq!(pressed(KeyCode::Char('G'), Modifiers::SHIFT).as_deref(), Some("G"));
        assert_eq!(pressed(KeyCode::PageDown, Modifiers::NONE).as_deref(), Some("pgdn"));
        assert_eq!(pressed(KeyCode::Function(5), Modifiers::NONE), None);
    }

    #[test]
    fn releases_are_no_presses() {
        let mut release = KeyEvent::new(KeyCode::Char('q'), Modifiers::NONE);
        release.kind = KeyEventKind::Release;
        assert_eq!(read(Event::Key(release)), None);
    }
}
