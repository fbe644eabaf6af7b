//! Failover against the formulas of `node_lifecycle_controller.go`.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::fault::Fault;
use super::super::lease::Office;
use super::super::tests::{get, host, ready_pods, taint, until, world_of};
use super::super::{Resource, pod, read};
use super::*;

/// The world has run for a while; then a host dies that is not the kube-controller-manager's, unless asked for.
fn lose(world: &mut World, is_leader: bool) -> (HostId, u64) {
    world.advance(100_300);
    let leader = world.in_office(Office::ControllerManager).unwrap();
    let victim = if is_leader {
        leader
    } else {
        host(if leader == host(3) { 2 } else { 3 })
    };
    world.inject(&Fault::Kill { host: victim }).unwrap();
    (victim, world.now_ms())
}

#[test]
fn a_lost_node_is_unknown_then_tainted_then_empty() {
    for (seed, k0s, pause) in [(0, "1.37", 0), (1, "1.37", 0), (2, "1.33", 5_000), (3, "1.33", 5_000)] {
        let mut world = world_of(&format!("seed = {seed}\n[cluster]\nk0s = \"{k0s}\""));
        let (victim, died) = lose(&mut world, false);
        let name = victim.to_string();
        let is_unknown = |world: &World| {
            let node = get(world, Resource::Nodes, "", &name);
            condition_status(&node, "Ready") == "Unknown"
        };
        let unknown = until(&mut world, 60, is_unknown) - died;
        // G = 20 s, L = 10 s, P = 5 s: from G - L to G + P, since P divides G.
        assert!((10_000..=25_000).contains(&unknown), "unknown after {unknown} ms");
        assert!(taint(&world, &name, UNREACHABLE, "NoSchedule").is_some(), "at once");
        let is_tainted = taint(&world, &name, UNREACHABLE, "NoExecute").is_some();
        assert_eq!(is_tainted, pause == 0, "before 1.34 not yet");
        assert_eq!(ready_pods(&world, &name), 0, "its pods are no endpoints any more");
        let tainted = until(&mut world, 60, |world| {
            taint(world, &name, UNREACHABLE, "NoExecute").is_some()
        }) - died;
        assert!((tainted - unknown).abs_diff(pause) <= 200, "one pass later: {tainted}");
        let web = |world: &World| {
            let pods = world.store.list(Resource::Pods, Some("kotsadm"));
            let mut own =
                pods.filter(|(key, pod)| key.name.starts_with("netbox-netbox-") && pod::node(pod) == Some(&name));
            own.any(|(_, pod)| read::is_deleting(pod))
        };
        let evicted = until(&mut world, 60, web) - died;
        assert!(
            (29_900..=30_300).contains(&(evicted - tainted)),
            "after 30 s more: {evicted}"
        );
    }
}

#[test]
fn a_lost_leader_starts_the_count_anew() {
    let mut world = world_of("");
    let (victim, died) = lose(&mut world, true);
    let name = victim.to_string();
    let unknown = until(&mut world, 120, |world| {
        condition_status(&get(world, Resource::Nodes, "", &name), "Ready") == "Unknown"
    });
    let took = unknown - died;
    // 13 to 20 s until another leads, a few seconds until its loops run, then the whole grace period.
    assert!((33_000..=46_000).contains(&took), "unknown after {took} ms");
}

#[test]
fn a_node_that_returns_in_time_keeps_its_pods() {
    let mut world = world_of("");
    let (victim, _) = lose(&mut world, false);
    let name = victim.to_string();
    until(&mut world, 60, |world| {
        taint(world, &name, UNREACHABLE, "NoExecute").is_some()
    });
    world.inject(&Fault::Revive { host: victim }).unwrap();
    let now = world.now_ms();
    world.advance(now + 60_000);
    assert!(taint(&world, &name, UNREACHABLE, "NoExecute").is_none());
    assert!(taint(&world, &name, UNREACHABLE, "NoSchedule").is_none());
    assert!(ready_pods(&world, &name) > 10, "it serves again");
    let ending = world
        .store
        .list(Resource::Pods, None)
        .filter(|(_, pod)| read::is_deleting(pod))
        .count();
    assert_eq!(ending, 0);
}

#[test]
fn without_quorum_nothing_is_written_and_afterwards_nothing_is_rushed() {
    let mut world = world_of("");
    world.advance(100_000);
    for n in [2, 3] {
        world.inject(&Fault::Kill { host: host(n) }).unwrap();
    }
    let before = world.store.revision();
    world.advance(400_000);
    assert_eq!(world.store.revision(), before);
    world.inject(&Fault::Revive { host: host(2) }).unwrap();
    world.advance(410_000);
    assert!(world.store.revision() > before);
    assert_eq!(
        world
            .store
            .list(Resource::Pods, None)
            .filter(|(_, pod)| read::is_deleting(pod))
            .count(),
        0
    );
}

#[test]
fn while_no_node_is_ready_nobody_is_evicted() {
    let mut world = world_of("");
    world.advance(100_000);
    for n in 1..=3 {
        let component = Some(super::super::host::Component::Kubelet);
        world
            .inject(&Fault::Freeze {
                host: host(n),
                component,
            })
            .unwrap();
    }
    world.advance(400_000);
    for n in 1..=3 {
        let name = format!("nbe-{n}");
        assert!(taint(&world, &name, UNREACHABLE, "NoSchedule").is_some());
        assert!(taint(&world, &name, UNREACHABLE, "NoExecute").is_none());
    }
}

#[test]
fn pods_of_a_deleted_node_are_collected_and_its_local_volume_goes() {
    let mut world = world_of("");
    let (victim, _) = lose(&mut world, false);
    let name = victim.to_string();
    let now = world.now_ms();
    world.advance(now + 120_000);
    let rqlite = format!("kotsadm-rqlite-{}", victim.0 - 1);
    let before = get(&world, Resource::Pods, "kotsadm", &rqlite);
    assert!(
        read::is_deleting(&before),
        "a StatefulSet's pod waits: its identity is taken"
    );
    assert_eq!(pod::node(&before), Some(name.as_str()));
    let claim = Key::new(Resource::Claims, "kotsadm", format!("kotsadm-rqlite-{rqlite}"));
    let old = read::uid(world.store.get(&claim).unwrap()).to_owned();
    world.store.remove(&Key::new(Resource::Nodes, "", name.clone()));
    let now = world.now_ms();
    world.advance(now + 90_000);
    let after = get(&world, Resource::Pods, "kotsadm", &rqlite);
    assert_ne!(read::uid(&before), read::uid(&after));
    // Two nodes, required anti-affinity: there is no third place, but the old data is gone all the same.
    assert_ne!(world.store.get(&claim).map(|own| read::uid(own).to_owned()), Some(old));
    assert!(
        world
            .store
            .list(Resource::Pods, None)
            .all(|(_, pod)| pod::node(pod) != Some(&name))
    );
}
