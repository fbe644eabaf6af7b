//! Every scenario through the real client code and every check: the declared set is broken, exactly, nothing else is
//! untold than what is declared, and what holds says by which facts. Every check is broken in some scenario, and cannot tell
//! in some.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use quorate::check::{self, CheckId, Outcome, Report};
use quorate::cli::args::Global;
use quorate::cli::observe;
use quorate::model::Policy;
use quorate::sim::scenario::{Expect, NAMES, Scenario};
use serde_json::Value;

/// Checks that can tell in every scenario, and why.
const NEVER_UNTOLD: [(&str, &str); 1] = [(
    "feeds.stale",
    "a feed that is off is what it finds; it cannot tell only before the first answers",
)];
/// How much faster than ours the time of a scenario runs that is watched, until a check is broken, or holds.
const SPEED: (u32, u32) = (5, 10);
/// How long it is watched at most: half a minute of its time tells of the balancer, ten that no heartbeat paused.
const WATCHED: Duration = Duration::from_secs(150);

/// What checks said: which are broken, which cannot tell, and the exit code.
#[derive(Debug, PartialEq)]
struct Said {
    broken: BTreeSet<String>,
    untold: BTreeSet<String>,
    exit: i32,
}

impl Said {
    /// What a scenario declares about itself.
    fn declared(expect: &Expect) -> Self {
        Self {
            broken: expect.broken.iter().cloned().collect(),
            untold: expect.untold.iter().cloned().collect(),
            exit: expect.exit.into(),
        }
    }

    /// The same once somebody has watched.
    fn watched(expect: &Expect) -> Self {
        let mut said = Self::declared(expect);
        for name in &expect.watched {
            assert!(said.untold.remove(name), "{name} can be told at once");
            said.broken.insert(name.clone());
        }
        for name in &expect.holds {
            assert!(said.untold.remove(name), "{name} can be told at once");
        }
        said
    }

    fn of(report: &Report) -> Self {
        let ids = |is_wanted: fn(&Outcome) -> bool| {
            let wanted = report.outcomes.iter().filter(|(_, outcome)| is_wanted(outcome));
            wanted.map(|(id, _)| id.to_string()).collect()
        };
        Self {
            broken: ids(|outcome| matches!(outcome, Outcome::Broken { .. })),
            untold: ids(|outcome| matches!(outcome, Outcome::CannotTell { .. })),
            exit: report.verdict.level.exit_code().into(),
        }
    }
}

fn expected(name: &str) -> Expect {
    Scenario::named(name).unwrap().unwrap().expect.unwrap()
}

fn ids(document: &Value, result: &str) -> BTreeSet<String> {
    let checks = document["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["result"] == result)
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What differs between a scenario and its declaration.
fn judge(name: &str) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["check", "--sim", name, "-o", "json", "--timeout", "30s"])
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else {
        return Some(format!(
            "{name}: no document: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    };
    let checks = document["checks"].as_array().unwrap();
    let proven = |check: &Value| !check["evidence"].as_array().unwrap().is_empty();
    if let Some(odd) = checks.iter().find(|own| proven(own) != (own["result"] == "holds")) {
        return Some(format!("{name}: {odd}"));
    }
    let found = Said {
        broken: ids(&document, "broken"),
        untold: ids(&document, "cannot-tell"),
        exit: output.status.code().unwrap(),
    };
    let declared = Said::declared(&expected(name));
    (found != declared).then(|| format!("{name}: {found:?}, declared {declared:?}"))
}

/// What a scenario that is watched says in the end, where it is not what it declares.
async fn judge_watched(name: &str) -> Option<String> {
    let global = Global {
        sim: Some(name.to_owned()),
        ..Global::default()
    };
    let mut resolved = observe::settings(&global).unwrap();
    // That is five or ten seconds of theirs.
    resolved.settings.entry.every.value = Duration::from_secs(1);
    let mut observing = observe::start(&resolved).await.unwrap();
    let (expect, policy) = (expected(name), Policy::default());
    let (breaks, holds) = SPEED;
    observing
        .clock
        .set_speed(if expect.holds.is_empty() { breaks } else { holds });
    let declared = Said::watched(&expect);
    let mut found = None;
    let seen = observing.observer.snapshots.wait_for(|snapshot| {
        found = Some(Said::of(&check::run(snapshot, &policy)));
        found.as_ref() == Some(&declared)
    });
    let is_seen = tokio::time::timeout(WATCHED, seen).await.is_ok_and(|seen| seen.is_ok());
    (!is_seen).then(|| format!("{name}, watched: {found:?}, declared {declared:?}"))
}

#[test]
fn every_scenario_breaks_exactly_the_checks_that_it_declares() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scenarios");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let mut known = NAMES.map(str::to_owned);
    known.sort();
    assert_eq!(names, known);
    let wrong: Vec<String> = names.iter().filter_map(|name| judge(name)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_only_watching_shows_is_told_in_the_end() {
    let names = NAMES.into_iter().filter(|name| {
        let expect = expected(name);
        !expect.watched.is_empty() || !expect.holds.is_empty()
    });
    let runtime = observe::runtime().unwrap();
    let wrong: Vec<String> = names.filter_map(|name| runtime.block_on(judge_watched(name))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn in_one_scenario_everything_holds() {
    let said = Said::watched(&expected("proven"));
    assert_eq!((said.broken.len(), said.untold.len(), said.exit), (0, 0, 0));
}

#[test]
fn every_check_is_broken_in_some_scenario_and_cannot_tell_in_some() {
    let all = NAMES.map(expected);
    let never = |declares: fn(&Expect) -> Vec<&String>| {
        let declared: BTreeSet<&str> = all.iter().flat_map(declares).map(String::as_str).collect();
        let ids = CheckId::ALL.map(CheckId::name).into_iter();
        ids.filter(|id| !declared.contains(id)).collect::<Vec<_>>()
    };
    let never_broken = never(|expect| expect.broken.iter().chain(&expect.watched).collect());
    let never_untold = never(|expect| expect.untold.iter().collect());
    assert!(never_broken.is_empty(), "{never_broken:?}");
    assert_eq!(never_untold, NEVER_UNTOLD.map(|(id, _)| id));
}
