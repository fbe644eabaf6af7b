#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::tests::{at, endpoint, feed, lease, lease_key, leases, refused, renewal, say};
use super::*;
use crate::model::stored;
use crate::port::{Observation, Report};

fn read(revision: u64, renewed_s: i64) -> Observation {
    let kinds = KubeKind::ALL.map(|kind| match kind {
        KubeKind::Leases => (kind, Ok(vec![(lease_key(), lease(renewed_s))])),
        KubeKind::Pods => (kind, Err(Why::new(WhyKind::Denied, "pods are encrypted at rest"))),
        _ => (kind, Ok(Vec::new())),
    });
    Observation::Stored(StoredRead {
        revision,
        kinds: kinds.into(),
    })
}

fn lost() -> Observation {
    feed(FeedId::Api, Report::Failed(refused()))
}

fn live() -> Observation {
    feed(FeedId::Api, Report::Verified)
}

/// Who tells the lease, and what it says.
fn told(assembler: &mut Assembler, seconds: u64) -> (FeedId, KubeObject) {
    let snapshot = assembler.snapshot(at(seconds));
    let row = snapshot.kube.leases.get(&lease_key()).unwrap();
    (row.feed, KubeObject::Lease(row.value.clone()))
}

const LEASES: FeedId = FeedId::Kube(KubeKind::Leases);

#[test]
fn on_a_cold_start_in_the_dark_the_store_is_all_there_is() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, feed(FeedId::EtcdStore, Report::Begun));
    say(&mut assembler, 0, lost());
    say(&mut assembler, 1, read(77, -240));
    let snapshot = assembler.snapshot(at(2));
    assert_eq!(told(&mut assembler, 2), (FeedId::EtcdStore, lease(-240)));
    let state = snapshot.feed(FeedId::EtcdStore);
    let FeedState::Stored {
        revision: 77,
        written: Some(written),
        why: Some(why),
        ..
    } = &state
    else {
        panic!("{state:?}")
    };
    assert!(!state.is_live() && !state.is_current());
    assert_eq!(snapshot.wall_age(*written).as_secs(), 242);
    assert!(why.text.as_str().contains("encrypted"));
    assert_eq!(
        stored::words(77, Some(*written), snapshot.now),
        "this member, revision 77, newest heartbeat 4 min 2 s ago"
    );
    assert!(snapshot.is_stored(KubeKind::Leases) && !snapshot.is_stored(KubeKind::Pods));
    assert_eq!(snapshot.rows_of(KubeKind::Leases).word(), "stored");
    assert_eq!(
        snapshot.kind(KubeKind::Leases).word(),
        "off",
        "the watch itself says nothing"
    );
}

#[test]
fn a_heartbeat_of_the_future_dates_nothing() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, read(77, 600));
    assert_eq!(assembler.snapshot(at(1)).kube.stored.unwrap().written, None);
}

#[test]
fn the_store_never_overwrites_what_is_newer() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 10));
    say(&mut assembler, 0, live());
    say(&mut assembler, 1, read(77, 0));
    assert_eq!(told(&mut assembler, 1), (LEASES, lease(10)), "the API is live");
    assert_eq!(assembler.snapshot(at(1)).kube.stored, None);

    say(&mut assembler, 90, lost());
    say(&mut assembler, 90, read(50, 0));
    assert_eq!(
        told(&mut assembler, 90),
        (LEASES, lease(10)),
        "the API told of revision 60"
    );
    let unread = assembler.snapshot(at(90)).kube.stored.unwrap().unread;
    assert!(
        unread[&KubeKind::Leases]
            .text
            .as_str()
            .contains("this member is behind")
    );

    say(&mut assembler, 95, read(77, 20));
    assert_eq!(told(&mut assembler, 95), (FeedId::EtcdStore, lease(20)));
    assert!(
        !assembler
            .snapshot(at(95))
            .kube
            .leases
            .get(&lease_key())
            .unwrap()
            .seen_changing
    );
}

#[test]
fn a_list_of_the_api_takes_the_rows_back() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, feed(FeedId::EtcdStore, Report::Begun));
    say(&mut assembler, 0, read(77, 0));
    say(&mut assembler, 5, endpoint(1));
    say(&mut assembler, 5, live());
    assert_eq!(told(&mut assembler, 5).0, FeedId::EtcdStore, "live, and not listed yet");
    say(&mut assembler, 6, leases(1, 0));
    assert_eq!(told(&mut assembler, 6), (LEASES, lease(0)));
    let snapshot = assembler.snapshot(at(6));
    assert!(!snapshot.is_stored(KubeKind::Leases));
    assert_eq!(snapshot.kind(KubeKind::Leases).word(), "live");
    assert_eq!(
        snapshot.feed(FeedId::EtcdStore).word(),
        "stored",
        "other kinds are still from there"
    );
    for kind in KubeKind::ALL {
        let why = Why::new(WhyKind::NotFound, "not installed");
        say(&mut assembler, 7, feed(FeedId::Kube(kind), Report::Off(why)));
    }
    let snapshot = assembler.snapshot(at(7));
    assert_eq!(
        (snapshot.kube.stored.clone(), snapshot.feed(FeedId::EtcdStore).word()),
        (None, "off")
    );
}

/// The API server stood still, and its watches went on.
#[test]
fn a_watch_that_goes_on_takes_the_rows_back() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 0, live());
    say(&mut assembler, 10, lost());
    say(&mut assembler, 11, read(77, 5));
    assert_eq!(told(&mut assembler, 11).0, FeedId::EtcdStore);
    say(&mut assembler, 20, live());
    assert_eq!(told(&mut assembler, 20), (LEASES, lease(5)));
    say(&mut assembler, 21, renewal(1, 15));
    assert_eq!(told(&mut assembler, 21), (LEASES, lease(15)));
}

#[test]
fn with_another_server_the_list_is_awaited() {
    let mut assembler = Assembler::new();
    say(&mut assembler, 0, endpoint(1));
    say(&mut assembler, 0, leases(1, 0));
    say(&mut assembler, 10, lost());
    say(&mut assembler, 11, read(77, 5));
    say(&mut assembler, 12, endpoint(2));
    say(&mut assembler, 12, live());
    assert_eq!(told(&mut assembler, 12).0, FeedId::EtcdStore);
    let watch = assembler.snapshot(at(12)).kind(KubeKind::Leases);
    assert_eq!(
        watch.word(),
        "syncing",
        "what the old server's watch said is not what is shown"
    );
}
