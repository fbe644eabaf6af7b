//! The person at the terminal of a run without the console: lines out, lines in. A terminal that is lost is never a reason
//! to stop in the middle.

use std::io::{BufRead, Stdout, Write};

use tokio::sync::mpsc;

use crate::base::Text;

/// How many lines may wait.
const BOUND: usize = 16;
/// The longest line that is taken.
const MAX_CHARS: usize = 500;

/// Both directions. Without a terminal nothing comes in.
pub struct Talk {
    lines: Option<mpsc::Receiver<String>>,
    out: Stdout,
}

impl Talk {
    /// Listens, if there is somebody to listen to.
    pub fn open(is_terminal: bool) -> Self {
        Self {
            lines: is_terminal.then(listen),
            out: std::io::stdout(),
        }
    }

    /// Whether somebody can be asked.
    pub const fn is_open(&self) -> bool {
        self.lines.is_some()
    }

    /// Says one line. Where nobody reads it any more, the journal still tells.
    pub fn say(&self, line: &str) {
        let clean = Text::new(line);
        let _ = writeln!(self.out.lock(), "{clean}");
    }

    /// Asks, and waits for one line; None where nobody answers.
    pub async fn ask(&mut self, prompt: &str) -> Option<String> {
        let mut out = self.out.lock();
        let _ = write!(out, "{prompt}").and_then(|()| out.flush());
        drop(out);
        self.lines.as_mut()?.recv().await
    }

    /// The next line; waits for ever where nobody types any more.
    pub async fn line(&mut self) -> Option<String> {
        if let Some(lines) = &mut self.lines
            && let Some(line) = lines.recv().await
        {
            return Some(line);
        }
        self.lines = None;
        std::future::pending().await
    }
}

/// A thread of its own: reading a terminal cannot be given up.
fn listen() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(BOUND);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            let line: String = line.trim().chars().take(MAX_CHARS).collect();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
