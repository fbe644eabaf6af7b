//! The membership's guards and who has a quorum, in both lines of etcd.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::fault::Fault;
use super::super::tests::{host, until, world_of};
use super::super::{Serving, World};
use super::*;

mod database;

fn message(error: &EtcdError) -> (i32, &'static str) {
    match error {
        EtcdError::NoReply => (0, "no reply"),
        EtcdError::Refused { code, message } => (*code, message),
    }
}

fn urls(n: u16) -> Vec<String> {
    vec![format!("https://10.77.0.{}:2380", 10 + n)]
}

fn kill(world: &mut World, n: u16) {
    world.inject(&Fault::Kill { host: host(n) }).unwrap();
}

fn id_of(world: &World, n: u16) -> u64 {
    world.etcd.homes.get(&host(n)).unwrap().id
}

#[test]
fn the_lines_differ_in_what_status_tells() {
    for (line, version, quota, storage) in [
        ("3.5", "3.5.33", None, None),
        ("3.6", "3.6.16", Some(2 << 30), Some("3.6.0")),
    ] {
        let mut world = world_of(&format!("[cluster]\netcd = \"{line}\"\n"));
        world.advance(10_000);
        let status = world.etcd_status(host(2)).unwrap();
        assert_eq!(
            (status.version.as_str(), status.quota, status.storage_version),
            (version, quota, storage)
        );
        assert_eq!(status.leader, id_of(&world, 1));
        assert!(status.errors.is_empty() && status.revision > 100 && status.raft_index > status.revision);
    }
}

#[test]
fn with_one_dead_nobody_is_added_and_the_dead_one_may_go() {
    for line in ["3.5", "3.6"] {
        let mut world = world_of(&format!("[cluster]\netcd = \"{line}\"\n"));
        world.advance(20_000);
        kill(&mut world, 3);
        world.advance(30_000);
        let unhealthy = (14, "etcdserver: unhealthy cluster");
        for is_learner in [false, true] {
            let refused = world.member_add(host(1), &urls(4), is_learner).unwrap_err();
            assert_eq!(message(&refused), unhealthy);
        }
        let (live, dead) = (id_of(&world, 2), id_of(&world, 3));
        assert_eq!(message(&world.member_remove(host(1), live).unwrap_err()), unhealthy);
        assert_eq!(world.member_remove(host(1), dead).unwrap().len(), 2);
        assert_eq!(
            message(&world.member_remove(host(1), dead).unwrap_err()),
            (5, "etcdserver: member not found")
        );
        let (added, list) = world.member_add(host(1), &urls(4), false).unwrap();
        assert_eq!((added.name.as_str(), list.len()), ("", 3));
    }
}

#[test]
fn an_unstarted_member_counts_against_the_next_change() {
    let mut world = world_of("");
    world.advance(20_000);
    kill(&mut world, 3);
    world.advance(30_000);
    let dead = id_of(&world, 3);
    world.member_remove(host(1), dead).unwrap();
    world.member_add(host(1), &urls(4), false).unwrap();
    let refused = world.member_add(host(1), &urls(4), false).unwrap_err();
    let words = "etcdserver: re-configuration failed due to not enough started members";
    assert_eq!(message(&refused), (9, words), "judged before the URL is looked at");
}

#[test]
fn refusals_in_a_healthy_cluster() {
    let mut world = world_of("");
    world.advance(20_000);
    let add = |world: &mut World, urls: &[String], is_learner| {
        message(&world.member_add(host(2), urls, is_learner).unwrap_err())
    };
    assert_eq!(
        add(&mut world, &urls(3), false),
        (9, "etcdserver: Peer URLs already exists")
    );
    for bad in [
        "10.77.0.14:2380",
        "https://10.77.0.14",
        "https://10.77.0.14:2380/x",
        "ftp://a:1",
    ] {
        let bad = [bad.to_owned()];
        assert_eq!(
            add(&mut world, &bad, true),
            (3, "etcdserver: given member URLs are invalid")
        );
    }
    let (learner, _) = world.member_add(host(2), &urls(4), true).unwrap();
    assert_eq!(
        add(&mut world, &urls(5), true),
        (9, "etcdserver: too many learner members in cluster")
    );
    let promote = |world: &mut World, id| message(&world.member_promote(host(2), id).unwrap_err());
    let behind = "etcdserver: can only promote a learner member which is in sync with leader";
    assert_eq!(promote(&mut world, learner.id), (9, behind));
    let voter = id_of(&world, 1);
    assert_eq!(
        promote(&mut world, voter),
        (9, "etcdserver: can only promote a learner member")
    );
    assert_eq!(promote(&mut world, 4711), (5, "etcdserver: member not found"));
    assert_eq!(world.member_remove(host(1), learner.id).unwrap().len(), 3);
}

#[test]
fn the_last_member_stays() {
    let mut world = world_of("[cluster]\ncontrollers = 1\n");
    world.advance(20_000);
    let own = id_of(&world, 1);
    let words = "etcdserver: re-configuration failed due to not enough started members";
    assert_eq!(message(&world.member_remove(host(1), own).unwrap_err()), (9, words));
    assert!(world.member_add(host(1), &urls(2), false).is_ok(), "one may become two");
}

#[test]
fn a_lost_leader_is_replaced_in_one_or_two_seconds() {
    let mut world = world_of("");
    world.advance(20_000);
    let before = world.etcd_status(host(2)).unwrap();
    kill(&mut world, 1);
    assert_eq!(world.serving(host(2)), Serving::WithoutEtcd);
    let status = world.etcd_status(host(2)).unwrap();
    assert_eq!(
        (status.leader, status.errors),
        (0, vec!["etcdserver: no leader".to_owned()])
    );
    let at = until(&mut world, 5, |world| world.has_quorum(host(2)));
    assert!((21_000..=22_200).contains(&at), "{at}");
    let after = world.etcd_status(host(2)).unwrap();
    assert!(after.term > before.term && after.leader != before.leader && after.leader != 0);
}

#[test]
fn without_quorum_a_member_tells_what_it_knows_and_does_nothing() {
    let mut world = world_of("");
    world.advance(20_000);
    kill(&mut world, 2);
    kill(&mut world, 3);
    world.advance(60_000);
    assert_eq!(world.serving(host(1)), Serving::WithoutEtcd);
    assert_eq!(world.member_list(host(1), true), Err(EtcdError::NoReply));
    assert_eq!(world.member_list(host(1), false).unwrap().len(), 3);
    assert_eq!(world.may_read(host(1), false), Ok(()));
    assert_eq!(world.may_read(host(1), true), Err(EtcdError::NoReply));
    let dead = id_of(&world, 3);
    assert_eq!(
        world.member_remove(host(1), dead),
        Err(EtcdError::NoReply),
        "allowed, but never committed"
    );
    world.inject(&Fault::Revive { host: host(3) }).unwrap();
    until(&mut world, 5, |world| world.serving(host(1)) == Serving::Well);
}

#[test]
fn a_partitioned_member_keeps_an_old_view_until_it_hears_that_it_was_removed() {
    let mut world = world_of("");
    world.advance(20_000);
    for n in [1, 2] {
        world.inject(&Fault::Cut { a: host(n), b: host(3) }).unwrap();
    }
    world.advance(40_000);
    world.inject(&Fault::Leave { host: host(3) }).unwrap();
    assert_eq!(world.member_list(host(1), true).unwrap().len(), 2);
    assert_eq!(world.member_list(host(3), false).unwrap().len(), 3);
    assert_eq!(world.members_by_peer(host(3)).unwrap().1.len(), 3);
    world.inject(&Fault::Revive { host: host(3) }).unwrap();
    world.advance(41_000);
    assert!(!world.is_running(host(3), Component::Etcd), "the zombie's etcd ends");
    assert!(world.is_running(host(3), Component::KubeApiserver));
}
