//! The machines, and what runs on them as far as it is seen from here.

use std::time::Duration;

use crate::base::{Text, WhyKind};
use crate::model::etcd::Member;
use crate::model::feed::HostPart;
use crate::model::kube::{Node, Tri};
use crate::model::quorum::Membership;
use crate::model::{FeedId, ObjectKey, Snapshot};
use crate::sim::world::found::FoundHost;
use crate::sim::world::host::{Component, HostId, Run};

/// A kubelet renews its lease every 10 s. One that is older than this is silent.
const SILENT: Duration = Duration::from_secs(15);
/// Clocks that keep time differ by less, in milliseconds; the rest is the round trip.
const SKEW_MS: i64 = 1_000;

/// What a host's etcd says to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Etcd {
    Answers,
    /// It answers, and its certificate or ours has ended.
    Expired,
    Refuses,
    Silent,
    /// It is no member, or was never asked.
    None,
}

/// Every host that is known: nodes, members, and what k0s keeps of controllers.
pub(super) fn hosts(snapshot: &Snapshot, membership: &Membership, notes: &mut Vec<Text>) -> Vec<FoundHost> {
    let mut hosts: Vec<FoundHost> = Vec::new();
    let is_known = |hosts: &[FoundHost], name: &str, address: &str| {
        hosts.iter().any(|host| host.name == name || host.address == address)
    };
    for node in snapshot.kube.nodes.values() {
        let address = node.address.as_ref().map_or("", Text::as_str);
        hosts.push(host(node.name.as_str(), address, node.is_controller));
    }
    for member in &membership.members {
        let address = member.peer_address().unwrap_or_default();
        let name = if member.has_started() {
            member.name.as_str()
        } else {
            address
        };
        if !is_known(&hosts, name, address) {
            hosts.push(host(name, address, true));
        }
    }
    for (key, row) in snapshot.kube.control_nodes.iter() {
        let address = row.value.address.as_ref().map_or("", Text::as_str);
        if !is_known(&hosts, key.name.as_str(), address) {
            hosts.push(host(key.name.as_str(), address, true));
        }
    }
    let own = seat(snapshot, &hosts);
    for n in 0..hosts.len() {
        let Some(host) = hosts.get_mut(n) else { break };
        let id = HostId(u16::try_from(n + 1).unwrap_or(u16::MAX));
        let lease = ObjectKey::new("kube-node-lease", format!("k0s-ctrl-{}", host.name).as_str());
        let holder = snapshot
            .kube
            .leases
            .get(&lease)
            .and_then(|lease| lease.value.holder.clone());
        host.invocation = holder.unwrap_or_default().to_string();
        let member = membership.members.iter().find(|member| is_at(host, member));
        let peer = member.and_then(|member| snapshot.etcd.peers.get(&member.id));
        host.certificate_ends = peer.and_then(|peer| peer.certificate_ends);
        if Some(id) == own && local(snapshot, host) {
            continue;
        }
        judge(snapshot, host, member, own, notes);
    }
    hosts
}

fn host(name: &str, address: &str, is_controller: bool) -> FoundHost {
    FoundHost {
        name: name.to_owned(),
        address: address.to_owned(),
        is_controller,
        runs: [Run::Dead; Component::ALL.len()],
        is_off: false,
        is_unit_stopped: false,
        cut: None,
        is_joining: false,
        is_expired: false,
        certificate_ends: None,
        skew_ms: 0,
        invocation: String::new(),
    }
}

fn is_at(host: &FoundHost, member: &Member) -> bool {
    member.peer_address() == Some(host.address.as_str()) || member.has_started() && member.name == host.name.as_str()
}

/// The host of a member.
pub(super) fn of_member(hosts: &[FoundHost], member: &Member) -> Option<HostId> {
    let place = hosts.iter().position(|host| is_at(host, member))?;
    u16::try_from(place + 1).ok().map(HostId)
}

/// The host that is looked from, where it is one of the cluster's.
fn seat(snapshot: &Snapshot, hosts: &[FoundHost]) -> Option<HostId> {
    let membership = snapshot.membership();
    let local = snapshot.local_member();
    let member = membership.members.iter().find(|member| Some(member.id) == local);
    let by_member = member.and_then(|member| of_member(hosts, member));
    let by_name = || hosts.iter().position(|host| snapshot.host.name == host.name.as_str());
    by_member.or_else(|| u16::try_from(by_name()? + 1).ok().map(HostId))
}

/// The host to look from: this one, or else a controller that works.
pub(super) fn here(snapshot: &Snapshot, hosts: &[FoundHost], notes: &mut Vec<Text>) -> Option<HostId> {
    if let Some(own) = seat(snapshot, hosts) {
        return Some(own);
    }
    let works = |host: &FoundHost| host.is_controller && host.cut.is_none() && host.runs == [Run::Running; 6];
    let place = hosts.iter().position(works)?;
    let name = hosts.get(place).map_or("", |host| host.name.as_str());
    notes.push(Text::from(format!(
        "this host is none of the cluster's: rehearsed as if from {name}"
    )));
    u16::try_from(place + 1).ok().map(HostId)
}

/// This host, by its own processes. Whether they are known.
fn local(snapshot: &Snapshot, host: &mut FoundHost) -> bool {
    if !snapshot.feed(FeedId::Host(HostPart::Processes)).is_current() {
        return false;
    }
    for (component, run) in Component::ALL.into_iter().zip(&mut host.runs) {
        *run = match snapshot.host.process(component.name()) {
            Some(process) if process.is_stopped => Run::Frozen,
            Some(_) => Run::Running,
            None => Run::Dead,
        };
    }
    host.is_unit_stopped = host.runs == [Run::Dead; 6];
    true
}

/// Another host, by what it answers here and to the API servers.
fn judge(
    snapshot: &Snapshot,
    host: &mut FoundHost,
    member: Option<&Member>,
    own: Option<HostId>,
    notes: &mut Vec<Text>,
) {
    let etcd = member.map_or(Etcd::None, |member| etcd(snapshot, member, host));
    let node = snapshot.node(&Text::new(&host.name));
    // While etcd is full, no kubelet can say that it lives.
    let is_muted = etcd == Etcd::Answers
        && snapshot
            .etcd
            .local
            .as_ref()
            .is_some_and(|own| !super::full(&own.value).is_empty());
    let has_kubelet = node.is_some_and(|node| is_muted || beats(snapshot, node));
    host.is_expired = etcd == Etcd::Expired;
    host.is_joining = node.is_none() && matches!(etcd, Etcd::Answers | Etcd::Expired);
    let mut say = |what: &str| notes.push(Text::from(format!("{} is taken so: {what}", host.name)));
    let (has_etcd, has_k0s) = match (etcd, has_kubelet) {
        (Etcd::Answers | Etcd::Expired, true) => (true, true),
        (Etcd::Answers | Etcd::Expired, false) if host.is_joining => {
            say("it joins, and its etcd keeps up");
            (true, true)
        }
        (Etcd::Answers | Etcd::Expired, false) => {
            say("etcd runs, its kubelet does not");
            (true, true)
        }
        (Etcd::Silent, true) => {
            say("it is cut off from this host alone");
            host.cut = own;
            (true, true)
        }
        (Etcd::Refuses, true) => {
            say("etcd does not run there, and nobody starts it");
            (false, true)
        }
        (Etcd::None, true) if host.is_controller => {
            say("etcd does not run there");
            (false, true)
        }
        (Etcd::None, true) => (false, true),
        (Etcd::Refuses, false) => {
            host.is_unit_stopped = true;
            (false, false)
        }
        (Etcd::Silent | Etcd::None, false) => {
            host.is_off = true;
            (false, false)
        }
    };
    for (component, run) in Component::ALL.into_iter().zip(&mut host.runs) {
        let is_there = match component {
            Component::K0s => has_k0s,
            Component::Kubelet => has_kubelet,
            Component::Etcd => has_etcd,
            Component::KubeApiserver | Component::KubeControllerManager | Component::KubeScheduler => {
                has_etcd && !host.is_joining
            }
        };
        *run = if is_there { Run::Running } else { Run::Dead };
    }
}

/// What came of asking a member, and its clock.
fn etcd(snapshot: &Snapshot, member: &Member, host: &mut FoundHost) -> Etcd {
    let Some(peer) = snapshot.etcd.peers.get(&member.id) else {
        return Etcd::None;
    };
    host.skew_ms = peer.clock_skew_ms.filter(|skew| skew.abs() >= SKEW_MS).unwrap_or(0);
    match peer.history.failing.as_ref().map(|run| run.why.kind) {
        None => Etcd::Answers,
        Some(WhyKind::Refused) => Etcd::Refuses,
        Some(WhyKind::Tls) => Etcd::Expired,
        Some(_) => Etcd::Silent,
    }
}

/// Whether a kubelet does its work.
fn beats(snapshot: &Snapshot, node: &Node) -> bool {
    let age = snapshot.heartbeat_age(node.name.as_str());
    node.ready.status == Tri::True && age.is_none_or(|age| age.age <= SILENT)
}
