//! The flight recorder, on a thread of its own: what the console takes in becomes lines, the newest of which stay in memory;
//! they go to a file when the operator says so, and by themselves when the verdict turns critical. What cannot be written is
//! said once. Start reading at [`hire`].

mod file;
mod frames;

pub use file::{File, Kept};
pub use frames::Frames;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::scribe::Hired;
use crate::app::Message;
use crate::base::{Clock, Text, Why};
use crate::check::{Level, Severity};
use crate::plan::event::Operator;
use crate::recording::{Encoder, Head, SCHEMA, Tape};
use crate::tui::{Item, Reel};

/// Where, by whom, and whether by itself.
#[derive(Debug)]
pub struct Post {
    /// The directory of files that nobody named.
    pub dir: PathBuf,
    /// Who watches.
    pub operator: Operator,
    /// The time in which files are named.
    pub clock: Clock,
    /// Whether a critical verdict begins a file.
    pub is_automatic: bool,
}

/// The directory of recordings below a state directory.
pub fn dir(state: &Path) -> PathBuf {
    state.join("recordings")
}

/// The first line of a file that is begun now.
pub fn head(operator: &Operator, clock: &Clock) -> Head {
    Head {
        schema: SCHEMA.into(),
        began: clock.now().wall,
        host: operator.host.clone(),
        user: operator.user.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// Begins to record.
pub fn hire(reel: Reel, post: Post) -> Hired {
    Hired::at("recording", move || Desk::new(reel, post).work())
}

/// What the recorder has before it.
struct Desk {
    reel: Reel,
    post: Post,
    encoder: Encoder,
    tape: Tape,
    /// The file that the operator asked for.
    asked: Option<File>,
    /// The file that a critical verdict began.
    automatic: Option<File>,
    verdict: Level,
    has_complained: bool,
}

impl Desk {
    fn new(reel: Reel, post: Post) -> Self {
        Self {
            reel,
            post,
            encoder: Encoder::default(),
            tape: Tape::default(),
            asked: None,
            automatic: None,
            verdict: Level::Unknown,
            has_complained: false,
        }
    }

    fn work(mut self) {
        while let Ok(item) = self.reel.items.recv() {
            let done = match item {
                Item::Whole(state, lost) => self.encoder.begin(&state, lost).map(|line| {
                    self.write(&line);
                    self.tape.begin(line);
                }),
                Item::Took(msg) => self.encoder.take(msg),
                Item::Drawn(now, verdict) => self.encoder.drawn(now, verdict).map(|line| {
                    if let Some(line) = line {
                        self.write(&line);
                        self.tape.add(line);
                    }
                    if self.tape.is_full() {
                        self.reel.wants_whole.store(true, Ordering::Relaxed);
                    }
                    self.judge(verdict);
                }),
                Item::Write(path) => {
                    self.begin(path);
                    Ok(())
                }
                Item::End => {
                    self.end();
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.complain(&format!("something could not be recorded: {error}"));
            }
        }
    }

    /// A verdict that turns critical is worth a file.
    fn judge(&mut self, verdict: Level) {
        let before = std::mem::replace(&mut self.verdict, verdict);
        let turns = verdict == Level::Critical && before != verdict;
        if !turns || !self.post.is_automatic || self.automatic.is_some() {
            return;
        }
        match self.new_file() {
            Ok(file) => {
                tracing::info!("the verdict is critical: recording to {}", file.path().display());
                self.automatic = Some(file);
            }
            Err(why) => self.complain(&why.to_string()),
        }
    }

    fn new_file(&self) -> Result<File, Why> {
        let head = head(&self.post.operator, &self.post.clock);
        File::kept(&self.post.dir, &head, self.post.operator.pid, self.tape.lines())
    }

    fn begin(&mut self, path: Option<PathBuf>) {
        if let Some(file) = &self.asked {
            let text = format!(
                "it is being recorded already, to {}; `:record stop` ends that",
                file.path().display()
            );
            return self.tell(Severity::Info, &text);
        }
        let begun = match path {
            Some(path) => File::named(&path, &head(&self.post.operator, &self.post.clock), self.tape.lines()),
            None => self.new_file(),
        };
        match begun {
            Ok(file) => {
                let text = format!(
                    "recording to {}, with the last minutes; `:record stop` ends it",
                    file.path().display()
                );
                self.asked = Some(file);
                self.tell(Severity::Info, &text);
            }
            Err(why) => self.tell(Severity::Warning, &why.to_string()),
        }
    }

    /// Ends what the operator asked for; what a critical verdict began goes on.
    fn end(&mut self) {
        let Some(file) = self.asked.take() else {
            return self.tell(Severity::Info, "nobody asked for a recording; `:record` begins one");
        };
        let (path, kib) = (file.path().display(), file.bytes().div_ceil(1 << 10));
        self.tell(Severity::Info, &format!("the recording ended with {kib} KiB: {path}"));
    }

    fn write(&mut self, line: &str) {
        for (file, is_asked) in [(&mut self.asked, true), (&mut self.automatic, false)] {
            let Some(open) = file else { continue };
            let ended = match open.line(line) {
                Ok(Kept::On) => continue,
                Ok(Kept::Full) => format!("the recording ends: {} is as large as it may be", open.path().display()),
                Err(why) => format!("the recording ends: {why}"),
            };
            *file = None;
            tracing::warn!("{}", Text::from(ended.as_str()));
            if is_asked {
                // Whoever does not read it has left.
                let _ = self.reel.told.try_send(Message::new(Severity::Warning, ended));
            }
        }
    }

    fn tell(&self, severity: Severity, text: &str) {
        let _ = self.reel.told.try_send(Message::new(severity, text));
    }

    /// Once: whoever reads the log knows it then.
    fn complain(&mut self, why: &str) {
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!("the flight recorder has gaps: {}", Text::from(why));
        }
    }
}

#[cfg(test)]
mod tests;
