#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::example::{self, ago, change, name};
use crate::model::host::Restarts;

/// When it is time to ask after a snapshot, in seconds from the last round; None: not within two minutes.
fn asked_after(before: &Snapshot, after: &Snapshot) -> Option<u64> {
    let asked = Instant::now();
    let mut watch = Watch::begin(before, asked);
    (5..120)
        .step_by(5)
        .find(|seconds| watch.is_time(after, asked + Duration::from_secs(*seconds)))
}

fn restarted(count: u32) -> Snapshot {
    let mut snapshot = example::healthy();
    let last = ago(0);
    let restarts = Restarts { count, last };
    snapshot.host.restarts.insert("kube-apiserver".into(), restarts);
    snapshot
}

fn knocking(knock: Knock) -> Snapshot {
    let mut snapshot = example::healthy();
    let host = snapshot.reach.values_mut().next().unwrap();
    host.ports.get_mut(&Service::Api).unwrap().knock = knock;
    snapshot
}

#[test]
fn a_server_that_was_started_anew_is_asked_after_a_minute_at_most() {
    let healthy = example::healthy();
    assert_eq!(asked_after(&healthy, &healthy), None);
    assert_eq!(asked_after(&healthy, &restarted(1)), Some(60));
    assert_eq!(asked_after(&knocking(Knock::Refused), &healthy), Some(60));
    assert_eq!(asked_after(&healthy, &knocking(Knock::Refused)), None, "it is gone");
    let mut dark = example::healthy();
    example::lose_feed(&mut dark, FeedId::Api);
    assert_eq!(asked_after(&dark, &healthy), Some(60));
    let mut k0s = example::healthy();
    let lease = ObjectKey::new("kube-node-lease", Text::from(format!("k0s-ctrl-{}", name(2))));
    change(&mut k0s.kube.leases, &lease, |lease| {
        lease.holder = Some("another".into());
    });
    assert_eq!(asked_after(&healthy, &k0s), Some(60), "k0s of another controller");
}

#[test]
fn a_crash_loop_costs_one_round_a_minute() {
    let start = Instant::now();
    let mut watch = Watch::begin(&restarted(0), start);
    let mut rounds = 0;
    for second in (5..=600).step_by(5) {
        let now = start + Duration::from_secs(second);
        let snapshot = restarted(u32::try_from(second).unwrap());
        if watch.is_time(&snapshot, now) {
            rounds += 1;
            watch = Watch::begin(&snapshot, now);
        }
    }
    assert!((9..=10).contains(&rounds), "{rounds}");
}

#[test]
fn one_that_came_and_went_between_two_looks_is_not_forgotten() {
    let start = Instant::now();
    let mut watch = Watch::begin(&knocking(Knock::Refused), start);
    let mut look = |snapshot: &Snapshot, second| watch.is_time(snapshot, start + Duration::from_secs(second));
    assert!(!look(&example::healthy(), 20));
    assert!(!look(&knocking(Knock::Refused), 40));
    assert!(look(&knocking(Knock::Refused), 60));
}
