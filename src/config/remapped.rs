//! The table `[keys]`: keys of the console that stand for others.

use toml::de::DeValue;

use super::error::Problem;
use super::value::{Value, kind_of};
use crate::app::keys::KeyMap;
use crate::app::keys::map::Refusal;

/// A table: the key that is pressed, and the one that it stands for. As a word, `KEY=KEY KEY=KEY`. It counts as a whole.
impl Value for KeyMap {
    fn parse(word: &str) -> Result<Self, Problem> {
        let pairs = word.split_whitespace().map(|pair| {
            // The key before it may be = itself.
            let wrong = || Problem::new(format!("{pair:?} is not KEY=KEY"));
            pair.rsplit_once('=').ok_or_else(wrong)
        });
        let pairs: Vec<(&str, &str)> = pairs.collect::<Result<_, _>>()?;
        KeyMap::of(pairs).map_err(refused)
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let DeValue::Table(table) = value else {
            return Err(Problem::new(format!(
                "expected a table of keys, found {}",
                kind_of(value)
            )));
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(pressed, _)| pressed.span().start);
        let mut pairs = Vec::new();
        for (pressed, meant) in &entries {
            let word = String::from_toml(meant.get_ref()).map_err(|problem| problem.at_byte(meant.span().start))?;
            pairs.push((pressed.get_ref().as_ref(), word));
        }
        let words = pairs.iter().map(|(pressed, meant)| (*pressed, meant.as_str()));
        KeyMap::of(words).map_err(|refusal| {
            let at = entries.get(refusal.number).map(|(pressed, _)| pressed.span().start);
            Problem {
                offset: at,
                ..refused(refusal)
            }
        })
    }

    fn show(&self) -> String {
        let pairs: Vec<String> = self
            .pairs()
            .map(|(pressed, meant)| format!("{pressed}={meant}"))
            .collect();
        pairs.join(" ")
    }
}

fn refused(refusal: Refusal) -> Problem {
    Problem::new(refusal.what).hint(format!("{}; nothing of [keys] is used", refusal.advice))
}
