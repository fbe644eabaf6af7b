//! Runs on a simulated cluster from end to end, through the real clients: over HTTP, gRPC and TLS.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::cli::observe;
use crate::cli::settle::Enough;
use crate::cli::sim;
use crate::config::Settings;
use crate::model::quorum::Health;
use crate::plan::make::{self, Planned};
use crate::plan::step::Doing;
use crate::plan::view::{Ending, Stage};
use crate::plan::{Question, StepId};
use crate::sim::world::fault::Fault;
use crate::sim::world::host::HostId;

/// No wait takes longer.
const DEADLINE: Duration = Duration::from_mins(4);

/// A simulated cluster that is observed, and a place for journals.
struct Bench {
    observing: Observing,
    dir: TempDir,
}

impl Bench {
    async fn begin(scenario: &str) -> Self {
        let resolved = Resolved {
            settings: Settings::default(),
            problems: Vec::new(),
            environment: BTreeMap::new(),
            simulation: Some(sim::find(scenario).unwrap()),
            namespace: None,
            may_write: true,
        };
        let mut observing = observe::start(&resolved).await.unwrap();
        observe::settle(&mut observing, DEADLINE, Enough::Everything).await;
        Self {
            observing,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Somebody on some host, with a state directory of their own.
    fn conductor(&self, user: &str) -> Conductor {
        let operator = Operator {
            user: user.into(),
            host: format!("host-of-{user}").into(),
            pid: 42,
        };
        Conductor {
            hands: self.observing.hands(),
            snapshots: self.observing.observer.snapshots.clone(),
            clock: self.observing.clock.clone(),
            state: self.dir.path().join(user),
            operator,
        }
    }

    fn plan(&self, intent: &Intent) -> Plan {
        let snapshot = self.observing.observer.snapshots.borrow().clone();
        match make::make(intent, &snapshot, &Settings::default().policy()) {
            Planned::Plan(plan) => *plan,
            other => panic!("{other:?}"),
        }
    }

    fn inject(&self, fault: &Fault) {
        self.observing.cluster.as_ref().unwrap().handle().inject(fault).unwrap();
    }

    async fn seen(&self, is_so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshots = self.observing.observer.snapshots.clone();
        let waiting = timeout(DEADLINE, snapshots.wait_for(|snapshot| is_so(snapshot))).await;
        Arc::clone(&waiting.unwrap().unwrap())
    }
}

/// To the end, and the locks given back.
async fn finished(mut running: Running) -> RunView {
    let view = timeout(DEADLINE, running.ended()).await.unwrap().unwrap();
    assert_eq!(view.ended, Some(Ending::Finished), "{view:#?}");
    running.give_back().await;
    view
}

fn cordon(node: &str) -> Intent {
    Intent::Cordon { node: node.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_cordoned_and_it_is_seen() {
    let bench = Bench::begin("healthy").await;
    let conductor = bench.conductor("ada");
    let running = conductor.begin(bench.plan(&cordon("nbe-2")), false).await.unwrap();
    assert!(running.notes.is_empty(), "{:?}", running.notes);
    let view = finished(running).await;
    assert!(matches!(view.steps[0].stage, Stage::Done { already: false, .. }));
    bench
        .seen(|snapshot| snapshot.node(&"nbe-2".into()).is_some_and(|node| node.unschedulable))
        .await;
    let story = archive_of(&bench.dir.path().join("ada"), &view.run)
        .read(&view.run)
        .unwrap();
    assert_eq!(story.view, view);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_is_told_who_holds_the_lock_and_may_take_it_only_when_asked_to() {
    let bench = Bench::begin("healthy").await;
    let plan = bench.plan(&cordon("nbe-2"));
    let ada = bench.conductor("ada");
    let first = ada.begin(plan.clone(), false).await.unwrap();
    // Ada's process is gone; its lock is not.
    drop(first);
    let bob = bench.conductor("bob");
    let why = bob.begin(plan.clone(), false).await.err().unwrap();
    let told = why.to_string();
    assert!(
        told.contains("ada on host-of-ada") && told.contains("--take-over"),
        "{told}"
    );
    let begun = Archive::at(place::runs(&bench.dir.path().join("bob"))).runs().unwrap();
    assert!(begun.is_empty(), "nothing began");
    // On Ada's own host the kernel says that her process has ended; her run is hers to go on with.
    let run = Archive::at(place::runs(&bench.dir.path().join("ada")))
        .runs()
        .unwrap()
        .remove(0);
    let resumed = ada.resume(&run.unwrap().view.run, false).await.unwrap();
    finished(resumed).await;
    // It was given back.
    let uncordon = Intent::Uncordon { node: "nbe-2".into() };
    bench
        .seen(|snapshot| snapshot.node(&"nbe-2".into()).is_some_and(|node| node.unschedulable))
        .await;
    let third = bob.begin(bench.plan(&uncordon), false).await.unwrap();
    finished(third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_want_the_lock_at_the_same_moment_one_has_it_and_the_other_is_told_who() {
    let bench = Bench::begin("healthy").await;
    let take = |user: &str| {
        let wish = Wish {
            run: RunId(format!("r-{user}").into()),
            operator: bench.conductor(user).operator,
            take_over: false,
        };
        let hands = bench.observing.hands();
        tokio::spawn(async move { ClusterLock::take(hands.kube, wish).await })
    };
    // The first time it is made, later it is written over.
    for round in 0..8 {
        let (ada, bob) = tokio::join!(take("ada"), take("bob"));
        match (ada.unwrap(), bob.unwrap()) {
            (Taken::Ours(lock), Taken::Theirs(why)) => {
                assert!(why.text.as_str().starts_with("ada on host-of-ada"), "{round}: {why}");
                lock.release().await;
            }
            (Taken::Theirs(why), Taken::Ours(lock)) => {
                assert!(why.text.as_str().starts_with("bob on host-of-bob"), "{round}: {why}");
                lock.release().await;
            }
            (ada, bob) => panic!("{round}: {} {}", told(&ada), told(&bob)),
        }
    }
}

fn told(taken: &Taken) -> String {
    match taken {
        Taken::Ours(_) => "has it".to_owned(),
        Taken::Theirs(why) | Taken::NoWay(why) => why.to_string(),
    }
}

#[test]
fn the_operator_has_a_name_with_or_without_an_environment() {
    let user = |variables: &[(&str, &str)]| {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        operator(&environment.collect(), "nbe-1".into()).user
    };
    assert_eq!(user(&[("SUDO_USER", "ada"), ("USER", "root")]), "ada");
    assert_eq!(user(&[("USER", "bob")]), "bob");
    let id = |flags: &str| String::from_utf8(Command::new("id").arg(flags).output().unwrap().stdout).unwrap();
    // Of a number without a name, id prints none.
    let own = match id("-un").trim() {
        "" => format!("uid {}", id("-u").trim()),
        name => name.to_owned(),
    };
    assert_eq!(user(&[]), own.as_str());
    assert_eq!(user(&[("USER", "")]), user(&[]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_at_a_time_on_one_host() {
    let bench = Bench::begin("healthy").await;
    let ada = bench.conductor("ada");
    let plan = bench.plan(&cordon("nbe-2"));
    let _first = ada.begin(plan.clone(), true).await.unwrap();
    let why = ada.begin(plan, true).await.err().unwrap();
    assert!(
        why.to_string().contains("acts on this cluster from this host now"),
        "{why}"
    );
}

/// A machine dies for good, and another one takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_node_is_replaced() {
    let bench = Bench::begin("healthy").await;
    bench.observing.clock.set_speed(20);
    bench.inject(&Fault::Kill { host: HostId(3) });
    let is_lost = |snapshot: &Snapshot| {
        let quorum = snapshot.quorum();
        let mut members = quorum.members.iter();
        members.any(|state| state.member.name == "nbe-3" && matches!(state.health, Health::Dead { .. }))
            && snapshot
                .node(&"nbe-3".into())
                .is_some_and(|node| node.ready.status != crate::model::kube::Tri::True)
    };
    bench.seen(is_lost).await;
    let plan = bench.plan(&Intent::ReplaceNode { node: "nbe-3".into() });
    let mut running = bench.conductor("ada").begin(plan, false).await.unwrap();
    let (mut status, inputs) = (running.status.clone(), running.inputs.clone());
    let handle = bench.observing.cluster.as_ref().unwrap().handle();
    let person = tokio::spawn(async move {
        let (mut stated, mut joined) = (None::<StepId>, false);
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update().clone();
            if let Some((step, Question::Attest { words })) = &now.question
                && stated != Some(*step)
            {
                stated = Some(*step);
                let words = words.clone();
                inputs.send(Input::Attest { words }).await.unwrap();
            }
            let at_join = now.view.current().is_some_and(|(step, _)| step.doing == Doing::ByHand);
            if at_join && !joined && now.waits_for.is_some() {
                joined = true;
                handle.inject(&Fault::Join { zone: None }).unwrap();
            }
        }
    });
    let ended = timeout(DEADLINE, running.ended()).await;
    let last = running.status.borrow().clone();
    let view = ended.unwrap_or_else(|_| panic!("{last:#?}")).unwrap();
    assert_eq!(view.ended, Some(Ending::Finished), "{view:#?}");
    person.abort();
    let after = bench.seen(|snapshot| snapshot.quorum().spare() == Some(1)).await;
    assert!(after.quorum().members.iter().all(|state| state.member.name != "nbe-3"));
    assert!(after.node(&"nbe-3".into()).is_none());
    assert_eq!(after.node(&"nbe-4".into()).unwrap().zone, Some("zone-c".into()));
}
