//! What may go wrong during a run: on the way of a request, with quorate itself, or in the cluster. Each strikes once, at
//! a step. Start reading at [`Mishap`].

use std::str::FromStr;

use serde_json::Value;

use super::stage::Stage;
use crate::base::Text;
use crate::model::intent::Intent;
use crate::plan::StepId;
use crate::sim::world::World;
use crate::sim::world::fault::Fault;
use crate::sim::world::host::{Component, HostId, Run};
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;

/// Kubernetes' well-known label.
const ZONE: &str = "topology.kubernetes.io/zone";
/// How long a frozen host stays frozen, in milliseconds.
const FROZEN_MS: u64 = 100_000;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    /// The step's request is refused.
    Refused,
    /// It is done, and the reply is lost.
    ReplyLost,
    /// It never arrives.
    TimedOut,
    /// quorate dies when the request is written down, and before it leaves.
    KilledBefore,
    /// quorate dies when the request has left, and before its answer is written down.
    KilledAfter,
    /// quorate dies while it looks whether the step is done.
    KilledVerifying,
    /// A colleague changes the zone label of a node.
    LabelChanged,
    /// A colleague removes the member in question and adds it anew, with the same address and another id.
    MemberReadded,
    /// A colleague deletes the Node in question, and one of the same name is made.
    NodeRecreated,
    /// The host in question is switched on again.
    HostReturns,
    /// The host in question dies.
    HostDies,
    /// Another controller stops answering, and goes on after a while.
    SecondFreezes,
    /// Another controller dies.
    SecondDies,
    /// The API server that is used here dies.
    ApiDies,
    /// etcd's database is full.
    QuotaFills,
    /// A machine starts to join and dies at once: a member that never starts.
    JoinFails,
    /// A pod finds no place.
    PodPends,
    /// NetBox's pods and the database's are gone everywhere but on the node in question, and come back after minutes.
    ReplicasDie,
    /// A colleague begins an upgrade: autopilot has a plan, and does not come to its end.
    UpgradeBegins,
}

impl Mishap {
    /// All of them.
    pub const ALL: [Mishap; 19] = [
        Mishap::Refused,
        Mishap::ReplyLost,
        Mishap::TimedOut,
        Mishap::KilledBefore,
        Mishap::KilledAfter,
        Mishap::KilledVerifying,
        Mishap::LabelChanged,
        Mishap::MemberReadded,
        Mishap::NodeRecreated,
        Mishap::HostReturns,
        Mishap::HostDies,
        Mishap::SecondFreezes,
        Mishap::SecondDies,
        Mishap::ApiDies,
        Mishap::QuotaFills,
        Mishap::JoinFails,
        Mishap::PodPends,
        Mishap::ReplicasDie,
        Mishap::UpgradeBegins,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Mishap::Refused => "refused",
            Mishap::ReplyLost => "reply-lost",
            Mishap::TimedOut => "timeout",
            Mishap::KilledBefore => "killed-before",
            Mishap::KilledAfter => "killed-after",
            Mishap::KilledVerifying => "killed-verifying",
            Mishap::LabelChanged => "label-changed",
            Mishap::MemberReadded => "member-readded",
            Mishap::NodeRecreated => "node-recreated",
            Mishap::HostReturns => "node-returns",
            Mishap::HostDies => "node-dies",
            Mishap::SecondFreezes => "second-node-freezes",
            Mishap::SecondDies => "second-node-dies",
            Mishap::ApiDies => "api-dies",
            Mishap::QuotaFills => "quota-fills",
            Mishap::JoinFails => "join-fails",
            Mishap::PodPends => "pod-pends",
            Mishap::ReplicasDie => "replicas-die",
            Mishap::UpgradeBegins => "upgrade-begins",
        }
    }

    /// Whether it concerns a request, and so waits for one.
    pub const fn is_of_request(self) -> bool {
        matches!(
            self,
            Mishap::Refused | Mishap::ReplyLost | Mishap::TimedOut | Mishap::KilledBefore | Mishap::KilledAfter
        )
    }
}

/// A mishap and when it strikes: so many seconds after the run has come to a step, or with the step's first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scheduled {
    /// At which step.
    pub step: StepId,
    /// How long after the run came to it, in milliseconds.
    pub after_ms: u64,
    /// What.
    pub mishap: Mishap,
}

impl FromStr for Scheduled {
    type Err = String;

    /// Reads `NAME@STEP`.
    fn from_str(raw: &str) -> Result<Self, String> {
        let (name, step) = raw
            .split_once('@')
            .ok_or_else(|| format!("{raw:?} names no step: write NAME@STEP, such as second-node-dies@4"))?;
        let mishap = Mishap::ALL.into_iter().find(|mishap| mishap.name() == name);
        let mishap = mishap.ok_or_else(|| {
            let names = Mishap::ALL.map(Mishap::name).join(", ");
            format!("there is no fault {name:?}; there are: {names}")
        })?;
        let step = step.parse().ok().filter(|step| *step > 0).map(StepId);
        let step = step.ok_or_else(|| format!("{raw:?}: a step is a number from 1"))?;
        Ok(Self {
            step,
            after_ms: 0,
            mishap,
        })
    }
}

/// The node that an intent is about.
pub fn subject(intent: &Intent) -> Option<&Text> {
    match intent {
        Intent::ReplaceNode { node }
        | Intent::StartController { node }
        | Intent::Cordon { node }
        | Intent::Uncordon { node }
        | Intent::Drain { node }
        | Intent::OutOfService { node, .. } => Some(node),
        Intent::RestartControllers { nodes } => nodes.first(),
        Intent::LabelZones { zones, .. } => zones.keys().next(),
        Intent::Rebalance { .. }
        | Intent::EnableHa
        | Intent::RemoveRemnant { .. }
        | Intent::EtcdBackup { .. }
        | Intent::EtcdSpace
        | Intent::Undo { .. } => None,
    }
}

/// Strikes in the cluster. What is impossible there does not happen. Returns what undoes it later, and when.
pub fn strike(stage: &mut Stage, intent: &Intent, mishap: Mishap) -> Option<(u64, Fault)> {
    let here = stage.here();
    let world = stage.world_mut();
    let named = subject(intent).and_then(|name| host_named(world, name.as_str()));
    let subject = named.unwrap_or_else(|| other(world, here, here));
    let second = other(world, here, subject);
    let fault = match mishap {
        Mishap::HostReturns => Fault::Revive { host: subject },
        Mishap::HostDies => Fault::Kill { host: subject },
        Mishap::SecondDies => Fault::Kill { host: second },
        Mishap::SecondFreezes => Fault::Freeze {
            host: second,
            component: None,
        },
        Mishap::ApiDies => Fault::Stop {
            host: here,
            component: Component::KubeApiserver,
        },
        Mishap::QuotaFills => Fault::FullQuota,
        Mishap::JoinFails => Fault::FailedJoin,
        Mishap::LabelChanged => {
            relabel(world, subject);
            return None;
        }
        Mishap::NodeRecreated => {
            recreate(world, subject);
            return None;
        }
        Mishap::MemberReadded => {
            readd(world, here, subject);
            return None;
        }
        Mishap::PodPends => {
            pend(world);
            return None;
        }
        Mishap::ReplicasDie => {
            lose_replicas(world, subject);
            return None;
        }
        Mishap::UpgradeBegins => {
            upgrade(world);
            return None;
        }
        Mishap::Refused
        | Mishap::ReplyLost
        | Mishap::TimedOut
        | Mishap::KilledBefore
        | Mishap::KilledAfter
        | Mishap::KilledVerifying => return None,
    };
    // A machine that is off cannot be switched off.
    let has_struck = world.inject(&fault).is_ok();
    let due = world.now_ms() + FROZEN_MS;
    (has_struck && mishap == Mishap::SecondFreezes).then_some((due, Fault::Revive { host: second }))
}

/// The host with a name.
pub fn host_named(world: &World, name: &str) -> Option<HostId> {
    world.hosts().iter().find(|host| host.name == name).map(|host| host.id)
}

/// A living controller other than two given ones, or else the first of them.
fn other(world: &World, here: HostId, subject: HostId) -> HostId {
    let mut hosts = world.hosts().iter();
    let is_other = |id: HostId| id != here && id != subject && world.run(id, Component::Etcd) == Run::Running;
    hosts
        .find(|host| host.is_controller && is_other(host.id))
        .map_or(subject, |host| host.id)
}

fn node_key(world: &World, host: HostId) -> Option<Key> {
    let host = world.hosts().iter().find(|own| own.id == host)?;
    Some(Key::new(Resource::Nodes, "", &*host.name))
}

fn relabel(world: &mut World, host: HostId) {
    if let Some(key) = node_key(world, host) {
        world.store_mut().change(&key, |node| {
            if let Some(labels) = node.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                labels.insert(ZONE.to_owned(), "zone-of-a-colleague".into());
            }
        });
    }
}

/// As by `kubectl delete node` and a kubelet, or a colleague, that registers it anew.
fn recreate(world: &mut World, host: HostId) {
    let Some(key) = node_key(world, host) else { return };
    let at = world.wall();
    let Some(node) = world.store_mut().remove(&key) else {
        return;
    };
    let mut body = (*node).clone();
    if let Some(meta) = body.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            meta.remove(field);
        }
    }
    // It was just removed, so the name is free.
    let _ = world.store_mut().create(&key, body, at);
}

fn readd(world: &mut World, here: HostId, host: HostId) {
    let address = world.hosts().iter().find(|own| own.id == host);
    let Some(url) = address.map(|host| format!("https://{}:{}", host.address, world.network().peer_port)) else {
        return;
    };
    let mut members = world.members().iter();
    let Some(id) = members
        .find(|member| member.peer_urls.contains(&url))
        .map(|member| member.id)
    else {
        return;
    };
    if world.member_remove(here, id).is_ok() {
        // etcd may refuse; then the member is only gone.
        let _ = world.member_add(here, &[url], false);
    }
}

/// A pod that asks for more than any node has.
fn pend(world: &mut World) {
    let key = Key::new(Resource::Pods, "default", "too-large");
    let at = world.wall();
    let body = serde_json::json!({
        "metadata": {"labels": {"app": "too-large"}},
        "spec": {"containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "900"}}}]},
        "status": {"phase": "Pending"},
    });
    // There already: nothing to do.
    let _ = world.store_mut().create(&key, body, at);
}

/// As Embedded Cluster begins one.
fn upgrade(world: &mut World) {
    let key = Key::new(Resource::Plans, "", "autopilot");
    let at = world.wall();
    // There already: nothing to do.
    let _ = world
        .store_mut()
        .create(&key, serde_json::json!({"status": {"state": "SchedulableWait"}}), at);
}

/// Pods of what NetBox needs, but for those on a host.
fn lose_replicas(world: &mut World, spared: HostId) {
    let spared = world.hosts().iter().find(|host| host.id == spared);
    let spared = spared.map(|host| host.name.clone());
    let is_meant = |pod: &Value| {
        let app = pod.pointer("/metadata/labels/app").and_then(Value::as_str);
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
        matches!(app, Some("netbox-netbox" | "netbox-worker" | "kotsadm-rqlite")) && node != spared.as_deref()
    };
    let pods = world.store().list(Resource::Pods, None);
    let meant: Vec<Key> = pods
        .filter(|(_, pod)| is_meant(pod))
        .map(|(key, _)| key.clone())
        .collect();
    for key in meant {
        world.store_mut().remove(&key);
    }
}
