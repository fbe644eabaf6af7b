//! Zones: are all nodes labeled, and does no zone decide alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::{Text, Why, WhyKind};
use crate::check::look::{Looked, arg, called, cannot_tell, evidence, millis, names, need, need_kinds, not_applicable};
use crate::check::{CheckId, Finding, Outcome, Severity};
use crate::model::etcd::Member;
use crate::model::kube::Node;
use crate::model::policy::Site;
use crate::model::quorum::{Health, needed};
use crate::model::{FeedId, KubeKind, Policy, Snapshot};

pub(super) fn labels(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let nodes = snapshot.kube.nodes.values();
    let (labeled, bare): (Vec<&Node>, Vec<&Node>) = nodes.partition(|node| node.zone.is_some());
    if bare.is_empty() {
        return Ok(Vec::new());
    }
    if labeled.is_empty() && policy.site != Site::MultiZone {
        return Err(single_location());
    }
    let title = if labeled.is_empty() {
        "no node carries a zone label".to_owned()
    } else {
        let lacking = names(bare.iter().map(|node| &node.name));
        format!("no zone label on {lacking}")
    };
    let lacking = bare.iter().map(|node| format!("{}: no zone", node.name));
    let carrying = labeled.iter().map(|node| zone_line(node));
    let consequence = if labeled.is_empty() {
        "spread is node-level only: a zone with two nodes may hold every replica, and its loss take them"
    } else {
        "spread over zones leaves out a node without a label: no replica with such a constraint can go there"
    };
    let first = bare.first().map(|node| arg(node.name.as_str())).unwrap_or_default();
    Ok(vec![Finding {
        check: CheckId::ZoneLabels,
        severity: Severity::Warning,
        subject: match bare.as_slice() {
            [node] => Text::from(format!("node/{}", node.name)),
            _ => "cluster".into(),
        },
        title: title.into(),
        evidence: evidence(lacking.chain(carrying)),
        consequence: consequence.into(),
        remedy: format!(
            "kubectl label node {first} topology.kubernetes.io/zone=ZONE, for each; then rebalance what should move"
        )
        .into(),
    }])
}

fn zone_line(node: &Node) -> String {
    let zone = node.zone.as_ref().map_or("no zone", Text::as_str);
    format!("{}: {zone}", node.name)
}

/// One location without zones is a supported placement; labels on some nodes only are a mistake.
fn single_location() -> Outcome {
    not_applicable(
        "no node carries a zone label: a single location. Where the nodes stand in zones, label them, or set policy.site = \
         multi-zone, and this is checked",
    )
}

pub(super) fn three(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let zones = snapshot.zone_names();
    if zones.is_empty() {
        return Err(match policy.site {
            Site::MultiZone => not_applicable("no node carries its zone yet: see zone.labels"),
            Site::Auto | Site::SingleLocation => single_location(),
        });
    }
    let all_labeled = snapshot.kube.nodes.values().all(|node| node.zone.is_some());
    if zones.len() < 3 && !all_labeled {
        return Err(not_applicable("not every node carries its zone yet: see zone.labels"));
    }
    let membership = snapshot.membership();
    if !membership.is_from_etcd() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let mut findings = Vec::new();
    if zones.len() != 3 {
        findings.push(not_three(snapshot, zones.len()));
    }
    findings.extend(two_regions(snapshot));
    findings.extend(decisive_zone(snapshot));
    if findings.is_empty() {
        need_zones(snapshot)?;
        need_regions(snapshot, policy)?;
    }
    Ok(findings)
}

/// Goes on only if every node carries its region, or the way to every other member that lives is too short for another one.
fn need_regions(snapshot: &Snapshot, policy: &Policy) -> Result<(), Outcome> {
    let bare = snapshot.kube.nodes.values().filter(|node| node.region.is_none());
    let bare: Vec<&Text> = bare.map(|node| &node.name).collect();
    let has_no_length = snapshot.simulated.as_ref().is_some_and(|own| !own.has_length);
    if bare.is_empty() || has_no_length {
        return Ok(());
    }
    let quorum = snapshot.quorum();
    for state in quorum.members.iter().filter(|state| !state.is_local) {
        let member = &state.member;
        let feed = FeedId::EtcdPeer(member.id);
        let untold = |kind, what: String| {
            let text = format!("no region label on {}, and {what}", names(&bare));
            let why = Why::new(kind, text);
            cannot_tell(feed, why.hint("label the nodes with topology.kubernetes.io/region"))
        };
        match &state.health {
            Health::Dead { .. } => continue,
            Health::Unknown { why } => return Err(untold(why.kind, format!("{}: {}", called(member), why.text))),
            Health::Healthy { .. } => need(snapshot, feed)?,
        }
        let rtt_us = snapshot.etcd.peers.get(&member.id).and_then(|peer| peer.rtt_us);
        let Some(rtt_us) = rtt_us else {
            return Err(untold(
                WhyKind::NotYet,
                format!("how far {} is away is not known", called(member)),
            ));
        };
        if Duration::from_micros(rtt_us) > policy.latency_far {
            let what = format!(
                "{} is {} away: it may stand in another region",
                called(member),
                millis(rtt_us)
            );
            return Err(untold(WhyKind::Missing, what));
        }
    }
    Ok(())
}

/// Nodes in more than one region. One without a region label is not compared.
fn two_regions(snapshot: &Snapshot) -> Option<Finding> {
    let nodes = || snapshot.kube.nodes.values();
    let regions: BTreeSet<&Text> = nodes().filter_map(|node| node.region.as_ref()).collect();
    if regions.len() < 2 {
        return None;
    }
    let lines = nodes().map(|node| match &node.region {
        Some(region) => format!("{}, region {region}", zone_line(node)),
        None => format!("{}, no region label", zone_line(node)),
    });
    Some(Finding {
        check: CheckId::ZoneThree,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: format!("the nodes stand in {} regions: {}", regions.len(), names(&regions)).into(),
        evidence: evidence(lines),
        consequence: "the way between regions is long: expect slow writes and lost leaders; that is not supported"
            .into(),
        remedy: "place one controller in each of three zones of one region; correct a label that is wrong".into(),
    })
}

/// Where a member stands, by the node with its peer address.
fn zone_of(snapshot: &Snapshot, member: &Member) -> Option<Text> {
    snapshot.node_at(member.peer_address()?)?.zone.clone()
}

/// Goes on only if every voter's zone is known: one that is not may stand in any.
fn need_zones(snapshot: &Snapshot) -> Result<(), Outcome> {
    let membership = snapshot.membership();
    let mut voters = membership.members.iter().filter(|member| !member.is_learner);
    let Some(member) = voters.find(|member| zone_of(snapshot, member).is_none()) else {
        return Ok(());
    };
    let text = format!(
        "the zone of etcd member {} is not known: no node with its peer address carries one",
        called(member)
    );
    Err(cannot_tell(
        FeedId::Kube(KubeKind::Nodes),
        Why::new(WhyKind::Missing, text),
    ))
}

fn not_three(snapshot: &Snapshot, count: usize) -> Finding {
    let consequence = if count < 3 {
        "one zone holds more etcd members than the rest can spare: its loss may stop the control plane"
    } else {
        "more than three zones are not the supported placement, and add no spare"
    };
    Finding {
        check: CheckId::ZoneThree,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: format!("{count} zones instead of 3").into(),
        evidence: evidence(snapshot.kube.nodes.values().map(zone_line)),
        consequence: consequence.into(),
        remedy: "place one controller in each of three zones of one region; correct a label that is wrong".into(),
    }
}

/// The zone whose loss leaves fewer voters than needed, where there are several voters.
fn decisive_zone(snapshot: &Snapshot) -> Option<Finding> {
    let membership = snapshot.membership();
    let voters: Vec<_> = membership.members.iter().filter(|member| !member.is_learner).collect();
    let mut zones: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
    for member in &voters {
        if let Some(zone) = zone_of(snapshot, member) {
            zones.entry(zone).or_default().push(called(member));
        }
    }
    let too_many = |count: usize| voters.len() - count < needed(voters.len());
    let (zone, members) = zones
        .iter()
        .find(|(_, members)| members.len() > 1 && too_many(members.len()))?;
    Some(Finding {
        check: CheckId::ZoneThree,
        severity: Severity::Warning,
        subject: Text::from(format!("zone/{zone}")),
        title: format!("zone {zone} holds {} of {} etcd members", members.len(), voters.len()).into(),
        evidence: evidence([format!("in {zone}: {}", names(members))]),
        consequence: "the loss of that zone stops the control plane".into(),
        remedy: "spread the controllers so that each zone holds one; correct a label that is wrong".into(),
    })
}
