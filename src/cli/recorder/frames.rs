//! A console without a terminal, as a recording: whoever drives it says what counts as a frame. Start reading at
//! [`Frames::add`].

use std::path::Path;

use super::{File, Kept};
use crate::app::{Msg, State, update};
use crate::base::{Why, WhyKind};
use crate::recording::{Encoder, Tape};

/// The state as a console would have it, and the lines of it.
pub struct Frames {
    state: State,
    encoder: Encoder,
    /// Says when a segment ends.
    tape: Tape,
    file: File,
    /// How many there are.
    pub count: usize,
}

impl Frames {
    /// Of a console that looks so at the beginning, into a file that was begun.
    pub fn of(state: State, file: File) -> Self {
        Self {
            state,
            encoder: Encoder::default(),
            tape: Tape::default(),
            file,
            count: 0,
        }
    }

    /// The console takes in a message.
    pub fn take(&mut self, msg: Msg) -> Result<(), Why> {
        self.encoder.take(msg.clone()).map_err(unwritable)?;
        drop(update(&mut self.state, msg));
        Ok(())
    }

    /// One more frame, of the console as it is now.
    pub fn add(&mut self) -> Result<Kept, Why> {
        if self.tape.is_full() {
            let line = self.encoder.begin(&self.state, 0).map_err(unwritable)?;
            self.file.line(&line)?;
            self.tape = Tape::default();
            self.tape.begin(line);
        }
        let verdict = self.state.derived.report.verdict.level;
        let drawn = self.encoder.drawn(self.state.snapshot.now, verdict);
        let Some(line) = drawn.map_err(unwritable)? else {
            return Ok(Kept::On);
        };
        self.count += 1;
        let kept = self.file.line(&line)?;
        self.tape.add(line);
        Ok(kept)
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn unwritable(error: serde_json::Error) -> Why {
    Why::new(WhyKind::Garbage, format!("a frame cannot be written down: {error}"))
}
