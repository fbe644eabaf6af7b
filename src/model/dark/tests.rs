#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::model::ObjectKey;
use crate::model::example::{self, Death, healthy};
use crate::model::feed::FeedState;
use crate::model::kube::Checked;
use crate::model::reach::{HostReach, Knock, Port, Service};

fn lose(snapshot: &mut Snapshot, feed: FeedId, kind: WhyKind) {
    let why = Why::new(kind, "no answer");
    let as_of = Some(example::ago(30));
    snapshot.feeds.insert(feed, FeedState::Lost { as_of, why });
}

/// etcd on this host is dead; quorum is proven by the API server in use.
fn kill_etcd_here(snapshot: &mut Snapshot) {
    example::lose_feed(snapshot, FeedId::EtcdLocal);
    lose(snapshot, FeedId::EtcdLocal, WhyKind::Refused);
}

fn local(snapshot: &mut Snapshot) -> &mut crate::model::etcd::LocalStatus {
    &mut snapshot.etcd.local.as_mut().unwrap().value
}

/// A snapshot bent in one way.
fn bent(bend: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = healthy();
    bend(&mut snapshot);
    snapshot
}

fn end_api_here(snapshot: &mut Snapshot) {
    lose(snapshot, FeedId::ApiLocal, WhyKind::Refused);
    let processes = snapshot.host.processes.as_mut().unwrap();
    processes.value.retain(|own| own.name != "kube-apiserver");
}

fn skewed(ms: i64) -> Snapshot {
    bent(|snapshot| {
        for peer in snapshot.etcd.peers.values_mut() {
            peer.clock_skew_ms = Some(ms);
        }
    })
}

fn api(refused: Option<u16>, failed: &[&str]) -> Snapshot {
    bent(|snapshot| {
        let failed = failed.iter().map(|name| Text::new(name)).collect();
        snapshot.kube.local.as_mut().unwrap().value.readyz = Checked {
            passed: 30,
            failed,
            refused,
        };
    })
}

/// Every state, and a snapshot that is in it.
fn states() -> Vec<(State, Snapshot)> {
    vec![
        (State::NothingWrong, healthy()),
        (State::NothingWrong, example::node_lost(Death::Refused)),
        (State::QuorumLost, example::quorum_lost()),
        (State::Us { unplugged: true }, example::cut_off(true)),
        (State::EtcdDeadHere, bent(kill_etcd_here)),
        (
            State::AllDeadHere,
            bent(|snapshot| {
                kill_etcd_here(snapshot);
                end_api_here(snapshot);
            }),
        ),
        // It waits for etcd.
        (
            State::EtcdDeadHere,
            bent(|snapshot| {
                kill_etcd_here(snapshot);
                lose(snapshot, FeedId::ApiLocal, WhyKind::TimedOut);
            }),
        ),
        (
            State::ApiDeadHere,
            bent(|snapshot| lose(snapshot, FeedId::ApiLocal, WhyKind::TimedOut)),
        ),
        (State::ApiDeadHere, api(None, &["informer-sync"])),
        (State::ApiRefuses { code: 429 }, api(Some(429), &[])),
        (State::LearnerHere, bent(|snapshot| local(snapshot).is_learner = true)),
        (
            State::NoSpace,
            bent(|snapshot| local(snapshot).errors = vec!["memberID:1 alarm:NOSPACE ".into()]),
        ),
        (
            State::CertificatesExpired,
            bent(|snapshot| {
                let certificates = &mut snapshot.host.certificates.as_mut().unwrap().value;
                certificates.last_mut().unwrap().not_after = example::wall_ago(60);
            }),
        ),
        (State::ClockOff, skewed(90_000)),
        (
            State::ClockOff,
            bent(|snapshot| {
                let jump = crate::model::host::ClockJump {
                    at: example::ago(60),
                    by_ms: -3_600_000,
                };
                snapshot.host.clock_jump = Some(jump);
            }),
        ),
        (State::CannotTell, example::empty()),
        (State::CannotTell, example::syncing()),
        (
            State::CannotTell,
            bent(|snapshot| lose(snapshot, FeedId::ApiLocal, WhyKind::Denied)),
        ),
    ]
}

#[test]
fn each_state_is_told_from_the_others() {
    for (expected, snapshot) in states() {
        let found = snapshot.diagnosis();
        assert_eq!(found.state, expected, "{found:#?}");
        assert!(!found.headline.is_empty());
        assert_eq!(found.evidence.is_empty(), !expected.is_dark(), "{found:#?}");
    }
}

#[test]
fn evidence_is_dated() {
    for (state, snapshot) in states() {
        let found = snapshot.diagnosis();
        let is_dated = found.evidence.iter().any(|line| line.as_str().contains(" ago"));
        let has_no_age = matches!(state, State::ClockOff | State::NothingWrong | State::CannotTell);
        assert!(is_dated || has_no_age, "{found:#?}");
    }
}

#[test]
fn two_silent_hosts_may_be_us_and_a_port_that_answers_says_that_they_are_not() {
    let mut snapshot = example::cut_off(false);
    for member in [2, 3].map(example::member_id) {
        snapshot.etcd.peers.get_mut(&member).unwrap().history.last_ok = Some(example::ago(40));
    }
    // Our own member answers without a leader, so with nobody at all it is us, or all of them.
    assert!(matches!(snapshot.quorum().standing, Standing::Alone { .. }));
    assert_eq!(snapshot.diagnosis().state, State::Us { unplugged: false });
    let ssh = Port {
        number: 22,
        knock: Knock::Connected,
        at: example::ago(1),
    };
    let reach = HostReach {
        ports: [(Service::Ssh, ssh)].into(),
    };
    let address = example::address(2).as_str().parse().unwrap();
    snapshot.reach.insert(address, reach);
    assert_ne!(
        snapshot.diagnosis().state,
        State::Us { unplugged: false },
        "our network works"
    );
}

#[test]
fn everything_dead_everywhere_is_still_told() {
    let mut snapshot = example::cut_off(false);
    lose(&mut snapshot, FeedId::EtcdLocal, WhyKind::Refused);
    snapshot.etcd.serializable = None;
    snapshot.etcd.linearizable = None;
    end_api_here(&mut snapshot);
    let found = snapshot.diagnosis();
    assert_eq!(found.state, State::AllDeadHere);
    let all: String = found.evidence.iter().map(Text::as_str).collect::<Vec<_>>().join("\n");
    assert!(all.contains("nbe-2: nothing answers there"), "{all}");
}

#[test]
fn no_space_says_that_the_nodes_live() {
    let mut snapshot = healthy();
    local(&mut snapshot).errors = vec!["memberID:1 alarm:NOSPACE ".into()];
    for n in 1..=3 {
        let key = crate::model::ObjectKey::new("", example::name(n));
        example::change(&mut snapshot.kube.nodes, &key, |node| node.ready.status = Tri::Unknown);
    }
    let found = snapshot.diagnosis();
    assert!(found.headline.as_str().contains("is none"), "{found:#?}");
    assert!(
        found.evidence[1]
            .as_str()
            .starts_with("3 of 3 nodes are NotReady, while 3 of 3 etcd members answer")
    );
}

#[test]
fn members_that_list_different_members_are_a_partition_once_it_has_lasted() {
    let mut snapshot = healthy();
    let vantage = crate::model::etcd::Vantage::Peer(example::member_id(3));
    let fact = snapshot.etcd.views.get_mut(&vantage).unwrap();
    fact.value = example::view(&[1, 2, 3, 4]);
    fact.changed_at = example::ago(1);
    assert_eq!(snapshot.diagnosis().state, State::NothingWrong, "it may be on its way");
    snapshot.etcd.views.get_mut(&vantage).unwrap().changed_at = example::ago(20);
    let found = snapshot.diagnosis();
    assert_eq!(found.state, State::Partition);
    assert!(
        found
            .evidence
            .iter()
            .any(|line| line.as_str().starts_with("nbe-3 lists")),
        "{found:#?}"
    );
}

#[test]
fn members_that_answer_without_a_leader() {
    let mut snapshot = example::quorum_lost();
    for n in [2, 3] {
        let history = &mut snapshot.etcd.peers.get_mut(&example::member_id(n)).unwrap().history;
        history.ok(example::ago(0));
        snapshot.feeds.insert(
            FeedId::EtcdPeer(example::member_id(n)),
            FeedState::Live { as_of: example::ago(0) },
        );
    }
    assert_eq!(snapshot.diagnosis().state, State::NoLeader);
}

#[test]
fn what_works_here_is_told_apart_from_what_does_not_elsewhere() {
    let headline = |snapshot: &Snapshot| snapshot.diagnosis().headline.to_string();
    assert_eq!(headline(&healthy()), "nothing of the control plane is dark");
    let lost = example::node_lost(Death::Refused);
    assert_eq!(headline(&lost), "quorum holds and this host works; not so on nbe-3");
    let not_ready = bent(|snapshot| {
        let row = snapshot.kube.nodes.rows_mut().get_mut(&ObjectKey::new("", "nbe-2"));
        Arc::make_mut(row.unwrap()).value.ready.status = Tri::False;
    });
    assert_eq!(
        headline(&not_ready),
        "quorum holds and this host works; not so on nbe-2"
    );
}
