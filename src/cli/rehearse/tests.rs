//! The rehearsal's own eyes against the real client code: both look at one world, from the same host, and must see the
//! same. What may differ is listed in [`plain`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use crate::app::work::Script;
use crate::assemble::Assembler;
use crate::base::{Clock, Stamp, Text, Why, WhyKind};
use crate::cli::conduct;
use crate::cli::observe::{self, Resolved};
use crate::cli::rehearse::Film;
use crate::cli::settle::{Enough, is_settled};
use crate::cli::sim;
use crate::config::Settings;
use crate::model::intent::Intent;
use crate::model::{FeedId, FeedState, KubeKind, Policy, Snapshot};
use crate::plan::{Plan, Planned, make};
use crate::rehearse::stage::Stage;
use crate::rehearse::vantage::Vantage;
use crate::sim::scenario::Scenario;
use crate::sim::world::World;

/// No comparison waits longer for a moment in which both are up to date.
const DEADLINE: Duration = Duration::from_mins(1);

/// A snapshot without what is bound to differ: when and how often something was asked, round trips, numbers that grow by
/// the millisecond, paths below a temporary directory, and parts that a world does not have (certificates, a disk). The
/// watches of an API server that does not answer end at different
/// times; what etcd's store tells then is not asked here.
fn plain(snapshot: &Snapshot) -> Value {
    let mut document = serde_json::to_value(snapshot).unwrap();
    let root = document.as_object_mut().unwrap();
    for field in [
        "now",
        "simulated",
        "feeds",
        "reach",
        "there",
        "from",
        "entry",
        "external",
    ] {
        root.remove(field);
    }
    for part in ["certificates", "disk", "containers", "restarts", "clock_jump"] {
        root["host"].as_object_mut().unwrap().remove(part);
    }
    // The file names the controllers of the installation, the rehearsal those of now.
    if let Some(config) = root["host"].pointer_mut("/config/value").and_then(Value::as_object_mut) {
        config.remove("api_sans");
    }
    for part in ["local", "admission"] {
        root["kube"].as_object_mut().unwrap().remove(part);
    }
    root["etcd"].as_object_mut().unwrap().remove("disk");
    strip(&mut document);
    let is_live = snapshot.feed(FeedId::Api).is_live();
    let feeds = snapshot.feeds.iter().filter(|(id, _)| match id {
        FeedId::Kube(_) => is_live,
        FeedId::Host(part) => !matches!(part.name(), "certificates" | "disk" | "containers"),
        FeedId::EtcdStore
        | FeedId::ApiLocal
        | FeedId::Admission
        | FeedId::EtcdDisk
        | FeedId::Ports(_)
        | FeedId::From(_)
        | FeedId::Entry(_)
        | FeedId::External(_) => false,
        FeedId::Api | FeedId::EtcdLocal | FeedId::EtcdPeer(_) => true,
    });
    let feeds: Map<String, Value> = feeds.map(|(id, state)| (id.to_string(), told(state))).collect();
    document["feeds"] = feeds.into();
    document
}

fn told(state: &FeedState) -> Value {
    let why = state.why().map(|why| format!(" {:?} {}", why.kind, why.text));
    let text = format!("{}{}", state.word(), why.unwrap_or_default());
    // A temporary directory's name.
    match text.split_once("listens on ") {
        Some((before, _)) => before.into(),
        None => text.into(),
    }
}

/// Removes ages and what grows, wherever it stands. A history becomes its last word.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for field in [
                "changed_at",
                "seen_changing",
                "since",
                "latest",
                "count",
                "epoch",
                "rtt_us",
                "raft_index",
                "applied_index",
                "revision",
                "db_size_bytes",
                "db_in_use_bytes",
                "path",
                "started",
            ] {
                map.remove(field);
            }
            for field in ["last_ok", "spare_zero_since", "spare_seen"] {
                if let Some(at) = map.get_mut(field) {
                    *at = (!at.is_null()).into();
                }
            }
            if let Some(skew) = map.get_mut("clock_skew_ms") {
                *skew = skew.as_i64().map(|ms| (ms + 500).div_euclid(1000)).into();
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(rows) => rows.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Where two documents differ first.
fn difference(a: &Value, b: &Value, place: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let missing = Value::String("(nothing)".to_owned());
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            names.into_iter().find_map(|name| {
                let (a, b) = (a.get(name).unwrap_or(&missing), b.get(name).unwrap_or(&missing));
                difference(a, b, &format!("{place}/{name}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(n, (a, b))| difference(a, b, &format!("{place}/{n}"))),
        _ => (a != b).then(|| format!("{place}: live {a}, rehearsed {b}")),
    }
}

/// What the rehearsal sees of a world that goes on by itself.
struct Rehearsed {
    vantage: Vantage,
    assembler: Assembler,
    snapshot: Snapshot,
}

impl Rehearsed {
    fn look(&mut self, world: &World, at: Stamp) {
        for observed in self.vantage.look(world, &self.snapshot, at) {
            self.assembler.apply(observed);
        }
        self.snapshot = self.assembler.snapshot(at);
    }
}

async fn compare(name: &str) {
    let resolved = Resolved {
        settings: Settings::default(),
        problems: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        simulation: Some(sim::find(name).unwrap()),
        namespace: None,
        may_write: false,
    };
    let scenario: &Scenario = &resolved.simulation.as_ref().unwrap().scenario;
    let mut observing = observe::start(&resolved).await.unwrap();
    let began = observing.clock.now();
    let deadline = Instant::now() + DEADLINE;
    let snapshots = &mut observing.observer.snapshots;
    let settled = snapshots.wait_for(|snapshot| is_settled(snapshot, began, Enough::Everything));
    timeout_at(deadline, settled).await.unwrap().unwrap();
    let cluster = observing.cluster.as_ref().unwrap();
    let endpoint = cluster.etcd_endpoint().trim_start_matches("https://").to_owned();
    let mut rehearsed = Rehearsed {
        vantage: Vantage::new(scenario.here, endpoint),
        assembler: Assembler::new(),
        snapshot: Snapshot::empty(began),
    };
    loop {
        let live: Arc<Snapshot> = snapshots.borrow_and_update().clone();
        let at = observing.clock.now();
        cluster.shared().with(|world| rehearsed.look(world, at));
        let Some(difference) = difference(&plain(&live), &plain(&rehearsed.snapshot), "") else {
            return;
        };
        let next = timeout_at(deadline, snapshots.changed()).await;
        assert!(next.is_ok(), "{name}: {difference}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_sees_what_the_real_clients_see() {
    let names = ["node-lost", "remnant", "zombie", "hostile"];
    futures_util::future::join_all(names.map(compare)).await;
}

#[test]
fn a_plan_that_is_shown_is_played_on_what_is_known_or_it_says_why_not() {
    let scenario = Scenario::named("healthy").unwrap().unwrap();
    let stage = Stage::open(&scenario, "healthy".into(), "2026-11-24T12:00:00Z".parse().unwrap());
    let known = stage.snapshot();
    let intent = Intent::Cordon { node: "nbe-3".into() };
    let plan = match make(&intent, known, &Policy::default()) {
        Planned::Plan(plan) => Some(plan),
        Planned::Nothing { .. } | Planned::Refused { .. } => None,
    };
    let plan = plan.unwrap();
    let film = Film {
        operator: conduct::operator(&std::collections::BTreeMap::new(), "nbe-1".into()),
        clock: Clock::start(),
        policy: Policy::default(),
    };
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("a.rec").display().to_string();
    let played_onto = |recorded: &str, known: &Snapshot, faults: &[&str], may_go_on: bool| {
        let script = Script {
            faults: faults.iter().map(|fault| Text::new(fault)).collect(),
            recording: (!recorded.is_empty()).then(|| Text::new(recorded)),
        };
        let told = super::shown(known, Plan::clone(&plan), &script, &film, || may_go_on);
        told.map(|lines| lines.iter().map(Text::as_str).collect::<Vec<_>>().join("\n"))
    };
    let played = |known: &Snapshot, faults: &[&str], may_go_on: bool| played_onto("", known, faults, may_go_on);
    let told = played_onto(&recording, known, &[], true).unwrap();
    assert!(told.ends_with(&format!("quorate replay {recording}")), "{told}");
    let why = played_onto(&recording, known, &[], true).unwrap_err();
    assert!(why.to_string().contains("is there already"), "{why}");
    let told = played(known, &[], true).unwrap();
    assert!(
        told.starts_with("REHEARSAL: played on a copy of the cluster; nothing was sent to it\n"),
        "{told}"
    );
    assert!(told.contains("cordon: finished after "), "{told}");
    assert!(
        told.contains("\nstep 1 needs: the API answers a consistent read; "),
        "{told}"
    );
    let told = played(known, &["refused@1"], true).unwrap();
    assert!(told.contains("cordon: stopped at step 1 "), "{told}");
    let mut dark = known.clone();
    let why = Why::new(WhyKind::Refused, "no API server answers");
    dark.feeds
        .insert(FeedId::Kube(KubeKind::Pods), FeedState::Lost { as_of: None, why });
    for (why, told) in [
        ("there is no fault", played(known, &["nonsense@1"], true)),
        ("there is no step 9", played(known, &["refused@9"], true)),
        ("does not come to an end", played(known, &[], false)),
        ("pods", played(&dark, &[], true)),
    ] {
        let said = told.unwrap_err().to_string();
        assert!(said.contains(why), "{why}: {said}");
    }
}
