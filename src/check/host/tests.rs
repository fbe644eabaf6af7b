#![allow(clippy::unwrap_used)]

use crate::base::{Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, Death, healthy};
use crate::model::feed::HostPart;
use crate::model::{FeedId, FeedState, Snapshot};

fn lose(snapshot: &mut Snapshot, feed: FeedId, kind: WhyKind) {
    let why = Why::new(kind, "it said nothing");
    let as_of = Some(example::ago(30));
    snapshot.feeds.insert(feed, FeedState::Lost { as_of, why });
}

#[test]
fn a_dead_api_server_is_a_warning_while_another_one_serves() {
    let mut snapshot = healthy();
    lose(&mut snapshot, FeedId::ApiLocal, WhyKind::Refused);
    let finding = one(CheckId::HostControlPlane, &snapshot, Severity::Warning, "node/nbe-1");
    assert_eq!(finding.title, "the API server is down on this host, while etcd lives");
    assert!(evidence(&finding).contains("answered 30 s ago"), "{finding:#?}");
    lose(&mut snapshot, FeedId::Api, WhyKind::Refused);
    one(CheckId::HostControlPlane, &snapshot, Severity::Critical, "node/nbe-1");
}

#[test]
fn a_stopped_process_is_told_though_everything_still_answers() {
    let mut snapshot = healthy();
    let processes = &mut snapshot.host.processes.as_mut().unwrap().value;
    for process in processes.iter_mut().filter(|process| process.name == "kube-scheduler") {
        process.is_stopped = true;
    }
    let finding = one(CheckId::HostControlPlane, &snapshot, Severity::Warning, "node/nbe-1");
    assert_eq!(finding.title, "kube-scheduler is not running on this host");
}

#[test]
fn a_laptop_has_no_control_plane() {
    let mut snapshot = healthy();
    let why = Why::new(WhyKind::Disabled, "k0s is not installed on this host");
    snapshot.feeds.insert(FeedId::ApiLocal, FeedState::Off { why });
    assert_not_applicable(CheckId::HostControlPlane, &snapshot);
    snapshot = healthy();
    lose(&mut snapshot, FeedId::ApiLocal, WhyKind::Denied);
    assert_cannot_tell(CheckId::HostControlPlane, &snapshot, FeedId::ApiLocal);
}

#[test]
fn one_clock_that_differs_is_that_hosts_and_all_that_differ_are_ours() {
    let mut snapshot = healthy();
    let skew = |snapshot: &mut Snapshot, n: u8, ms: i64| {
        snapshot
            .etcd
            .peers
            .get_mut(&example::member_id(n))
            .unwrap()
            .clock_skew_ms = Some(ms);
    };
    skew(&mut snapshot, 3, -9_000);
    assert_holds(CheckId::HostClock, &snapshot);
    skew(&mut snapshot, 3, -12_000);
    let finding = one(CheckId::HostClock, &snapshot, Severity::Warning, "member/nbe-3");
    assert_eq!(finding.title, "the clock of nbe-3 is 12 s behind ours");
    skew(&mut snapshot, 2, -60_000);
    let finding = one(CheckId::HostClock, &snapshot, Severity::Warning, "node/nbe-1");
    assert!(
        finding.title.as_str().starts_with("this host's clock is wrong"),
        "{finding:#?}"
    );
    for n in [2, 3] {
        example::lose_feed(&mut snapshot, FeedId::EtcdPeer(example::member_id(n)));
    }
    let first = snapshot
        .quorum()
        .members
        .iter()
        .find(|state| !state.is_local)
        .unwrap()
        .member
        .id;
    assert_cannot_tell(CheckId::HostClock, &snapshot, FeedId::EtcdPeer(first));
}

#[test]
fn a_clock_that_is_not_told_may_be_wrong() {
    let peer = |n: u8| FeedId::EtcdPeer(example::member_id(n));
    let untold = |mut snapshot: Snapshot, n: u8| {
        let facts = snapshot.etcd.peers.get_mut(&example::member_id(n)).unwrap();
        facts.clock_skew_ms = None;
        snapshot
    };
    assert_cannot_tell(CheckId::HostClock, &untold(healthy(), 3), peer(3));
    for n in [2, 3] {
        let mut unasked = healthy();
        example::turn_off(&mut unasked, peer(n));
        assert_cannot_tell(CheckId::HostClock, &unasked, peer(n));
    }
    // A dead one has no clock that counts, unless it was the last one.
    let dead = || example::node_lost(Death::Silent);
    assert_holds(CheckId::HostClock, &dead());
    assert_cannot_tell(CheckId::HostClock, &untold(dead(), 2), peer(2));
    // One that is wrong needs nobody else's word.
    let mut wrong = untold(healthy(), 3);
    wrong.etcd.peers.get_mut(&example::member_id(2)).unwrap().clock_skew_ms = Some(20_000);
    one(CheckId::HostClock, &wrong, Severity::Warning, "member/nbe-2");
}

#[test]
fn a_disk_fills_up() {
    let mut snapshot = healthy();
    let free = |snapshot: &mut Snapshot, gib: u64| snapshot.host.disk.as_mut().unwrap().value.free_bytes = gib << 30;
    free(&mut snapshot, 10);
    assert_holds(CheckId::HostDisk, &snapshot);
    free(&mut snapshot, 9);
    let finding = one(CheckId::HostDisk, &snapshot, Severity::Warning, "node/nbe-1");
    assert_eq!(finding.title, "9 % of the disk under etcd is free");
    free(&mut snapshot, 2);
    one(CheckId::HostDisk, &snapshot, Severity::Critical, "node/nbe-1");
}

#[test]
fn a_disk_is_slow_only_where_the_bucket_proves_it() {
    let mut snapshot = healthy();
    let times = |snapshot: &mut Snapshot, fsync, count| {
        let disk = &mut snapshot.etcd.disk.as_mut().unwrap().value;
        disk.fsync_p99_us = fsync;
        disk.fsyncs = count;
    };
    times(&mut snapshot, Some(16_000), 100);
    assert_holds(CheckId::EtcdDisk, &snapshot);
    for fast_or_slow in [Some(1_000), Some(32_000)] {
        times(&mut snapshot, fast_or_slow, 19);
        assert_cannot_tell(CheckId::EtcdDisk, &snapshot, FeedId::EtcdDisk);
    }
    times(&mut snapshot, Some(32_000), 20);
    let finding = one(CheckId::EtcdDisk, &snapshot, Severity::Warning, "node/nbe-1");
    assert!(
        evidence(&finding).contains("99 of 100 fsyncs of the log took up to 32 ms in 10 s"),
        "{finding:#?}"
    );
    times(&mut snapshot, None, 20);
    one(CheckId::EtcdDisk, &snapshot, Severity::Warning, "node/nbe-1");
    example::lose_feed(&mut snapshot, FeedId::EtcdDisk);
    assert_cannot_tell(CheckId::EtcdDisk, &snapshot, FeedId::EtcdDisk);
}

#[test]
fn without_processes_nothing_is_called_running() {
    let mut snapshot = healthy();
    let feed = FeedId::Host(HostPart::Processes);
    lose(&mut snapshot, feed, WhyKind::Denied);
    assert_cannot_tell(CheckId::HostControlPlane, &snapshot, feed);
}
