#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::base::Text;
use crate::model::ObjectKey;
use crate::model::etcd::{ClusterId, Member};
use crate::model::kube::Lease;
use crate::model::quorum::{Health, Standing};
use crate::port::{KubeEvent, KubeObject};

pub fn at(seconds: u64) -> Stamp {
    let origin = Stamp {
        mono_ms: 0,
        ahead_ms: 0,
        wall: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    origin.plus(Duration::from_secs(seconds))
}

pub fn say(assembler: &mut Assembler, seconds: u64, what: Observation) {
    assembler.apply(Observed { at: at(seconds), what });
}

pub fn endpoint(epoch: u64) -> Observation {
    Observation::Endpoint(Endpoint {
        server: "https://10.77.0.11:6443".into(),
        epoch,
        is_preferred: true,
        since: at(0),
        version: None,
        cluster: None,
    })
}

pub fn feed(feed: FeedId, report: Report) -> Observation {
    Observation::Feed { feed, report }
}

pub fn lease(renewed_s: i64) -> KubeObject {
    KubeObject::Lease(Lease {
        uid: "lease".into(),
        holder: Some("nbe-1".into()),
        duration_s: 40,
        renewed: Some(Timestamp::from_second(1_800_000_000 + renewed_s).unwrap()),
        transitions: 0,
    })
}

pub fn lease_key() -> ObjectKey {
    ObjectKey::new("kube-node-lease", "nbe-1")
}

pub fn leases(epoch: u64, renewed_s: i64) -> Observation {
    Observation::Kube {
        epoch,
        revision: 60,
        event: KubeEvent::Replace {
            kind: KubeKind::Leases,
            objects: vec![(lease_key(), lease(renewed_s))],
        },
    }
}

pub fn renewal(epoch: u64, renewed_s: i64) -> Observation {
    Observation::Kube {
        epoch,
        revision: 61,
        event: KubeEvent::Apply(lease_key(), Box::new(lease(renewed_s))),
    }
}

fn view(ids: &[u64]) -> MembershipView {
    MembershipView {
        cluster_id: Some(ClusterId(7)),
        members: ids
            .iter()
            .map(|id| Member {
                id: MemberId(*id),
                name: Text::new(&format!("nbe-{id}")),
                peer_urls: vec![Text::new(&format!("https://10.77.0.1{id}:2380"))],
                client_urls: Vec::new(),
                is_learner: false,
            })
            .collect(),
    }
}

fn read(linearizable: bool, outcome: Result<MembershipView, Why>) -> Observation {
    Observation::EtcdRead { linearizable, outcome }
}

fn peer(id: u64, outcome: Result<PeerAnswer, Why>) -> Observation {
    Observation::EtcdPeer {
        id: MemberId(id),
        outcome,
    }
}

pub fn refused() -> Why {
    Why::new(WhyKind::Refused, "connection refused")
}

#[test]
fn events_of_an_old_endpoint_are_dropped() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 1, endpoint(2));
    say(&mut assembler, 1, renewal(1, 10));
    let row = assembler.snapshot(at(1)).kube.leases.get(&lease_key()).unwrap().clone();
    assert_eq!(KubeObject::Lease(row.value), lease(0));
}

#[test]
fn a_heartbeat_counts_from_when_we_saw_it_and_before_that_from_what_was_written() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 10, endpoint(1));
    say(&mut assembler, 10, leases(1, 3));
    let before = assembler.snapshot(at(12)).heartbeat_age("nbe-1").unwrap();
    assert_eq!((before.age, before.seen), (Duration::from_secs(9), false));
    say(&mut assembler, 13, renewal(1, 500));
    let after = assembler.snapshot(at(15)).heartbeat_age("nbe-1").unwrap();
    assert_eq!((after.age, after.seen), (Duration::from_secs(2), true));
}

#[test]
fn a_row_that_changed_while_nobody_watched_was_not_seen_changing() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 1, renewal(1, 1));
    say(&mut assembler, 60, endpoint(2));
    say(&mut assembler, 60, leases(2, 20));
    let age = assembler.snapshot(at(61)).heartbeat_age("nbe-1").unwrap();
    assert_eq!((age.age, age.seen), (Duration::from_secs(41), false));
    say(&mut assembler, 62, leases(2, 20));
    assert_eq!(
        assembler
            .snapshot(at(62))
            .kube
            .leases
            .get(&lease_key())
            .unwrap()
            .changed_at,
        at(60)
    );
}

#[test]
fn pauses_of_a_heartbeat_are_kept_where_a_watch_told_both_ends() {
    let mut assembler = Assembler::new();
    let pauses = |assembler: &mut Assembler, now| -> Vec<u64> {
        let pauses = assembler.snapshot(at(now)).kube.pauses;
        let own = pauses.get("nbe-1").cloned().unwrap_or_default();
        own.iter().map(|pause| pause.lasted.as_secs()).collect()
    };
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 10, renewal(1, 10));
    assert!(pauses(&mut assembler, 10).is_empty());
    say(&mut assembler, 27, renewal(1, 27));
    assert_eq!(pauses(&mut assembler, 27), [17]);
    say(&mut assembler, 90, leases(1, 90));
    say(&mut assembler, 100, renewal(1, 100));
    assert_eq!(pauses(&mut assembler, 100), [17], "nobody watched from 27 to 90");
    for n in 1..40 {
        say(
            &mut assembler,
            100 + 20 * n,
            renewal(1, 100 + 20 * i64::try_from(n).unwrap()),
        );
    }
    assert_eq!(pauses(&mut assembler, 900).len(), 16, "bounded");
}

#[test]
fn a_watch_is_as_fresh_as_its_api_server() {
    let mut assembler = Assembler::new();
    let kind = KubeKind::Leases;
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 20, feed(FeedId::Api, Report::Verified));
    let live = FeedState::Live { as_of: at(0) };
    assert_eq!(
        assembler.snapshot(at(20)).kind(kind),
        live,
        "a heartbeat proves no watch"
    );
    say(&mut assembler, 22, feed(FeedId::Kube(kind), Report::Verified));
    say(&mut assembler, 28, feed(FeedId::Api, Report::Failed(refused())));
    let lost = assembler.snapshot(at(28)).kind(kind);
    assert_eq!(
        (lost.word(), lost.as_of()),
        ("lost", Some(at(20))),
        "the older of the two"
    );
    say(&mut assembler, 28, feed(FeedId::Kube(kind), Report::Verified));
    let polite = assembler.snapshot(at(28)).kind(kind);
    assert_eq!(
        (polite.word(), polite.as_of()),
        ("lost", Some(at(20))),
        "it ends its watches, and proves nothing"
    );
    assert_eq!(assembler.snapshot(at(28)).kube.leases.len(), 1, "rows stay");
}

#[test]
fn an_api_server_that_forbids_the_heartbeat_still_keeps_its_watches() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    let why = Why::new(WhyKind::Forbidden, "may not get namespaces");
    say(&mut assembler, 1, feed(FeedId::Api, Report::Failed(why)));
    assert_eq!(assembler.snapshot(at(1)).kind(KubeKind::Leases).word(), "live");
}

#[test]
fn spare_is_zero_since_it_was_first_proven() {
    let mut assembler = Assembler::new();
    for second in 0..3 {
        say(&mut assembler, second, read(true, Ok(view(&[1, 2, 3]))));
        for id in 1..=3 {
            say(&mut assembler, second, peer(id, Ok(PeerAnswer::default())));
        }
        assert_eq!(assembler.snapshot(at(second)).etcd.spare_zero_since, None);
    }
    for second in 3..6 {
        say(&mut assembler, second, read(true, Ok(view(&[1, 2, 3]))));
        say(&mut assembler, second, peer(1, Ok(PeerAnswer::default())));
        say(&mut assembler, second, peer(2, Ok(PeerAnswer::default())));
        say(&mut assembler, second, peer(3, Err(refused())));
        let snapshot = assembler.snapshot(at(second));
        assert_eq!(snapshot.quorum().spare(), Some(0));
        assert_eq!(snapshot.etcd.spare_zero_since, Some(at(3)));
        assert_eq!(snapshot.etcd.spare_seen, Some(at(2)));
    }
    say(&mut assembler, 6, peer(3, Ok(PeerAnswer::default())));
    assert_eq!(assembler.snapshot(at(6)).etcd.spare_zero_since, None);
}

#[test]
fn a_spare_that_was_never_seen_has_no_last_moment() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, read(true, Ok(view(&[1, 2, 3]))));
    say(&mut assembler, 0, peer(1, Ok(PeerAnswer::default())));
    say(&mut assembler, 0, peer(2, Ok(PeerAnswer::default())));
    say(&mut assembler, 0, peer(3, Err(refused())));
    let etcd = assembler.snapshot(at(0)).etcd;
    assert_eq!((etcd.spare_zero_since, etcd.spare_seen), (Some(at(0)), None));
}

#[test]
fn two_refusals_without_a_leader_are_a_lost_quorum() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, read(true, Ok(view(&[1, 2, 3]))));
    for second in 10..12 {
        let why = Why::new(WhyKind::TimedOut, "no answer within 2 s");
        say(&mut assembler, second, read(true, Err(why)));
        say(&mut assembler, second, read(false, Ok(view(&[1, 2, 3]))));
        say(&mut assembler, second, peer(1, Ok(PeerAnswer::default())));
        say(&mut assembler, second, peer(2, Err(refused())));
        say(&mut assembler, second, peer(3, Err(refused())));
    }
    let quorum = assembler.snapshot(at(11)).quorum();
    assert_eq!(quorum.standing, Standing::Lost);
    assert_eq!(quorum.spare(), Some(-1));
}

#[test]
fn a_removed_member_is_forgotten() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, read(true, Ok(view(&[1, 2, 3]))));
    let answer = PeerAnswer {
        view: Some(view(&[1, 2, 3])),
        ..PeerAnswer::default()
    };
    for id in 1..=3 {
        say(&mut assembler, 0, peer(id, Ok(answer.clone())));
    }
    assert_eq!(assembler.snapshot(at(0)).etcd.peers.len(), 3);
    say(&mut assembler, 1, read(true, Ok(view(&[1, 2]))));
    let snapshot = assembler.snapshot(at(1));
    assert_eq!(snapshot.etcd.peers.len(), 2);
    assert!(!snapshot.etcd.views.contains_key(&Vantage::Peer(MemberId(3))));
    assert!(!snapshot.feeds.contains_key(&FeedId::EtcdPeer(MemberId(3))));
}

#[test]
fn an_answer_that_left_something_out_keeps_the_older_value() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, read(true, Ok(view(&[1]))));
    let first = PeerAnswer {
        rtt_us: 300,
        clock_skew_ms: Some(-4),
        version: Some("3.6.16".into()),
        certificate_ends: Some(at(9).wall),
        view: Some(view(&[1])),
    };
    say(&mut assembler, 0, peer(1, Ok(first)));
    let second = PeerAnswer {
        rtt_us: 400,
        ..PeerAnswer::default()
    };
    say(&mut assembler, 1, peer(1, Ok(second)));
    let snapshot = assembler.snapshot(at(1));
    let facts = &snapshot.etcd.peers[&MemberId(1)];
    assert_eq!((facts.rtt_us, facts.clock_skew_ms), (Some(400), Some(-4)));
    assert_eq!(facts.version, Some("3.6.16".into()));
    assert_eq!(facts.certificate_ends, Some(at(9).wall));
    assert!(matches!(snapshot.quorum().members[0].health, Health::Healthy { .. }));
}

#[test]
fn a_snapshot_survives_json() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 0, read(true, Ok(view(&[1, 2, 3]))));
    say(&mut assembler, 0, peer(2, Err(refused())));
    let snapshot = assembler.snapshot(at(1));
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}

#[test]
fn what_an_old_server_failed_to_say_is_not_held_against_a_new_one() {
    let nodes = FeedId::Kube(KubeKind::Nodes);
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, feed(nodes, Report::Failed(refused())));
    assert_eq!(assembler.snapshot(at(1)).feed(nodes).word(), "lost");
    say(&mut assembler, 2, endpoint(1));
    say(&mut assembler, 2, feed(nodes, Report::Begun));
    assert_eq!(assembler.snapshot(at(3)).feed(nodes).word(), "syncing");
}

#[test]
fn ways_in_keep_their_past_until_another_question_is_asked() {
    use crate::model::entry::{EntryId, Probed};
    let id = EntryId::Balancer;
    let probe = |name: &str, status: u16| Observation::Entry {
        id,
        target: "netbox.example.com:443".into(),
        name: name.into(),
        path: "/login/".into(),
        probed: Probed {
            status: Some(status),
            ..Probed::default()
        },
    };
    let mut assembler = Assembler::new();
    say(&mut assembler, 1, Observation::Entries([id].into()));
    say(&mut assembler, 2, probe("a", 200));
    say(&mut assembler, 3, probe("a", 503));
    let snapshot = assembler.snapshot(at(4));
    assert_eq!(snapshot.entry[&id].gap.map(|gap| gap.failed), Some(1));
    assert!(
        snapshot.feed(FeedId::Entry(id)).is_live(),
        "a failure is an answer, too"
    );
    say(&mut assembler, 5, probe("b", 200));
    assert_eq!(assembler.snapshot(at(6)).entry[&id].gap, None);
    say(&mut assembler, 7, Observation::Entries([].into()));
    let gone = assembler.snapshot(at(8));
    assert!(gone.entry.is_empty());
}
