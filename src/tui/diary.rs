//! Where the timeline is written down: what is new goes there, what earlier sessions wrote comes from there, once. Both ways
//! are bounded, and the console waits for neither.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::sync::mpsc;

use crate::app::timeline::Entry;

/// How many times something new may wait to be written.
const BOUND: usize = 256;

/// The console's end.
#[derive(Debug, Default)]
pub struct Diary {
    pages: Option<SyncSender<Vec<Entry>>>,
    past: Option<mpsc::Receiver<Vec<Entry>>>,
    /// Whether it was said that something was lost.
    has_complained: bool,
}

/// The other end, for a thread that may wait for a disk.
#[derive(Debug)]
pub struct Scribe {
    /// What is to be written. Closed when the console is gone.
    pub pages: Receiver<Vec<Entry>>,
    /// Where goes what earlier sessions wrote, the oldest first.
    pub past: mpsc::Sender<Vec<Entry>>,
}

impl Diary {
    /// Both ends.
    pub fn open() -> (Self, Scribe) {
        let (sender, pages) = sync_channel(BOUND);
        let (past, receiver) = mpsc::channel(1);
        let diary = Self {
            pages: Some(sender),
            past: Some(receiver),
            has_complained: false,
        };
        (diary, Scribe { pages, past })
    }

    /// Hands over what is new. What finds no room is lost to the disk, and the log says so once.
    pub fn keep(&mut self, entries: Vec<Entry>) {
        let Some(pages) = &self.pages else { return };
        if let Err(TrySendError::Full(_)) = pages.try_send(entries)
            && !std::mem::replace(&mut self.has_complained, true)
        {
            tracing::warn!("the timeline on disk has gaps: the disk takes it too slowly");
        }
    }

    /// Waits for what earlier sessions wrote; for ever where nothing comes. May be dropped at any time.
    pub async fn past(&mut self) -> Vec<Entry> {
        if let Some(past) = &mut self.past {
            match past.recv().await {
                Some(entries) => return entries,
                None => self.past = None,
            }
        }
        std::future::pending().await
    }
}
