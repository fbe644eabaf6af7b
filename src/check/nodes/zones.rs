//! Zones: are all nodes labeled, and does no zone decide alone.

use std::collections::BTreeMap;

use crate::base::{Text, Why, WhyKind};
use crate::check::look::{Looked, arg, called, cannot_tell, evidence, names, need_kinds, not_applicable};
use crate::check::{CheckId, Finding, Severity};
use crate::model::kube::Node;
use crate::model::policy::Site;
use crate::model::quorum::needed;
use crate::model::{FeedId, KubeKind, Policy, Snapshot};

pub(super) fn labels(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let nodes = snapshot.kube.nodes.values();
    let (labeled, bare): (Vec<&Node>, Vec<&Node>) = nodes.partition(|node| node.zone.is_some());
    if bare.is_empty() {
        return Ok(Vec::new());
    }
    // One location without zones is a supported placement; labels on some nodes only are a mistake.
    let (severity, title) = if labeled.is_empty() {
        let is_wanted = policy.site == Site::MultiZone;
        let severity = if is_wanted { Severity::Warning } else { Severity::Info };
        (severity, "no node carries a zone label".to_owned())
    } else {
        let lacking = names(bare.iter().map(|node| &node.name));
        (Severity::Warning, format!("no zone label on {lacking}"))
    };
    let lacking = bare.iter().map(|node| format!("{}: no zone", node.name));
    let carrying = labeled.iter().map(|node| zone_line(node));
    let consequence = if labeled.is_empty() {
        "spread is node-level only: right in a single location, not if the nodes stand in different zones"
    } else {
        "spread over zones leaves out a node without a label: no replica with such a constraint can go there"
    };
    let first = bare.first().map(|node| arg(node.name.as_str())).unwrap_or_default();
    Ok(vec![Finding {
        check: CheckId::ZoneLabels,
        severity,
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

pub(super) fn three(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let zones = snapshot.zone_names();
    if zones.is_empty() {
        return Err(not_applicable("no node carries a zone label: a single location"));
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
    findings.extend(decisive_zone(snapshot));
    Ok(findings)
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
        let zone = member
            .peer_address()
            .and_then(|address| snapshot.node_at(address))
            .and_then(|node| node.zone.clone());
        if let Some(zone) = zone {
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
