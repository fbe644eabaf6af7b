//! The cluster as a whole, over time.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;

use super::host::{Component, HostId, Run};
use super::read::{condition_status, is_deleting, label};
use super::resource::Resource;
use super::store::{Key, str_at};
use super::*;
use crate::sim::scenario::Scenario;
use crate::sim::world::fault::Fault;

pub(super) fn world_of(text: &str) -> World {
    let scenario = Scenario::parse(&format!("about = \"a test\"\n{text}")).unwrap();
    World::new(&scenario, &Network::default(), "2026-11-24T12:00:00Z".parse().unwrap())
}

pub(super) fn host(n: u16) -> HostId {
    HostId(n)
}

pub(super) fn get(world: &World, resource: Resource, namespace: &str, name: &str) -> Value {
    let object = world.store.get(&Key::new(resource, namespace, name));
    Value::clone(object.unwrap_or_else(|| panic!("no {resource:?} {namespace}/{name}")))
}

fn digest(world: &World) -> Vec<String> {
    world
        .store
        .all()
        .map(|(key, object)| format!("{key:?} {object}"))
        .collect()
}

#[test]
fn the_healthy_cluster_stays_healthy() {
    let mut world = world_of("");
    world.advance(600_000);
    let pods: Vec<_> = world.store.list(Resource::Pods, None).collect();
    assert!((45..=65).contains(&pods.len()), "{} pods", pods.len());
    assert!(pods.iter().all(|(_, pod)| condition_status(pod, "Ready") == "True"));
    assert!(pods.iter().all(|(_, pod)| str_at(pod, "/spec/nodeName").is_some()));
    for n in 1..=3 {
        assert_eq!(world.serving(host(n)), Serving::Well);
        let lease = get(&world, Resource::Leases, "kube-node-lease", &format!("nbe-{n}"));
        let age = world.lease_age(&lease).unwrap();
        assert!(age.as_secs() <= 10, "{age:?}");
        let node = get(&world, Resource::Nodes, "", &format!("nbe-{n}"));
        assert_eq!(condition_status(&node, "Ready"), "True");
        assert!(label(&node, "topology.kubernetes.io/zone").is_some());
    }
}

#[test]
fn the_history_does_not_depend_on_how_often_time_is_told() {
    let text = "seed = 5\n[[fault]]\nat-s = 40\ndo = \"kill\"\nhost = 1\n";
    let (mut once, mut often) = (world_of(text), world_of(text));
    once.advance(240_000);
    let mut at = 0;
    while at < 240_000 {
        at += 37;
        often.advance(at.min(240_000));
    }
    assert_eq!(digest(&once), digest(&often));
    let mut other = world_of(&text.replace("seed = 5", "seed = 6"));
    other.advance(240_000);
    assert_ne!(digest(&once), digest(&other));
}

#[test]
fn the_dead_neither_run_nor_renew() {
    let mut world = world_of("");
    world.advance(30_000);
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    let before = get(&world, Resource::Leases, "kube-node-lease", "k0s-ctrl-nbe-3");
    world.advance(90_000);
    assert_eq!(world.run(host(3), Component::Etcd), Run::Dead);
    let after = get(&world, Resource::Leases, "kube-node-lease", "k0s-ctrl-nbe-3");
    assert_eq!(before.pointer("/spec/renewTime"), after.pointer("/spec/renewTime"));
    let node = Key::new(Resource::Nodes, "", "nbe-3");
    assert!(world.store.get(&node).is_some_and(|node| !is_deleting(node)));
}
