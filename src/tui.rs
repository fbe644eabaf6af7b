//! The terminal around the core: guard, input, the one loop, the log. It turns keys and snapshots into `Msg`s, performs
//! `Effect`s, and draws a frame when something changed. It knows no cluster and decides nothing. Start reading at
//! [`run`].

mod backend;
mod crew;
mod deck;
mod desk;
mod diary;
mod foreground;
mod guard;
mod input;
mod keyboard;
pub mod linear;
mod log;
mod program;
mod recorder;
pub mod replay;
mod signals;
mod suspend;

pub use crew::{Crew, Foreman};
pub use deck::Deck;
pub use desk::{Clerk, Desk};
pub use diary::{Diary, Scribe};
pub use guard::restore;
pub use log::{LogError, init_log};
pub use program::{Chosen, Programs};
pub use recorder::{Item, Recorder, Reel};

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout};
use std::sync::Arc;

use ratatui::Terminal;
use tokio::sync::watch;

use crate::app::keys::{KeyMap, Program};
use crate::app::{Effect, Geometry, Message, Msg, State, tour, update};
use crate::base::Text;
use crate::check::Severity;
use crate::model::question::Answer;
use crate::model::{Policy, Snapshot};
use crate::view::theme::ThemeError;
use crate::view::{self, Colors, Glyphs, Theme};
use backend::QuietBackend;
use guard::Guard;
use keyboard::Keyboard;
use log::LogView;
use program::{Meanwhile, Shown};
use signals::Signals;
use suspend::Suspension;

/// Frames are collected here, so that one frame is one write.
const OUTPUT_BYTES: usize = 64 * 1024;
/// How many events are taken in before a frame is drawn, however fast they come.
const MAX_DRAINED: usize = 256;

/// How the console looks and judges.
#[derive(Debug, Clone)]
pub struct Options {
    /// What counts as wrong.
    pub policy: Policy,
    /// Keys that the operator gave another meaning.
    pub keys: KeyMap,
    /// How roles look.
    pub theme: Theme,
    /// The themes that can be chosen instead.
    pub themes: Themes,
    /// Which glyphs the terminal has.
    pub glyphs: Glyphs,
    /// Which colours the terminal has.
    pub colors: Colors,
    /// What went wrong before the console opened, such as a broken theme.
    pub messages: Vec<Message>,
    /// What can be done to a simulated cluster.
    pub deck: Deck,
    /// The namespace that workloads and pods are filtered by to begin with.
    pub namespace: Option<Text>,
    /// Whether actions may be run from the beginning (`--write`).
    pub is_unlocked: bool,
    /// Whether the tour begins with the console.
    pub has_tour: bool,
    /// The operator's pager and editor.
    pub programs: Programs,
}

/// Whom the console talks to, beside its operator.
#[derive(Debug)]
pub struct Others {
    /// Who answers questions.
    pub desk: Desk,
    /// Who runs guided actions.
    pub crew: Crew,
    /// Who writes the timeline down.
    pub diary: Diary,
    /// Who records everything that is taken in.
    pub recorder: Recorder,
}

/// Reads a theme by its name.
pub type ReadTheme = dyn Fn(&str) -> Result<Theme, ThemeError> + Send + Sync;

/// Themes by name.
#[derive(Clone)]
pub struct Themes {
    /// Those that there are.
    pub names: Vec<String>,
    /// Reads one.
    pub read: Arc<ReadTheme>,
}

impl fmt::Debug for Themes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

/// Shows the console until the operator leaves or a signal ends it. The first frame does not wait for a snapshot. Returns
/// an error if there is no terminal, or none any more; the terminal is restored in every case.
pub async fn run(snapshots: watch::Receiver<Arc<Snapshot>>, others: Others, options: Options) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        let hint = "standard output is not a terminal; use `quorate status` or `quorate check` for files and pipes";
        return Err(io::Error::new(io::ErrorKind::Unsupported, hint));
    }
    let guard = Guard::enter()?;
    let mut console = Console::new(snapshots, others, options)?;
    let result = console.run().await;
    drop(guard);
    result
}

type Screen = Terminal<QuietBackend<BufWriter<Stdout>>>;

/// The loop's belongings.
struct Console {
    state: State,
    theme: Theme,
    /// What `theme` and the others came from.
    options: Options,
    terminal: Screen,
    log: LogView,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    others: Others,
    /// Whether the other side of `snapshots` is still there.
    is_fed: bool,
    /// Whether the next frame may differ from the last.
    is_dirty: bool,
    /// Whether the terminal is to go back to the shell for a while.
    wants_shell: bool,
    /// The program that is to have the terminal for a while, and with which text.
    wants_shown: Option<(Program, String)>,
}

impl Console {
    fn new(mut snapshots: watch::Receiver<Arc<Snapshot>>, others: Others, options: Options) -> io::Result<Self> {
        let crew = &others.crew;
        let output = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout());
        let terminal = Terminal::new(QuietBackend::new(output))?;
        let mut state = State::new(Arc::clone(&snapshots.borrow_and_update()), options.policy.clone())
            .with_keys(options.keys.clone())
            .in_namespace(options.namespace.as_ref());
        state.themes.clone_from(&options.themes.names);
        state.work.is_manned = crew.is_manned();
        state.work.is_unlocked = options.is_unlocked && crew.is_manned();
        let size = terminal.size()?;
        update(&mut state, Msg::Resize(size.width, size.height));
        if options.has_tour {
            tour::toggle(&mut state);
        }
        if let Some(message) = gather(&options.messages) {
            update(&mut state, Msg::Notice(message));
        }
        Ok(Self {
            state,
            theme: options.theme.clone().on(options.colors, options.glyphs),
            options,
            terminal,
            log: LogView::default(),
            snapshots,
            others,
            is_fed: true,
            is_dirty: true,
            wants_shell: false,
            wants_shown: None,
        })
    }

    async fn run(&mut self) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        let mut suspension = Suspension::listen()?;
        let mut keyboard = Keyboard::open()?;
        loop {
            if std::mem::take(&mut self.wants_shell) {
                self.suspend(&mut suspension).await?;
            }
            if let Some((program, text)) = self.wants_shown.take() {
                keyboard.forget();
                let meanwhile = Meanwhile {
                    suspension: &mut suspension,
                    signals: &mut signals,
                };
                if self.show(program, &text, meanwhile).await? {
                    return Ok(());
                }
            }
            self.draw()?;
            tokio::select! {
                biased;
                () = signals.any() => return Ok(()),
                () = suspension.asked() => self.wants_shell = true,
                typed = keyboard.next() => {
                    if self.take_typed(typed?, &mut keyboard)? {
                        return Ok(());
                    }
                }
                answer = self.others.desk.answer() => self.take_answers(answer)?,
                news = self.others.crew.news() => {
                    self.take(Msg::Work(news))?;
                }
                past = self.others.diary.past() => {
                    self.take(Msg::Past(past))?;
                }
                told = self.others.recorder.told() => {
                    self.take(Msg::Notice(told))?;
                }
                changed = self.snapshots.changed(), if self.is_fed => {
                    if changed.is_ok() {
                        self.take_snapshot()?;
                    } else {
                        self.lose_feed();
                    }
                }
            }
        }
    }

    /// Lets the shell have the terminal; afterwards everything is drawn anew, in the size that the terminal has then.
    async fn suspend(&mut self, suspension: &mut Suspension) -> io::Result<()> {
        self.is_dirty = true;
        if !suspend::has_shell() {
            let text = "nobody would bring quorate back: no shell started it as a job";
            self.tell(Message::new(Severity::Info, text));
            return Ok(());
        }
        suspension.sleep().await?;
        self.draw_anew()
    }

    /// Lets a program of the operator's have the terminal. Returns whether to leave.
    async fn show(&mut self, program: Program, text: &str, meanwhile: Meanwhile<'_>) -> io::Result<bool> {
        self.is_dirty = true;
        match self.options.programs.show(program, text, meanwhile).await? {
            Shown::Well => {}
            Shown::Badly(why) => self.tell(Message::new(Severity::Warning, why)),
            Shown::Ended => return Ok(true),
        }
        self.draw_anew()?;
        Ok(false)
    }

    /// After the terminal was another's: in the size that it has now.
    fn draw_anew(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.feed(Msg::Resize(size.width, size.height));
        self.terminal.clear()
    }

    /// Takes in what was typed, with all that waits behind it. Returns whether to leave.
    fn take_typed(&mut self, first: Msg, keyboard: &mut Keyboard) -> io::Result<bool> {
        if self.take(first)? {
            return Ok(true);
        }
        for _ in 1..MAX_DRAINED {
            if self.wants_shell || self.wants_shown.is_some() {
                break;
            }
            let Some(msg) = keyboard.waiting()? else { break };
            if self.take(msg)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes in one fact and does what the core wishes. Returns whether to leave.
    fn take(&mut self, msg: Msg) -> io::Result<bool> {
        self.is_dirty = true;
        let theme = self.state.theme.clone();
        let effects = self.feed(msg);
        if self.state.theme != theme {
            self.take_theme(theme);
        }
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Suspend => self.wants_shell = true,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Log(by) => self.log.step(by),
                Effect::Sim(command) => {
                    let told = self.options.deck.play(&command);
                    self.tell(told);
                }
                Effect::Ask(id, question) => self.others.desk.ask(id, question),
                Effect::Cancel(id) => self.others.desk.cancel(id),
                Effect::Work(order) => {
                    if let Some(told) = self.others.crew.order(order) {
                        self.tell(told);
                    }
                }
                Effect::Keep(entries) => self.others.diary.keep(entries),
                Effect::Copy(text) => self.terminal.backend_mut().copy(&text)?,
                Effect::CopyPage => {
                    let text = view::page_text(&self.state, &self.theme);
                    self.terminal.backend_mut().copy(&text)?;
                }
                Effect::Show(program, text) => self.wants_shown = Some((program, text)),
                Effect::Record(file) => {
                    if let Some(told) = self.others.recorder.write(&file) {
                        self.tell(told);
                    }
                }
                Effect::EndRecord => {
                    if let Some(told) = self.others.recorder.end() {
                        self.tell(told);
                    }
                }
                Effect::Replay(_) => {}
            }
        }
        Ok(false)
    }

    /// The one way by which the state changes: what it takes in is recorded.
    fn feed(&mut self, msg: Msg) -> Vec<Effect> {
        self.others.recorder.take(&self.state, &msg);
        update(&mut self.state, msg)
    }

    fn tell(&mut self, message: Message) {
        self.feed(Msg::Notice(message));
    }

    /// Looks as the operator chose; a broken theme is told and `before` stays.
    fn take_theme(&mut self, before: Option<String>) {
        let chosen = self.state.theme.as_deref().unwrap_or_default();
        match (self.options.themes.read)(chosen) {
            Ok(theme) => self.theme = theme.on(self.options.colors, self.options.glyphs),
            Err(why) => {
                self.state.theme = before;
                self.tell(Message::new(Severity::Warning, why.to_string()));
            }
        }
    }

    /// Takes in an answer and those that wait behind it, so that they become one frame.
    fn take_answers(&mut self, first: Answer) -> io::Result<()> {
        let mut next = Some(first);
        for _ in 0..MAX_DRAINED {
            let Some(answer) = next else { break };
            self.take(Msg::Answer(answer))?;
            next = self.others.desk.waiting();
        }
        Ok(())
    }

    fn take_snapshot(&mut self) -> io::Result<()> {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let before = self.state.clone();
        self.take(Msg::Snapshot(snapshot))?;
        log::changes(&before, &self.state);
        Ok(())
    }

    /// The console stays open with what it has.
    fn lose_feed(&mut self) {
        self.is_fed = false;
        self.is_dirty = true;
        let text = "quorate stopped observing: what is shown will not change any more; see the log";
        self.tell(Message::new(Severity::Critical, text));
    }

    fn draw(&mut self) -> io::Result<()> {
        log::collect();
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        if !guard::is_ours() {
            return Err(io::Error::other(
                "a part of quorate panicked and the terminal was given back",
            ));
        }
        let (state, theme, log) = (&self.state, &self.theme, &self.log);
        let mut geometry = Geometry::default();
        self.terminal.draw(|frame| {
            geometry = view::render(state, theme, frame);
            if let Some(area) = geometry.log {
                log.render(theme, area, frame);
            }
        })?;
        self.others.recorder.drawn(&self.state);
        self.feed(Msg::Geometry(geometry));
        Ok(())
    }
}

/// One message that stands for all: the worst, and how many more there are.
fn gather(messages: &[Message]) -> Option<Message> {
    for message in messages {
        tracing::warn!("{}", message.text);
    }
    let worst = messages.iter().max_by_key(|message| message.severity)?;
    let more = messages.len() - 1;
    if more == 0 {
        return Some(worst.clone());
    }
    Some(Message::new(
        worst.severity,
        format!("{} (and {more} more: see the log)", worst.text),
    ))
}

#[cfg(test)]
mod pty_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_messages_become_the_worst_one() {
        assert_eq!(gather(&[]), None);
        let one = Message::new(Severity::Info, "one");
        assert_eq!(gather(std::slice::from_ref(&one)), Some(one.clone()));
        let gathered = gather(&[one, Message::new(Severity::Warning, "theme broken")]);
        let expected = Message::new(Severity::Warning, "theme broken (and 1 more: see the log)");
        assert_eq!(gathered, Some(expected));
    }
}
