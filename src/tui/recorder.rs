//! What the console takes in goes to the flight recorder, which works elsewhere: the console hands over and waits for nothing.
//! What finds no room is a gap, and after a gap the whole state is handed over.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::mpsc;

use crate::app::{Message, Msg, State};
use crate::base::Stamp;
use crate::check::{Level, Severity};
use crate::recording::without_secrets;

/// How much may wait to be recorded.
const BOUND: usize = 64;
/// How many messages of the recorder may wait.
const MAX_TOLD: usize = 8;

/// What the recorder gets.
#[derive(Debug)]
pub enum Item {
    /// The console as a whole, after so many messages were lost.
    Whole(Box<State>, u64),
    /// It took this in.
    Took(Msg),
    /// A frame was drawn.
    Drawn(Stamp, Level),
    /// Write to this file what is in memory, and go on; None leaves the place to the recorder.
    Write(Option<PathBuf>),
    /// End that file.
    End,
}

/// The console's end.
#[derive(Debug, Default)]
pub struct Recorder {
    items: Option<SyncSender<Item>>,
    told: Option<mpsc::Receiver<Message>>,
    wants_whole: Arc<AtomicBool>,
    /// Whether the other end knows the state.
    is_whole: bool,
    lost: u64,
}

/// The other end, for a thread that may wait for a disk.
#[derive(Debug)]
pub struct Reel {
    /// What is to be recorded. Closed when the console is gone.
    pub items: Receiver<Item>,
    /// What the operator should know.
    pub told: mpsc::Sender<Message>,
    /// Set where the next segment should begin.
    pub wants_whole: Arc<AtomicBool>,
}

impl Recorder {
    /// Both ends.
    pub fn open() -> (Self, Reel) {
        let (sender, items) = sync_channel(BOUND);
        let (told, receiver) = mpsc::channel(MAX_TOLD);
        let wants_whole = Arc::default();
        let recorder = Self {
            items: Some(sender),
            told: Some(receiver),
            wants_whole: Arc::clone(&wants_whole),
            is_whole: false,
            lost: 0,
        };
        let reel = Reel {
            items,
            told,
            wants_whole,
        };
        (recorder, reel)
    }

    /// The console takes this in, as it is.
    pub fn take(&mut self, state: &State, msg: &Msg) {
        if matches!(msg, Msg::Geometry(_)) {
            return;
        }
        self.is_whole = self.is_whole && self.send(Item::Took(without_secrets(state, msg)));
        if !self.is_whole {
            self.lost += 1;
        }
    }

    /// It drew a frame of this state.
    pub fn drawn(&mut self, state: &State) {
        if self.items.is_none() {
            return;
        }
        if !self.is_whole || self.wants_whole.swap(false, Ordering::Relaxed) {
            self.is_whole = self.send(Item::Whole(Box::new(state.clone()), self.lost));
            if self.is_whole {
                self.lost = 0;
            }
        }
        let drawn = Item::Drawn(state.snapshot.now, state.derived.report.verdict.level);
        self.is_whole = self.is_whole && self.send(drawn);
    }

    /// Asks for a file; what comes of it is told later. Returns why that cannot be.
    pub fn write(&mut self, file: &str) -> Option<Message> {
        let file = (!file.is_empty()).then(|| PathBuf::from(file));
        self.ask(Item::Write(file))
    }

    /// Asks for that file's end; what comes of it is told later. Returns why that cannot be.
    pub fn end(&mut self) -> Option<Message> {
        self.ask(Item::End)
    }

    fn ask(&self, item: Item) -> Option<Message> {
        if self.send(item) {
            return None;
        }
        let text = "nothing is recorded here, or the recorder has no time; try again";
        Some(Message::new(Severity::Warning, text))
    }

    fn send(&self, item: Item) -> bool {
        self.items.as_ref().is_some_and(|items| items.try_send(item).is_ok())
    }

    /// Waits for what the operator should know; for ever where nothing comes. May be dropped at any time.
    pub async fn told(&mut self) -> Message {
        if let Some(told) = &mut self.told {
            match told.recv().await {
                Some(message) => return message,
                None => self.told = None,
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Policy, example};

    fn state() -> State {
        State::new(Arc::new(example::healthy()), Policy::default())
    }

    #[test]
    fn after_a_gap_the_whole_state_comes_first() {
        let (mut recorder, reel) = Recorder::open();
        let (state, msg) = (state(), Msg::Select(1));
        recorder.take(&state, &msg);
        recorder.drawn(&state);
        let items: Vec<Item> = reel.items.try_iter().collect();
        assert!(
            matches!(items.as_slice(), [Item::Whole(_, 1), Item::Drawn(..)]),
            "{items:?}"
        );
        for _ in 0..BOUND + 5 {
            recorder.take(&state, &msg);
        }
        recorder.drawn(&state);
        let items: Vec<Item> = reel.items.try_iter().collect();
        assert!(items.len() == BOUND && items.iter().all(|item| matches!(item, Item::Took(_))));
        recorder.drawn(&state);
        let items: Vec<Item> = reel.items.try_iter().collect();
        assert!(
            matches!(items.as_slice(), [Item::Whole(_, 5), Item::Drawn(..)]),
            "{items:?}"
        );
    }

    #[test]
    fn the_other_end_asks_for_a_segment() {
        let (mut recorder, reel) = Recorder::open();
        recorder.drawn(&state());
        reel.wants_whole.store(true, Ordering::Relaxed);
        recorder.drawn(&state());
        recorder.drawn(&state());
        let wholes = reel.items.try_iter().filter(|item| matches!(item, Item::Whole(..)));
        assert_eq!(wholes.count(), 2);
    }
}
