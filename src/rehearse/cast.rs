//! A cluster as it was seen, made into a world that goes on from there: the same hosts, members, objects. What the world
//! cannot express is told, never dropped silently. Knows no client and no clock. Start reading at [`cast`].

mod hosts;
mod objects;
mod pods;
mod rules;
mod template;
mod workloads;

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use crate::base::{Text, Why, WhyKind};
use crate::model::detection::go_duration;
use crate::model::etcd::{LocalStatus, Member as Listed};
use crate::model::host::Device;
use crate::model::quorum::Membership;
use crate::model::{FeedState, KubeKind, Snapshot};
use crate::sim::scenario::{Cluster, EtcdLine, K0sFamily};
use crate::sim::world::etcd::Member;
use crate::sim::world::found::{Found, FoundEtcd};
use crate::sim::world::host::HostId;
use crate::sim::world::{Network, Versions};

/// Kinds without which a rehearsal would be of another cluster.
const NEEDED: [KubeKind; 7] = [
    KubeKind::Nodes,
    KubeKind::Pods,
    KubeKind::Leases,
    KubeKind::Deployments,
    KubeKind::ReplicaSets,
    KubeKind::StatefulSets,
    KubeKind::DaemonSets,
];
/// Where new hosts get their addresses, where those of the cluster tell nothing.
const PREFIX: [u8; 3] = [10, 77, 0];

/// A world to be, and who looks at it.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The world.
    pub found: Found,
    /// The host that is looked from.
    pub here: HostId,
    /// What is not rehearsed, or taken for something simpler.
    pub notes: Vec<Text>,
}

/// Makes a world of what was seen. `seed` is where its chance begins. An error is what is not known and has to be.
pub fn cast(snapshot: &Snapshot, seed: u64) -> Result<Cast, Why> {
    let membership = known(snapshot)?;
    let mut notes = Vec::new();
    let hosts = hosts::hosts(snapshot, &membership, &mut notes);
    let here = hosts::here(snapshot, &hosts, &mut notes)
        .ok_or_else(|| cannot("no controller of this cluster is known", "see `quorate doctor`"))?;
    let objects = objects::objects(snapshot, &mut notes);
    let local = snapshot.etcd.local.as_ref().map(|local| &local.value);
    let (versions, line) = versions(snapshot, local);
    let disk = snapshot
        .host
        .disk
        .as_ref()
        .and_then(|disk| disk.value.device.as_ref().ok());
    let rotates = disk.and_then(Device::rotates) == Some(true);
    let cluster = Cluster {
        hard_disks: if rotates { vec![here] } else { Vec::new() },
        etcd: line,
        k0s: family(&versions.k0s),
        grace_s: grace_s(snapshot),
        toleration_s: toleration_s(snapshot),
        ..Cluster::default()
    };
    let network = network(snapshot, &membership, hosts.iter().map(|host| host.address.as_str()));
    let etcd = FoundEtcd {
        cluster_id: membership.cluster_id.map_or(0, |id| id.0),
        members: membership.members.iter().map(member).collect(),
        homes: homes(&membership, &hosts),
        term: local.map_or(2, |local| local.term),
        leader: local
            .and_then(|local| local.leader)
            .and_then(|id| hosts::of_member(&hosts, membership.members.iter().find(|own| own.id == id)?)),
        revision: local.map_or(1, |local| unsigned(local.revision)),
        database: local.map_or((0, 0), |local| {
            (unsigned(local.db_size_bytes), unsigned(local.db_in_use_bytes))
        }),
        quota: local.and_then(|local| local.quota_bytes).map(unsigned),
        full: local.map(full).unwrap_or_default(),
    };
    let found = Found {
        seed,
        cluster,
        versions,
        network,
        hosts,
        etcd,
        objects,
        moving: pods::moving(snapshot, &mut notes),
        complaint: complaint(snapshot),
    };
    Ok(Cast { found, here, notes })
}

/// The members, where what a rehearsal needs is known.
fn known(snapshot: &Snapshot) -> Result<Membership, Why> {
    for kind in NEEDED {
        let FeedState::Live { .. } = snapshot.kind(kind) else {
            let state = snapshot.kind(kind);
            let because = state
                .why()
                .map_or_else(|| state.word().to_owned(), |why| why.text.to_string());
            return Err(cannot(
                &format!("{} are not known as they are now: {because}", kind.plural()),
                "rehearse where an API server answers",
            ));
        };
    }
    let membership = snapshot.membership();
    if membership.is_from_etcd() {
        return Ok(membership);
    }
    Err(cannot(
        "etcd did not tell its members",
        "rehearse on a controller, as root",
    ))
}

fn cannot(what: &str, hint: &str) -> Why {
    Why::new(WhyKind::NotYet, what).hint(hint)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn member(listed: &Listed) -> Member {
    Member {
        id: listed.id.0,
        name: listed.name.to_string(),
        peer_urls: listed.peer_urls.iter().map(Text::to_string).collect(),
        client_urls: listed.client_urls.iter().map(Text::to_string).collect(),
        is_learner: listed.is_learner,
    }
}

/// Where members that ever started have their data.
fn homes(membership: &Membership, hosts: &[crate::sim::world::found::FoundHost]) -> Vec<(HostId, u64)> {
    let started = membership.members.iter().filter(|member| member.has_started());
    started
        .filter_map(|member| Some((hosts::of_member(hosts, member)?, member.id.0)))
        .collect()
}

/// Members that say NOSPACE, as a status tells it (etcd `maintenance.go`).
fn full(local: &LocalStatus) -> Vec<u64> {
    let said = local.errors.iter().map(Text::as_str);
    said.filter(|error| error.contains("alarm:NOSPACE"))
        .filter_map(|error| error.split_once("memberID:")?.1.split_whitespace().next()?.parse().ok())
        .collect()
}

fn versions(snapshot: &Snapshot, local: Option<&LocalStatus>) -> (Versions, EtcdLine) {
    let own = snapshot.node(&snapshot.host.name);
    let mut nodes = own.into_iter().chain(snapshot.controllers());
    let kubelet = nodes.next().map(|node| node.kubelet_version.to_string());
    let peers = snapshot.etcd.peers.values().filter_map(|peer| peer.version.as_ref());
    let etcd = local.map(|local| &local.version).or_else(|| peers.max());
    let line = match etcd {
        Some(version) if version.as_str().starts_with("3.5") => EtcdLine::V35,
        Some(_) | None => EtcdLine::V36,
    };
    let etcd = etcd.map_or_else(|| line.version().to_owned(), Text::to_string);
    let k0s = kubelet.unwrap_or_default();
    (Versions { k0s, etcd }, line)
}

/// Which k0s a version is, by how members come and go there.
fn family(version: &str) -> K0sFamily {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next(), next()) {
        (Some(1), Some(minor), Some(patch)) => match (minor, patch) {
            (..=33, _) | (34, ..=3) => K0sFamily::UpTo134_3,
            (34, _) | (35, ..=4) | (36, 0) => K0sFamily::From134_4,
            (35.., _) => K0sFamily::From135_5,
        },
        _ => K0sFamily::default(),
    }
}

/// What kube-controller-manager waits here; else what is configured, else its default.
fn grace_s(snapshot: &Snapshot) -> u32 {
    let running = snapshot.grace_period().map(|grace| grace.period);
    let mut configs = snapshot.kube.cluster_configs.values();
    let configured = || configs.find_map(|config| go_duration(config.grace_period.as_ref()?.as_str()));
    let grace = running.or_else(configured).map_or(50, |grace| grace.as_secs());
    u32::try_from(grace).unwrap_or(50).max(1)
}

/// What the API server here writes onto pods that do not say how long they outlive their node.
fn toleration_s(snapshot: &Snapshot) -> u32 {
    let server = snapshot.running("kube-apiserver");
    let flag = server.and_then(|server| server.flags.get("default-unreachable-toleration-seconds"));
    flag.and_then(|seconds| seconds.as_str().parse().ok()).unwrap_or(300)
}

fn network<'a>(snapshot: &Snapshot, membership: &Membership, mut addresses: impl Iterator<Item = &'a str>) -> Network {
    let usual = Network::default();
    let port = |authority: &str| authority.trim_end_matches('/').rsplit_once(':')?.1.parse::<u16>().ok();
    let endpoint = snapshot.kube.endpoint.as_ref();
    let peer = membership.members.iter().find_map(Listed::peer_authority);
    let v4 = addresses.find_map(|address| address.parse::<Ipv4Addr>().ok());
    Network {
        pods: usual.pods,
        prefix: v4.map_or(PREFIX, |own| {
            let [a, b, c, _] = own.octets();
            [a, b, c]
        }),
        api_port: endpoint
            .and_then(|endpoint| port(endpoint.server.as_str()))
            .unwrap_or(usual.api_port),
        peer_port: peer.and_then(port).unwrap_or(usual.peer_port),
        console_port: snapshot.host.console_port_or_default(),
    }
}

/// The operator's own words, where NetBox is not ready although high availability is on and every workload beside it is whole.
fn complaint(snapshot: &Snapshot) -> Option<String> {
    let kube = &snapshot.kube;
    let is_on = kube
        .installations
        .values()
        .last()
        .is_some_and(|own| own.high_availability);
    let (key, netbox) = kube
        .netbox_enterprises
        .iter()
        .find(|(_, own)| own.value.ready == Some(false))?;
    let all = kube.deployments.iter().chain(kube.stateful_sets.iter());
    let mut own = all.filter(|(other, _)| other.namespace == key.namespace);
    let is_whole = own.all(|(_, workload)| workload.value.ready >= workload.value.desired);
    (is_on && is_whole).then(|| netbox.value.message.to_string())
}
