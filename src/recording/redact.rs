//! A recording with other names, for people outside: nodes, pods, zones, machines, domains, people, addresses and the cluster have
//! aliases, each the same everywhere. What was typed is left out, because half a name is a name: a frame in which something was
//! typed becomes a whole state without it, and lists that were filtered are shown unfiltered. Start reading at [`redacted`].

use serde_json::Value;

use super::{Decoder, Encoder, Head, Recording, Said};
use crate::app::{Msg, State, update};
use crate::base::alias::{Aliases, Names, Reader};
use crate::base::{Why, WhyKind};

/// The head and the lines of the same recording with other names.
pub fn redacted(recording: &Recording) -> Result<(Head, Vec<String>), Why> {
    let mut names = Names::default();
    names.add("person", recording.head.user.as_str());
    names.add("node", recording.head.host.as_str());
    let mut lines = Vec::new();
    let mut encoder = Encoder::default();
    let mut play = Play::default();
    for line in 0..recording.index.len() {
        lines.extend(play.line(recording, line, &mut encoder)?);
        play.state.iter().for_each(|state| name(state, &mut names));
    }
    let aliases = Aliases::new(names, Reader::Programs);
    let lines = lines.iter().map(|line| renamed(line, &aliases));
    let lines = lines.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let head = Head {
        host: aliases.apply(recording.head.host.as_str()).into(),
        user: aliases.apply(recording.head.user.as_str()).into(),
        ..recording.head.clone()
    };
    proof(&head, &lines)?;
    Ok((head, lines))
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn fault(error: impl ToString) -> Why {
    let text = format!("it cannot be told with other names: {}", error.to_string());
    Why::new(WhyKind::Garbage, text)
}

/// A name of this cluster may be a word of the format: what cannot be read any more is not handed out.
fn proof(head: &Head, lines: &[String]) -> Result<(), Why> {
    let head = serde_json::to_string(head).map_err(fault)?;
    let recording = Recording::read(&format!("{head}\n{}", lines.join("\n"))).map_err(fault)?;
    let mut decoder = Decoder::default();
    for line in 0..recording.index.len() {
        decoder.follow(&recording, line).map_err(fault)?;
    }
    Ok(())
}

/// The recording, played and written anew.
#[derive(Default)]
struct Play {
    decoder: Decoder,
    state: Option<State>,
}

impl Play {
    fn line(&mut self, recording: &Recording, line: usize, encoder: &mut Encoder) -> Result<Vec<String>, Why> {
        match (self.decoder.follow(recording, line).map_err(fault)?, &mut self.state) {
            (Said::Whole(whole), state) => {
                let whole = without_typed(state.insert(*whole));
                Ok(vec![encoder.begin(&whole, 0).map_err(fault)?])
            }
            (Said::Took(msgs), Some(state)) => frame(msgs, state, encoder).map_err(fault),
            (Said::Took(_), None) => Ok(Vec::new()),
        }
    }
}

/// A frame as a line; where something was typed, a whole state stands before it instead of what was taken in.
fn frame(msgs: Vec<Msg>, state: &mut State, encoder: &mut Encoder) -> Result<Vec<String>, serde_json::Error> {
    let mut lines = Vec::new();
    let mut is_typed = false;
    for msg in msgs {
        let is_input = matches!(msg, Msg::Key(_) | Msg::Paste(_));
        encoder.take(msg.clone())?;
        let was_typing = holds_typed(state);
        drop(update(state, msg));
        is_typed |= is_input && (was_typing || holds_typed(state));
    }
    if is_typed {
        lines.push(encoder.begin(&without_typed(state), 0)?);
    }
    lines.extend(encoder.drawn(state.snapshot.now, state.derived.report.verdict.level)?);
    Ok(lines)
}

fn holds_typed(state: &State) -> bool {
    state.prompt.is_some() || !state.filters.is_empty() || state.sheets.iter().any(|sheet| !sheet.search.is_empty())
}

fn without_typed(state: &State) -> State {
    let mut state = state.clone();
    if let Some(prompt) = &mut state.prompt {
        prompt.text.clear();
        prompt.offers.clear();
        (prompt.chosen, prompt.recalled) = (None, None);
    }
    state.filters.clear();
    state.history.clear();
    // It may say what was typed.
    state.message = None;
    for sheet in &mut state.sheets {
        sheet.search.clear();
        sheet.found = None;
    }
    state
}

/// Adds every name that this state tells.
fn name(state: &State, names: &mut Names) {
    state.snapshot.name(names);
    state.timeline.entries().for_each(|entry| entry.name(names));
    let now = state.work.run.iter().map(|run| &run.view);
    for operator in now.chain(&state.work.past).map(|view| &view.operator) {
        names.add("person", operator.user.as_str());
        names.add("node", operator.host.as_str());
    }
}

fn renamed(line: &str, aliases: &Aliases) -> Result<String, serde_json::Error> {
    let value: Value = serde_json::from_str(line)?;
    serde_json::to_string(&with_aliases(value, aliases))
}

fn with_aliases(value: Value, aliases: &Aliases) -> Value {
    match value {
        Value::String(text) => Value::String(aliases.apply(&text)),
        Value::Array(items) => items.into_iter().map(|item| with_aliases(item, aliases)).collect(),
        Value::Object(fields) => {
            let renamed = |(key, value): (String, Value)| {
                // With an underscore it is a word of the format: no node, pod, zone or domain has one.
                let key = if key.contains('_') { key } else { aliases.apply(&key) };
                (key, with_aliases(value, aliases))
            };
            Value::Object(fields.into_iter().map(renamed).collect())
        }
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::{head, keys, recorded, replayed, state};
    use super::*;
    use crate::check::{CheckId, Outcome};
    use crate::model::example::{self, Death};
    use crate::recording::SCHEMA;
    use std::sync::Arc;

    fn copy(text: &str) -> String {
        let (head, lines) = redacted(&Recording::read(text).unwrap()).unwrap();
        format!("{}\n{}", serde_json::to_string(&head).unwrap(), lines.join("\n"))
    }

    fn a_loss() -> Vec<Msg> {
        vec![
            Msg::Snapshot(Arc::new(example::node_lost(Death::Refused))),
            Msg::Snapshot(Arc::new(example::healthy())),
        ]
    }

    #[test]
    fn no_name_is_left_and_all_else_is_as_it_was() {
        let mut live = state();
        let mut msgs = keys("2jd");
        msgs.extend(a_loss());
        let text = recorded(&mut live, msgs);
        for name in ["nbe-1", "nbe-3", "zone-b", "10.77.0.13", "\"ada\""] {
            assert!(text.contains(name), "{name} was in it");
        }
        let copy = copy(&text);
        for name in ["nbe-1", "nbe-2", "nbe-3", "zone-b", "10.77.", "\"ada\""] {
            let at = copy.find(name).map(|at| &copy[at.saturating_sub(80)..at + 20]);
            assert_eq!(at, None, "{name}");
        }
        let told = replayed(&copy);
        assert_eq!(told.snapshot.quorum().standing, live.snapshot.quorum().standing);
        assert_eq!(told.snapshot.kube.pods.len(), live.snapshot.kube.pods.len());
        assert_eq!((told.screen, told.detail), (live.screen, live.detail));
        let verdict = |state: &State| state.derived.report.verdict.level;
        assert_eq!(verdict(&told), verdict(&live));
        let broken = |(id, outcome): &(CheckId, Outcome)| (*id, std::mem::discriminant(outcome));
        let results = |state: &State| state.derived.report.outcomes.iter().map(broken).collect::<Vec<_>>();
        assert_eq!(results(&told), results(&live));
    }

    #[test]
    fn what_is_typed_is_left_out_whole_or_half() {
        let mut live = state();
        let text = recorded(&mut live, keys("2/nbe-7<enter>j:nbe-8<esc>"));
        assert!(live.filters.values().any(|filter| filter == "nbe-7"));
        let typed = |text: &str| text.matches("\"Key\":").count();
        assert_eq!(typed(&text), 16);
        let copy = copy(&text);
        assert_eq!(typed(&copy), 1, "the first key, before anything was typed: {copy}");
        let told = replayed(&copy);
        assert!(told.filters.is_empty() && told.history.is_empty());
        assert_eq!(told.screen, live.screen);
    }

    #[test]
    fn a_user_whose_name_stands_within_words_of_the_format_is_no_obstacle() {
        let text = recorded(&mut state(), a_loss()).replace("\"ada\"", "\"root\"");
        let copy = copy(&text);
        assert!(copy.contains("\"person-1\"") && copy.contains("\"is_root\""), "{copy}");
    }

    #[test]
    fn a_name_that_is_a_word_of_the_format_is_no_silent_loss() {
        let text = recorded(&mut state(), a_loss()).replace("nbe-3", "snapshot");
        let recording = Recording::read(&text).unwrap();
        let why = redacted(&recording).unwrap_err();
        assert!(why.to_string().contains("other names"), "{why}");
        assert!(Recording::read(&head(SCHEMA)).is_err());
    }
}
