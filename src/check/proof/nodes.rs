//! Nodes, their zones and their machines.

use std::collections::{BTreeMap, BTreeSet};

use super::day;
use crate::base::{Age, Text};
use crate::check::look::{called, millis, names, plural};
use crate::check::machines::TRAITS;
use crate::model::kube::{Node, Tri};
use crate::model::{Policy, Snapshot};

fn nodes(snapshot: &Snapshot) -> impl Iterator<Item = &Node> {
    snapshot.kube.nodes.values()
}

pub(super) fn heartbeats(snapshot: &Snapshot, policy: &Policy) -> Vec<String> {
    let ready = nodes(snapshot).filter(|node| node.ready.status == Tri::True);
    let ready = names(ready.map(|node| &node.name));
    vec![format!("leases renewed within {}: {ready}", Age(policy.heartbeat_late))]
}

pub(super) fn ready(snapshot: &Snapshot) -> Vec<String> {
    let since = |node: &Node| node.ready.changed.map(|at| format!(" since {}", day(at)));
    nodes(snapshot)
        .map(|node| format!("{}: Ready{}", node.name, since(node).unwrap_or_default()))
        .collect()
}

pub(super) fn controllers(snapshot: &Snapshot) -> Vec<String> {
    let count = plural(snapshot.controllers().count(), "controller");
    vec![format!(
        "{count}: {}",
        names(snapshot.controllers().map(|node| &node.name))
    )]
}

pub(super) fn zones(snapshot: &Snapshot) -> Vec<String> {
    let zones = snapshot.zones().into_iter();
    zones
        .filter_map(|(zone, nodes)| Some(format!("{}: {}", zone?, names(nodes.iter().map(|node| &node.name)))))
        .collect()
}

pub(super) fn members_by_zone(snapshot: &Snapshot) -> Vec<String> {
    let members = snapshot.membership().members;
    let placed = members.iter().filter_map(|member| {
        let zone = snapshot.node_at(member.peer_address()?)?.zone.as_ref()?;
        Some(format!("{zone}: etcd member {}", called(member)))
    });
    let mut placed: Vec<String> = placed.collect();
    placed.sort();
    let zones = zones(snapshot).into_iter().chain(placed);
    zones.chain(regions(snapshot)).collect()
}

/// Who stands in which region, and of whom that is not known, with how far the other members are away.
fn regions(snapshot: &Snapshot) -> Vec<String> {
    let mut regions: BTreeMap<&Text, Vec<&Text>> = BTreeMap::new();
    let mut bare: Vec<&Text> = Vec::new();
    for node in nodes(snapshot) {
        match &node.region {
            Some(region) => regions.entry(region).or_default().push(&node.name),
            None => bare.push(&node.name),
        }
    }
    let mut lines: Vec<String> = regions
        .into_iter()
        .map(|(region, own)| format!("region {region}: {}", names(own)))
        .collect();
    if !bare.is_empty() {
        let members = snapshot.quorum().members;
        let others = members
            .iter()
            .filter(|state| !state.is_local && !state.health.is_dead());
        let ways = others.filter_map(|state| {
            let rtt_us = snapshot.etcd.peers.get(&state.member.id)?.rtt_us?;
            Some(format!("{} {}", called(&state.member), millis(rtt_us)))
        });
        let ways: BTreeSet<String> = ways.collect();
        lines.push(format!(
            "region: no label on {}, so not compared; round trips to peer ports: {}",
            names(bare),
            names(ways)
        ));
    }
    lines
}

pub(super) fn machines(snapshot: &Snapshot) -> Vec<String> {
    let traits = |node: &Node| {
        let told = TRAITS.iter().filter_map(|(what, read, ..)| {
            let value = read(&node.machine)?;
            Some(format!("{what} {}", short(value)))
        });
        told.collect::<Vec<_>>().join(", ")
    };
    nodes(snapshot)
        .map(|node| format!("{}: {}", node.name, traits(node)))
        .collect()
}

/// The end of an id, in which machines of one make or one image differ.
fn short(id: &Text) -> String {
    let more = id.as_str().chars().count().saturating_sub(8);
    let end: String = id.as_str().chars().skip(more).collect();
    if more == 0 { end } else { format!("…{end}") }
}

pub(super) fn sizes(snapshot: &Snapshot) -> Vec<String> {
    let gb = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    let line = |node: &Node| {
        let disk = node.disk_bytes.map(|bytes| format!(", {} of disk", gb(bytes)));
        let cpus = plural(usize::try_from(node.capacity.cpu_milli / 1000).ok()?, "CPU");
        let memory = gb(node.capacity.memory_bytes);
        Some(format!(
            "{}: {cpus}, {memory} of memory{}",
            node.name,
            disk.unwrap_or_default()
        ))
    };
    nodes(snapshot).filter_map(line).collect()
}

pub(super) fn swap(snapshot: &Snapshot) -> Vec<String> {
    let line = |node: &Node| match node.machine.swap_bytes {
        Some(bytes) => format!("{}: {bytes} bytes of swap", node.name),
        None => format!("{}: its kubelet ({}) reports no swap", node.name, node.kubelet_version),
    };
    nodes(snapshot).map(line).collect()
}
