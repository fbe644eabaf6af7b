//! The scheduler's rules, seen on the workloads of the cluster.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::super::fault::Fault;
use super::super::read::{condition, label};
use super::super::tests::{get, host, world_of};
use super::*;

fn waiting(world: &World, prefix: &str) -> Vec<Value> {
    let pods = world.store.list(Resource::Pods, None);
    let own = pods.filter(|(key, pod)| key.name.starts_with(prefix) && pod::node(pod).is_none());
    own.map(|(_, pod)| Value::clone(pod)).collect()
}

fn says(pod: &Value) -> String {
    let scheduled = condition(pod, "PodScheduled").unwrap();
    assert_eq!(str_at(scheduled, "/reason"), Some("Unschedulable"));
    str_at(scheduled, "/message").unwrap_or_default().to_owned()
}

#[test]
fn a_hard_spread_holds_the_replacement_back_until_the_node_is_gone() {
    let mut world = world_of("");
    world.advance(60_000);
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    world.advance(240_000);
    let pending = waiting(&world, "netbox-netbox-");
    assert_eq!(pending.len(), 1);
    assert_eq!(
        says(&pending[0]),
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match pod topology spread \
         constraints. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption \
         victims found for incoming pod."
    );
    assert!(
        waiting(&world, "netbox-worker-").is_empty(),
        "a soft spread takes what there is"
    );
    world.store.remove(&Key::new(Resource::Nodes, "", "nbe-3"));
    world.advance(250_000);
    assert!(waiting(&world, "netbox-netbox-").is_empty());
}

#[test]
fn honoring_taints_lets_the_replacement_go() {
    let mut world = world_of("");
    let key = Key::new(Resource::Deployments, "kotsadm", "netbox-netbox");
    world.store.change(&key, |own| {
        set(
            own,
            &["spec", "template", "spec", "topologySpreadConstraints"],
            json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
                    "nodeTaintsPolicy": "Honor", "labelSelector": {"matchLabels": {"app": "netbox-netbox"}}}]),
        );
    });
    world.advance(1_500_000);
    world.inject(&Fault::Kill { host: host(3) }).unwrap();
    world.advance(1_700_000);
    assert!(waiting(&world, "netbox-netbox-").is_empty());
}

#[test]
fn a_cordoned_node_takes_nobody_and_a_restart_moves_pods() {
    let mut world = world_of("");
    world.advance(60_000);
    let node = Key::new(Resource::Nodes, "", "nbe-1");
    world
        .store
        .change(&node, |node| set(node, &["spec", "unschedulable"], true.into()));
    world.advance(70_000);
    let key = Key::new(Resource::Deployments, "kotsadm", "diode-auth");
    let hash = |world: &World| {
        let sets = world.store.list(Resource::ReplicaSets, Some("kotsadm"));
        let own = sets.filter(|(key, set)| {
            key.name.starts_with("diode-auth-") && set.pointer("/spec/replicas") != Some(&json!(0))
        });
        own.map(|(_, set)| label(set, "pod-template-hash").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = hash(&world);
    world.store.change(&key, |own| {
        let path = [
            "spec",
            "template",
            "metadata",
            "annotations",
            "kubectl.kubernetes.io/restartedAt",
        ];
        set(own, &path, "2026-11-24T12:00:00Z".into());
    });
    world.advance(180_000);
    let after = hash(&world);
    assert_eq!(after.len(), 1);
    assert_ne!(before, after);
    let pods = world.store.list(Resource::Pods, Some("kotsadm"));
    let own: Vec<_> = pods.filter(|(key, _)| key.name.starts_with("diode-auth-")).collect();
    assert_eq!(own.len(), 3);
    assert!(own.iter().all(|(_, pod)| pod::node(pod) != Some("nbe-1")));
    let status = get(&world, Resource::Deployments, "kotsadm", "diode-auth");
    assert_eq!(status.pointer("/status/readyReplicas"), Some(&json!(3)));
}

#[test]
fn what_asks_for_too_much_waits_and_says_so() {
    let mut world = world_of("");
    world.advance(10_000);
    let key = Key::new(Resource::Deployments, "kotsadm", "hydra");
    world.store.change(&key, |own| {
        set(own, &["spec", "replicas"], 200.into());
        let containers =
            json!([{"name": "hydra", "image": "x", "resources": {"requests": {"cpu": "3", "memory": "1Gi"}}}]);
        set(own, &["spec", "template", "spec", "containers"], containers);
    });
    world.advance(60_000);
    let pending = waiting(&world, "hydra-");
    assert!(!pending.is_empty());
    assert!(
        says(&pending[0]).starts_with("0/3 nodes are available: 3 Insufficient cpu."),
        "{}",
        says(&pending[0])
    );
}
