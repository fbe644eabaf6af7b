//! A rehearsal on the console's own screens: a recording that `quorate replay` shows, with every screen of the copy as its
//! operator would see it. Start reading at [`Camera::shoot`].

use std::path::Path;
use std::sync::Arc;

use crate::app::work::{self, News};
use crate::app::{Msg, State};
use crate::base::{Clock, Why};
use crate::cli::recorder::{self, File, Frames, Kept};
use crate::model::Policy;
use crate::plan::Status;
use crate::plan::event::Operator;
use crate::rehearse::play::Play;

/// What recordings of rehearsals need to begin.
#[derive(Debug, Clone)]
pub struct Film {
    /// Who rehearses.
    pub operator: Operator,
    /// When.
    pub clock: Clock,
    /// What the console that is recorded thinks good.
    pub policy: Policy,
}

/// A recording that goes on.
pub struct Camera {
    frames: Frames,
    /// How many lines of the run's journal were seen.
    lines: usize,
    is_full: bool,
}

impl Film {
    /// Begins a file, which must not be there yet, with the plan confirmed and the page of its run open.
    pub fn begin(&self, path: &Path, play: &Play) -> Result<Camera, Why> {
        let head = recorder::head(&self.operator, &self.clock);
        let file = File::named(path, &head, std::iter::empty())?;
        let mut console = State::new(Arc::new(play.stage.snapshot().clone()), self.policy.clone());
        work::open(&mut console, None);
        let mut camera = Camera {
            frames: Frames::of(console, file),
            lines: 0,
            is_full: false,
        };
        camera.shoot(play)?;
        Ok(camera)
    }
}

impl Camera {
    /// One more frame, of how the run and the copy stand now.
    pub fn shoot(&mut self, play: &Play) -> Result<(), Why> {
        if self.is_full {
            return Ok(());
        }
        self.frames
            .take(Msg::Snapshot(Arc::new(play.stage.snapshot().clone())))?;
        if self.lines != play.journal.len() {
            self.lines = play.journal.len();
            let status = Box::new(Status::of(play.view.clone()));
            self.frames.take(Msg::Work(News::Run(status)))?;
        }
        self.is_full = self.frames.add()? == Kept::Full;
        Ok(())
    }

    /// Where it is, in words.
    pub fn told(&self) -> String {
        let (count, path) = (self.frames.count, self.frames.path().display());
        let end = if self.is_full {
            ", as many as a file may hold"
        } else {
            ""
        };
        format!("recorded: {count} frames{end}; every screen of the rehearsal: quorate replay {path}")
    }
}
