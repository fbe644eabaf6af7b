//! The plans that are tried, each in the cluster that calls for it.

use jiff::Timestamp;

use quorate::model::etcd::MemberId;
use quorate::model::intent::Intent;
use quorate::model::kube::WorkloadKind;
use quorate::model::{ObjectKey, Policy};
use quorate::plan::Plan;
use quorate::plan::make::{Planned, make};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::{EtcdLine, K0sFamily, Scenario};
use quorate::sim::world::World;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;
use quorate::sim::world::resource::Resource;
use quorate::sim::world::store::Key;

/// The families of k0s.
pub const FAMILIES: [K0sFamily; 3] = [K0sFamily::UpTo134_3, K0sFamily::From134_4, K0sFamily::From135_5];

/// A wish in a cluster.
pub struct Scene {
    /// What it is called here.
    pub name: &'static str,
    scenario: &'static str,
    /// What happens before the plan is made.
    prepare: fn(&mut World),
    intent: fn(&World) -> Intent,
}

fn nothing(_: &mut World) {}

fn stop_third(world: &mut World) {
    world.inject(&Fault::StopUnit { host: HostId(3) }).unwrap();
}

fn cordon(world: &mut World, node: &str, on: bool) {
    let key = Key::new(Resource::Nodes, "", node);
    let cordon = |node: &mut serde_json::Value| node["spec"]["unschedulable"] = on.into();
    world.store_mut().change(&key, cordon).unwrap();
}

fn cordon_third(world: &mut World) {
    cordon(world, "nbe-3", true);
}

/// The third host's worker went to the second host, and stayed there.
fn crowd_second(world: &mut World) {
    let is_third = |pod: &serde_json::Value| {
        pod["metadata"]["labels"]["app"] == "netbox-worker" && pod["spec"]["nodeName"] == "nbe-3"
    };
    let pods = world.store().list(Resource::Pods, None);
    let third: Vec<Key> = pods
        .filter(|(_, pod)| is_third(pod))
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(third.len(), 1, "one for each host");
    for node in ["nbe-1", "nbe-3"] {
        cordon(world, node, true);
    }
    // The taint that keeps pods away comes a moment later.
    world.advance(world.now_ms() + 10_000);
    world.store_mut().remove(&third[0]);
    world.advance(world.now_ms() + 600_000);
    for node in ["nbe-1", "nbe-3"] {
        cordon(world, node, false);
    }
}

fn fill(world: &mut World) {
    world.inject(&Fault::FullQuota).unwrap();
}

fn remnant(world: &World) -> MemberId {
    let mut members = world.members().iter();
    MemberId(members.find(|member| member.name.is_empty()).unwrap().id)
}

/// Every plan.
#[rustfmt::skip] // One line each: it is a table.
pub const SCENES: [Scene; 14] = [
    Scene { name: "replace-node", scenario: "node-lost", prepare: nothing, intent: |_| Intent::ReplaceNode { node: "nbe-3".into() } },
    Scene { name: "swap", scenario: "healthy", prepare: nothing, intent: |_| Intent::ReplaceNode { node: "nbe-3".into() } },
    Scene { name: "restart-controllers", scenario: "healthy", prepare: nothing, intent: |_| Intent::RestartControllers { nodes: Vec::new() } },
    Scene { name: "start-controller", scenario: "healthy", prepare: stop_third, intent: |_| Intent::StartController { node: "nbe-3".into() } },
    Scene { name: "label-zones", scenario: "no-zone-labels", prepare: nothing, intent: |_| Intent::LabelZones { zones: [("nbe-1", "a"), ("nbe-2", "b"), ("nbe-3", "c")].map(|(node, zone)| (node.into(), zone.into())).into(), region: None } },
    Scene { name: "cordon", scenario: "healthy", prepare: nothing, intent: |_| Intent::Cordon { node: "nbe-3".into() } },
    Scene { name: "uncordon", scenario: "healthy", prepare: cordon_third, intent: |_| Intent::Uncordon { node: "nbe-3".into() } },
    Scene { name: "drain", scenario: "healthy", prepare: nothing, intent: |_| Intent::Drain { node: "nbe-3".into() } },
    Scene { name: "out-of-service", scenario: "node-lost", prepare: nothing, intent: |_| Intent::OutOfService { node: "nbe-3".into(), undo: false } },
    Scene { name: "rebalance", scenario: "healthy", prepare: crowd_second, intent: |_| Intent::Rebalance { workload: Some((WorkloadKind::Deployment, ObjectKey::new("kotsadm", "netbox-worker"))) } },
    Scene { name: "enable-ha", scenario: "ha-not-enabled", prepare: nothing, intent: |_| Intent::EnableHa },
    Scene { name: "remove-remnant", scenario: "remnant", prepare: nothing, intent: |world| Intent::RemoveRemnant { member: remnant(world) } },
    Scene { name: "etcd-backup", scenario: "healthy", prepare: nothing, intent: |_| Intent::EtcdBackup { file: "/root/etcd.db".into() } },
    Scene { name: "etcd-space", scenario: "healthy", prepare: fill, intent: |_| Intent::EtcdSpace },
];

impl Scene {
    /// By its name.
    pub fn named(name: &str) -> &'static Self {
        SCENES.iter().find(|scene| scene.name == name).unwrap()
    }

    /// The cluster, watched for a while, and the plan that is made in it.
    pub fn open(&self, family: K0sFamily) -> (Stage, Plan) {
        let mut scenario = Scenario::named(self.scenario).unwrap().unwrap();
        scenario.cluster.k0s = family;
        if family == K0sFamily::UpTo134_3 {
            scenario.cluster.etcd = EtcdLine::V35;
        }
        let start = Timestamp::from_second(1_795_000_000).unwrap();
        let mut stage = Stage::open(&scenario, self.scenario.into(), start);
        (self.prepare)(stage.world_mut());
        stage.pass(20_000);
        let intent = (self.intent)(stage.world());
        match make(&intent, stage.snapshot(), &Policy::default()) {
            Planned::Plan(plan) => (stage, *plan),
            other => panic!("{}: {other:?}", self.name),
        }
    }
}
