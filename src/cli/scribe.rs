//! Writes the console's timeline to disk, and reads what earlier sessions wrote, on a thread of its own: a disk that hangs
//! stops nothing. What cannot be written is said once, in the log. Start reading at [`hire`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::conduct;
use super::observe::Resolved;
use crate::app::timeline::Entry;
use crate::base::{Clock, Stamp, Text, Why};
use crate::chronicle::{self, History, SCHEMA, Session, Writer};
use crate::model::Snapshot;
use crate::model::past::Identity;
use crate::plan::event::Operator;
use crate::port::{Observation, Sink};
use crate::tui::Scribe;

/// How often it is looked which cluster this is.
const TICK: Duration = Duration::from_secs(1);
/// How often it is written that somebody still watches.
const ALIVE: Duration = Duration::from_secs(30);
/// How long both names of a cluster are waited for once one is known.
const NAMES: Duration = Duration::from_secs(3);
/// So many entries wait until it is known which cluster they are of.
const MAX_WAITING: usize = 2_000;
/// How long the console waits at its end for the last words.
const LEAVE: Duration = Duration::from_secs(2);

/// Whom, where, and with what.
#[derive(Debug)]
pub struct Post {
    /// The directory of the files.
    pub dir: PathBuf,
    /// Who watches.
    pub operator: Operator,
    /// Tells which cluster it is.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Where goes what counts of the past.
    pub sink: Sink,
    /// The time in which it counts.
    pub clock: Clock,
}

/// A thread at work that has something to write at the end.
#[derive(Debug)]
pub struct Hired {
    what: &'static str,
    done: Receiver<()>,
}

impl Hired {
    /// Begins to work on a thread of its own.
    pub(super) fn at(what: &'static str, work: impl FnOnce() + Send + 'static) -> Self {
        let (sender, done) = sync_channel(1);
        std::thread::spawn(move || {
            work();
            // A console that does not wait any more needs no answer.
            let _ = sender.send(());
        });
        Self { what, done }
    }

    /// Waits until the last words are written, but not for ever. The console must be gone by then.
    pub fn leave(self) {
        if let Err(RecvTimeoutError::Timeout) = self.done.recv_timeout(LEAVE) {
            tracing::warn!(
                "the end of the {} was not written within {} s",
                self.what,
                LEAVE.as_secs()
            );
        }
    }
}

/// Begins to write. Must be called inside a runtime.
pub fn hire(scribe: Scribe, post: Post) -> Hired {
    let runtime = Handle::current();
    Hired::at("timeline", move || work(scribe, post, &runtime))
}

/// A snapshot that was taken without a console, with what counts of the past. A simulated cluster has none.
pub fn with_past(resolved: &Resolved, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
    let identity = snapshot.identity();
    if resolved.simulation.is_some() || !identity.is_known() {
        return snapshot;
    }
    let began = snapshot.now.wall;
    let told = conduct::state_dir(resolved).and_then(|state| chronicle::sessions(&chronicle::dir(&state), None));
    match told {
        Ok(told) => Arc::new(Snapshot {
            past: History::of(&told, &identity, began).past(began),
            ..Snapshot::clone(&snapshot)
        }),
        Err(why) => {
            eprintln!("quorate: {why}");
            snapshot
        }
    }
}

fn work(scribe: Scribe, post: Post, runtime: &Handle) {
    let Scribe { pages, past: reader } = scribe;
    let mut desk = Desk::new(post);
    // Sent once; then the console waits for nothing more.
    let mut reader = Some(reader);
    loop {
        let is_over = match pages.recv_timeout(TICK) {
            Ok(entries) => {
                desk.waiting.extend(entries);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        if let Some(history) = desk.begin(is_over) {
            let told = history.past(desk.began.wall);
            if !told.is_empty() {
                // Sources that have ended need no past.
                let _ = runtime.block_on(desk.post.sink.send(Observation::Past(told)));
            }
            if let Some(reader) = reader.take() {
                drop(reader.try_send(history.before(desk.began).entries));
            }
        }
        desk.write(is_over);
        if is_over {
            return;
        }
    }
}

/// What the scribe has before it.
struct Desk {
    post: Post,
    began: Stamp,
    waiting: Vec<Entry>,
    known: Option<(Identity, Instant)>,
    writer: Option<Writer>,
    alive: Instant,
    has_complained: bool,
}

impl Desk {
    fn new(post: Post) -> Self {
        Self {
            began: post.clock.now(),
            post,
            waiting: Vec::new(),
            known: None,
            writer: None,
            alive: Instant::now(),
            has_complained: false,
        }
    }

    /// Opens a file as soon as it is known which cluster this is; then what is on record of it.
    fn begin(&mut self, is_last: bool) -> Option<History> {
        let identity = self.post.snapshots.borrow().identity();
        if self.writer.is_some() || self.has_complained || !identity.is_known() {
            return None;
        }
        let (_, since) = self.known.get_or_insert_with(|| (identity.clone(), Instant::now()));
        let is_whole = identity.etcd.is_some() && identity.kube.is_some();
        if !is_whole && since.elapsed() < NAMES && !is_last {
            return None;
        }
        let operator = &self.post.operator;
        let session = Session {
            schema: SCHEMA.into(),
            began: self.began.wall,
            host: operator.host.clone(),
            user: operator.user.clone(),
            pid: operator.pid,
        };
        let told = match chronicle::sessions(&self.post.dir, None) {
            Ok(told) => told,
            Err(why) => {
                self.complain(&why);
                Vec::new()
            }
        };
        match Writer::begin(&self.post.dir, session, identity.clone()) {
            Ok(writer) => self.writer = Some(writer),
            Err(why) => self.complain(&why),
        }
        Some(History::of(&told, &identity, self.began.wall))
    }

    fn write(&mut self, is_last: bool) {
        let Some(writer) = &mut self.writer else {
            let spare = self.waiting.len().saturating_sub(MAX_WAITING);
            self.waiting.drain(..spare);
            return;
        };
        let identity = self.post.snapshots.borrow().identity();
        let mut written = writer.identify(&identity);
        let changes = std::mem::take(&mut self.waiting);
        if !changes.is_empty() {
            written = written.and(writer.changes(changes));
        }
        if is_last || self.alive.elapsed() >= ALIVE {
            self.alive = Instant::now();
            written = written.and(writer.until(self.post.clock.now().wall));
        }
        if let Err(why) = written {
            self.complain(&why);
        }
    }

    /// Once: whoever reads the log knows it then.
    fn complain(&mut self, why: &Why) {
        if !std::mem::replace(&mut self.has_complained, true) {
            tracing::warn!("the timeline on disk has gaps: {}", Text::from(why.to_string()));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::timeline::Topic;
    use crate::model::example;
    use crate::tui::Diary;

    fn post(dir: PathBuf, snapshot: Snapshot) -> (Post, watch::Sender<Arc<Snapshot>>) {
        let (sender, snapshots) = watch::channel(Arc::new(snapshot));
        let clock = Clock::start();
        let operator = Operator {
            user: "ada".into(),
            host: "nbe-1".into(),
            pid: std::process::id(),
        };
        let (sink, _) = Sink::channel(clock.clone());
        let post = Post {
            dir,
            operator,
            snapshots,
            sink,
            clock,
        };
        (post, sender)
    }

    #[tokio::test]
    async fn what_the_console_noticed_is_on_disk_when_it_has_left_and_the_next_one_knows_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("timeline");
        let identity = example::healthy().identity();
        let (mut diary, scribe) = Diary::open();
        let (first, _sender) = post(place.clone(), example::healthy());
        let hired = hire(scribe, first);
        let entry = Entry::new(Clock::start().now(), Topic::Node, "nbe-3".into(), "NotReady", None);
        diary.keep(vec![entry]);
        drop(diary);
        hired.leave();
        let told = chronicle::sessions(&place, None).unwrap();
        let history = History::of(&told, &identity, Clock::start().now().wall);
        assert_eq!(history.entries.len(), 1, "{told:#?}");
        let (mut diary, scribe) = Diary::open();
        let (second, _sender) = post(place, example::healthy());
        let hired = hire(scribe, second);
        let past = diary.past().await;
        assert_eq!(past.first().map(|entry| entry.text.as_str()), Some("NotReady"));
        assert!(past.last().unwrap().text.as_str().starts_with("this session began; "));
        drop(diary);
        hired.leave();
    }

    #[tokio::test]
    async fn of_a_cluster_that_is_not_known_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (diary, scribe) = Diary::open();
        let place = dir.path().join("timeline");
        let (post, _sender) = post(place.clone(), example::empty());
        let hired = hire(scribe, post);
        drop(diary);
        hired.leave();
        assert!(!place.exists());
    }
}
