//! What a person at the keyboard can and cannot make happen.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::app::paper::Line;
use crate::app::{Key, Msg, update};
use crate::base::{Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::{Policy, example};
use crate::plan::event::{Entry, Operator};
use crate::plan::step::{Doing, Step};
use crate::plan::{Condition, Planned, Risk, RunEvent, StepId};

fn plan(risk: Risk) -> Plan {
    let step = Step {
        id: StepId(1),
        title: "the host is powered off".into(),
        command: "power nbe-3 off".into(),
        doing: Doing::Attest {
            words: "nbe-3 is off".into(),
        },
        risk,
        needs: vec![Condition::NothingPending, Condition::QuorumProven],
        stop_when: Vec::new(),
        done_when: Vec::new(),
        hold_ms: 0,
        deadline_ms: 60_000,
        undo: None,
    };
    Plan {
        intent: Intent::ReplaceNode { node: "nbe-3".into() },
        cluster: None,
        made: Timestamp::UNIX_EPOCH,
        risk,
        steps: vec![step],
        warnings: Vec::new(),
        arithmetic: Vec::new(),
        confirm: Some("nbe-3".into()),
    }
}

/// The screen of actions with one that can be run, as somebody who may run it sees it.
fn state(risk: Risk) -> State {
    let mut state = State::new(Arc::new(example::healthy()), Policy::default());
    state.work.is_manned = true;
    state.work.is_unlocked = true;
    state.screen = Screen::Actions;
    state.work.offers = vec![Offer {
        name: "replace-node nbe-3".into(),
        intent: plan(risk).intent,
        planned: Planned::Plan(Box::new(plan(risk))),
    }];
    state
}

fn keys(state: &mut State, typed: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for typed in typed.chars() {
        let key = match typed {
            '\n' => "enter".parse().unwrap(),
            '\u{1b}' => "esc".parse().unwrap(),
            typed => Key::char(typed),
        };
        effects.extend(update(state, Msg::Key(key)));
    }
    effects
}

fn said(state: &State) -> &str {
    state.message.as_ref().map_or("", |message| message.text.as_str())
}

fn operator() -> Operator {
    Operator {
        user: "ada".into(),
        host: "nbe-1".into(),
        pid: 7,
    }
}

fn view() -> RunView {
    let plan = plan(Risk::Irreversible);
    let begun = RunEvent::Begun {
        run: RunId("20261124-abc".into()),
        operator: operator(),
        digest: plan.digest(),
        plan: Box::new(plan),
    };
    RunView::begin(&Entry {
        at: Timestamp::UNIX_EPOCH,
        event: begun,
    })
    .unwrap()
}

fn running_run(question: Option<Question>) -> State {
    let mut state = state(Risk::Irreversible);
    let run = Status {
        view: view(),
        question: question.map(|question| (StepId(1), question)),
        waits_for: None,
        rejected: None,
    };
    update(&mut state, Msg::Work(News::Run(Box::new(run))));
    state
}

fn order(risk: Risk, take_over: bool) -> Effect {
    Effect::Work(Order::Begin {
        plan: Box::new(plan(risk)),
        take_over,
    })
}

#[test]
fn a_lock_is_taken_over_only_after_the_typed_words_and_once() {
    let mut state = state(Risk::Reversible);
    assert_eq!(keys(&mut state, ":take-over\ny\n"), []);
    assert!(said(&state).contains("nothing was done"), "{}", said(&state));
    assert_eq!(keys(&mut state, "xxy\n"), [order(Risk::Reversible, false)]);
    assert_eq!(keys(&mut state, ":take-over\ntake over\n"), []);
    assert_eq!(keys(&mut state, "xy\n"), [order(Risk::Reversible, true)]);
    assert_eq!(keys(&mut state, "xy\n"), [order(Risk::Reversible, false)]);
    assert_eq!(keys(&mut state, ":take-over\ntake over\nWWy\n"), []);
    assert_eq!(
        keys(&mut state, "xy\n"),
        [order(Risk::Reversible, false)],
        "read-only again forgets it"
    );
}

#[test]
fn one_key_shows_the_plan_and_only_the_typed_name_runs_it() {
    let mut state = state(Risk::Irreversible);
    assert_eq!(keys(&mut state, "x"), []);
    assert_eq!(state.detail, Some(0), "the plan is shown first");
    assert_eq!(keys(&mut state, "xy\n"), []);
    assert!(said(&state).contains("nothing was done"), "{}", said(&state));
    assert_eq!(keys(&mut state, "xnbe-3\u{1b}"), []);
    assert_eq!(said(&state), "nothing was done");
    let begun = keys(&mut state, "xnbe-3\n");
    assert_eq!(begun, [order(Risk::Irreversible, false)]);
}

#[test]
fn what_can_be_undone_asks_yes_or_no_and_no_is_the_default() {
    let mut state = state(Risk::Reversible);
    assert_eq!(keys(&mut state, "xx\n"), []);
    assert_eq!(keys(&mut state, "xn\n"), []);
    assert_eq!(keys(&mut state, "xy\n"), [order(Risk::Reversible, false)]);
}

#[test]
fn read_only_until_unlocked() {
    let mut state = state(Risk::Reversible);
    state.work.is_unlocked = false;
    assert_eq!(keys(&mut state, "xxy\n"), []);
    state.detail = Some(0);
    keys(&mut state, "x");
    assert_eq!(said(&state), "read-only: W unlocks");
    keys(&mut state, "Wn\n");
    assert!(!state.work.is_unlocked);
    keys(&mut state, "Wy\n");
    assert!(state.work.is_unlocked);
    keys(&mut state, "W");
    assert!(!state.work.is_unlocked, "closing needs no ritual");
    state.work.is_manned = false;
    keys(&mut state, "W");
    assert_eq!(said(&state), "nothing can be run from here");
}

#[test]
fn what_was_shown_is_what_runs() {
    let mut state = state(Risk::Reversible);
    keys(&mut state, "x");
    update(&mut state, Msg::Snapshot(Arc::new(example::healthy())));
    let shown = state.work.offers.clone();
    assert_eq!(shown.first().unwrap().plan(), Ok(&plan(Risk::Reversible)));
    keys(&mut state, "\u{1b}");
    update(&mut state, Msg::Snapshot(Arc::new(example::healthy())));
    assert_ne!(state.work.offers, shown, "in the list they follow the cluster");
}

#[test]
fn one_run_at_a_time() {
    let mut state = running_run(None);
    assert_eq!(keys(&mut state, "\u{1b}jxx"), []);
    assert!(said(&state).contains("one run at a time"), "{}", said(&state));
}

#[test]
fn a_statement_is_typed_word_for_word() {
    let words = Text::from("nbe-3 is off");
    let mut state = running_run(Some(Question::Attest { words: words.clone() }));
    assert_eq!(keys(&mut state, "xyes\n"), []);
    assert_eq!(
        keys(&mut state, "xnbe-3 is off\n"),
        [Effect::Work(Order::Tell(Input::Attest { words }))]
    );
}

#[test]
fn a_run_is_paused_continued_and_given_up_with_a_reason() {
    let mut state = running_run(None);
    assert!(matches!(
        keys(&mut state, "P").as_slice(),
        [Effect::Work(Order::Tell(Input::Pause { .. }))]
    ));
    state.work.run.as_mut().unwrap().view.paused = Some("x".into());
    assert_eq!(keys(&mut state, "P"), [Effect::Work(Order::Tell(Input::Continue))]);
    assert_eq!(keys(&mut state, "A\n"), []);
    assert_eq!(
        keys(&mut state, "Athe disk is dead\n"),
        [Effect::Work(Order::Tell(Input::Abandon {
            reason: "the disk is dead".into()
        }))]
    );
}

#[test]
fn only_prudence_can_be_let_pass() {
    let mut state = running_run(None);
    let mut snapshot = example::healthy();
    snapshot.feeds.clear();
    snapshot.etcd.linearizable = None;
    update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    assert_eq!(
        keys(&mut state, "oa pod of mine waits\n"),
        [Effect::Work(Order::Tell(Input::Override {
            gate: "nothing-pending".into(),
            reason: "a pod of mine waits".into()
        }))]
    );
    let passed = &mut state.work.run.as_mut().unwrap().view.steps[0].overridden;
    passed.insert("nothing-pending".into(), "so".into());
    assert_eq!(keys(&mut state, "o"), []);
    assert!(said(&state).contains("nobody may let this pass"), "{}", said(&state));
}

#[test]
fn leaving_pauses_the_run_first() {
    let mut state = running_run(None);
    assert_eq!(keys(&mut state, "q"), [], "q closes what is open first");
    assert!(matches!(
        keys(&mut state, "q").as_slice(),
        [Effect::Work(Order::Tell(Input::Pause { .. }))]
    ));
    state.work.run.as_mut().unwrap().view.paused = Some("x".into());
    assert_eq!(keys(&mut state, "q"), [Effect::Quit]);
}

#[test]
fn without_a_run_its_keys_say_so() {
    let mut state = state(Risk::Reversible);
    for key in ["P", "w", "o", "A"] {
        assert_eq!(keys(&mut state, key), []);
        assert_eq!(said(&state), "no run is open");
    }
}

/// The one order among the effects.
fn rehearsal(effects: &[Effect]) -> (QuestionId, Plan, Script) {
    let mut orders = effects.iter().filter_map(|effect| match effect {
        Effect::Work(Order::Rehearse { id, plan, script }) => Some((*id, Plan::clone(plan), script.clone())),
        _ => None,
    });
    assert_eq!(effects.len(), 1, "{effects:?}");
    orders.next().unwrap()
}

fn tell(state: &mut State, id: QuestionId, told: Result<Vec<Text>, Why>) {
    let at = state.snapshot.now;
    update(state, Msg::Work(News::Rehearsed(Rehearsed { id, at, told })));
}

fn sheet(state: &State) -> String {
    let sheet = state.sheets.last().unwrap();
    let lines: Vec<String> = sheet.lines(state).iter().map(Line::text).collect();
    lines.join("\n")
}

#[test]
fn exactly_the_plan_that_is_shown_is_rehearsed_read_only_and_never_run() {
    let mut state = state(Risk::Irreversible);
    state.work.is_unlocked = false;
    assert_eq!(keys(&mut state, "r"), []);
    assert_eq!(state.detail, Some(0), "the plan is shown first");
    let (id, played, script) = rehearsal(&keys(&mut state, "r"));
    assert_eq!((played, script), (plan(Risk::Irreversible), Script::default()));
    assert!(sheet(&state).contains("nothing is sent to it"), "{}", sheet(&state));
    tell(&mut state, QuestionId(id.0 + 9), Ok(vec!["of another".into()]));
    assert!(!sheet(&state).contains("of another"));
    tell(&mut state, id, Ok(vec!["REHEARSAL".into(), "finished".into()]));
    assert_eq!(sheet(&state), "REHEARSAL\nfinished");
    assert!(state.work.run.is_none() && state.work.past.is_empty(), "it is no run");
    let (again, ..) = rehearsal(&keys(&mut state, "r"));
    assert!(again != id && sheet(&state).contains("being played"));
    assert_eq!(keys(&mut state, "x"), [], "what lies over the plan is not run");
    keys(&mut state, "q");
    assert_eq!(
        (state.sheets.len(), state.detail),
        (0, Some(0)),
        "the plan is still there"
    );
    tell(&mut state, again, Ok(vec!["late".into()]));
    assert!(state.sheets.is_empty());
}

#[test]
fn a_rehearsal_takes_faults_and_says_why_it_is_impossible() {
    let mut state = state(Risk::Reversible);
    for typed in [
        "r:rehearse --fault\n",
        ":rehearse --record\n",
        ":rehearse node-dies@1\n",
    ] {
        keys(&mut state, typed);
        assert!(said(&state).contains("--fault FAULT@STEP"), "{}", said(&state));
    }
    let typed = ":rehearse --fault node-dies@1 --record=a.rec --fault=timeout@1\n";
    let (id, _, script) = rehearsal(&keys(&mut state, typed));
    assert_eq!(script.faults, [Text::from("node-dies@1"), "timeout@1".into()]);
    assert_eq!(script.recording, Some("a.rec".into()));
    let why = Why::new(WhyKind::Unavailable, "no API server tells of pods").hint("see the feeds");
    tell(&mut state, id, Err(why));
    let told = sheet(&state);
    assert!(told.starts_with("NOT REHEARSED: nothing was played"), "{told}");
    assert!(
        told.contains("no API server tells of pods") && told.contains("see the feeds"),
        "{told}"
    );
    keys(&mut state, "q");
    state.work.is_manned = false;
    assert_eq!(keys(&mut state, "r"), []);
    assert_eq!(said(&state), "nothing can be rehearsed from here");
    let mut running = running_run(None);
    assert_eq!(keys(&mut running, "r"), []);
    assert!(said(&running).starts_with("only a plan"), "{}", said(&running));
}
