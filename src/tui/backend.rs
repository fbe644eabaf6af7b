//! A crossterm backend that is silent while nothing changes.
//!
//! ratatui hides the cursor and resets the attributes on every draw, also when no cell differs. Over SSH that is traffic
//! and wakes the other side, once a second, all night. Here an empty difference writes nothing, and a real one is bracketed
//! as a synchronized update (DEC mode 2026), so that terminals show it at once.

use std::io::{self, Write};
use std::iter::Peekable;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// The backend.
#[derive(Debug)]
pub struct QuietBackend<W: Write> {
    inner: CrosstermBackend<W>,
    /// Whether a synchronized update was begun and not ended.
    is_open: bool,
    /// Whether the cursor is hidden, once that is known.
    is_cursor_hidden: Option<bool>,
}

impl<W: Write> QuietBackend<W> {
    /// A backend that writes to `output`, which should be buffered.
    pub const fn new(output: W) -> Self {
        Self {
            inner: CrosstermBackend::new(output),
            is_open: false,
            is_cursor_hidden: None,
        }
    }

    /// Gives a text to the terminal's clipboard (OSC 52). Nobody tells whether the terminal took it. tmux passes it on with
    /// `set -g set-clipboard on`; GNU screen does not.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let coded = BASE64.encode(text);
        write!(self.inner, "\x1b]52;c;{coded}\x07")?;
        io::Write::flush(&mut self.inner)
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_open, true) {
            queue!(self.inner, BeginSynchronizedUpdate)?;
        }
        Ok(())
    }
}

impl<W: Write> Backend for QuietBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content: Peekable<I> = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.begin()?;
        self.inner.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.is_cursor_hidden.replace(true) == Some(true) {
            return Ok(());
        }
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.is_cursor_hidden.replace(false) == Some(false) {
            return Ok(());
        }
        self.inner.show_cursor()
    }

    /// Always the corner. ratatui asks before it clears, but the cursor is hidden and its place means nothing; asking the
    /// terminal would wait for an answer that the event stream reads, for ever on a connection that is gone.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.begin()?;
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_open) {
            queue!(self.inner, EndSynchronizedUpdate)?;
        }
        Backend::flush(&mut self.inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What was written, seen from outside.
    #[derive(Clone, Default)]
    struct Wire(Rc<RefCell<Vec<u8>>>);

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn terminal() -> (Wire, Terminal<QuietBackend<Wire>>) {
        let wire = Wire::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 40, 3)),
        };
        let terminal = Terminal::with_options(QuietBackend::new(wire.clone()), options).unwrap();
        (wire, terminal)
    }

    fn say(text: &'static str) -> impl FnOnce(&mut Frame) {
        move |frame| frame.render_widget(text, frame.area())
    }

    #[test]
    fn the_same_frame_again_writes_nothing() {
        let (wire, mut terminal) = terminal();
        terminal.draw(say("quorum held")).unwrap();
        assert!(!wire.0.take().is_empty());
        for _ in 0..3 {
            terminal.draw(say("quorum held")).unwrap();
        }
        assert_eq!(wire.0.take(), b"");
    }

    #[test]
    fn what_is_copied_is_base64_and_cannot_end_the_sequence() {
        let (wire, mut terminal) = terminal();
        terminal.backend_mut().copy("nbe-1\x07\x1b]0;evil").unwrap();
        let written = String::from_utf8(wire.0.take()).unwrap();
        let coded = written
            .strip_prefix("\x1b]52;c;")
            .and_then(|rest| rest.strip_suffix('\x07'));
        assert_eq!(BASE64.decode(coded.unwrap()).unwrap(), b"nbe-1\x07\x1b]0;evil");
    }

    #[test]
    fn a_changed_frame_is_one_synchronized_update_of_what_changed() {
        let (wire, mut terminal) = terminal();
        terminal.draw(say("quorum held")).unwrap();
        wire.0.take();
        terminal.draw(say("quorum lost")).unwrap();
        let written = String::from_utf8(wire.0.take()).unwrap();
        assert!(
            written.starts_with("\u{1b}[?2026h") && written.ends_with("\u{1b}[?2026l"),
            "{written:?}"
        );
        assert!(
            written.contains("lost".get(1..4).unwrap()) && !written.contains("quorum"),
            "{written:?}"
        );
    }

    #[test]
    fn clearing_draws_everything_again() {
        let (wire, mut terminal) = terminal();
        terminal.draw(say("quorum")).unwrap();
        wire.0.take();
        terminal.clear().unwrap();
        terminal.draw(say("quorum")).unwrap();
        let written = String::from_utf8(wire.0.take()).unwrap();
        assert!(written.contains("quorum"), "{written:?}");
        assert_eq!(written.matches("\u{1b}[?2026h").count(), 1, "{written:?}");
    }
}
