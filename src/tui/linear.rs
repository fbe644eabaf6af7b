//! The console as lines, for screen readers, terminals that cannot move the cursor, and pipes: prints the screen once, then
//! what changes; reads lines and gives them to the same core. Start reading at [`run`].

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::log::{self, LogView};
use super::signals::Signals;
use super::{Deck, Options, Others, gather};
use crate::app::{Effect, Message, Msg, Screen, State, line, update};
use crate::base::WhyKind;
use crate::check::Severity;
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};
use crate::view::Theme;
use crate::view::linear::{self, Told};

/// The longest line that is read; the rest of a longer one is a line of its own.
const MAX_LINE_BYTES: u64 = 4096;
/// How many lines may wait.
const MAX_WAITING: usize = 8;
/// How long the first screen waits for facts.
const FIRST_FACTS: Duration = Duration::from_secs(3);
/// Columns and rows that the core reckons with: enough for everything.
const SIZE: (u16, u16) = (200, 60);

/// Prints and reads until the operator leaves, the input ends, or a signal comes.
pub async fn run(snapshots: watch::Receiver<Arc<Snapshot>>, others: Others, options: Options) -> io::Result<()> {
    let mut console = Console::new(snapshots, others, options);
    let mut signals = Signals::listen()?;
    let mut lines = lines();
    say(&["quorate, one line at a time. help says what can be typed, quit leaves.".to_owned()])?;
    console.say_message()?;
    console.wait_for_facts().await;
    console.say_page()?;
    loop {
        tokio::select! {
            biased;
            () = signals.any() => return Ok(()),
            typed = lines.recv() => match typed {
                Some(typed) if console.take(&typed)? => return Ok(()),
                Some(_) => {}
                None => return say(&["The input ended; quorate leaves.".to_owned()]),
            },
            answer = console.others.desk.answer() => {
                console.learn(Msg::Answer(answer));
                console.say_page()?;
            }
            news = console.others.crew.news() => {
                console.learn(Msg::Work(news));
                console.say_message()?;
                console.say_page()?;
            }
            past = console.others.diary.past() => console.learn(Msg::Past(past)),
            told = console.others.recorder.told() => {
                console.learn(Msg::Notice(told));
                console.say_message()?;
            }
            changed = console.snapshots.changed(), if console.is_fed => {
                if changed.is_ok() {
                    console.take_snapshot()?;
                } else {
                    console.lose_feed()?;
                }
            }
        }
    }
}

/// The lines that are typed, from a thread of their own: reading standard input cannot be cancelled.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            let read = Read::take(&mut input, MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
            let is_over = !matches!(read, Ok(1..));
            if is_over
                || sender
                    .blocking_send(String::from_utf8_lossy(&bytes).into_owned())
                    .is_err()
            {
                return;
            }
        }
    });
    receiver
}

/// What is said instead of starting a program.
const NOT_SHOWN: &str = "no other program is started here: every line is on the screen already";
/// What is said instead of copying.
const NOT_COPIED: &str = "nothing was copied: lines can be copied from the terminal as they stand";

/// The loop's belongings.
struct Console {
    state: State,
    theme: Theme,
    told: Told,
    log: LogView,
    deck: Deck,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    others: Others,
    /// Whether the other side of `snapshots` is still there.
    is_fed: bool,
}

impl Console {
    fn new(mut snapshots: watch::Receiver<Arc<Snapshot>>, others: Others, options: Options) -> Self {
        let crew = &others.crew;
        let mut state = State::new(Arc::clone(&snapshots.borrow_and_update()), options.policy)
            .with_keys(options.keys)
            .in_namespace(options.namespace.as_ref());
        update(&mut state, Msg::Resize(SIZE.0, SIZE.1));
        state.work.is_manned = crew.is_manned();
        state.work.is_unlocked = options.is_unlocked && crew.is_manned();
        if let Some(message) = gather(&options.messages) {
            update(&mut state, Msg::Notice(message));
        }
        Self {
            state,
            theme: linear::theme(),
            told: Told::default(),
            log: LogView::default(),
            deck: options.deck,
            snapshots,
            others,
            is_fed: true,
        }
    }

    /// What is read aloud cannot be taken back: the first screen waits for the sources that it is about, for a while.
    async fn wait_for_facts(&mut self) {
        const ABOUT: [FeedId; 3] = [FeedId::Api, FeedId::EtcdLocal, FeedId::Kube(KubeKind::Pods)];
        let told = self.snapshots.wait_for(|snapshot| {
            ABOUT.iter().all(|feed| match snapshot.feed(*feed) {
                FeedState::Syncing { .. } => false,
                FeedState::Off { why } => why.kind != WhyKind::NotYet,
                FeedState::Live { .. }
                | FeedState::Lagging { .. }
                | FeedState::Stored { .. }
                | FeedState::Lost { .. } => true,
            })
        });
        // That nothing was told by then is worth a screen as well.
        let _ = timeout(FIRST_FACTS, told).await;
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        self.learn(Msg::Snapshot(snapshot));
    }

    /// Takes in a fact, which wishes for nothing but to be written down.
    fn learn(&mut self, msg: Msg) {
        for effect in self.feed(msg) {
            match effect {
                Effect::Keep(entries) => self.others.diary.keep(entries),
                Effect::Ask(id, question) => self.others.desk.ask(id, question),
                Effect::Cancel(id) => self.others.desk.cancel(id),
                Effect::Quit
                | Effect::Redraw
                | Effect::Suspend
                | Effect::Log(_)
                | Effect::Sim(_)
                | Effect::Copy(_)
                | Effect::CopyPage
                | Effect::Show(..)
                | Effect::Record(_)
                | Effect::EndRecord
                | Effect::Replay(_)
                | Effect::Work(_) => {}
            }
        }
    }

    /// The one way by which the state changes: what it takes in is recorded.
    fn feed(&mut self, msg: Msg) -> Vec<Effect> {
        self.others.recorder.take(&self.state, &msg);
        update(&mut self.state, msg)
    }

    /// Does what a line says. Returns whether to leave.
    fn take(&mut self, typed: &str) -> io::Result<bool> {
        let mut before = self.state.clone();
        match line::read(&self.state, typed) {
            Ok(msgs) => {
                let mut told = None;
                let effects: Vec<Effect> = msgs.into_iter().flat_map(|msg| self.feed(msg)).collect();
                for effect in effects {
                    match effect {
                        Effect::Quit => return Ok(true),
                        Effect::Log(by) => self.log.step(by),
                        Effect::Work(order) => told = self.others.crew.order(order),
                        Effect::Sim(command) => told = Some(self.deck.play(&command)),
                        Effect::Ask(id, question) => self.others.desk.ask(id, question),
                        Effect::Cancel(id) => self.others.desk.cancel(id),
                        Effect::Keep(entries) => self.others.diary.keep(entries),
                        // A pipe must not get an escape.
                        Effect::Copy(_) | Effect::CopyPage => told = Some(Message::new(Severity::Info, NOT_COPIED)),
                        Effect::Show(..) => told = Some(Message::new(Severity::Info, NOT_SHOWN)),
                        Effect::Record(file) => told = self.others.recorder.write(&file),
                        Effect::EndRecord => told = self.others.recorder.end(),
                        // The terminal is not ours: its own ctrl-z suspends.
                        Effect::Suspend | Effect::Redraw | Effect::Replay(_) => {}
                    }
                }
                if let Some(told) = told {
                    self.feed(Msg::Notice(told));
                }
            }
            Err(why) => {
                self.feed(Msg::Notice(Message::new(Severity::Warning, why)));
            }
        }
        let is_told = self.state.message.is_some();
        self.say_message()?;
        // What cannot be done needs no repetition of the screen.
        self.state.message.clone_from(&before.message);
        before.history.clone_from(&self.state.history);
        if !is_told || self.state != before {
            self.say_page()?;
        }
        Ok(false)
    }

    fn take_snapshot(&mut self) -> io::Result<()> {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let before = self.state.clone();
        self.learn(Msg::Snapshot(snapshot));
        log::changes(&before, &self.state);
        log::collect();
        // A replay shows what the screen would have been.
        self.others.recorder.drawn(&self.state);
        let changes = self.told.changes(&self.state, &self.theme);
        say(&changes)
    }

    fn lose_feed(&mut self) -> io::Result<()> {
        self.is_fed = false;
        say(&["quorate stopped observing: nothing will change any more; see the log".to_owned()])
    }

    fn say_page(&mut self) -> io::Result<()> {
        let mut lines = linear::page(&self.state, &self.theme);
        if self.state.screen == Screen::Log && self.state.help.is_none() {
            log::collect();
            lines.extend(self.log.lines(&self.theme));
        }
        self.told.page(&self.state, &self.theme);
        self.others.recorder.drawn(&self.state);
        say(&lines)
    }

    fn say_message(&mut self) -> io::Result<()> {
        let message = self.state.message.take();
        say(&message
            .map(|message| format!("{}: {}", message.severity.word(), message.text))
            .into_iter()
            .collect::<Vec<_>>())
    }
}

/// Prints lines, all at once.
fn say(lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all((lines.join("\n") + "\n").as_bytes())?;
    out.flush()
}
