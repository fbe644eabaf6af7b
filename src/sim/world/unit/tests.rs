//! Restarts: what comes back, when, and as whom.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::fault::Fault;
use super::super::read::number_at;
use super::super::store::str_at;
use super::super::tests::{get, host, until, world_of};
use super::*;

fn holder(world: &World, namespace: &str, name: &str) -> String {
    let lease = get(world, Resource::Leases, namespace, name);
    str_at(&lease, "/spec/holderIdentity").unwrap_or_default().to_owned()
}

fn started(world: &World, n: u16) -> Vec<jiff::Timestamp> {
    let all = Component::ALL.into_iter();
    all.map(|component| world.started_at(host(n), component)).collect()
}

#[test]
fn a_restarted_unit_comes_back_as_somebody_else() {
    let mut world = world_of("");
    world.advance(60_000);
    let lease = |world: &World| holder(world, "kube-node-lease", "k0s-ctrl-nbe-2");
    let (before, since) = (lease(&world), started(&world, 2));
    assert_eq!(before, world.invocation_id(host(2)));
    world.inject(&Fault::RestartUnit { host: host(2) }).unwrap();
    assert_eq!(lease(&world), "", "a clean stop gives the lease back");
    assert!(
        world.inject(&Fault::RestartUnit { host: host(2) }).is_err(),
        "it is on its way"
    );
    let etcd_ended = until(&mut world, 10, |world| !world.is_running(host(2), Component::Etcd));
    let etcd_back = until(&mut world, 10, |world| world.has_quorum(host(2)));
    assert!((1_000..5_000).contains(&(etcd_back - etcd_ended)));
    until(&mut world, 20, |world| {
        world.is_running(host(2), Component::Kubelet) && !lease(world).is_empty()
    });
    assert_ne!(lease(&world), before);
    assert_eq!(lease(&world), world.invocation_id(host(2)));
    let now = started(&world, 2);
    assert!(now.iter().zip(&since).all(|(now, since)| now > since), "every process");
    assert!(now.is_sorted(), "in the order in which k0s starts them");
    let (own, other) = (world.etcd_status(host(2)), world.etcd_status(host(1)));
    assert_eq!(own.unwrap().revision, other.unwrap().revision, "it caught up");
    let node = get(&world, Resource::Nodes, "", "nbe-2");
    assert!(super::super::read::is_ready(&node), "nobody noticed in time");
}

#[test]
fn a_stopped_unit_stays_stopped_until_somebody_starts_it() {
    let mut world = world_of("");
    world.advance(60_000);
    assert!(
        world.inject(&Fault::StartUnit { host: host(3) }).is_err(),
        "it is active"
    );
    world.inject(&Fault::StopUnit { host: host(3) }).unwrap();
    world.advance(130_000);
    assert!(
        Component::ALL
            .iter()
            .all(|component| world.run(host(3), *component) == Run::Dead)
    );
    world.inject(&Fault::StartUnit { host: host(3) }).unwrap();
    until(&mut world, 60, |world| {
        super::super::read::is_ready(&get(world, Resource::Nodes, "", "nbe-3"))
    });
    assert!(world.has_quorum(host(3)));
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    let refused = world.inject(&Fault::StartUnit { host: host(3) });
    assert!(refused.unwrap_err().contains("switched off"));
}

#[test]
fn whoever_was_killed_is_started_by_its_supervisor() {
    let mut world = world_of("");
    world.advance(60_000);
    for (component, seconds) in [
        (Component::Etcd, 5),
        (Component::KubeControllerManager, 5),
        (Component::K0s, 10),
    ] {
        let at = world.now_ms();
        let host = host(1);
        world.inject(&Fault::Stop { host, component }).unwrap();
        let back = until(&mut world, 20, |world| world.is_running(host, component));
        assert_eq!((back - at) / 1_000, seconds, "{component:?}");
        world.advance(back + 20_000);
    }
    // k0s replaced its old children.
    let all = started(&world, 1);
    assert!(all.is_sorted(), "{all:?}");
    // Without k0s nobody starts anything.
    let host = host(1);
    for component in [Component::K0s, Component::KubeScheduler] {
        world.inject(&Fault::Stop { host, component }).unwrap();
    }
    let at = world.now_ms();
    world.advance(at + 8_000);
    assert!(!world.is_running(host, Component::KubeScheduler));
}

#[test]
fn a_changed_cluster_config_replaces_every_controller_manager() {
    let mut world = world_of("[cluster]\ngrace-s = 50\nconfigured-grace-s = 20\n");
    world.advance(60_000);
    let grace = |world: &World, n: u16| world.machine(host(n)).unwrap().grace_s;
    assert_eq!(
        grace(&world, 1),
        50,
        "what was there at the beginning waits for a restart"
    );
    let office = |world: &World| holder(world, "kube-system", "kube-controller-manager");
    let before = office(&world);
    let config = Key::new(Resource::ClusterConfigs, "kube-system", "k0s");
    let path = ["spec", "controllerManager", "extraArgs", "node-monitor-grace-period"];
    world.store.change(&config, |config| set(config, &path, "1m5s".into()));
    world.advance(65_000);
    assert!((1..=3).all(|n| grace(&world, n) == 65));
    until(&mut world, 40, |world| office(world) != before);
    let lease = get(&world, Resource::Leases, "kube-system", "kube-controller-manager");
    assert_eq!(number_at(&lease, "/spec/leaseTransitions"), Some(1));
    world.store.change(&config, |config| set(config, &path, "soon".into()));
    world.advance(world.now_ms() + 10_000);
    assert!(
        (1..=3).all(|n| grace(&world, n) == 65),
        "what nobody can read is left alone"
    );
}
