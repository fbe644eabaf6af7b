#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Text, Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, findings, one};
use crate::check::{CheckId, Severity};
use crate::model::admission::Stamps;
use crate::model::example::{self, ago, change, name};
use crate::model::feed::HostPart;
use crate::model::kube::{Pause, Tolerates};
use crate::model::past::{Past, PastPause};
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

/// The healthy example, whose pods of one workload stay so long on a dead node.
fn staying(prefix: &str, seconds: u64) -> Snapshot {
    let mut snapshot = example::healthy();
    for (key, row) in snapshot.kube.pods.rows_mut() {
        let pod = &mut Arc::make_mut(row).value;
        if key.name.as_str().starts_with(prefix) && pod.tolerates_unreachable != Tolerates::Forever {
            pod.tolerates_unreachable = Tolerates::Seconds(seconds);
        }
    }
    snapshot
}

fn set_grace(snapshot: &mut Snapshot, grace: &str) {
    for process in &mut snapshot.host.processes.as_mut().unwrap().value {
        if let Some(flag) = process.flags.get_mut("node-monitor-grace-period") {
            *flag = Text::new(grace);
        }
    }
}

#[test]
fn the_two_rows_of_the_document_are_told_apart() {
    assert_holds(CheckId::FailoverTime, &example::healthy());
    let finding = one(CheckId::FailoverTime, &staying("", 300), Severity::Warning, "cluster");
    assert!(finding.title.as_str().contains("5 min 28 s"), "{finding:#?}");
    assert!(
        evidence(&finding).contains("installed once, as 2.19.4+k8s-1.37"),
        "{finding:#?}"
    );
    let mut slow = example::healthy();
    set_grace(&mut slow, "50s");
    assert!(
        findings(CheckId::FailoverTime, &slow)[0]
            .title
            .as_str()
            .contains("1 min 28 s")
    );
    set_grace(&mut slow, "8s");
    assert_holds(CheckId::FailoverTime, &slow);
}

#[test]
fn without_a_controller_manager_the_time_is_not_known() {
    let mut snapshot = example::healthy();
    let processes = &mut snapshot.host.processes.as_mut().unwrap().value;
    processes.retain(|process| process.name != "kube-controller-manager");
    assert_cannot_tell(CheckId::FailoverTime, &snapshot, FeedId::Host(HostPart::Processes));
}

#[test]
fn one_workload_with_two_delays_was_admitted_by_different_servers() {
    assert_holds(CheckId::FailoverMixed, &staying("netbox-worker", 300));
    let finding = one(
        CheckId::FailoverMixed,
        &staying("netbox-worker-6d5f8-1", 300),
        Severity::Warning,
        "cluster",
    );
    assert_eq!(finding.title, "1 workload with mixed eviction delays");
    assert!(evidence(&finding).contains("1 pod after 5 min"), "{finding:#?}");
}

/// The healthy example, where one API server tells something else.
fn admitting(n: u8, told: Result<u64, Why>) -> Snapshot {
    let mut snapshot = example::healthy();
    let stamps = told.map(|seconds| Stamps {
        unreachable: Tolerates::Seconds(seconds),
        not_ready: Tolerates::Seconds(30),
    });
    let admission = snapshot.kube.admission.as_mut().unwrap();
    admission.servers.insert(example::address(n), stamps);
    snapshot
}

#[test]
fn mixed_flags_are_found_before_a_pod_differs() {
    let finding = one(
        CheckId::FailoverMixed,
        &admitting(3, Ok(300)),
        Severity::Warning,
        "api/admission",
    );
    let lines = evidence(&finding);
    for line in [
        "new pods of nbe-1, nbe-2 leave a silent node after 30 s",
        "new pods of nbe-3 leave a silent node after 5 min, one that is not ready after 30 s",
        "nbe-3's API server gives new pods 300 s, k0s.yaml of nbe-1 says 30 s",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
}

#[test]
fn a_server_that_is_not_asked_may_differ() {
    let untold = admitting(2, Err(Why::new(WhyKind::Refused, "connection refused")));
    assert_cannot_tell(CheckId::FailoverMixed, &untold, FeedId::Admission);
    // What the pods show needs no dry run.
    let mut shown = staying("netbox-worker-6d5f8-1", 300);
    example::turn_off(&mut shown, FeedId::Admission);
    one(CheckId::FailoverMixed, &shown, Severity::Warning, "cluster");
}

#[test]
fn few_heartbeats_and_a_short_grace_period_do_not_fit() {
    let mut snapshot = example::healthy();
    for grace in ["8s", "10s"] {
        set_grace(&mut snapshot, grace);
        let finding = one(CheckId::FailoverHeartbeat, &snapshot, Severity::Warning, "cluster");
        assert!(
            finding.consequence.as_str().contains("no heartbeat is lost"),
            "{finding:#?}"
        );
    }
    set_grace(&mut snapshot, "15s");
    let finding = one(CheckId::FailoverHeartbeat, &snapshot, Severity::Info, "cluster");
    assert!(finding.title.as_str().contains("every 10 s"), "{finding:#?}");
    let mut uneven = example::healthy();
    let key = ObjectKey::new("kube-node-lease", name(2));
    change(&mut uneven.kube.leases, &key, |lease| lease.duration_s = 20);
    assert_eq!(findings(CheckId::FailoverHeartbeat, &uneven).len(), 1);
}

#[test]
fn without_a_lease_or_a_grace_period_nothing_fits() {
    let mut snapshot = example::healthy();
    snapshot.host.processes.as_mut().unwrap().value.clear();
    assert_cannot_tell(CheckId::FailoverHeartbeat, &snapshot, FeedId::Host(HostPart::Processes));
    let mut snapshot = example::healthy();
    let key = ObjectKey::new("kube-node-lease", name(3));
    snapshot.kube.leases.rows_mut().remove(&key);
    assert_cannot_tell(CheckId::FailoverHeartbeat, &snapshot, FeedId::Kube(KubeKind::Leases));
}

#[test]
fn the_slowest_controller_that_is_seen_makes_the_time() {
    let mut snapshot = example::healthy();
    let address = example::address(3).as_str().parse().unwrap();
    for process in snapshot.from.get_mut(&address).unwrap().processes.as_mut().unwrap() {
        process.flags.insert("node-monitor-grace-period".into(), "50s".into());
    }
    let finding = one(CheckId::FailoverTime, &snapshot, Severity::Warning, "cluster");
    assert!(finding.title.as_str().contains("1 min 28 s"), "{finding:#?}");
    // Where that is still soon enough, the proof shows what was judged.
    let policy = crate::model::Policy {
        recovery_slow: Duration::from_mins(2),
        ..crate::model::Policy::default()
    };
    let proof = crate::check::proof::of(CheckId::FailoverTime, &snapshot, &policy);
    let said = "about 1 min 28 s: detection up to 58 s (grace period 50 s, a look every 5 s), eviction 30 s";
    assert_eq!(proof[0], said);
    assert_eq!(
        proof[3],
        "50 s on nbe-3: kube-controller-manager runs with --node-monitor-grace-period=50s"
    );
}

#[test]
fn how_often_the_controller_manager_looks_is_part_of_the_time() {
    let mut snapshot = example::healthy();
    for process in &mut snapshot.host.processes.as_mut().unwrap().value {
        if let Some(flag) = process.flags.get_mut("node-monitor-period") {
            *flag = Text::new("30s");
        }
    }
    let finding = one(CheckId::FailoverTime, &snapshot, Severity::Warning, "cluster");
    assert!(finding.title.as_str().contains("1 min 23 s"), "{finding:#?}");
    assert_eq!(
        finding.evidence[0],
        "detection: up to 53 s (grace period 20 s, a look every 30 s)"
    );
}

#[test]
fn a_short_watch_proves_nothing() {
    let mut snapshot = example::healthy();
    snapshot.kube.endpoint.as_mut().unwrap().since = ago(599);
    assert_cannot_tell(CheckId::FailoverFlapping, &snapshot, FeedId::Kube(KubeKind::Leases));
    snapshot.past.watched = Duration::from_secs(1);
    assert_holds(CheckId::FailoverFlapping, &snapshot);
    snapshot.past.watched = Duration::ZERO;
    let pause = Pause {
        ended: ago(60),
        lasted: Duration::from_secs(18),
    };
    snapshot.kube.pauses.insert(name(2), vec![pause]);
    one(CheckId::FailoverFlapping, &snapshot, Severity::Info, "node/nbe-2");
}

#[test]
fn near_misses_are_counted() {
    let mut snapshot = example::healthy();
    let pause = |seconds| Pause {
        ended: ago(60),
        lasted: Duration::from_secs(seconds),
    };
    snapshot.kube.pauses.insert(name(2), vec![pause(12)]);
    assert_holds(CheckId::FailoverFlapping, &snapshot);
    snapshot
        .kube
        .pauses
        .insert(name(2), vec![pause(12), pause(16), pause(19)]);
    let finding = one(CheckId::FailoverFlapping, &snapshot, Severity::Info, "node/nbe-2");
    assert!(
        finding.title.as_str().contains("2 pauses, the longest 19 s"),
        "{finding:#?}"
    );
    snapshot
        .kube
        .pauses
        .insert(name(2), vec![pause(16), pause(17), pause(18)]);
    one(CheckId::FailoverFlapping, &snapshot, Severity::Warning, "node/nbe-2");
}

#[test]
fn near_misses_of_earlier_sessions_count_and_how_long_was_watched_is_told() {
    let mut snapshot = example::healthy();
    let wall = |hours: i64| snapshot.now.wall - jiff::SignedDuration::from_hours(hours);
    let pause = |hours, seconds| PastPause {
        ended: wall(hours),
        lasted: Duration::from_secs(seconds),
    };
    let pauses = vec![pause(30, 17), pause(20, 14), pause(5, 16)];
    snapshot.past = Past {
        since: Some(wall(48)),
        watched: Duration::from_hours(6),
        pauses: [(name(2), pauses)].into(),
    };
    let finding = one(CheckId::FailoverFlapping, &snapshot, Severity::Info, "node/nbe-2");
    let told = evidence(&finding);
    for needed in [
        "no heartbeat for 16 s, until 5 h ago",
        "no heartbeat for 17 s, until 1 d 6 h ago",
        "watched for 6 h of the 2 d before this session",
    ] {
        assert!(told.contains(needed), "{needed}: {finding:#?}");
    }
    assert!(!told.contains("14 s"), "{finding:#?}");
}
