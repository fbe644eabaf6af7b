//! The cluster as a whole, over time.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;

use super::host::{Component, HostId, Run};
use super::read::{condition_status, is_deleting, label};
use super::resource::Resource;
use super::store::{Key, NotThere, str_at};
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

/// Lets time pass in steps until something is so; says when. Fails after so many seconds.
pub(super) fn until(world: &mut World, seconds: u64, is_so: impl Fn(&World) -> bool) -> u64 {
    let end = world.now_ms() + seconds * 1_000;
    while !is_so(world) {
        assert!(world.now_ms() < end, "not within {seconds} s");
        let next = world.now_ms() + 100;
        world.advance(next);
    }
    world.now_ms()
}

/// Ready pods of a node.
pub(super) fn ready_pods(world: &World, node: &str) -> usize {
    let pods = world.store.list(Resource::Pods, None);
    pods.filter(|(_, pod)| super::pod::node(pod) == Some(node) && condition_status(pod, "Ready") == "True")
        .count()
}

/// When a taint was added to a node.
pub(super) fn taint(world: &World, node: &str, key: &str, effect: &str) -> Option<String> {
    let node = get(world, Resource::Nodes, "", node);
    let taints = super::read::list_at(&node, "/spec/taints").iter();
    let mut own = taints.filter(|own| str_at(own, "/key") == Some(key) && str_at(own, "/effect") == Some(effect));
    own.next()
        .map(|own| str_at(own, "/timeAdded").unwrap_or_default().to_owned())
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

#[test]
fn every_scenario_plays_and_arrives_where_it_says() {
    for name in crate::sim::scenario::NAMES {
        let scenario = Scenario::named(name).unwrap().unwrap();
        if scenario.cluster.workers > 20 {
            continue;
        }
        let mut world = World::new(&scenario, &Network::default(), "2026-11-24T12:00:00Z".parse().unwrap());
        world.advance(scenario.begins_at_s * 1_000);
        let members: Vec<&str> = world.members().iter().map(|member| member.name.as_str()).collect();
        let learners = world.members().iter().filter(|member| member.is_learner).count();
        let expected = match name {
            "zone-lost" => (5, 0),
            "remnant" => (4, 0),
            "two-views" => (4, 1),
            "partition" => (2, 0),
            "replacing" => (3, 1),
            _ => (3, 0),
        };
        assert_eq!((members.len(), learners), expected, "{name}: {members:?}");
        let serves = world.controllers().any(|host| world.serves(host));
        assert_eq!(serves, !matches!(name, "quorum-lost" | "dark"), "{name}");
        let web = get(&world, Resource::Deployments, "kotsadm", "netbox-netbox");
        let ready = web
            .pointer("/status/readyReplicas")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        assert!(ready >= 2, "{name}: {ready} web replicas are ready");
    }
}

#[test]
fn impossible_faults_are_refused_in_a_sentence() {
    let mut world = world_of("");
    world.advance(10_000);
    let refusals = [
        (Fault::Kill { host: host(9) }, "there is no host nbe-9"),
        (
            Fault::Cut { a: host(1), b: host(1) },
            "nbe-1 cannot be cut off from itself",
        ),
        (
            Fault::Leave { host: host(7) },
            "etcd lists no member at https://10.77.0.17:2380",
        ),
        (
            Fault::Refuse {
                host: host(1),
                code: 404,
            },
            "an API server refuses with 429 or 503 (0 ends it), not with 404",
        ),
    ];
    for (fault, words) in refusals {
        assert_eq!(world.inject(&fault).unwrap_err(), words);
    }
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    let again = world.inject(&Fault::Kill { host: host(3) }).unwrap_err();
    assert_eq!(again, "nbe-3 is switched off already; revive it first");
}

#[test]
fn a_cable_that_comes_out_again_and_again() {
    let mut world = world_of("");
    world.advance(10_000);
    let (host, every_s, down_s) = (host(3), 20, 5);
    world.inject(&Fault::Flap { host, every_s, down_s }).unwrap();
    let mut carriers = Vec::new();
    for at in [12_000, 17_000, 29_000, 31_000, 36_000] {
        world.advance(at);
        carriers.push(world.has_carrier(host));
    }
    assert_eq!(carriers, [false, true, true, false, true]);
}

#[test]
fn an_old_revision_is_read_as_it_was() {
    let mut world = world_of("");
    world.advance(60_000);
    let then = world.store.revision();
    let before: Vec<String> = world
        .store
        .all()
        .map(|(key, object)| format!("{key:?} {object}"))
        .collect();
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    world.advance(240_000);
    let at = |revision| {
        let objects = world.store.at(revision);
        objects.map(|objects| {
            let lines = objects.into_iter().map(|(key, object)| format!("{key:?} {object}"));
            lines.collect::<Vec<String>>()
        })
    };
    assert_eq!(at(then).unwrap(), before);
    assert_ne!(at(world.store.revision()).unwrap(), before);
    assert_eq!(at(world.store.revision() + 1), Err(NotThere::Future));
    world.store.compact(then + 1);
    assert_eq!(world.store.at(then).err(), Some(NotThere::Compacted));
}
