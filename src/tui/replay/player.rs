//! A recording played: the state at each of its frames, by doing again what was done. Going back begins at the nearest state
//! that is known as a whole. Start reading at [`Player::go`].

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use ratatui::buffer::Buffer;

use crate::app::{Msg, State, update};
use crate::recording::{Decoder, Recording, Said, Unreadable};
use crate::view::{Theme, picture};

/// A state is kept after so many frames, so that one step back is no long way.
const KEPT_EACH: usize = 30;
/// So many states are kept.
const MAX_KEPT: usize = 32;

/// A recording and a place in it.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    /// Lines of the recording that are frames.
    frames: Vec<usize>,
    theme: Theme,
    /// Columns and rows to draw at; None for those of the recording.
    size: Option<(u16, u16)>,
    now: Moment,
    kept: BTreeMap<usize, Moment>,
}

#[derive(Debug, Clone)]
struct Moment {
    /// The line that was done last.
    line: usize,
    state: State,
    decoder: Decoder,
    /// The frame, as it was before the state knew how much room it had.
    drawn: Buffer,
}

impl Player {
    /// Opens a recording at its first frame.
    pub fn open(recording: Recording, theme: Theme, size: Option<(u16, u16)>) -> Result<Self, Unreadable> {
        let lines = recording.index.iter().enumerate();
        let frames = lines.filter(|(_, index)| !index.is_whole).map(|(line, _)| line);
        let frames = frames.collect();
        let mut decoder = Decoder::default();
        let state = match decoder.follow(&recording, 0)? {
            Said::Whole(state) => sized(*state, size),
            Said::Took(_) => {
                let why = "it does not begin with a whole state".to_owned();
                return Err(Unreadable { line: 2, why });
            }
        };
        let mut player = Self {
            recording,
            frames,
            theme,
            size,
            now: Moment {
                line: 0,
                state,
                decoder,
                drawn: Buffer::default(),
            },
            kept: BTreeMap::new(),
        };
        player.draw();
        player.go(1)?;
        Ok(player)
    }

    /// The state after the frame was drawn.
    pub const fn state(&self) -> &State {
        &self.now.state
    }

    /// The frame as it was drawn.
    pub const fn drawn(&self) -> &Buffer {
        &self.now.drawn
    }

    /// What is played.
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// How many frames there are.
    pub const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether no frame was recorded: then the whole state is all there is.
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The number of the frame that is shown, from 1; 0 where there is none.
    pub fn place(&self) -> usize {
        self.frames.partition_point(|line| *line <= self.now.line)
    }

    /// When a frame was drawn.
    pub fn at(&self, frame: usize) -> Timestamp {
        let line = frame.checked_sub(1).and_then(|frame| self.frames.get(frame));
        let index = self.recording.index.get(line.copied().unwrap_or(0));
        index.map_or(self.recording.head.began, |index| index.at)
    }

    /// Goes to a frame, or to the last one where there are not so many.
    pub fn go(&mut self, frame: usize) -> Result<(), Unreadable> {
        let frame = frame.clamp(1, self.frames.len().max(1));
        let Some(&target) = self.frames.get(frame - 1) else {
            return Ok(());
        };
        if target == self.now.line {
            return Ok(());
        }
        let from = self.nearest(target);
        for line in from..=target {
            self.follow(line)?;
        }
        Ok(())
    }

    /// Takes the state from which the way is shortest, and tells which line is next.
    fn nearest(&mut self, target: usize) -> usize {
        let mut whole = self.recording.index.iter().take(target);
        let whole = whole.rposition(|index| index.is_whole).unwrap_or(0);
        let kept = self.kept.range(..=target).next_back().map(|(line, _)| *line);
        let here = (self.now.line < target).then_some(self.now.line);
        if here >= kept && here >= Some(whole) {
            return self.now.line + 1;
        }
        if let Some(moment) = kept.filter(|kept| *kept > whole).and_then(|line| self.kept.get(&line)) {
            self.now = moment.clone();
            return self.now.line + 1;
        }
        whole
    }

    fn follow(&mut self, line: usize) -> Result<(), Unreadable> {
        self.now.line = line;
        match self.now.decoder.follow(&self.recording, line)? {
            Said::Whole(state) => self.now.state = sized(*state, self.size),
            Said::Took(took) => {
                for msg in took {
                    let msg = match (msg, self.size) {
                        (Msg::Resize(..), Some((width, height))) => Msg::Resize(width, height),
                        (msg, _) => msg,
                    };
                    // A replay asks nothing and does nothing.
                    drop(update(&mut self.now.state, msg));
                }
                self.draw();
                self.keep(line);
            }
        }
        Ok(())
    }

    fn keep(&mut self, line: usize) {
        if self.place().is_multiple_of(KEPT_EACH) {
            self.kept.insert(line, self.now.clone());
            if self.kept.len() > MAX_KEPT {
                self.kept.pop_first();
            }
        }
    }

    /// Draws the frame, which tells the state how much room it had, as it did then.
    fn draw(&mut self) {
        let (width, height) = self.now.state.size;
        let (drawn, geometry) = picture::draw(&self.now.state, &self.theme, width, height);
        self.now.drawn = drawn;
        drop(update(&mut self.now.state, Msg::Geometry(geometry)));
    }

    /// The frame at which the verdict changes next, or changed last.
    pub fn verdict(&self, is_forward: bool) -> Option<usize> {
        let index = |frame: usize| {
            let line = *self.frames.get(frame)?;
            self.recording.index.get(line)
        };
        let changes = |frame: &usize| {
            let before = frame.checked_sub(1).and_then(index);
            before.is_some_and(|before| Some(before.verdict) != index(*frame).map(|index| index.verdict))
        };
        let here = self.place();
        let found = if is_forward {
            (here..self.frames.len()).find(changes)
        } else {
            (0..here.saturating_sub(1)).rev().find(changes)
        };
        found.map(|frame| frame + 1)
    }

    /// The first frame of a moment: a point in time, or a time of the day (UTC), counted from where the recording begins. The
    /// error is a sentence.
    pub fn frame_at(&self, raw: &str) -> Result<usize, String> {
        let wrong = || format!("{raw:?} is no time: write 12:00:05, or 2026-11-29T12:00:05Z (UTC)");
        let wanted = match raw.parse::<Timestamp>() {
            Ok(at) => at,
            Err(_) => self.time_of_day(raw.parse().map_err(|_| wrong())?).ok_or_else(wrong)?,
        };
        let before = |frame: &usize| self.at(frame + 1) < wanted;
        let frames: Vec<usize> = (0..self.frames.len()).collect();
        let found = frames.partition_point(before) + 1;
        Ok(found.min(self.frames.len()))
    }

    fn time_of_day(&self, time: Time) -> Option<Timestamp> {
        let began = self.at(1).to_zoned(TimeZone::UTC);
        let at = began.with().time(time).build().ok()?;
        // Whole seconds are meant: the first frame of that second counts.
        let is_before = at.timestamp().as_second() < began.timestamp().as_second();
        let at = if is_before { at.checked_add(1.day()).ok()? } else { at };
        Some(at.timestamp())
    }
}

/// The same on a terminal of another size.
fn sized(mut state: State, size: Option<(u16, u16)>) -> State {
    if let Some((width, height)) = size {
        drop(update(&mut state, Msg::Resize(width, height)));
    }
    state
}
