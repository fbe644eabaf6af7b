//! A lost node, followed step by step in the simulated cluster beside what was foretold of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quorate::app::failover::tell;
use quorate::app::failover::{End, Failover};
use quorate::app::timeline::{Entry, Topic};
use quorate::app::{Msg, State, update};
use quorate::base::Text;
use quorate::check::{self, CheckId};
use quorate::model::{Policy, Snapshot};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::Scenario;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;

struct Watched {
    stage: Stage,
    state: State,
    /// What was said on the way, without repetitions.
    lines: Vec<String>,
}

fn open(scenario: &str, here: u16) -> Watched {
    let mut file = Scenario::named(scenario).unwrap().unwrap();
    file.here = HostId(here);
    let start = Timestamp::from_second(1_795_000_000).unwrap();
    let mut stage = Stage::open(&file, scenario.into(), start);
    stage.pass(30_000);
    let console = State::new(Arc::new(stage.snapshot().clone()), Policy::default());
    Watched {
        stage,
        state: console,
        lines: Vec::new(),
    }
}

impl Watched {
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.stage.pass(1_000);
            let snapshot = Arc::new(self.stage.snapshot().clone());
            update(&mut self.state, Msg::Snapshot(snapshot));
            let now = self.state.snapshot.now.wall;
            let open = self.state.failovers.open().iter();
            self.lines.extend(open.map(|own| tell::line(own, now)));
        }
    }

    fn inject(&mut self, fault: &Fault) {
        self.stage.world_mut().inject(fault).unwrap();
    }

    fn ended(&self) -> Vec<Entry> {
        let entries = self.state.timeline.entries();
        entries
            .filter(|entry| entry.topic == Topic::Failover)
            .cloned()
            .collect()
    }
}

fn story(entry: &Entry) -> (&Failover, String) {
    let own = entry.failover.as_deref().unwrap();
    (own, format!("{:#?}\n{}", tell::steps(own), entry.text))
}

/// Every step that was foretold is seen, and within its band but for the second between two looks.
fn assert_as_foretold(own: &Failover) {
    assert!(own.foretold.is_ok(), "{own:#?}");
    for step in tell::steps(own) {
        let (band, seen) = (step.foretold.unwrap(), step.seen.unwrap());
        let slack = Duration::from_secs(2);
        let is_within = band.from <= seen + slack && seen <= band.to + slack;
        assert!(is_within, "{step:#?}");
    }
}

#[test]
fn a_killed_node_is_counted_down_and_goes_as_foretold() {
    let mut watched = open("demo", 1);
    watched.inject(&Fault::Kill { host: HostId(3) });
    watched.pass(420);
    let ended = watched.ended();
    assert_eq!(ended.len(), 1, "{:#?}", watched.lines.last());
    let (own, told) = story(&ended[0]);
    assert_as_foretold(own);
    // The replica that the forecast says stays Pending does.
    assert_eq!(own.end.unwrap().1, End::Waits, "{told}");
    assert!(told.contains("netbox-netbox was foretold to stay at 2 of 3"), "{told}");
    assert!(told.contains("topology spread"), "the scheduler's own words: {told}");
    for needed in [
        "nbe-3 silent",
        "Unknown in",
        "Unknown within",
        "evicted in",
        "10/10 pods evicted; ",
    ] {
        assert!(
            watched.lines.iter().any(|line| line.contains(needed)),
            "{needed}: {:#?}",
            watched.lines
        );
    }
    assert!(watched.state.failovers.open().is_empty());
}

#[test]
fn where_the_controller_manager_led_from_the_dead_node_that_is_the_reason() {
    let stage = open("demo", 1).stage;
    let led = stage.snapshot().leader_of("kube-controller-manager").unwrap().host;
    let host = led.as_str().trim_start_matches("nbe-").parse::<u16>().unwrap();
    let here = if host == 1 { 2 } else { 1 };
    let mut watched = open("demo", here);
    watched.inject(&Fault::Kill { host: HostId(host) });
    watched.pass(480);
    let ended = watched.ended();
    let (own, told) = story(&ended[0]);
    assert_eq!(own.node, led);
    assert_as_foretold(own);
    assert!(
        told.contains(&format!("kube-controller-manager led from {led}")),
        "{told}"
    );
    assert!(told.contains("leads now"), "{told}");
}

#[test]
fn a_node_that_returns_before_the_eviction_ends_the_countdown() {
    let mut watched = open("demo", 1);
    watched.inject(&Fault::Kill { host: HostId(3) });
    watched.pass(20);
    assert_eq!(watched.state.failovers.open().len(), 1);
    watched.inject(&Fault::Revive { host: HostId(3) });
    watched.pass(60);
    assert!(watched.state.failovers.open().is_empty());
    let ended = watched.ended();
    let (own, told) = story(&ended[0]);
    assert_eq!((own.end.unwrap().1, own.evicted()), (End::Returned, 0), "{told}");
    assert!(ended[0].text.as_str().contains("before any pod was evicted"), "{told}");
    assert_eq!(ended[0].severity, None);
}

#[test]
fn pods_that_tolerate_a_lost_node_for_long_are_the_reason() {
    let mut watched = open("upgraded", 1);
    watched.inject(&Fault::Kill { host: HostId(3) });
    watched.pass(120);
    let node = Text::from("nbe-3");
    let own = watched.state.failovers.of(&node).unwrap();
    let told: Vec<String> = tell::story(own, watched.state.snapshot.now.wall)
        .into_iter()
        .map(|(what, text, _)| format!("{what}: {text}"))
        .collect();
    assert!(
        told.iter()
            .any(|line| line.contains("they tolerate a lost node for 5 min")),
        "{told:#?}"
    );
}

#[test]
fn another_replica_of_the_operator_leads_once_the_leaders_node_is_dead() {
    let leader = |snapshot: &Snapshot| {
        let lease = snapshot.operator_lease()?;
        lease.age.filter(|age| age.age <= lease.valid)?;
        lease.node.cloned()
    };
    let led = leader(open("ready", 1).stage.snapshot()).unwrap();
    let dead = led.as_str().trim_start_matches("nbe-").parse::<u16>().unwrap();
    let mut watched = open("ready", if dead == 1 { 2 } else { 1 });
    watched.inject(&Fault::Kill { host: HostId(dead) });
    watched.pass(20);
    let snapshot = watched.stage.snapshot();
    let next = leader(snapshot);
    assert!(next.is_some() && next != Some(led), "{next:?}");
    let outcomes = check::run(snapshot, &Policy::default());
    let findings = outcomes.findings();
    assert!(
        !findings
            .iter()
            .any(|own| own.check == CheckId::OperatorReplicas && own.title.as_str().contains("lead")),
        "{findings:#?}"
    );
}
