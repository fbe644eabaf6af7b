//! Between the nodes.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use super::here;
use crate::check::look::{called, millis, names};
use crate::model::reach::Knock;
use crate::model::reach::from::{FromController, Target};
use crate::model::{ObjectKey, Snapshot};

pub(super) fn round_trips(snapshot: &Snapshot) -> Vec<String> {
    let members = snapshot.quorum().members;
    let others: Vec<_> = members.iter().filter(|state| !state.is_local).collect();
    let lines: BTreeSet<String> = others
        .iter()
        .filter_map(|state| {
            let rtt = millis(snapshot.etcd.peers.get(&state.member.id)?.rtt_us?);
            let name = called(&state.member);
            Some(format!("{name}: median round trip to its peer port {rtt}"))
        })
        .collect();
    let between = snapshot
        .round_trips_between()
        .into_iter()
        .map(|(one, other, rtt_us)| format!("{one} to {other}: at least {} (ss, minrtt)", millis(rtt_us)));
    lines.into_iter().chain(between).collect()
}

pub(super) fn addresses(snapshot: &Snapshot) -> Vec<String> {
    let members = snapshot.membership().members;
    let both: BTreeSet<String> = members
        .iter()
        .filter_map(|member| {
            let node = snapshot.kube.nodes.get(&ObjectKey::new("", member.name.clone()))?;
            let (own, peer) = (node.value.address.as_ref()?, member.peer_address()?);
            Some(format!("{}: InternalIP {own}, peer address {peer}", member.name))
        })
        .collect();
    let logins = snapshot.seen_from().filter_map(|(address, seen)| {
        let name = snapshot.controller_at(address);
        Some(format!("{name}: our login comes from {}", seen.arrival?.from))
    });
    both.into_iter().chain(logins).collect()
}

pub(super) fn links(snapshot: &Snapshot) -> Vec<String> {
    let links = snapshot.host.links.iter().flat_map(|links| &links.value);
    let up = links.filter(|link| link.up && link.carrier != Some(false));
    up.filter_map(|link| {
        Some(format!(
            "{} of {}: {} Mbit/s",
            link.name,
            here(snapshot),
            link.speed_mbit?
        ))
    })
    .collect()
}

/// The ways from one controller to each other one that are open.
fn ways(snapshot: &Snapshot, from: IpAddr, seen: &FromController) -> Vec<String> {
    let mut open: BTreeMap<IpAddr, BTreeMap<u16, String>> = BTreeMap::new();
    for way in seen.ways.iter().filter(|way| way.is_open()) {
        let Target::Controller { at, .. } = way.target else {
            continue;
        };
        let said = if way.knock == Knock::Connected {
            at.port().to_string()
        } else {
            format!("{} ({})", at.port(), way.knock.word())
        };
        open.entry(at.ip()).or_default().insert(at.port(), said);
    }
    let from = snapshot.controller_at(from);
    open.into_iter()
        .map(|(to, ports)| {
            format!(
                "{from} reaches {} at {}",
                snapshot.controller_at(to),
                names(ports.into_values())
            )
        })
        .collect()
}

/// The pods on other nodes that each controller reaches.
pub(super) fn overlay(snapshot: &Snapshot) -> Vec<String> {
    let lines = snapshot.seen_from().filter_map(|(address, seen)| {
        let open = snapshot.crossings(seen).into_iter().filter(|own| own.knock.is_answer());
        let open: Vec<String> = open.map(|own| format!("{} at {}", own.to, own.at)).collect();
        let from = snapshot.controller_at(address);
        (!open.is_empty()).then(|| format!("{from} reaches pods through the overlay: {}", names(open)))
    });
    lines.collect()
}

/// The same of this host, or of all others.
fn ways_from(snapshot: &Snapshot, is_own: bool) -> Vec<String> {
    let own = snapshot.own_address();
    let seen = snapshot.seen_from();
    let wanted = seen.filter(|(address, _)| (Some(*address) == own) == is_own);
    wanted
        .flat_map(|(address, seen)| ways(snapshot, address, seen))
        .collect()
}

pub(super) fn ports(snapshot: &Snapshot) -> Vec<String> {
    ways_from(snapshot, true)
}

pub(super) fn pairs(snapshot: &Snapshot) -> Vec<String> {
    ways_from(snapshot, false)
}

pub(super) fn encryption(snapshot: &Snapshot) -> Vec<String> {
    let configs = snapshot.kube.cluster_configs.iter();
    let lines = configs.filter_map(|(key, fact)| {
        let (config, provider) = (&fact.value, fact.value.network_provider.as_ref()?);
        Some(format!(
            "ClusterConfig {key}: {provider}, wireguard is {}",
            config.wireguard
        ))
    });
    lines.collect()
}
