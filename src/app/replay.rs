//! A recording that is shown again: what its keys mean, and what a frame says of it. Nothing is asked or done from a replay.
//! Whoever shows it keeps the recording; the core only says what is wished. Start reading at [`Deed`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Effect;
use super::commands::{Argument, Does, Entry};
use super::key::Key;
use super::state::State;

/// How many times faster than it was, in the order of the keys.
pub const SPEEDS: [u32; 6] = [1, 2, 5, 10, 60, 300];

/// What a key does with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Deed {
    Pause,
    Forward,
    Back,
    Start,
    End,
    NextVerdict,
    PreviousVerdict,
    Faster,
    Slower,
    Follow,
}

/// What is wished of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// What a key means.
    Deed(Deed),
    /// Show the frame of this moment, in the words of the operator.
    At(String),
}

/// Where in a recording a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// When it was drawn.
    pub at: Timestamp,
    /// Its number, from 1; 0 where no frame was recorded.
    pub frame: usize,
    /// How many there are.
    pub frames: usize,
    /// How many times faster than it was; None while it stands still.
    pub speed: Option<u32>,
    /// Whether somebody looks around, and the screen is no longer the one that was shown then.
    pub is_own: bool,
}

impl Place {
    /// In one line; with the key that shows again what was shown then.
    pub fn line(&self, follow: Key) -> String {
        let at = self.at.strftime("%Y-%m-%d %H:%M:%SZ");
        let speed = self
            .speed
            .map_or_else(|| "paused".to_owned(), |speed| format!("x{speed}"));
        let own = if self.is_own {
            format!("  your own look; {follow} follows again")
        } else {
            String::new()
        };
        format!("REPLAY  {at}  {}/{}  {speed}{own}", self.frame, self.frames)
    }
}

/// The state of one moment, looked at as in another: the same screen, the same rows, nothing typed or done.
#[must_use]
pub fn seen_as(state: &State, looking: &State) -> State {
    let mut own = State {
        screen: looking.screen,
        scope: looking.scope.clone(),
        back: looking.back.clone(),
        cursors: looking.cursors.clone(),
        filters: looking.filters.clone(),
        sorts: looking.sorts.clone(),
        first_node: looking.first_node,
        marks: looking.marks.clone(),
        prompt: looking.prompt.clone(),
        history: looking.history.clone(),
        detail: looking.detail,
        recovery_top: looking.recovery_top,
        sheets: looking.sheets.clone(),
        questions: looking.questions,
        help: looking.help,
        message: looking.message.clone(),
        theme: looking.theme.clone(),
        themes: looking.themes.clone(),
        ..state.clone()
    };
    own.work.about.clone_from(&looking.work.about);
    own.work.offers.clone_from(&looking.work.offers);
    own.work.is_manned = false;
    own.work.is_unlocked = false;
    own
}

fn free(_: &State) -> Vec<String> {
    Vec::new()
}

/// Commands that exist in a replay alone.
pub const COMMANDS: &[Entry] = &[Entry {
    names: &["at"],
    argument: Argument::Required("TIME", free),
    help: "go to a moment: 12:00:05, or 2026-11-29T12:00:05Z",
    does: Does::Act(|_, when| Ok(vec![Effect::Replay(Wish::At(when.to_owned()))])),
}];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{Key, Msg, Screen, commands, key, keys, update};
    use crate::model::{Policy, example};

    fn replayed() -> State {
        let mut state = State::new(Arc::new(example::healthy()), Policy::default());
        state.replay = Some(Place {
            at: example::now().wall,
            frame: 3,
            frames: 120,
            speed: None,
            is_own: false,
        });
        state
    }

    fn press(state: &mut State, keys: &str) -> Vec<Effect> {
        let keys: Vec<Key> = key::parse_sequence(keys).unwrap();
        keys.into_iter().flat_map(|key| update(state, Msg::Key(key))).collect()
    }

    #[test]
    fn its_keys_and_its_command_exist_in_a_replay_alone() {
        let mut state = replayed();
        assert_eq!(press(&mut state, "."), [Effect::Replay(Wish::Deed(Deed::Forward))]);
        assert_eq!(press(&mut state, "f"), [Effect::Replay(Wish::Deed(Deed::Follow))]);
        let at = Effect::Replay(Wish::At("12:00".to_owned()));
        assert_eq!(press(&mut state, ":at<space>12:00<enter>"), [at]);
        state.replay = None;
        assert_eq!(press(&mut state, "."), []);
        assert!(commands::read(&state, "at 12:00").is_err());
    }

    #[test]
    fn no_hint_promises_to_run_what_is_past() {
        let mut state = replayed();
        press(&mut state, "a");
        let runs = |state: &State| keys::hints(state).any(|(_, hint)| hint == "run");
        assert!(!runs(&state));
        state.replay = None;
        assert!(runs(&state));
    }

    #[test]
    fn who_looks_around_sees_the_facts_of_the_moment_on_a_screen_of_their_own() {
        let mut looking = replayed();
        press(&mut looking, "3j");
        let mut later = replayed();
        later.snapshot = Arc::new(example::empty());
        later.work.is_manned = true;
        let own = seen_as(&later, &looking);
        assert_eq!((own.screen, &own.cursors), (Screen::Etcd, &looking.cursors));
        assert_eq!(own.snapshot, later.snapshot);
        assert!(!own.work.is_manned, "nothing can be done there");
    }
}
