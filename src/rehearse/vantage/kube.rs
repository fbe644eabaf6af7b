//! The Kubernetes API: a server that works, its objects, and from there every change.

use std::time::Duration;

use super::{Vantage, host_at};
use crate::assemble::objects::{from_json, is_wanted, key_of};
use crate::base::{Stamp, Text, Why, WhyKind};
use crate::model::kube::Endpoint;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};
use crate::port::{KubeEvent, KubeObject, Observation, Report};
use crate::sim::world::host::{Component, HostId, Path, Run};
use crate::sim::world::resource::Resource;
use crate::sim::world::store::{Change, ChangeKind, Key, str_at};
use crate::sim::world::{Serving, World};

/// A heartbeat may take this long.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// One API server in use, and how far its watches are.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub server: HostId,
    /// Up to which revision changes were told; None: the objects must be listed anew.
    told: Option<u64>,
}

/// What stands for the cluster: the uid of its first namespace.
fn cluster(world: &World) -> Option<Text> {
    let object = world.store().get(&Key::new(Resource::Namespaces, "", "kube-system"))?;
    str_at(object, "/metadata/uid").map(Text::new)
}

/// How an API server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// With etcd's quorum behind it.
    Proven,
    /// It asks to wait. Another server would say the same.
    Answered(Why),
    /// It does not serve.
    Failed(Why),
}

impl Pulse {
    /// How the API server of one host answers another.
    pub fn of(world: &World, from: HostId, server: HostId) -> Self {
        let url = url(world, server);
        let run = world.run(server, Component::KubeApiserver);
        if run == Run::Frozen || world.path(from, server) == Path::Silent {
            return Pulse::Failed(late(&url));
        }
        if run == Run::Dead {
            let hint = "its kube-apiserver does not run, or the port is another one";
            return Pulse::Failed(Why::new(WhyKind::Refused, format!("{url}: connection refused")).hint(hint));
        }
        match world.serving(server) {
            Serving::Well => Pulse::Proven,
            Serving::WithoutEtcd => Pulse::Failed(late(&url)),
            Serving::Refusing(429) => {
                let text = format!("{url} answered 429 Too Many Requests: Too many requests, please try again later.");
                Pulse::Answered(Why::new(WhyKind::Throttled, text))
            }
            Serving::Refusing(code) => {
                let text = format!("{url} answered {code} Service Unavailable");
                Pulse::Failed(Why::new(WhyKind::Unavailable, text))
            }
        }
    }
}

fn late(url: &str) -> Why {
    let text = format!("{url}: no answer within {} s", HEARTBEAT.as_secs());
    Why::new(WhyKind::TimedOut, text).hint("frozen, cut off, or its etcd has no quorum: see etcd for which")
}

/// An API server's base URL.
pub(in crate::rehearse) fn url(world: &World, server: HostId) -> String {
    let address = super::find(world, server).map_or_else(String::new, |host| host.address.clone());
    format!("https://{address}:{}", world.network().api_port)
}

impl Vantage {
    pub(super) fn look_at_kube(&mut self, world: &World, snapshot: &Snapshot, at: Stamp, seen: &mut Vec<Observation>) {
        let Some(current) = self.api_server() else {
            return self.first_session(world, snapshot, at, seen);
        };
        match Pulse::of(world, self.here, current) {
            Pulse::Proven => self.follow(world, seen),
            Pulse::Answered(why) => self.fail(why, seen),
            Pulse::Failed(why) => {
                let others = self.known(world, snapshot);
                let is_better = |host: &HostId| *host != current && self.proves(world, *host);
                match others.into_iter().find(is_better) {
                    Some(server) => self.use_server(world, server, at, seen),
                    None => self.fail(why, seen),
                }
            }
        }
    }

    /// The preferred server, or else one that works, or else one that answers at all.
    fn first_session(&mut self, world: &World, snapshot: &Snapshot, at: Stamp, seen: &mut Vec<Observation>) {
        let known = self.known(world, snapshot);
        let pulse = |host: &HostId| Pulse::of(world, self.here, *host);
        let proven = known.iter().find(|host| pulse(host) == Pulse::Proven);
        let answering = || known.iter().find(|host| matches!(pulse(host), Pulse::Answered(_)));
        if let Some(server) = proven.or_else(answering).copied() {
            return self.use_server(world, server, at, seen);
        }
        let Pulse::Failed(mut why) = pulse(&self.here) else {
            return;
        };
        let others = known.len() - 1;
        why.text = match others {
            0 => why.text,
            1 => format!("{}; nor does the other API server serve", why.text).into(),
            _ => format!("{}; nor do the {others} other API servers serve", why.text).into(),
        };
        seen.push(feed(FeedId::Api, Report::Failed(why.clone())));
        seen.extend(KubeKind::ALL.map(|kind| feed(FeedId::Kube(kind), Report::Failed(why.clone()))));
    }

    fn proves(&self, world: &World, server: HostId) -> bool {
        Pulse::of(world, self.here, server) == Pulse::Proven
    }

    /// Every API server that is known here, this host's own first.
    fn known(&self, world: &World, snapshot: &Snapshot) -> Vec<HostId> {
        let mut known = vec![self.here];
        for host in controllers(snapshot).filter_map(|address| host_at(world, address)) {
            if !known.contains(&host.id) {
                known.push(host.id);
            }
        }
        known
    }

    fn use_server(&mut self, world: &World, server: HostId, at: Stamp, seen: &mut Vec<Observation>) {
        self.epoch += 1;
        self.session = Some(Session { server, told: None });
        seen.push(Observation::Endpoint(Endpoint {
            server: url(world, server).into(),
            epoch: self.epoch,
            is_preferred: server == self.here,
            since: at,
            version: Some(Text::from(world.api_server(server).version)),
            cluster: cluster(world),
        }));
        seen.extend(KubeKind::ALL.map(|kind| feed(FeedId::Kube(kind), Report::Begun)));
        match Pulse::of(world, self.here, server) {
            Pulse::Proven => self.follow(world, seen),
            Pulse::Answered(why) | Pulse::Failed(why) => self.fail(why, seen),
        }
    }

    /// Everything at first, then every change. A server that keeps its watches silent tells nothing.
    fn follow(&mut self, world: &World, seen: &mut Vec<Observation>) {
        seen.push(feed(FeedId::Api, Report::Verified));
        let epoch = self.epoch;
        let Some(session) = &mut self.session else { return };
        let revision = world.store().revision();
        let changes = session.told.map(|told| world.store().changes_after(told));
        match changes {
            Some(_) if world.is_watch_silent(session.server) => return,
            Some(Ok(changes)) => {
                seen.extend(changes.filter_map(|change| {
                    Some(Observation::Kube {
                        epoch,
                        revision: change.revision,
                        event: event(change)?,
                    })
                }));
                seen.extend(KubeKind::ALL.map(|kind| feed(FeedId::Kube(kind), Report::Verified)));
            }
            Some(Err(_)) | None => {
                let events = KubeKind::ALL.map(|kind| list(world, kind));
                seen.extend(events.map(|event| Observation::Kube { epoch, revision, event }));
            }
        }
        session.told = Some(revision);
    }

    /// A server that refuses ends its watches; one that is silent only stops talking.
    fn fail(&mut self, why: Why, seen: &mut Vec<Observation>) {
        if why.kind != WhyKind::TimedOut {
            if let Some(session) = &mut self.session {
                session.told = None;
            }
            seen.extend(KubeKind::ALL.map(|kind| {
                let told = Why {
                    text: format!("list {}: {}", kind.plural(), why.text).into(),
                    ..why.clone()
                };
                feed(FeedId::Kube(kind), Report::Failed(told))
            }));
        }
        seen.push(feed(FeedId::Api, Report::Failed(why)));
    }
}

/// Addresses of controllers, as far as they are known here: etcd's members first, then k0s's and Kubernetes' objects, then
/// k0s.yaml.
fn controllers(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let views = snapshot.etcd.views.values().flat_map(|view| &view.value.members);
    let members = views.filter_map(|member| member.peer_address());
    let nodes = snapshot.kube.nodes.values().filter(|node| node.is_controller);
    let control_nodes = snapshot.kube.control_nodes.values();
    let control_nodes = control_nodes.filter_map(|node| node.address.as_ref());
    let nodes = nodes.filter_map(|node| node.address.as_ref());
    let config = snapshot.host.config.iter();
    let sans = config.flat_map(|config| &config.value.api_sans);
    members.chain(control_nodes.chain(nodes).chain(sans).map(Text::as_str))
}

fn feed(feed: FeedId, report: Report) -> Observation {
    Observation::Feed { feed, report }
}

fn list(world: &World, kind: KubeKind) -> KubeEvent {
    let rows = world.store().list(resource(kind), None);
    let objects: Vec<(ObjectKey, KubeObject)> = rows
        .filter_map(|(_, object)| from_json(kind, (**object).clone()).ok())
        .filter(|(key, row)| is_wanted(key, row))
        .collect();
    KubeEvent::Replace { kind, objects }
}

/// A change as the real follower understands it: what makes no sense is not there.
fn event(change: &Change) -> Option<KubeEvent> {
    let kind = KubeKind::ALL
        .into_iter()
        .find(|kind| resource(*kind) == change.key.resource)?;
    let key = key_of(&change.object)?;
    match from_json(kind, (*change.object).clone()) {
        Ok((key, row)) if !is_wanted(&key, &row) => None,
        Ok((key, row)) if change.kind != ChangeKind::Deleted => Some(KubeEvent::Apply(key, Box::new(row))),
        Ok(_) | Err(_) => Some(KubeEvent::Delete(kind, key)),
    }
}

const fn resource(kind: KubeKind) -> Resource {
    match kind {
        KubeKind::Nodes => Resource::Nodes,
        KubeKind::Pods => Resource::Pods,
        KubeKind::Leases => Resource::Leases,
        KubeKind::Deployments => Resource::Deployments,
        KubeKind::ReplicaSets => Resource::ReplicaSets,
        KubeKind::StatefulSets => Resource::StatefulSets,
        KubeKind::DaemonSets => Resource::DaemonSets,
        KubeKind::Claims => Resource::Claims,
        KubeKind::Volumes => Resource::Volumes,
        KubeKind::DisruptionBudgets => Resource::DisruptionBudgets,
        KubeKind::Upgrades => Resource::Plans,
        KubeKind::EtcdMembers => Resource::EtcdMembers,
        KubeKind::ControlNodes => Resource::ControlNodes,
        KubeKind::ClusterConfigs => Resource::ClusterConfigs,
        KubeKind::Installations => Resource::Installations,
        KubeKind::NetBoxEnterprises => Resource::NetBoxEnterprises,
    }
}
