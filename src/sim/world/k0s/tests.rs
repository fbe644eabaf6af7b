//! Members come and go, in the three families of k0s.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::fault::Fault;
use super::super::host::Run;
use super::super::read::{condition_status, label};
use super::super::tests::{get, host, until, world_of};
use super::*;

fn family(k0s: &str) -> World {
    let mut world = world_of(&format!("[cluster]\nk0s = \"{k0s}\"\n"));
    world.advance(60_000);
    world
}

fn ask_to_leave(world: &mut World, n: u16) {
    let key = Key::new(Resource::EtcdMembers, "", format!("nbe-{n}"));
    world
        .store
        .change(&key, |own| set(own, &["spec", "leave"], true.into()));
}

fn says(world: &World, n: u16) -> String {
    let own = get(world, Resource::EtcdMembers, "", &format!("nbe-{n}"));
    str_at(&own, "/status/message").unwrap_or_default().to_owned()
}

fn members(world: &World) -> usize {
    world.members().len()
}

#[test]
fn a_dead_member_leaves_as_its_family_has_it() {
    for (k0s, least, most) in [("1.33", 0, 12), ("1.34", 50, 85), ("1.37", 290, 325)] {
        let mut world = family(k0s);
        world.inject(&Fault::Kill { host: host(3) }).unwrap();
        let died = world.now_ms();
        ask_to_leave(&mut world, 3);
        let gone = (until(&mut world, 400, |world| members(world) == 2) - died) / 1_000;
        assert!((least..=most).contains(&gone), "{k0s}: after {gone} s");
        let own = get(&world, Resource::EtcdMembers, "", "nbe-3");
        assert_eq!(condition_status(&own, "Joined"), "False");
        assert_eq!(str_at(&own, "/status/reconcileStatus"), Some("Success"));
    }
}

#[test]
fn the_newest_family_says_what_it_waits_for_and_needs_the_lease() {
    let mut world = family("1.37");
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    let died = world.now_ms();
    world.advance(died + 90_000);
    ask_to_leave(&mut world, 3);
    world.advance(died + 110_000);
    assert_eq!(says(&world, 3), "Member is offline; waiting for it to leave");
    world
        .store
        .remove(&Key::new(Resource::Leases, NODE_LEASES, "k0s-ctrl-nbe-3"));
    world.advance(died + 600_000);
    assert_eq!(
        (says(&world, 3).as_str(), members(&world)),
        ("No k0s controller lease found", 3)
    );
}

#[test]
fn a_removed_member_is_marked_by_the_newest_family_only() {
    for (k0s, joined) in [("1.33", "True"), ("1.37", "False")] {
        let mut world = family(k0s);
        world.inject(&Fault::Kill { host: host(3) }).unwrap();
        let died = world.now_ms();
        world.advance(died + 10_000);
        world.inject(&Fault::Leave { host: host(3) }).unwrap();
        world.advance(died + 40_000);
        let own = get(&world, Resource::EtcdMembers, "", "nbe-3");
        assert_eq!(condition_status(&own, "Joined"), joined, "{k0s}");
        assert!(
            world
                .store
                .get(&Key::new(Resource::ControlNodes, "", "nbe-3"))
                .is_some()
        );
    }
}

#[test]
fn a_controller_joins_as_its_family_has_it() {
    for (k0s, is_learner) in [("1.33", false), ("1.34", false), ("1.37", true)] {
        let mut world = family(k0s);
        world
            .inject(&Fault::Join {
                zone: Some("zone-d".to_owned()),
            })
            .unwrap();
        let begun = world.now_ms();
        let own = |world: &World| {
            let mut all = world.members().iter();
            all.find(|member| member.peer_urls == [world.peer_url(host(4))])
                .cloned()
        };
        until(&mut world, 10, |world| own(world).is_some());
        let new = own(&world).unwrap();
        assert_eq!((new.name.as_str(), new.is_learner), ("", is_learner));
        until(&mut world, 40, |world| world.has_quorum(host(4)));
        let voter = own(&world).unwrap();
        assert_eq!((voter.name.as_str(), voter.is_learner), ("nbe-4", false));
        world.advance(begun + 90_000);
        let node = get(&world, Resource::Nodes, "", "nbe-4");
        assert_eq!(condition_status(&node, "Ready"), "True");
        assert_eq!(label(&node, "topology.kubernetes.io/zone"), Some("zone-d"));
        assert_eq!(
            condition_status(&get(&world, Resource::EtcdMembers, "", "nbe-4"), "Joined"),
            "True"
        );
        get(&world, Resource::ControlNodes, "", "nbe-4");
        get(&world, Resource::Leases, NODE_LEASES, "k0s-ctrl-nbe-4");
    }
}

#[test]
fn nobody_joins_while_one_is_dead_and_a_failed_join_blocks_the_next() {
    let mut world = family("1.37");
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    let now = world.now_ms();
    world.advance(now + 10_000);
    let error = world.inject(&Fault::FailedJoin).unwrap_err();
    assert_eq!(error, "etcd takes no new member: etcdserver: unhealthy cluster");
    world.inject(&Fault::Leave { host: host(3) }).unwrap();
    world.inject(&Fault::FailedJoin).unwrap();
    assert_eq!(members(&world), 3);
    world.inject(&Fault::Join { zone: None }).unwrap();
    let now = world.now_ms();
    world.advance(now + 120_000);
    assert_eq!(members(&world), 3, "too many learners");
    world.inject(&Fault::Leave { host: host(4) }).unwrap();
    until(&mut world, 120, |world| world.has_quorum(host(5)));
}

#[test]
fn a_living_member_that_should_leave_stops() {
    let mut world = family("1.37");
    ask_to_leave(&mut world, 3);
    until(&mut world, 30, |world| members(world) == 2);
    let now = world.now_ms();
    world.advance(now + 20_000);
    assert_eq!(world.run(host(3), Component::K0s), Run::Dead);
    assert_eq!(says(&world, 3), "No such member ID");
}
