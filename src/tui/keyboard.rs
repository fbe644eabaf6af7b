//! What is typed at the terminal, and its size. There is no reader beside this one and it reads only while it is asked, so
//! that a program which has the terminal for a while gets every key. Start reading at [`Keyboard::next`].

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{read, retry_on_intr};
use termina::Parser;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::input;
use crate::app::Msg;

/// How much is read at once.
const CHUNK_BYTES: usize = 1024;

/// The terminal's end that is read.
pub struct Keyboard {
    terminal: AsyncFd<OwnedFd>,
    resized: Signal,
    /// What was read and not yet taken.
    parser: Parser,
}

impl Keyboard {
    /// Standard input, or the controlling terminal where that is something else.
    pub fn open() -> io::Result<Self> {
        let input = io::stdin();
        let terminal = if input.is_terminal() {
            input.as_fd().try_clone_to_owned()?
        } else {
            File::open("/dev/tty")?.into()
        };
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an OwnedFd is open for as long as it is there"
        )]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
        Ok(Self {
            terminal,
            resized: signal(SignalKind::window_change())?,
            parser: Parser::default(),
        })
    }

    /// Waits for what comes next. May be dropped at any time.
    pub async fn next(&mut self) -> io::Result<Msg> {
        loop {
            if let Some(msg) = self.waiting()? {
                return Ok(msg);
            }
            tokio::select! {
                // Whether there still is something to read is then asked of the terminal itself.
                ready = self.terminal.readable() => ready?.clear_ready(),
                _ = self.resized.recv() => {
                    let (columns, rows) = crossterm::terminal::size()?;
                    return Ok(Msg::Resize(columns, rows));
                }
            }
        }
    }

    /// What was typed already.
    pub fn waiting(&mut self) -> io::Result<Option<Msg>> {
        loop {
            while let Some(event) = self.parser.pop() {
                if let Some(msg) = input::read(event) {
                    return Ok(Some(msg));
                }
            }
            if !self.is_readable()? {
                return Ok(None);
            }
            let mut bytes = [0; CHUNK_BYTES];
            // The descriptor is the shell's too and so blocks: it is read only when that cannot be.
            let count = retry_on_intr(|| read(&self.terminal, &mut bytes))?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone"));
            }
            let is_cut = self.is_readable()?;
            self.parser.parse(bytes.get(..count).unwrap_or_default(), is_cut);
        }
    }

    /// Drops what was typed behind a key that gave the terminal to another program: it was meant for that one.
    pub fn forget(&mut self) {
        self.parser = Parser::default();
    }

    fn is_readable(&self) -> io::Result<bool> {
        let mut asked = [PollFd::new(&self.terminal, PollFlags::IN)];
        Ok(retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))? > 0)
    }
}
