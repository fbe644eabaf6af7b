//! A copy of a cluster, made of nothing but what was seen of it, against the cluster itself: it looks the same to the plans
//! and to the forecast, and a run takes the same steps there, at the same gates.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use quorate::forecast::{Forecaster, domains};
use quorate::model::Snapshot;
use quorate::plan::view::Ending;
use quorate::plan::{Plan, RunEvent};
use quorate::rehearse::cast::cast;
use quorate::rehearse::mishap::Scheduled;
use quorate::rehearse::play::{Play, Turn};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::{K0sFamily, NAMES, Scenario};

use crate::scenes::SCENES;

/// Scenarios in which too little is known for a copy: no API server answers.
const UNKNOWN: [&str; 4] = ["quorum-lost", "us", "overloaded", "dark"];
/// What is taken for something simpler, and told.
const SIMPLER: [(&str, &str); 2] = [
    ("replacing", "nbe-4 is taken so: it joins, and its etcd keeps up"),
    ("two-views", "nbe-3 is taken so: etcd runs, its kubelet does not"),
];

fn open(scenario: &str) -> Stage {
    let file = Scenario::named(scenario).unwrap().unwrap();
    Stage::open(&file, scenario.into(), Timestamp::from_second(1_795_000_000).unwrap())
}

/// What plans and the forecast look at: everything but when it was seen, and numbers that grow.
fn plain(snapshot: &Snapshot) -> Value {
    let membership = snapshot.membership();
    let health = snapshot.quorum().members.into_iter();
    let health: Vec<Value> = health
        .map(|own| json!([own.member, own.role, own.health.word(), own.is_local]))
        .collect();
    let peers = snapshot.etcd.peers.iter();
    let certificates: Vec<Value> = peers.map(|(id, own)| json!([id, own.certificate_ends])).collect();
    let mut plain = json!({
        "kube": snapshot.kube, "members": membership.members, "cluster": membership.cluster_id, "health": health,
        "alarms": snapshot.etcd.local.as_ref().map(|local| &local.value.errors), "spare": snapshot.quorum().spare_range,
        "processes": snapshot.host.processes.as_ref().map(|own| &own.value), "host": snapshot.host.name,
        "grace": snapshot.grace_period().map(|grace| grace.period), "lock": snapshot.run_lock().is_some(),
        "certificates": certificates,
    });
    strip(&mut plain);
    plain
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for field in [
                "changed_at",
                "seen_changing",
                "feed",
                "renewed",
                "since",
                "epoch",
                "started",
                "pauses",
            ] {
                map.remove(field);
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(rows) => rows.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn differences(a: &Value, b: &Value, place: &str, told: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                differences(a, b, &format!("{place}/{name}"), told);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{place}/{n}"), told);
            }
        }
        _ if a != b => told.push(format!("{place}: {a:.300} in the cluster, {b:.300} in its copy")),
        _ => {}
    }
}

/// Every sentence of the forecast for every fault domain, but since when a node is lost.
fn foretold(snapshot: &Snapshot) -> Vec<Value> {
    let forecaster = Forecaster::new(snapshot).unwrap();
    let outlooks = forecaster.each(&domains(snapshot)).into_iter();
    outlooks
        .map(|outlook| {
            let mut told = json!(outlook);
            strip(&mut told);
            told
        })
        .collect()
}

#[test]
fn a_copy_looks_like_its_cluster() {
    let mut wrong = Vec::new();
    let mut simpler = Vec::new();
    for name in NAMES {
        let stage = open(name);
        let made = cast(stage.snapshot(), 7);
        assert_eq!(made.is_err(), UNKNOWN.contains(&name), "{name}: {made:.300?}");
        let Ok(cast) = made else { continue };
        simpler.extend(cast.notes.iter().map(|note| (name, note.to_string())));
        // There the learner of the copy gets its vote.
        if name == "replacing" {
            continue;
        }
        let copy = Stage::of(&cast, "copy".into(), stage.snapshot().now.wall);
        let mut told = Vec::new();
        differences(&plain(stage.snapshot()), &plain(copy.snapshot()), "", &mut told);
        let (a, b) = (json!(foretold(stage.snapshot())), json!(foretold(copy.snapshot())));
        differences(&a, &b, "/forecast", &mut told);
        wrong.extend(told.into_iter().take(12).map(|line| format!("{name}: {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(simpler, SIMPLER.map(|(name, note)| (name, note.to_owned())));
}

/// The run from its first line to its last, without times and without ids that came about in it: what was asked of people,
/// sent, waited for and done.
fn story(stage: Stage, plan: &Plan, faults: &[Scheduled]) -> (Ending, Vec<String>) {
    let before = json!(stage.snapshot()).to_string();
    let mut run = Play::begin(stage, plan.clone(), faults).unwrap();
    let ending = loop {
        if let Turn::Ended(ending) = run.turn().unwrap() {
            break ending;
        }
    };
    let events = run.journal.iter().skip(1).map(|entry| match &entry.event {
        RunEvent::Waiting { step, because } => format!("{step:?} waits: {because}"),
        RunEvent::Done {
            step,
            evidence,
            already,
        } => {
            // For how long it has been so depends on who looks.
            let shown = evidence.iter().map(|own| own.as_str().split(" for ").next());
            format!("{step:?} done: {:?} {already}", shown.collect::<Vec<_>>())
        }
        RunEvent::Intended { step, action } => format!("{step:?} sends: {action:?}"),
        other => format!("{other:?}"),
    });
    let events = events.map(|line| known(&line, &before)).collect();
    (ending, events)
}

/// A line with a mark in the place of every id that was not there before.
fn known(line: &str, before: &str) -> String {
    let is_id = |word: &str| word.len() >= 16 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let words = line.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-');
    let told = words.map(|word| {
        let id = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit() && c != '-');
        if is_id(id) && !before.contains(id) {
            word.replace(id, "NEW")
        } else {
            word.to_owned()
        }
    });
    told.collect()
}

#[test]
fn a_run_takes_the_same_steps_in_a_copy() {
    for scene in &SCENES {
        for faults in [&[][..], &["second-node-dies@3".parse().unwrap()]] {
            let (stage, plan) = scene.open(K0sFamily::default());
            let cast = cast(stage.snapshot(), 7).unwrap();
            let copy = Stage::of(&cast, "copy".into(), stage.snapshot().now.wall);
            let (real, rehearsed) = (story(stage, &plan, faults), story(copy, &plan, faults));
            assert_eq!(real, rehearsed, "{} with {faults:?}", scene.name);
        }
    }
}
