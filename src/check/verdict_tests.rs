#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::base::{Why, WhyKind};
use crate::check::{run, run_some};
use crate::model::example::{self, Death, change, healthy, kill_member, member_id, turn_off, view};
use crate::model::{FeedId, ObjectKey, Policy};

fn verdict(snapshot: &Snapshot) -> (Level, String) {
    let verdict = run(snapshot, &Policy::default()).verdict;
    assert!(verdict.line.as_str().width() <= COLUMNS, "{}", verdict.line);
    assert!(!verdict.line.is_empty());
    (verdict.level, verdict.line.to_string())
}

fn said(level: Level, line: &str) -> (Level, String) {
    (level, line.to_owned())
}

#[test]
fn the_line_answers_what_the_next_loss_does() {
    assert_eq!(
        verdict(&healthy()),
        said(Level::Ok, "3 of 3 controllers healthy: one may be lost")
    );
    for death in [Death::Refused, Death::Silent] {
        let line = "2 of 3 healthy, no spare: the next loss stops the control plane";
        assert_eq!(verdict(&example::node_just_died(death)), said(Level::Warning, line));
        assert_eq!(verdict(&example::node_lost(death)), said(Level::Warning, line));
    }
}

#[test]
fn the_line_of_a_lost_quorum_names_whom_to_bring_back() {
    let line = "quorum lost: 1 of 3 healthy, 2 needed; bring back one of nbe-2, nbe-3";
    assert_eq!(verdict(&example::quorum_lost()), said(Level::Critical, line));
}

#[test]
fn the_line_of_a_host_that_is_cut_off_blames_it() {
    let line = "this host is cut off: it is us; the cluster cannot be judged from here";
    assert_eq!(verdict(&example::cut_off(true)), said(Level::Critical, line));
    let line = "no other controller answers: it is us, or all of them";
    assert_eq!(verdict(&example::cut_off(false)), said(Level::Critical, line));
}

#[test]
fn a_missing_quorum_picture_is_unknown_with_its_reason() {
    for snapshot in [example::empty(), example::syncing()] {
        assert_eq!(
            verdict(&snapshot),
            said(Level::Unknown, "quorum not proven: no member list yet")
        );
    }
    let mut snapshot = healthy();
    snapshot.etcd = crate::model::etcd::EtcdFacts {
        no_access: Some(Why::new(WhyKind::Denied, "etcd's certificates need root")),
        ..Default::default()
    };
    let line = "quorum holds, spare not known: etcd's certificates need root";
    assert_eq!(verdict(&snapshot), said(Level::Unknown, line));
}

#[test]
fn a_silent_member_is_named_without_its_address() {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 3, Death::Silent, 4);
    // One question without an answer proves no loss.
    let peer = snapshot.etcd.peers.get_mut(&member_id(3)).unwrap();
    peer.history.failing.as_mut().unwrap().count = 1;
    let line = "quorum holds, spare not known: nbe-3 does not answer";
    assert_eq!(verdict(&snapshot), said(Level::Unknown, line));
}

#[test]
fn a_warning_beside_a_spare_is_named() {
    let mut snapshot = healthy();
    change(
        &mut snapshot.kube.nodes,
        &ObjectKey::new("", example::name(3)),
        |node| node.zone = None,
    );
    let line = "3 of 3 healthy, one may be lost; no zone label on nbe-3";
    assert_eq!(verdict(&snapshot), said(Level::Warning, line));
    for row in snapshot.kube.installations.rows_mut().values_mut() {
        std::sync::Arc::make_mut(row).value.high_availability = false;
    }
    let line = "3 of 3 healthy, one may be lost; no zone label on nbe-3 (+1)";
    assert_eq!(verdict(&snapshot), said(Level::Warning, line));
}

#[test]
fn another_critical_finding_is_told_with_the_quorum() {
    let mut snapshot = healthy();
    snapshot.etcd.local.as_mut().unwrap().value.errors = vec!["alarm:NOSPACE".into()];
    let line = "etcd raises the alarm NOSPACE (3 of 3 healthy, one may be lost)";
    assert_eq!(verdict(&snapshot), said(Level::Critical, line));
}

#[test]
fn critical_comes_before_unknown_and_unknown_before_warning() {
    // A warning (no zone label) and an unknown voter.
    let mut snapshot = healthy();
    change(
        &mut snapshot.kube.nodes,
        &ObjectKey::new("", example::name(3)),
        |node| node.zone = None,
    );
    turn_off(&mut snapshot, FeedId::EtcdPeer(member_id(2)));
    assert_eq!(verdict(&snapshot).0, Level::Unknown);
    snapshot.etcd.local.as_mut().unwrap().value.errors = vec!["alarm:CORRUPT".into()];
    assert_eq!(verdict(&snapshot).0, Level::Critical);
}

#[test]
fn what_was_not_read_yet_is_not_ok() {
    let mut snapshot = healthy();
    let waits: Vec<FeedId> = snapshot
        .feeds
        .keys()
        .copied()
        .filter(|feed| matches!(feed, FeedId::Api | FeedId::Kube(_)))
        .collect();
    for feed in waits {
        let since = example::ago(1);
        snapshot.feeds.insert(feed, crate::model::FeedState::Syncing { since });
    }
    snapshot.kube = crate::model::kube::KubeFacts::default();
    let line = "3 of 3 healthy, one may be lost; feed api: no answer yet";
    assert_eq!(verdict(&snapshot), said(Level::Unknown, line));
    // Also beside something that is only worth knowing.
    let unit = FeedId::Host(crate::model::feed::HostPart::Unit);
    example::lose_feed(&mut snapshot, unit);
    assert_eq!(verdict(&snapshot), said(Level::Unknown, line));
    // What is proven is said all the same.
    kill_member(&mut snapshot, 3, Death::Refused, 30);
    assert_eq!(verdict(&snapshot).0, Level::Warning);
}

#[test]
fn missing_optional_sources_leave_it_ok() {
    let mut snapshot = healthy();
    let optional: Vec<FeedId> = snapshot
        .feeds
        .keys()
        .copied()
        .filter(|feed| matches!(feed, FeedId::Host(_)) || matches!(feed, FeedId::Kube(kind) if kind.is_custom()))
        .collect();
    for feed in optional {
        turn_off(&mut snapshot, feed);
    }
    assert_eq!(verdict(&snapshot).0, Level::Ok);
}

#[test]
fn no_example_is_wider_than_the_line() {
    let mut five = healthy();
    for row in five.etcd.views.values_mut() {
        row.value = view(&[1, 2, 3, 4, 5]);
    }
    let mut two_of_five_lost = five.clone();
    kill_member(&mut two_of_five_lost, 2, Death::Refused, 30);
    for snapshot in [example::hostile(), example::huge(), five, two_of_five_lost] {
        verdict(&snapshot);
    }
    let long = fit(&"北".repeat(80));
    assert!(long.width() <= COLUMNS && long.ends_with('…'));
    assert_eq!(fit("short"), "short");
}

#[test]
fn picked_checks_alone_are_never_ok_for_want_of_data() {
    let picked = |snapshot: &Snapshot| {
        let verdict = run_some(snapshot, &Policy::default(), |id| id == CheckId::NodesThreeControllers).verdict;
        (verdict.level, verdict.line.to_string())
    };
    assert_eq!(picked(&healthy()), said(Level::Ok, "what was picked holds"));
    let (level, line) = picked(&example::empty());
    assert_eq!(level, Level::Unknown);
    assert!(line.starts_with("nodes.three-controllers cannot be told: "), "{line}");
}

#[test]
fn exit_codes_are_those_of_monitoring_plugins() {
    let codes = [Level::Ok, Level::Warning, Level::Critical, Level::Unknown].map(Level::exit_code);
    assert_eq!(codes, [0, 1, 2, 3]);
}
