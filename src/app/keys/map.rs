//! Keys that an operator gave another meaning. A key is translated into one of the table, so nothing but the lookup and
//! what shows keys knows of it; while a line is typed, nothing is translated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Binding, Command, Context, TABLE};
use crate::app::key::{Code, Key};

/// What always leads out, whatever a file or a recording says.
const KEPT: [Key; 2] = [Key::of(Code::Esc), Key::ctrl('c')];

/// Keys that are pressed, and the keys of the table that they stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMap(BTreeMap<Key, Key>);

/// Why a map is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the pairs is wrong, from 0.
    pub number: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl KeyMap {
    /// A map of pairs: the key that is pressed, and the key that it stands for.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let mut map = Self::default();
        let mut order = Vec::new();
        for (number, (pressed, meant)) in pairs.into_iter().enumerate() {
            let refuse = |(what, advice)| Refusal { number, what, advice };
            let (pressed, meant) = (read(pressed).map_err(refuse)?, read(meant).map_err(refuse)?);
            may_stand_for(pressed, meant).map_err(refuse)?;
            if map.0.insert(pressed, meant).is_some() {
                let advice = "keep one of the two lines".to_owned();
                return Err(refuse((format!("the key {pressed} is there twice"), advice)));
            }
            order.push(pressed);
        }
        for (number, key) in order.into_iter().enumerate() {
            if let Some(row) = map.lost_with(key) {
                return Err(Refusal {
                    number,
                    what: format!("what {key} did would have no key any more: {}", row.help),
                    advice: format!("give it one: \"KEY\" = \"{key}\""),
                });
            }
        }
        Ok(map)
    }

    /// The key of the table that a pressed key stands for.
    pub fn meant(&self, pressed: Key) -> Key {
        let other = self.0.get(&pressed).filter(|_| !KEPT.contains(&pressed));
        other.copied().unwrap_or(pressed)
    }

    /// What is pressed for a row of the table, what the operator chose first.
    pub fn keys_of(&self, row: &Binding) -> Vec<Key> {
        if row.context == Context::Prompt {
            return row.keys.to_vec();
        }
        let chosen = self
            .pairs()
            .filter(|(pressed, meant)| pressed != meant && row.keys.contains(meant));
        let own = row.keys.iter().filter(|key| self.meant(**key) == **key);
        let mut keys: Vec<Key> = chosen.map(|(pressed, _)| pressed).collect();
        keys.extend(own);
        keys
    }

    /// What is pressed for a command. Each has a row in the table.
    pub fn key_of(&self, command: Command) -> Key {
        let rows = TABLE.iter().filter(|row| row.command == command);
        let first = rows.flat_map(|row| self.keys_of(row)).next();
        first.unwrap_or(Key::char('?'))
    }

    /// All pairs, by the key that is pressed.
    pub fn pairs(&self) -> impl Iterator<Item = (Key, Key)> {
        self.0.iter().map(|(pressed, meant)| (*pressed, *meant))
    }

    /// A row that this key had, and that has no key any more.
    fn lost_with(&self, key: Key) -> Option<&'static Binding> {
        commands().find(|row| row.keys.contains(&key) && self.keys_of(row).is_empty())
    }
}

/// The rows whose keys are translated.
fn commands() -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(|row| row.context != Context::Prompt)
}

fn read(key: &str) -> Result<Key, (String, String)> {
    let advice = "write one character, or a name such as ctrl-q, space or pgdn";
    key.parse()
        .map_err(|_| (format!("there is no key {key:?}"), advice.to_owned()))
}

fn may_stand_for(pressed: Key, meant: Key) -> Result<(), (String, String)> {
    if KEPT.contains(&pressed) {
        let advice = "esc and ctrl-c stay as they are, so that there is always a way out: choose another key";
        return Err((format!("{pressed} cannot be remapped"), advice.to_owned()));
    }
    if !arrives(pressed) {
        let advice = "with ctrl, use a letter other than i and m, in lower case";
        return Err((format!("terminals send no {pressed}"), advice.to_owned()));
    }
    if !commands().any(|row| row.keys.contains(&meant)) {
        let advice = "take one of those that `quorate keys` lists; those that work while typing cannot be remapped";
        return Err((format!("the key {meant} does nothing"), advice.to_owned()));
    }
    Ok(())
}

/// Whether a terminal sends it: with control, a character arrives as one of the 32 control characters of ASCII, and
/// three of these are tab, enter and esc.
const fn arrives(key: Key) -> bool {
    match (key.ctrl, key.code) {
        (true, Code::Char(c)) => matches!(c, 'a'..='h' | 'j'..='l' | 'n'..='z' | '4'..='7' | ' '),
        _ => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::key::parse_sequence;
    use crate::app::keys::{hints, rows};
    use crate::app::work::Deed;
    use crate::app::{Effect, Msg, Screen, State, update};
    use crate::model::{Policy, example};

    fn console(pairs: &[(&str, &str)]) -> State {
        let keys = KeyMap::of(pairs.iter().copied()).unwrap();
        State::new(Arc::new(example::healthy()), Policy::default()).with_keys(keys)
    }

    fn press(state: &mut State, keys: &str) -> Vec<Effect> {
        let keys = parse_sequence(keys).unwrap().into_iter();
        keys.flat_map(|key| update(state, Msg::Key(key))).collect()
    }

    #[test]
    fn a_key_does_what_another_does_and_loses_what_it_did() {
        let mut state = console(&[("ctrl-q", "q"), ("2", "3"), ("3", "2")]);
        press(&mut state, "2");
        assert_eq!(state.screen, Screen::Etcd);
        press(&mut state, "3");
        assert_eq!(state.screen, Screen::Nodes);
        assert_eq!(press(&mut state, "<ctrl-q>"), [Effect::Quit]);
        assert_eq!(press(&mut state, "q"), [Effect::Quit], "what is not remapped stays");
    }

    #[test]
    fn what_is_typed_is_not_translated() {
        let mut state = console(&[("x", "q"), ("ctrl-t", "x"), ("enter", "j"), ("ctrl-o", "enter")]);
        press(&mut state, "3/x");
        assert_eq!(state.filter(), "x");
        press(&mut state, "<enter>");
        assert!(state.prompt.is_none(), "enter accepts");
        let prompt = TABLE.iter().filter(|row| row.context == Context::Prompt);
        assert!(prompt.into_iter().all(|row| state.keys.keys_of(row) == row.keys));
    }

    #[test]
    fn what_is_pressed_is_what_is_shown() {
        let mut state = console(&[
            ("ctrl-q", "q"),
            ("ctrl-a", "W"),
            ("W", "a"),
            ("a", "?"),
            ("?", "y"),
            ("y", "d"),
            ("d", "e"),
            ("e", "l"),
            ("l", "i"),
            ("i", "0"),
            ("0", "W"),
        ]);
        let hint = |word| hints(&state).find(|(_, hint)| *hint == word).unwrap().0.to_string();
        assert_eq!(["quit", "actions", "help"].map(hint), ["ctrl-q", "W", "a"]);
        let help = |says: &str| rows(&state.keys).find(|row| row.help.starts_with(says)).unwrap().keys;
        assert_eq!(help("close what is open"), "ctrl-q, q");
        assert_eq!(help("let actions be run"), "0, ctrl-a");
        assert_eq!(help("one row down"), "j, down");
        press(&mut state, "z");
        assert!(
            state
                .message
                .as_ref()
                .unwrap()
                .text
                .as_str()
                .ends_with("a shows the keys")
        );
        assert_eq!(state.key_of(Command::Work(Deed::Unlock)).to_string(), "0");
    }

    #[test]
    fn without_a_map_the_first_key_of_a_row_is_named() {
        let state = console(&[]);
        for row in TABLE {
            let rows = || TABLE.iter().filter(|other| other.command == row.command);
            let first = rows().find_map(|row| row.keys.first()).unwrap();
            assert_eq!(state.key_of(row.command), *first);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_and_the_wrong_pair_is_named() {
        for (pairs, number, says) in [
            (&[("hyper-q", "q")][..], 0, "there is no key \"hyper-q\""),
            (&[("ctrl-q", "q"), ("Q", "leave")], 1, "there is no key \"leave\""),
            (&[("esc", "q")], 0, "esc cannot be remapped"),
            (&[("ctrl-c", "q")], 0, "ctrl-c cannot be remapped"),
            (&[("ctrl-[", "q")], 0, "terminals send no ctrl-["),
            (&[("ctrl-Q", "q")], 0, "terminals send no ctrl-Q"),
            (&[("Q", "ctrl-u")], 0, "the key ctrl-u does nothing"),
            (
                &[("alt-ctrl-x", "q"), ("ctrl-alt-x", "a")],
                1,
                "the key ctrl-alt-x is there twice",
            ),
            (
                &[("ctrl-q", "q"), ("W", "q")],
                1,
                "what W did would have no key any more: let actions be run",
            ),
        ] {
            let refusal = KeyMap::of(pairs.iter().copied()).unwrap_err();
            assert_eq!(refusal.number, number, "{refusal:?}");
            assert!(
                refusal.what.starts_with(says) && !refusal.advice.is_empty(),
                "{refusal:?}"
            );
        }
        let spare = [("j", "k"), ("Q", "W"), ("Z", "Q")];
        assert!(KeyMap::of(spare[..2].iter().copied()).is_ok(), "down is left for j");
        assert!(KeyMap::of(spare).is_err(), "a translation is not translated again");
    }

    #[test]
    fn there_is_a_way_out_whatever_a_recording_says() {
        let keys: KeyMap = serde_json::from_str(r#"{"ctrl-c":"j","esc":"j","Q":"q"}"#).unwrap();
        let [ctrl_c, esc, other] = [Key::ctrl('c'), Key::of(Code::Esc), Key::char('Q')].map(|key| keys.meant(key));
        assert_eq!(
            [ctrl_c, esc, other],
            [Key::ctrl('c'), Key::of(Code::Esc), Key::char('q')]
        );
    }
}
