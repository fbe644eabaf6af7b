#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::app::keys::KeyMap;
use crate::app::{Key, State, key, update};
use crate::model::question::{Answer, Event, QuestionId, Told};
use crate::model::{Policy, Snapshot, example};

pub(super) fn head(schema: &str) -> String {
    format!(r#"{{"schema":"{schema}","began":"2026-11-29T12:00:00Z","host":"nbe-1","user":"ada","version":"0.1.0"}}"#)
}

pub(super) fn state() -> State {
    State::new(Arc::new(example::healthy()), Policy::default())
}

#[test]
fn remapped_keys_are_recorded_and_old_recordings_have_none() {
    let remapped = state().with_keys(KeyMap::of([("ctrl-q", "q")]).unwrap());
    let text = recorded(&mut remapped.clone(), Vec::new());
    assert_eq!(replayed(&text).keys, remapped.keys);
    let mut old = serde_json::to_value(&remapped).unwrap();
    assert!(old.as_object_mut().unwrap().remove("keys").is_some());
    assert_eq!(serde_json::from_value::<State>(old).unwrap().keys, KeyMap::default());
}

/// A recording of a console that takes in these.
pub(super) fn recorded(state: &mut State, msgs: Vec<Msg>) -> String {
    let mut encoder = Encoder::default();
    let mut lines = vec![head(SCHEMA), encoder.begin(state, 0).unwrap()];
    for msg in msgs {
        encoder.take(without_secrets(state, &msg)).unwrap();
        update(state, msg);
        let level = state.derived.report.verdict.level;
        lines.extend(encoder.drawn(state.snapshot.now, level).unwrap());
    }
    lines.join("\n")
}

/// The state at the end, as the lines tell it.
pub(super) fn replayed(text: &str) -> State {
    let recording = Recording::read(text).unwrap();
    let mut decoder = Decoder::default();
    let mut state = state();
    for line in 0..recording.index.len() {
        match decoder.follow(&recording, line).unwrap() {
            Said::Whole(whole) => state = *whole,
            Said::Took(took) => took.into_iter().for_each(|msg| drop(update(&mut state, msg))),
        }
    }
    state
}

pub(super) fn keys(keys: &str) -> Vec<Msg> {
    let keys: Vec<Key> = key::parse_sequence(keys).unwrap();
    keys.into_iter().map(Msg::Key).collect()
}

#[test]
fn whatever_becomes_of_a_cluster_comes_back_as_it_was() {
    let each = example::NAMED.map(|(_, snapshot)| Msg::Snapshot(Arc::new(snapshot())));
    let back = each.iter().rev().cloned().collect::<Vec<_>>();
    let mut msgs = [each.to_vec(), back].concat();
    msgs.extend(keys("2jd"));
    let mut live = state();
    let text = recorded(&mut live, msgs);
    assert_eq!(replayed(&text), live);
}

#[test]
fn a_second_in_which_nothing_happens_takes_few_bytes() {
    let mut live = state();
    let later = Snapshot {
        now: example::now().plus(std::time::Duration::from_secs(1)),
        ..example::healthy()
    };
    let text = recorded(&mut live, vec![Msg::Snapshot(Arc::new(later))]);
    let last = text.lines().last().unwrap();
    assert!(last.len() < 120, "{last}");
    assert_eq!(replayed(&text), live);
}

#[test]
fn a_torn_last_line_is_left_out_and_any_other_is_an_error() {
    let mut live = state();
    let text = recorded(&mut live, keys("23"));
    let torn = &text[..text.len() - 5];
    let recording = Recording::read(torn).unwrap();
    assert_eq!((recording.torn, recording.index.len()), (1, 2));
    let why = Recording::read(&format!("{torn}\n{torn}")).unwrap_err();
    assert!(why.to_string().contains("line 4"), "{why}");
}

#[test]
fn what_is_no_recording_or_of_another_form_is_told_as_such() {
    let whole = recorded(&mut state(), Vec::new());
    let future = whole.replacen(SCHEMA, "quorate.recording/v9", 1);
    let why = Recording::read(&future).unwrap_err().to_string();
    assert!(
        why.contains("quorate.recording/v9") && why.contains("this quorate reads"),
        "{why}"
    );
    let other = whole.replacen(SCHEMA, "quorate.status/v1", 1);
    for (text, wanted) in [
        (other.as_str(), "quorate.status/v1"),
        ("", "does not say"),
        ("\u{1b}[2J", "does not say"),
    ] {
        let why = Recording::read(text).unwrap_err().to_string();
        assert!(why.contains(wanted) && !why.contains('\u{1b}'), "{why}");
    }
    let why = Recording::read(&head(SCHEMA)).unwrap_err();
    assert!(why.to_string().contains("no state"), "{why}");
}

#[test]
fn lines_that_fit_nothing_are_errors_with_their_number() {
    let text = recorded(&mut state(), Vec::new());
    for took in [
        r#"{"snapshot":{"rows":{"nowhere":[]}}}"#,
        r#"{"snapshot":{"rows":{"pods":[["a","b",{"value":[1]}]]}}}"#,
        r#"{"snapshot":{"rest":{"feeds":{"999":[]}}}}"#,
        r#"{"snapshot":{"rest":{"now":["~~"]}}}"#,
        r#"{"msg":{"Nothing":1}}"#,
    ] {
        let text = format!("{text}\n{{\"frame\":{{\"at\":\"2026-11-29T12:00:00Z\",\"took\":[{took}]}}}}\n");
        let recording = Recording::read(&text).unwrap();
        let mut decoder = Decoder::default();
        decoder.follow(&recording, 0).unwrap();
        let unreadable = decoder.follow(&recording, 1).unwrap_err();
        assert_eq!(unreadable.line, 3, "{took}: {unreadable}");
    }
}

#[test]
fn hostile_text_of_a_file_is_clean_when_it_is_read() {
    let text = recorded(&mut state(), Vec::new()).replace("nbe-3", r"nbe-\u001b[2J\u202e3");
    let state = replayed(&text);
    let names: Vec<String> = state
        .snapshot
        .kube
        .nodes
        .values()
        .map(|node| node.name.to_string())
        .collect();
    assert!(names.iter().any(|name| name.contains("\\u{1b}")), "{names:?}");
    assert!(
        names.iter().all(|name| name.chars().all(crate::base::text::is_plain)),
        "{names:?}"
    );
}

#[test]
fn texts_that_may_hold_secrets_are_not_recorded_neither_as_they_come_nor_with_the_whole_state() {
    let event = |message: &str| Event {
        is_warning: true,
        reason: "Failed".into(),
        message: message.into(),
        about: "pod".into(),
        source: "kubelet".into(),
        count: 1,
        last: None,
    };
    for (open, told) in [
        (
            "5y",
            Told::Yaml(vec!["password: hunter2".into(), "token: hunter2".into()]),
        ),
        ("5l", Told::Log(vec!["hunter2".into(), "hunter2".into()])),
        (
            "5e",
            Told::Events {
                events: vec![event("hunter2")],
                more: 0,
            },
        ),
    ] {
        let mut live = state();
        let mut msgs = keys(open);
        msgs.push(Msg::Answer(Answer {
            id: QuestionId(1),
            at: example::now(),
            from: None,
            told,
        }));
        msgs.push(Msg::Paste("hunter2".to_owned()));
        let text = recorded(&mut live, msgs);
        assert!(text.contains(NOT_RECORDED), "{open}: it says that there was an answer");
        assert!(format!("{live:?}").contains("hunter2"), "{open}: it was on the screen");
        let whole = Encoder::default().begin(&live, 0).unwrap();
        assert!(!text.contains("hunter2") && !whole.contains("hunter2"), "{open}");
        let lines = |state: &State| state.sheets[0].lines(state).len();
        assert_eq!(
            lines(&replayed(&text)),
            lines(&live),
            "{open}: as many lines as there were"
        );
    }
}
