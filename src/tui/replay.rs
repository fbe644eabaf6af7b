//! The console on a recording: the same frames, the same keys for looking around, and keys to move in time. Nothing is asked and
//! nothing is done. Start reading at [`run`].

mod player;

pub use player::Player;

use std::io::{self, BufWriter, IsTerminal};
use std::time::Duration;

use ratatui::Terminal;
use tokio::time::sleep;

use super::backend::QuietBackend;
use super::guard::{self, Guard};
use super::keyboard::Keyboard;
use super::log::LogView;
use super::signals::Signals;
use super::suspend::{self, Suspension};
use super::{OUTPUT_BYTES, Screen};
use crate::app::replay::{Deed, Place, SPEEDS, Wish, seen_as};
use crate::app::{Command, Effect, Geometry, Message, Msg, State, keys, update};
use crate::base::{Why, WhyKind};
use crate::check::Severity;
use crate::model::question::{Answer, Told};
use crate::recording::Unreadable;
use crate::view::{self, Theme};

/// However long nothing was drawn, the next frame comes within this time.
const LONGEST: Duration = Duration::from_secs(2);
/// However fast it plays, there is time for a key between two frames.
const SHORTEST: Duration = Duration::from_millis(15);

/// Shows a recording until the operator leaves or a signal ends it.
pub async fn run(player: Player, theme: Theme) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        let hint = "standard output is not a terminal; `quorate replay FILE --dump` prints frames";
        return Err(io::Error::new(io::ErrorKind::Unsupported, hint));
    }
    let guard = Guard::enter()?;
    let mut replay = Replay::new(player, theme)?;
    let result = replay.run().await;
    drop(guard);
    result
}

struct Replay {
    player: Player,
    theme: Theme,
    terminal: Screen,
    /// What is shown: the recorded state, or a copy that somebody looks around in.
    shown: State,
    is_own: bool,
    is_playing: bool,
    /// In [`SPEEDS`].
    speed: usize,
    wants_shell: bool,
}

impl Replay {
    fn new(player: Player, theme: Theme) -> io::Result<Self> {
        let output = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout());
        let terminal = Terminal::new(QuietBackend::new(output))?;
        let mut replay = Self {
            shown: player.state().clone(),
            player,
            theme,
            terminal,
            is_own: false,
            is_playing: false,
            speed: 0,
            wants_shell: false,
        };
        replay.show()?;
        Ok(replay)
    }

    async fn run(&mut self) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        let mut suspension = Suspension::listen()?;
        let mut keyboard = Keyboard::open()?;
        loop {
            if std::mem::take(&mut self.wants_shell) {
                self.suspend(&mut suspension).await?;
            }
            self.draw()?;
            tokio::select! {
                biased;
                () = signals.any() => return Ok(()),
                () = suspension.asked() => self.wants_shell = true,
                msg = keyboard.next() => {
                    if self.take(msg?)? {
                        return Ok(());
                    }
                }
                () = sleep(self.wait()), if self.is_playing => self.forward()?,
            }
        }
    }

    async fn suspend(&mut self, suspension: &mut Suspension) -> io::Result<()> {
        if !suspend::has_shell() {
            let text = "nobody would bring quorate back: no shell started it as a job";
            self.shown.say(Severity::Info, text);
            return Ok(());
        }
        suspension.sleep().await?;
        self.show()?;
        self.terminal.clear()
    }

    /// How long the frame shown stays.
    fn wait(&self) -> Duration {
        let here = self.player.place();
        let lasted = self.player.at(here + 1).duration_since(self.player.at(here));
        let lasted = Duration::try_from(lasted).unwrap_or_default() / SPEEDS.get(self.speed).copied().unwrap_or(1);
        lasted.clamp(SHORTEST, LONGEST)
    }

    fn forward(&mut self) -> io::Result<()> {
        self.go(self.player.place() + 1)?;
        if self.player.place() == self.player.len() {
            self.is_playing = false;
            self.show()?;
        }
        Ok(())
    }

    fn go(&mut self, frame: usize) -> io::Result<()> {
        let gone = self.player.go(frame);
        self.show()?;
        if let Err(Unreadable { .. }) = &gone {
            self.is_playing = false;
        }
        if let Err(why) = gone {
            self.shown.say(Severity::Critical, why.to_string());
        }
        Ok(())
    }

    /// Makes what is shown of the recorded state.
    fn show(&mut self) -> io::Result<()> {
        let state = self.player.state();
        self.shown = if self.is_own {
            seen_as(state, &self.shown)
        } else {
            state.clone()
        };
        let size = self.terminal.size()?;
        drop(update(&mut self.shown, Msg::Resize(size.width, size.height)));
        self.mark();
        Ok(())
    }

    /// Says where in the recording this is.
    fn mark(&mut self) {
        let frame = self.player.place();
        self.shown.replay = Some(Place {
            at: self.player.at(frame),
            frame,
            frames: self.player.len(),
            speed: SPEEDS.get(self.speed).copied().filter(|_| self.is_playing),
            is_own: self.is_own,
        });
    }

    /// Takes in what an operator does. Returns whether to leave.
    fn take(&mut self, msg: Msg) -> io::Result<bool> {
        if matches!(msg, Msg::Key(_) | Msg::Paste(_)) && !self.is_own {
            // What was being typed then is a picture: nobody types on.
            self.shown.prompt = None;
        }
        match &msg {
            Msg::Key(key) => match keys::lookup(&self.shown, *key) {
                Some(Command::Replay(deed)) => {
                    self.shown.message = None;
                    self.wish(Wish::Deed(deed))?;
                    return Ok(false);
                }
                // What changes no screen is no look of one's own.
                Some(Command::Quit | Command::Suspend | Command::Redraw) => {}
                Some(_) | None => self.look_around(),
            },
            Msg::Paste(_) => self.look_around(),
            _ => {}
        }
        let effects = update(&mut self.shown, msg);
        self.mark();
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Suspend => self.wants_shell = true,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Copy(text) => self.terminal.backend_mut().copy(&text)?,
                Effect::CopyPage => {
                    let text = view::page_text(&self.shown, &self.theme);
                    self.terminal.backend_mut().copy(&text)?;
                }
                Effect::Replay(wish) => self.wish(wish)?,
                Effect::Ask(id, _) => {
                    let why = Why::new(WhyKind::Disabled, "a replay asks nobody, and texts are not recorded");
                    let answer = Answer {
                        id,
                        at: self.shown.snapshot.now,
                        from: None,
                        told: Told::Failed { why, last_answer: None },
                    };
                    drop(update(&mut self.shown, Msg::Answer(answer)));
                }
                Effect::Show(..) => self.shown.say(Severity::Info, "texts are not recorded"),
                Effect::Record(_) | Effect::EndRecord => self.shown.say(Severity::Info, "this is a recording already"),
                Effect::Sim(_) | Effect::Work(_) => {
                    self.shown.say(Severity::Info, "nothing can be done in a replay");
                }
                Effect::Log(_) | Effect::Cancel(_) | Effect::Keep(_) => {}
            }
        }
        Ok(false)
    }

    fn look_around(&mut self) {
        if !self.is_own {
            self.is_own = true;
            self.shown = seen_as(&self.shown, &self.shown);
            self.mark();
        }
    }

    fn wish(&mut self, wish: Wish) -> io::Result<()> {
        let here = self.player.place();
        let frame = match wish {
            Wish::At(raw) => match self.player.frame_at(&raw) {
                Ok(frame) => frame,
                Err(why) => {
                    self.shown.say(Severity::Warning, why);
                    return Ok(());
                }
            },
            Wish::Deed(Deed::Forward) => here + 1,
            Wish::Deed(Deed::Back) => here.saturating_sub(1),
            Wish::Deed(Deed::Start) => 1,
            Wish::Deed(Deed::End) => self.player.len(),
            Wish::Deed(deed @ (Deed::NextVerdict | Deed::PreviousVerdict)) => {
                let Some(frame) = self.player.verdict(deed == Deed::NextVerdict) else {
                    let text = "the verdict does not change any more in this direction";
                    self.shown.message = Some(Message::new(Severity::Info, text));
                    return Ok(());
                };
                frame
            }
            Wish::Deed(Deed::Pause) => {
                self.is_playing = !self.is_playing && here < self.player.len();
                self.mark();
                return Ok(());
            }
            Wish::Deed(deed @ (Deed::Faster | Deed::Slower)) => {
                let last = SPEEDS.len() - 1;
                self.speed = match deed {
                    Deed::Faster => (self.speed + 1).min(last),
                    _ => self.speed.saturating_sub(1),
                };
                self.is_playing = here < self.player.len();
                self.mark();
                return Ok(());
            }
            Wish::Deed(Deed::Follow) => {
                self.is_own = false;
                return self.show();
            }
        };
        self.is_playing = false;
        self.go(frame)
    }

    fn draw(&mut self) -> io::Result<()> {
        super::log::collect();
        if !guard::is_ours() {
            return Err(io::Error::other(
                "a part of quorate panicked and the terminal was given back",
            ));
        }
        let (shown, theme) = (&self.shown, &self.theme);
        let mut geometry = Geometry::default();
        self.terminal.draw(|frame| {
            geometry = view::render(shown, theme, frame);
            if let Some(area) = geometry.log {
                LogView::default().render(theme, area, frame);
            }
        })?;
        drop(update(&mut self.shown, Msg::Geometry(geometry)));
        Ok(())
    }
}
