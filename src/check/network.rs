//! The network family: are the nodes close, do they meet without NAT, is the overlay private.
//! What is measured is measured from this host, by the probes of etcd's peer ports.

use core::net::IpAddr;
use std::time::Duration;

mod client;
mod overlay;
mod ports;

use super::look::{
    Looked, because, called, cannot_tell, evidence, host_subject, member_subject, millis, names, need, need_kinds,
    need_own_api, not_applicable, outcome,
};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::{Member, PeerFacts};
use crate::model::feed::HostPart;
use crate::model::quorum::Health;
use crate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::NetworkLatency,
        group: Group::Network,
        profile: Profile::Any,
        title: "the controllers are close to each other",
        looks_at: "round trips from this host to the other members' peer port, on open connections, the median of the last ones; and with \
                   look_from_there those between the others, as the kernel there measured them (ss, minrtt): without these it cannot tell",
        why: "every write waits for the nearest majority, and a slow heartbeat costs etcd its leader",
        fix: "place the nodes in one location, or in zones of one region",
        statement: Some(
            "typical intra-region inter-AZ latency (about 1-5 ms) is within range, while distant high-latency regions are not supported (that is disaster recovery, not HA)",
        ),
        look: |snapshot, policy| outcome(latency(snapshot, policy)),
    },
    Check {
        id: CheckId::NetworkNat,
        group: Group::Network,
        profile: Profile::Any,
        title: "members and nodes have the same addresses",
        looks_at: "each member's peer address against the InternalIP of the node of its name; and from which address this host's login \
                   arrives at the other controllers, which is told only with look_from_there: without it, NAT on the way is not seen",
        why: "two addresses of one machine mean a second network, or NAT, which is not supported",
        fix: "let every node reach every other one by its own IP address, without translation",
        statement: Some("Nodes must be reachable from each other by IP address. NAT between nodes is not supported."),
        look: |snapshot, _| outcome(nat(snapshot)),
    },
    Check {
        id: CheckId::NetworkLinkSpeed,
        group: Group::Network,
        profile: Profile::Any,
        title: "this host's network is fast enough",
        looks_at: "the nominal speed of this host's interfaces that are up; virtual ones often tell none. Where any \
                   tells none, or some are fast and some are not, it cannot tell: which of them carries the cluster is not known",
        why: "a new replica's image and a new member's database come over the same wire as etcd's heartbeats",
        fix: "use a faster interface between the nodes",
        statement: Some("1 Gbps or faster NIC recommended for inter-node cluster traffic."),
        look: |snapshot, policy| outcome(link_speed(snapshot, policy)),
    },
    Check {
        id: CheckId::NetworkPorts,
        group: Group::Network,
        profile: Profile::Any,
        title: "this host reaches the other controllers' ports",
        looks_at: "TCP connects from this host to 6443, 9443, 2380, 10250 and 30000 (or adminConsole.port in this host's ec.yaml) of every controller that is not dead, every 5 min; 179 \
                   where Calico uses BGP. 2379 and 4789/UDP have checks of their own: network.etcd-client, network.overlay",
        why: "each of these is needed at the latest when another controller is lost",
        fix: "open these ports between all controllers, in both directions",
        statement: Some("Required ports (inter-node): open these between all cluster nodes"),
        look: |snapshot, _| outcome(ports::own(snapshot)),
    },
    Check {
        id: CheckId::NetworkPairs,
        group: Group::Network,
        profile: Profile::Any,
        title: "the other controllers reach each other's ports",
        looks_at: "the same ports as every other controller reaches them, with look_from_there: its sshd connects, nothing is sent",
        why: "that this host reaches everybody says nothing of the ways between the others",
        fix: "open these ports between all controllers, in both directions",
        statement: Some("Required ports (inter-node): open these between all cluster nodes"),
        look: |snapshot, _| outcome(ports::pairs(snapshot)),
    },
    Check {
        id: CheckId::NetworkEtcdClient,
        group: Group::Network,
        profile: Profile::Any,
        title: "etcd takes clients on its own host only",
        looks_at: "the client URLs in etcd's member list, and listen-client-urls of the member on this host; nobody connects to 2379",
        why: "2379 is on the list of required ports, but k0s's etcd listens for clients on loopback only: it need not be open, and \
              where it is, it leads past the API server",
        fix: "leave it closed; see etcd's extraArgs in /etc/k0s/k0s.yaml where it is open",
        statement: Some("2379-2380 TCP etcd (control plane state)"),
        look: |snapshot, _| outcome(client::open(snapshot)),
    },
    Check {
        id: CheckId::NetworkOverlay,
        group: Group::Network,
        profile: Profile::Any,
        title: "the overlay joins the pods of all nodes",
        looks_at: "whether Calico is ready on every node that is; provider and mode in k0s's ClusterConfig; and TCP connects from this \
                   host, and with look_from_there from the other controllers, to a pod on each other node by its own address",
        why: "where VXLAN does not pass, every node looks well, and pods of one node do not reach those of another",
        fix: "see Calico's pod on that node, and let 4789/UDP pass between all nodes in both directions",
        statement: Some("4789 UDP VXLAN overlay (Calico)"),
        look: |snapshot, _| outcome(overlay::carried(snapshot)),
    },
    Check {
        id: CheckId::NetworkEncryption,
        group: Group::Network,
        profile: Profile::Any,
        title: "pod traffic between nodes is encrypted",
        looks_at: "spec.network.provider and spec.network.calico.wireguard of k0s's ClusterConfig",
        why: "without it, whoever reads along between the nodes reads what pods say",
        fix: "run the nodes on a private network of their own; encryption is no requirement",
        statement: Some(
            "Overlay encryption (WireGuard) is not enabled by default, so run all cluster nodes on a trusted private network - for example a dedicated VLAN, VPC, or subnet with security groups - rather than across untrusted links.",
        ),
        look: |snapshot, _| outcome(encryption(snapshot)),
    },
];

/// The other members that serve, with what the probe of each says. A dead one is etcd.member-lost's; one that is neither
/// proven healthy nor dead keeps the check from telling.
fn others(snapshot: &Snapshot) -> Result<Vec<(Member, PeerFacts)>, Outcome> {
    let quorum = snapshot.quorum();
    if !quorum.membership.is_from_etcd() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let remote: Vec<_> = quorum.members.iter().filter(|state| !state.is_local).collect();
    if remote.is_empty() {
        return Err(not_applicable("etcd has no other member"));
    }
    let mut found = Vec::new();
    for state in remote {
        let feed = FeedId::EtcdPeer(state.member.id);
        match &state.health {
            Health::Dead { .. } => {}
            Health::Unknown { why } => return Err(cannot_tell(feed, why.clone())),
            Health::Healthy { .. } => {
                need(snapshot, feed)?;
                let facts = snapshot.etcd.peers.get(&state.member.id).cloned();
                found.extend(facts.map(|facts| (state.member.clone(), facts)));
            }
        }
    }
    if found.is_empty() {
        let why = Why::new(WhyKind::Unreachable, "no other member answers");
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    Ok(found)
}

fn latency(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let others = others(snapshot)?;
    if snapshot.simulated.as_ref().is_some_and(|own| !own.has_length) {
        return Err(not_applicable("this simulated network has no length"));
    }
    let is_far = |rtt_us| Duration::from_micros(rtt_us) > policy.latency_high;
    let far = others.iter().filter_map(|(member, facts)| {
        let rtt_us = facts.rtt_us?;
        let how = "the median round trip to its peer port";
        is_far(rtt_us).then(|| distant(&called(member), "", rtt_us, how, policy))
    });
    let known = snapshot.round_trips_between();
    let between = known.iter().filter_map(|(one, other, rtt_us)| {
        let how = "the shortest round trip of their connections";
        is_far(*rtt_us).then(|| distant(other, &format!(" from {one}"), *rtt_us, how, policy))
    });
    let found: Vec<Finding> = far.chain(between).collect();
    if found.is_empty() {
        need_round_trips(snapshot, &known)?;
    }
    Ok(found)
}

/// Goes on only if it is known how far the others that live are from each other, by one of the two.
fn need_round_trips(snapshot: &Snapshot, known: &[(Text, Text, u64)]) -> Result<(), Outcome> {
    let mut others = snapshot.neighbours();
    others.sort_by(|one, other| one.name.cmp(&other.name));
    let mut living = others.iter().filter(|own| ports::is_asked(snapshot, own.address));
    while let Some(one) = living.next() {
        let is_known = |name: &Text| {
            let mut pairs = known.iter();
            pairs.any(|(from, to, _)| (from, to) == (&one.name, name) || (from, to) == (name, &one.name))
        };
        if let Some(other) = living.clone().find(|other| !is_known(&other.name)) {
            let feed = FeedId::From(one.address);
            let text = format!(
                "they are near to this host; how far {} and {} are from each other is not told",
                one.name, other.name
            );
            need(snapshot, feed).map_err(|outcome| because(outcome, &text))?;
            return Err(cannot_tell(feed, Why::new(WhyKind::Missing, text)));
        }
    }
    Ok(())
}

/// `from` says from whom, where it is not this host.
fn distant(name: &Text, from: &str, rtt_us: u64, how: &str, policy: &Policy) -> Finding {
    let took = millis(rtt_us);
    let (severity, consequence) = if Duration::from_micros(rtt_us) > policy.latency_far {
        (
            Severity::Warning,
            "that is the distance of another region, which is not supported: expect slow writes and lost leaders",
        )
    } else {
        (Severity::Info, "writes take longer than between zones of one region")
    };
    Finding {
        check: CheckId::NetworkLatency,
        severity,
        subject: Text::from(format!("member/{name}")),
        title: format!("{name} is {took} away{from}").into(),
        evidence: evidence([format!("{how} takes {took}; about 1 to 5 ms are typical between zones")]),
        consequence: consequence.into(),
        remedy: "place the controllers in one location or in zones of one region; if they are, look at load and links"
            .into(),
    }
}

fn nat(snapshot: &Snapshot) -> Looked {
    need_own_api(snapshot)?;
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let membership = snapshot.membership();
    if !membership.is_from_etcd() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let started = membership.members.iter().filter(|member| member.has_started());
    let doubled = started.filter_map(|member| two_addresses(snapshot, member));
    let found: Vec<Finding> = doubled.chain(translated(snapshot)).collect();
    if found.is_empty() {
        need_arrivals(snapshot)?;
    }
    Ok(found)
}

/// Goes on only if every other controller that lives told from where this host's login comes: addresses alone show no
/// translation on the way.
fn need_arrivals(snapshot: &Snapshot) -> Result<(), Outcome> {
    let others = snapshot.neighbours();
    let living: Vec<_> = others
        .iter()
        .filter(|own| ports::is_asked(snapshot, own.address))
        .collect();
    if !living.is_empty() && snapshot.own_address().is_none() {
        let why = Why::new(
            WhyKind::NotYet,
            "this host's address among the controllers is not known",
        );
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    for neighbour in living {
        let feed = FeedId::From(neighbour.address);
        let name = &neighbour.name;
        let compared = "the members' addresses are the nodes' own";
        if let Err(outcome) = need(snapshot, feed) {
            let untold = format!("{compared}; from which address {name} sees this host is not told");
            return Err(because(outcome, &untold));
        }
        let seen = snapshot.from.get(&neighbour.address);
        if seen.is_none_or(|seen| seen.arrival.is_none()) {
            let text = format!("{compared}; {name} does not tell from which address it sees this host");
            return Err(cannot_tell(feed, Why::new(WhyKind::Missing, text)));
        }
    }
    Ok(())
}

/// Logins of ours that arrive elsewhere, or from somebody else, than we think.
fn translated(snapshot: &Snapshot) -> Vec<Finding> {
    let Some(own) = snapshot.own_address() else {
        return Vec::new();
    };
    let arrivals = snapshot
        .seen_from()
        .filter_map(|(address, seen)| Some((address, seen.arrival?)));
    let odd = arrivals.filter(|(address, arrival)| (arrival.from, arrival.at) != (own, *address));
    odd.map(|(address, arrival)| {
        let name = snapshot.controller_at(address);
        Finding {
            check: CheckId::NetworkNat,
            severity: Severity::Info,
            subject: format!("node/{name}").into(),
            title: format!("{name} sees this host at another address").into(),
            evidence: evidence([
                format!("our login went from {own} to {address}"),
                format!("there it comes from {} and arrived at {}", arrival.from, arrival.at),
            ]),
            consequence:
                "fine where a host has both addresses; if one is translated to the other, failover is not supported"
                    .into(),
            remedy: "on each of the two: ip address; if the address is on neither, remove the NAT between the nodes"
                .into(),
        }
    })
    .collect()
}

fn two_addresses(snapshot: &Snapshot, member: &Member) -> Option<Finding> {
    let peer = member.peer_address()?;
    let node = snapshot.kube.nodes.get(&ObjectKey::new("", member.name.clone()))?;
    let own = node.value.address.as_ref()?;
    // A name may mean either; and another node's address is members.stranger's.
    if own == peer || peer.parse::<IpAddr>().is_err() || snapshot.node_at(peer).is_some() {
        return None;
    }
    let name = &member.name;
    Some(Finding {
        check: CheckId::NetworkNat,
        severity: Severity::Info,
        subject: member_subject(member),
        title: format!("{name} has one address as a node, another as a member").into(),
        evidence: evidence([format!("InternalIP {own}"), format!("peer address {peer}")]),
        consequence: "fine where the machine has both; if one is translated to the other, failover is not supported"
            .into(),
        remedy: format!("on {name}: ip address; if {peer} is not there, remove the NAT between the nodes").into(),
    })
}

fn link_speed(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let feed = FeedId::Host(HostPart::Links);
    need(snapshot, feed)?;
    let links = snapshot.host.links.iter().flat_map(|links| &links.value);
    let up: Vec<_> = links.filter(|link| link.up && link.carrier != Some(false)).collect();
    let speeds = || up.iter().filter_map(|link| link.speed_mbit);
    let (Some(slowest), Some(fastest)) = (speeds().min(), speeds().max()) else {
        let why = Why::new(WhyKind::Missing, "no interface that is up tells its speed");
        return Err(cannot_tell(feed, why));
    };
    let is_silent = up.iter().any(|link| link.speed_mbit.is_none());
    if u64::from(slowest) >= policy.link_mbit && !is_silent {
        return Ok(Vec::new());
    }
    let told = up.iter().map(|link| {
        let speed = link
            .speed_mbit
            .map_or_else(|| "unknown".to_owned(), |speed| format!("{speed} Mbit/s"));
        format!("{}: {speed}", link.name)
    });
    if u64::from(fastest) >= policy.link_mbit || is_silent {
        let text = format!("which of them carries the cluster is not known: {}", names(told));
        return Err(cannot_tell(feed, Why::new(WhyKind::Missing, text)));
    }
    Ok(vec![Finding {
        check: CheckId::NetworkLinkSpeed,
        severity: Severity::Info,
        subject: host_subject(snapshot),
        title: format!("this host's fastest interface has {fastest} Mbit/s").into(),
        evidence: evidence(told),
        consequence: "a new member's snapshot or a new pod's image may crowd out etcd's heartbeats".into(),
        remedy: format!(
            "use an interface of {} Mbit/s or more between the nodes",
            policy.link_mbit
        )
        .into(),
    }])
}

fn encryption(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::ClusterConfigs])?;
    let Some((key, fact)) = snapshot.kube.cluster_configs.iter().next() else {
        return Err(not_applicable("there is no ClusterConfig"));
    };
    let config = &fact.value;
    let provider = config.network_provider.as_ref();
    if provider.is_none_or(|provider| provider != "calico") {
        let provider = provider.map_or("k0s's default", Text::as_str);
        return Err(not_applicable(&format!(
            "the network provider is {provider}, not calico"
        )));
    }
    if config.wireguard {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        check: CheckId::NetworkEncryption,
        severity: Severity::Info,
        subject: "cluster".into(),
        title: "pod traffic between nodes is not encrypted".into(),
        evidence: evidence([format!("ClusterConfig {key}: spec.network.calico.wireguard is not true")]),
        consequence: "whoever reads along between the nodes reads what pods say".into(),
        remedy: "as by default: run all nodes on a trusted private network, such as a VLAN, VPC or subnet of their own. Then \
                 acknowledge it: quorate ack network.encryption --reason ..."
            .into(),
    }])
}

#[cfg(test)]
mod tests;
