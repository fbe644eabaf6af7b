#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, look, one};
use crate::model::entry::{Presented, Probed};
use crate::model::example::{self, Death, ago, healthy, lose_feed, node_lost, turn_off};

const BALANCER: FeedId = FeedId::Entry(EntryId::Balancer);
const ALL: [CheckId; 5] = [
    CheckId::EntryUsers,
    CheckId::EntryBalancer,
    CheckId::EntryNames,
    CheckId::EntryExpiry,
    CheckId::EntryConsole,
];

fn address(n: u8) -> IpAddr {
    example::address(n).as_str().parse().unwrap()
}

fn status(code: u16) -> Probed {
    Probed {
        status: Some(code),
        ..Probed::default()
    }
}

fn failed(kind: WhyKind) -> Probed {
    Probed {
        why: Some(Why::new(kind, "what came instead")),
        ..Probed::default()
    }
}

/// Probes a way in once more.
fn probe(snapshot: &mut Snapshot, id: EntryId, seconds: u64, probed: Probed) {
    snapshot.entry.get_mut(&id).unwrap().take(ago(seconds), probed);
}

/// A way in does not serve: two probes in a row say so.
fn fail(snapshot: &mut Snapshot, id: EntryId, probed: &Probed) {
    probe(snapshot, id, 2, probed.clone());
    probe(snapshot, id, 1, probed.clone());
}

/// Every certificate that is shown is another one.
fn show(snapshot: &mut Snapshot, is_wanted: impl Fn(EntryId) -> bool, bend: impl Fn(&mut Presented)) {
    for (id, entry) in &mut snapshot.entry {
        if is_wanted(*id) {
            bend(entry.last.certificate.as_mut().unwrap());
        }
    }
}

#[test]
fn off_and_lost_sources_tell_nothing() {
    for bend in [turn_off, lose_feed] {
        let mut snapshot = healthy();
        let feeds: Vec<FeedId> = snapshot.entry.keys().map(|id| FeedId::Entry(*id)).collect();
        for feed in feeds {
            bend(&mut snapshot, feed);
        }
        for id in ALL {
            assert!(matches!(look(id, &snapshot), Outcome::CannotTell { .. }), "{id}");
        }
        snapshot.entry.clear();
        snapshot
            .feeds
            .retain(|feed, _| !matches!(feed, FeedId::Entry(id) if *id != EntryId::Balancer));
        for id in [
            CheckId::EntryUsers,
            CheckId::EntryBalancer,
            CheckId::EntryNames,
            CheckId::EntryExpiry,
        ] {
            assert_cannot_tell(id, &snapshot, BALANCER);
        }
        assert_not_applicable(CheckId::EntryConsole, &snapshot);
    }
}

#[test]
fn a_ready_node_that_does_not_serve_is_found_and_a_lost_one_is_not() {
    let mut snapshot = healthy();
    fail(&mut snapshot, EntryId::Users(address(3)), &failed(WhyKind::Refused));
    let found = one(CheckId::EntryUsers, &snapshot, Severity::Warning, "node/nbe-3");
    assert!(evidence(&found).contains("not served for 2 s (2 probes)"), "{found:#?}");
    assert_holds(CheckId::EntryUsers, &node_lost(Death::Refused));
    assert_holds(CheckId::EntryUsers, &node_lost(Death::Silent));
}

#[test]
fn while_nobody_tells_of_nodes_those_that_serve_still_count() {
    let mut snapshot = node_lost(Death::Refused);
    lose_feed(&mut snapshot, FeedId::Kube(KubeKind::Nodes));
    let found = one(CheckId::EntryUsers, &snapshot, Severity::Warning, "cluster");
    assert_eq!(found.title, "users are served, but not by 1 node");
    lose_feed(&mut snapshot, FeedId::Entry(EntryId::Users(address(3))));
    assert_cannot_tell(
        CheckId::EntryUsers,
        &snapshot,
        FeedId::Entry(EntryId::Users(address(3))),
    );
}

#[test]
fn the_users_name_counts_by_what_it_says() {
    for (probed, severity) in [
        (status(502), Severity::Critical),
        (failed(WhyKind::Refused), Severity::Critical),
        (failed(WhyKind::TimedOut), Severity::Warning),
        (status(404), Severity::Warning),
    ] {
        let mut snapshot = healthy();
        fail(&mut snapshot, EntryId::Balancer, &probed);
        one(CheckId::EntryUsers, &snapshot, severity, "entry/balancer");
    }
}

#[test]
fn one_lost_request_is_no_outage_and_the_next_tells() {
    for id in [EntryId::Balancer, EntryId::Users(address(3))] {
        let mut snapshot = healthy();
        probe(&mut snapshot, id, 2, failed(WhyKind::Refused));
        assert_cannot_tell(CheckId::EntryUsers, &snapshot, FeedId::Entry(id));
        assert!(awaits_next_probe(&snapshot));
        let mut again = snapshot.clone();
        probe(&mut again, id, 1, failed(WhyKind::Refused));
        assert!(matches!(look(CheckId::EntryUsers, &again), Outcome::Broken { .. }));
        probe(&mut snapshot, id, 1, status(200));
        assert_holds(CheckId::EntryUsers, &snapshot);
        assert!(!awaits_next_probe(&again) && !awaits_next_probe(&snapshot));
    }
    // What is lost for other reasons is not waited for.
    let mut lost = node_lost(Death::Silent);
    probe(&mut lost, EntryId::Users(address(3)), 2, status(200));
    probe(&mut lost, EntryId::Users(address(3)), 1, failed(WhyKind::TimedOut));
    assert!(!awaits_next_probe(&lost));
    assert_holds(CheckId::EntryUsers, &lost);
}

#[test]
fn nobody_is_served_only_where_every_way_was_seen_and_it_is_not_us() {
    let bent = |kind| {
        let mut snapshot = healthy();
        let ids: Vec<EntryId> = snapshot.entry.keys().copied().filter(|id| id.is_for_users()).collect();
        for id in ids {
            fail(&mut snapshot, id, &failed(kind));
        }
        snapshot
    };
    let mut refused = bent(WhyKind::Refused);
    one(CheckId::EntryUsers, &refused, Severity::Critical, "cluster");
    turn_off(&mut refused, BALANCER);
    assert_cannot_tell(CheckId::EntryUsers, &refused, BALANCER);
    let mut silent = bent(WhyKind::TimedOut);
    assert_cannot_tell(CheckId::EntryUsers, &silent, BALANCER);
    // That this host serves itself says nothing of the others.
    probe(&mut silent, EntryId::Users(address(1)), 1, status(200));
    assert_cannot_tell(CheckId::EntryUsers, &silent, BALANCER);
}

#[test]
fn the_load_balancer_shows_its_health_checks_during_a_loss_only() {
    let look = |served: &[bool], down_for: u64| {
        let mut snapshot = healthy();
        if down_for > 0 {
            probe(
                &mut snapshot,
                EntryId::Users(address(3)),
                down_for,
                failed(WhyKind::TimedOut),
            );
        }
        for (seconds, served) in served.iter().enumerate().rev() {
            let seconds = u64::try_from(seconds).unwrap();
            let code = if *served { 200 } else { 502 };
            for n in 1..=3 {
                let code = if n == 3 && down_for > 0 {
                    failed(WhyKind::TimedOut)
                } else {
                    status(200)
                };
                probe(&mut snapshot, EntryId::Users(address(n)), seconds, code);
            }
            probe(&mut snapshot, EntryId::Balancer, seconds, status(code));
            let trial = Trial::of(&snapshot.entry);
            snapshot.entry.get_mut(&EntryId::Balancer).unwrap().trial = trial;
        }
        snapshot
    };
    let all = [true; 20];
    assert_cannot_tell(CheckId::EntryBalancer, &look(&all, 0), BALANCER);
    assert_cannot_tell(CheckId::EntryBalancer, &look(&all, 40), BALANCER);
    assert_holds(CheckId::EntryBalancer, &look(&all, 60));
    let mut some = all;
    some[7] = false;
    let found = one(
        CheckId::EntryBalancer,
        &look(&some, 60),
        Severity::Warning,
        "entry/balancer",
    );
    assert!(evidence(&found).contains("1 of the last 21 requests"), "{found:#?}");
    // What was seen then counts when all serve again.
    let mut over = look(&some, 60);
    probe(&mut over, EntryId::Users(address(3)), 0, status(200));
    let found = one(CheckId::EntryBalancer, &over, Severity::Warning, "entry/balancer");
    assert_eq!(
        found.title,
        "netbox.example.com sent users to a node that did not serve"
    );
    let mut over = look(&all, 60);
    probe(&mut over, EntryId::Users(address(3)), 0, status(200));
    assert_holds(CheckId::EntryBalancer, &over);
    // What failed before health checks could see it counts for nothing.
    assert_cannot_tell(CheckId::EntryBalancer, &look(&some, 20), BALANCER);
}

#[test]
fn names_that_are_missing_are_listed_once_for_each_certificate() {
    let mut snapshot = healthy();
    show(&mut snapshot, EntryId::is_for_users, |shown| {
        shown.names = vec!["nbe-1".into(), "nbe-2".into()];
    });
    let found = one(CheckId::EntryNames, &snapshot, Severity::Warning, "entry/users");
    assert_eq!(found.title, "the certificate does not name netbox.example.com, nbe-3");
    let own = EntryId::Users(address(2));
    let mut snapshot = healthy();
    show(&mut snapshot, |id| id == own, |shown| shown.names.truncate(1));
    one(CheckId::EntryNames, &snapshot, Severity::Warning, "node/nbe-2");
    show(
        &mut snapshot,
        |_| true,
        |shown| shown.names = vec!["*.example.com".into()],
    );
    assert_holds(CheckId::EntryNames, &snapshot);
}

#[test]
fn certificates_that_end_are_told_by_policy() {
    const DAY: u64 = 24 * 3_600;
    for (days, severity) in [(3, Severity::Critical), (20, Severity::Warning)] {
        let mut snapshot = healthy();
        let end = snapshot.now.plus(Duration::from_secs(days * DAY)).wall;
        show(&mut snapshot, |id| !id.is_for_users(), |shown| shown.not_after = end);
        let found = one(CheckId::EntryExpiry, &snapshot, severity, "entry/console");
        assert!(
            found
                .title
                .as_str()
                .starts_with("the Admin Console's certificate ends in"),
            "{found:#?}"
        );
    }
    let mut snapshot = healthy();
    show(&mut snapshot, |_| true, |shown| shown.not_after = example::wall_ago(60));
    let found = one(CheckId::EntryExpiry, &snapshot, Severity::Critical, "entry/all");
    assert_eq!(found.title, "the users' certificate ended 1 min ago");
}

/// As where no probe of a way ever came to TLS.
fn never_shown(snapshot: &mut Snapshot, id: EntryId) {
    snapshot.entry.get_mut(&id).unwrap().last = failed(WhyKind::Refused);
}

#[test]
fn a_way_that_shows_no_certificate_leaves_its_names_and_its_end_open() {
    for id in [EntryId::Balancer, EntryId::Users(address(3))] {
        let mut snapshot = healthy();
        never_shown(&mut snapshot, id);
        assert_cannot_tell(CheckId::EntryNames, &snapshot, FeedId::Entry(id));
        assert_cannot_tell(CheckId::EntryExpiry, &snapshot, FeedId::Entry(id));
        // One that was seen before a probe failed is still that way's.
        let mut once_seen = healthy();
        fail(&mut once_seen, id, &failed(WhyKind::Refused));
        assert_holds(CheckId::EntryNames, &once_seen);
        assert_holds(CheckId::EntryExpiry, &once_seen);
        // What is wrong elsewhere is told all the same.
        show(
            &mut once_seen,
            |_| true,
            |shown| shown.not_after = example::wall_ago(60),
        );
        never_shown(&mut once_seen, id);
        one(CheckId::EntryExpiry, &once_seen, Severity::Critical, "entry/all");
    }
    let console = EntryId::Console(address(2));
    let mut snapshot = healthy();
    never_shown(&mut snapshot, console);
    assert_holds(CheckId::EntryNames, &snapshot);
    assert_cannot_tell(CheckId::EntryExpiry, &snapshot, FeedId::Entry(console));
    // Nobody expects one of a node that is lost.
    let mut lost = node_lost(Death::Refused);
    for id in [EntryId::Users(address(3)), EntryId::Console(address(3))] {
        never_shown(&mut lost, id);
    }
    assert_holds(CheckId::EntryNames, &lost);
    assert_holds(CheckId::EntryExpiry, &lost);
}

#[test]
fn the_admin_console_must_speak_tls_somewhere() {
    let mut snapshot = healthy();
    probe(&mut snapshot, EntryId::Console(address(2)), 1, failed(WhyKind::Tls));
    one(CheckId::EntryConsole, &snapshot, Severity::Info, "node/nbe-2");
    for n in [1, 3] {
        probe(&mut snapshot, EntryId::Console(address(n)), 1, failed(WhyKind::Refused));
    }
    one(CheckId::EntryConsole, &snapshot, Severity::Warning, "cluster");
    // It may listen elsewhere.
    snapshot.host.console_port = None;
    let first = FeedId::Entry(EntryId::Console(address(1)));
    assert_cannot_tell(CheckId::EntryConsole, &snapshot, first);
    assert_holds(CheckId::EntryConsole, &node_lost(Death::Silent));
}

#[test]
fn where_nobody_says_where_users_go_the_hint_says_what_to_set() {
    let mut snapshot = healthy();
    snapshot.entry.retain(|id, _| !id.is_for_users());
    snapshot
        .feeds
        .retain(|feed, _| !matches!(feed, FeedId::Entry(id) if id.is_for_users()));
    let why = Why::new(WhyKind::Config, "nobody says where users go").hint("set entry.url");
    snapshot.feeds.insert(BALANCER, crate::model::FeedState::Off { why });
    assert_cannot_tell(CheckId::EntryUsers, &snapshot, BALANCER);
    assert_holds(CheckId::EntryConsole, &snapshot);
}
