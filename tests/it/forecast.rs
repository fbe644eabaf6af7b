//! Forecast against truth: each loss is foretold, then a copy of the simulated cluster suffers it, and what happened is
//! compared: who is evicted and when, who stays Pending and why, where each new pod lands, what is left of etcd.

#[path = "../parity/truth.rs"]
mod truth;

use std::time::Duration;

use jiff::Timestamp;
use quorate::base::Text;
use quorate::forecast::{Forecaster, Outlook, domains};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::Scenario;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;
use truth::{Line, Trial};

/// World time goes in looks of a second, and stamps are whole seconds.
const LOOK: Duration = Duration::from_secs(2);

fn open(scenario: &str, here: HostId) -> Stage {
    let mut scenario_file = Scenario::named(scenario).unwrap().unwrap();
    scenario_file.here = here;
    let mut stage = Stage::open(
        &scenario_file,
        scenario.into(),
        Timestamp::from_second(1_795_000_000).unwrap(),
    );
    stage.pass(30_000);
    stage
}

fn foretold_and_suffered(scenario: &str, host: u16, seconds: u64) -> (Outlook, Vec<Line>) {
    let mut stage = open(scenario, HostId(if host == 1 { 2 } else { 1 }));
    let mut trial = Trial::of(stage.snapshot(), &Text::from(format!("nbe-{host}")));
    stage.world_mut().inject(&Fault::Kill { host: HostId(host) }).unwrap();
    for _ in 0..seconds {
        stage.pass(1_000);
        trial.see(stage.snapshot(), stage.snapshot().now.wall);
    }
    let lines = trial.lines(stage.snapshot(), LOOK, Duration::ZERO);
    (trial.told, lines)
}

/// Scenario, lost host, and for how long it is watched: until the longest toleration is over.
const LOSSES: [(&str, u16, u64); 8] = [
    ("healthy", 1, 180),
    ("healthy", 2, 180),
    ("healthy", 3, 180),
    ("demo", 1, 180),
    ("demo", 3, 180),
    ("no-zone-labels", 2, 180),
    ("ha-not-enabled", 1, 180),
    ("upgraded", 3, 480),
];

#[test]
fn each_loss_goes_as_foretold() {
    let mut wrong = Vec::new();
    let mut waited = 0;
    for (scenario, host, seconds) in LOSSES {
        let (told, lines) = foretold_and_suffered(scenario, host, seconds);
        assert!(
            told.moving().count() > 5,
            "{scenario}, nbe-{host}: a node carries more than that"
        );
        waited += told.pending().count();
        let wrong_lines = lines.iter().filter(|line| !line.is_so);
        wrong.extend(wrong_lines.map(|line| format!("{scenario}, nbe-{host}: {line:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        waited > 0,
        "in one of the scenarios a replacement waits: that was compared, too"
    );
}

#[test]
fn all_domains_of_a_crowded_cluster_are_foretold() {
    let stage = open("crowded", HostId(1));
    let snapshot = stage.snapshot();
    let forecaster = Forecaster::new(snapshot).unwrap();
    let outlooks = forecaster.each(&domains(snapshot));
    for outlook in outlooks.iter().step_by(7) {
        let alone = forecaster.what_if(std::slice::from_ref(&outlook.loss));
        assert_eq!(alone.as_slice(), std::slice::from_ref(outlook));
    }
    assert!(outlooks.len() >= 60, "{}", outlooks.len());
    let alone = outlooks.iter().filter(|own| own.loss.nodes.len() == 1);
    // Where the leader is lost too, some fifty evictions that wait for their turn at the API add seconds to its takeover.
    let times = alone.filter_map(|own| own.times.as_ref().filter(|times| !times.is_led_from_there));
    let widest = times.map(truth::widest).max().unwrap();
    assert!(widest <= snapshot.monitor_period() * 2 + truth::REST, "{widest:?}");
    let moved = outlooks.iter().map(|own| own.moves.len()).sum::<usize>();
    assert!(moved > 2_000, "{moved} of 3,000 pods move in one of the losses");
}
