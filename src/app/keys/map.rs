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
        let chosen = self.pairs().filter(|(pressed, meant)| pressed != meant && row.keys.contains(meant));
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
