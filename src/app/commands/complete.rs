//! What a line after `:` could become. Ranked fuzzily: `nds` finds `nodes`.

use serde::{Deserialize, Serialize};

use super::Argument;
use crate::app::fuzzy::Ranking;
use crate::app::state::State;

/// How many offers are kept.
const MAX_OFFERS: usize = 50;

/// One thing that a line could become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The whole line.
    pub line: String,
    /// How it is listed: a command with what follows it, or a value of an argument.
    pub label: String,
    /// One line about it; empty for values.
    pub help: String,
}

/// What the line could become, the likeliest first.
pub fn offers(state: &State, typed: &str) -> Vec<Offer> {
    let typed = typed.trim_start();
    match typed.split_once(' ') {
        None => commands(state, typed),
        Some((name, argument)) => values(state, name, argument.trim_start()),
    }
}

fn commands(state: &State, typed: &str) -> Vec<Offer> {
    let mut ranking = Ranking::new(typed);
    let mut found: Vec<(u32, Offer)> = Vec::new();
    for entry in super::table(state) {
        let Some(score) = entry.names.iter().filter_map(|name| ranking.score(name)).max() else {
            continue;
        };
        let gap = if matches!(entry.argument, Argument::Required(..)) {
            " "
        } else {
            ""
        };
        let offer = Offer {
            line: format!("{}{gap}", entry.name()),
            label: entry.usage(),
            help: entry.help.to_owned(),
        };
        found.push((score, offer));
    }
    best(found)
}

fn values(state: &State, name: &str, typed: &str) -> Vec<Offer> {
    let Ok(entry) = super::find(state, name) else {
        return Vec::new();
    };
    let (Argument::Optional(_, values) | Argument::Required(_, values)) = entry.argument else {
        return Vec::new();
    };
    let mut ranking = Ranking::new(typed);
    let found = values(state).into_iter().filter_map(|value| {
        let offer = Offer {
            line: format!("{name} {value}"),
            label: value,
            help: String::new(),
        };
        Some((ranking.score(&offer.label)?, offer))
    });
    best(found.collect())
}

/// The best first; equal ones in their own order.
fn best(mut found: Vec<(u32, Offer)>) -> Vec<Offer> {
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().take(MAX_OFFERS).map(|(_, offer)| offer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use super::super::TABLE;

    use crate::model::{Policy, example};

    fn lines(typed: &str) -> Vec<String> {
        let state = State::new(Arc::new(example::healthy()), Policy::default());
        offers(&state, typed).into_iter().map(|offer| offer.line).collect()
    }

    #[test]
    fn commands_are_found_fuzzily_and_by_their_other_names() {
        assert_eq!(lines("").len(), TABLE.len());
        assert_eq!(lines("plcm"), ["placement"]);
        assert_eq!(lines("no").first().map(String::as_str), Some("nodes"));
        assert_eq!(lines("sts"), ["placement"]);
        assert!(lines("zzz").is_empty());
    }

    #[test]
    fn arguments_are_completed_from_the_cluster() {
        assert_eq!(lines("node 3"), ["node nbe-3"]);
        assert_eq!(lines("nodes ").len(), 3);
        assert_eq!(lines("placement rqlite"), ["placement kotsadm/kotsadm-rqlite"]);
        assert!(lines("quit ").is_empty() && lines("filter x").is_empty());
    }
}
