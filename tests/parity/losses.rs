//! The same losses on the simulated cluster and on real servers: in which order things are seen to change, by the product's
//! own sources on a host that survives (or on the one that is cut off).
//!
//! What must hold of the recording in `tests/fixtures/parity/losses.json` and of the simulated cluster alike: every
//! transition of [`Loss::chains`] is seen, in the order of its chain, and none of [`Loss::never`]. What is not compared:
//! times, which follow from chance (who led, when a heartbeat was due), the order of transitions in different chains, which
//! nothing causes, and what else is seen meanwhile. Two transitions of a chain in the same snapshot are in order.
//! `tests/it` looks at the simulated cluster, `tests/lab` at real servers, and writes the recording anew with
//! `QUORATE_UPDATE=1`. Start reading at [`watch`].

#![allow(dead_code)] // shared by two test binaries; each uses a part

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate::app::state::Derived;
use quorate::cli::args::Global;
use quorate::cli::observe::{self, Observing};
use quorate::model::quorum::{Health, Standing};
use quorate::model::{FeedId, FeedState, Policy, Snapshot};
use tokio::time::Instant;

/// How long a healthy cluster may take to be seen as one.
const READY: Duration = Duration::from_secs(90);
/// How long a loss is watched at most.
const WATCHED: Duration = Duration::from_secs(150);
/// And on, after the last transition: what must not happen has time to.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// One loss, and what it means.
pub struct Loss {
    /// Its name in the recording.
    pub id: &'static str,
    /// What happens, one after the other: the lab's verb, and the host.
    pub faults: &'static [(&'static str, u16)],
    /// Transitions of which each causes, or is noticed before, the next.
    pub chains: &'static [&'static [&'static str]],
    /// What must not be seen.
    pub never: &'static [&'static str],
}

impl Loss {
    /// What counts of what was seen.
    fn own(&self, seen: &[String]) -> Vec<String> {
        let chained = self.chains.iter().copied().flatten();
        let counts: Vec<&str> = chained.chain(self.never).copied().collect();
        seen.iter()
            .filter(|fact| counts.contains(&fact.as_str()))
            .cloned()
            .collect()
    }
}

/// How the third of three controllers is lost, whichever way it is.
const ONE_HOST: &[&[&str]] = &[
    &[
        "health nbe-3 dead",
        "heartbeat nbe-3 silent",
        "node nbe-3 not ready",
        "taint nbe-3 unreachable",
        "pods of nbe-3 told to go",
    ],
    &["health nbe-3 dead", "spare 0"],
    &["health nbe-3 dead", "finding etcd.member-lost"],
    &["node nbe-3 not ready", "finding node.not-ready"],
];

/// The losses.
pub const LOSSES: &[Loss] = &[
    Loss {
        id: "kill",
        faults: &[("kill", 3)],
        chains: ONE_HOST,
        never: &["standing lost", "standing alone", "API server lost"],
    },
    Loss {
        id: "freeze",
        faults: &[("freeze", 3)],
        chains: ONE_HOST,
        never: &["standing lost", "standing alone", "API server lost"],
    },
    Loss {
        id: "unplug",
        faults: &[("unplug", 3)],
        chains: ONE_HOST,
        never: &["standing lost", "standing alone", "API server lost"],
    },
    Loss {
        id: "quorum",
        faults: &[("kill", 3), ("kill", 2)],
        chains: &[
            &["health nbe-3 dead", "standing lost"],
            &["health nbe-2 dead", "standing lost"],
            // A member without a leader is a finding, too, and may be seen before the others are given up.
            &["finding etcd.quorum"],
            &["health nbe-2 dead", "API server lost"],
        ],
        never: &["standing alone", "node nbe-3 not ready", "pods of nbe-3 told to go"],
    },
    Loss {
        id: "alone",
        faults: &[("unplug", 1)],
        chains: &[&["standing alone"], &["finding etcd.quorum"], &["API server lost"]],
        never: &["standing lost", "node nbe-1 not ready", "health nbe-3 dead"],
    },
];

/// What was seen, in the order in which it was; by loss.
pub type Record = BTreeMap<String, Vec<String>>;

/// What is so in a snapshot, of what counts here.
fn facts(snapshot: &Snapshot) -> Vec<String> {
    let policy = Policy::default();
    let derived = Derived::of(snapshot, &policy);
    let mut facts = Vec::new();
    for state in &derived.quorum.members {
        if matches!(state.health, Health::Dead { .. }) {
            facts.push(format!("health {} dead", state.member.name));
        }
    }
    match derived.quorum.standing {
        Standing::Lost => facts.push("standing lost".to_owned()),
        Standing::Alone { .. } => facts.push("standing alone".to_owned()),
        _ => {}
    }
    if derived.quorum.spare() == Some(0) {
        facts.push("spare 0".to_owned());
    }
    if matches!(snapshot.feed(FeedId::Api), FeedState::Lost { .. }) {
        facts.push("API server lost".to_owned());
    }
    for node in snapshot.kube.nodes.values() {
        let name = &node.name;
        let beat = snapshot.heartbeat_age(name.as_str());
        if beat.is_some_and(|beat| beat.age > policy.heartbeat_late) {
            facts.push(format!("heartbeat {name} silent"));
        }
        if node.ready.status != quorate::model::kube::Tri::True {
            facts.push(format!("node {name} not ready"));
        }
        let is_hard = |taint: &quorate::model::kube::Taint| {
            taint.key == "node.kubernetes.io/unreachable" && taint.effect == "NoExecute"
        };
        if node.taints.iter().any(is_hard) {
            facts.push(format!("taint {name} unreachable"));
        }
        let mut pods = snapshot.kube.pods.values();
        if pods.any(|pod| pod.node.as_ref() == Some(name) && pod.deleting.is_some()) {
            facts.push(format!("pods of {name} told to go"));
        }
    }
    for (check, outcome) in &derived.report.outcomes {
        if matches!(outcome, quorate::check::Outcome::Broken { .. }) {
            facts.push(format!("finding {check}"));
        }
    }
    facts
}

/// Whether nothing is wrong, and everything is known.
fn is_whole(snapshot: &Snapshot) -> bool {
    let derived = Derived::of(snapshot, &Policy::default());
    let members = &derived.quorum.members;
    let are_well = members.len() == 3 && members.iter().all(|own| matches!(own.health, Health::Healthy { .. }));
    let nodes = snapshot.kube.nodes.values().count();
    let has_pods = snapshot.kube.pods.values().filter(|pod| pod.ready).count() > 30;
    are_well && nodes >= 3 && has_pods && matches!(derived.quorum.standing, Standing::Held { .. })
}

/// Observes from here until the loss has run its course. `strike` is called once all is seen to be well.
pub async fn watch(observing: &mut Observing, loss: &Loss, strike: impl FnOnce(&Observing)) -> Vec<String> {
    let snapshots = &mut observing.observer.snapshots.clone();
    let whole = snapshots.wait_for(|snapshot| is_whole(snapshot));
    let before = tokio::time::timeout(READY, whole)
        .await
        .unwrap_or_else(|_| panic!("{}: not seen to be well within {READY:?}", loss.id))
        .unwrap()
        .clone();
    let before = facts(&before);
    let wanted: Vec<&str> = loss.chains.iter().copied().flatten().copied().collect();
    let mut seen: Vec<String> = Vec::new();
    strike(observing);
    let mut end = Instant::now() + WATCHED;
    let mut is_over = false;
    while tokio::time::timeout_at(end, snapshots.changed())
        .await
        .is_ok_and(|changed| changed.is_ok())
    {
        let snapshot = snapshots.borrow_and_update().clone();
        let mut now = facts(&snapshot);
        // Within one snapshot, in the order of the chains: none of it came first.
        now.sort_by_key(|fact| wanted.iter().position(|known| known == fact).unwrap_or(wanted.len()));
        for fact in now {
            if !seen.contains(&fact) && !before.contains(&fact) {
                seen.push(fact);
            }
        }
        if !is_over && wanted.iter().all(|fact| seen.iter().any(|own| own == fact)) {
            (is_over, end) = (true, Instant::now() + AFTERWARDS);
        }
    }
    loss.own(&seen)
}

/// Observes this host, or a simulated one.
pub async fn start(scenario: Option<&str>) -> Observing {
    let global = Global {
        sim: scenario.map(str::to_owned),
        ..Global::default()
    };
    observe::start(&observe::settings(&global).unwrap()).await.unwrap()
}

/// What is wrong with what was seen, then and now.
pub fn complaints(recorded: &Record, now: &Record) -> Vec<String> {
    let mut wrong = Vec::new();
    for loss in LOSSES {
        let (Some(recorded), Some(now)) = (recorded.get(loss.id), now.get(loss.id)) else {
            wrong.push(format!("{}: not recorded, or not seen", loss.id));
            continue;
        };
        for (whose, seen) in [("recorded", loss.own(recorded)), ("now", loss.own(now))] {
            if let Some(fact) = loss.never.iter().find(|fact| seen.iter().any(|own| own == *fact)) {
                wrong.push(format!("{}, {whose}: {fact} in {seen:?}", loss.id));
            }
            for chain in loss.chains {
                let places: Vec<Option<usize>> = chain
                    .iter()
                    .map(|fact| seen.iter().position(|own| own == fact))
                    .collect();
                if places.contains(&None) || !places.is_sorted() {
                    wrong.push(format!("{}, {whose}: not {chain:?}, but {seen:?}", loss.id));
                }
            }
        }
    }
    wrong
}

/// Where the recording lies.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/losses.json")
}

/// The recording of the real servers.
pub fn recorded() -> Record {
    let text = std::fs::read_to_string(file()).unwrap_or_else(|error| panic!("{}: {error}", file().display()));
    serde_json::from_str(&text).unwrap()
}
