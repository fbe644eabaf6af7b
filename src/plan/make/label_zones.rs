//! `label-zones`: every node gets its zone label, all in one batch. Nodes without one are skipped by the scheduler where
//! others have it, so that a half-labelled cluster has silently fewer places for pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Planned;
use super::build::{Draft, SOON, act, pinned, watch};
use super::suggest::suggest;
use crate::base::{Text, Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::Node;
use crate::model::placement::ZONE;
use crate::model::quorum::{Quorum, needed};
use crate::model::{ObjectKey, Policy, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::Condition;
use crate::plan::step::Risk;

/// Label of a node's region.
const REGION: &str = "topology.kubernetes.io/region";

pub(super) fn plan(
    intent: &Intent,
    (snapshot, policy): (&Snapshot, &Policy),
    wanted: &BTreeMap<Text, Text>,
    region: Option<&Text>,
) -> Result<Planned, Why> {
    let mut draft = Draft::new(intent, snapshot);
    let zones = choose((snapshot, policy), wanted, &mut draft)?;
    let mut done = Vec::new();
    for node in snapshot.kube.nodes.values() {
        let set = changes(node, &zones, region);
        let key = ObjectKey::new("", node.name.clone());
        let Some(target) = Target::pin(&snapshot.kube, ObjectKind::Node, key).filter(|_| !set.is_empty()) else {
            continue;
        };
        for (label, value) in &set {
            done.push(Condition::Labelled {
                node: target.clone(),
                label: label.clone(),
                value: value.clone(),
            });
        }
        let step = label_step(node, &target, set);
        // Only the first one asks: between the others there must be no wait, and each request carries the node's uid.
        let is_first = draft.steps.is_empty();
        let needs = pinned(&target).into_iter().filter(|_| is_first);
        draft.push(step.needs(needs));
    }
    if draft.steps.is_empty() {
        return Ok(Planned::nothing("every node carries its label already"));
    }
    draft.push(
        watch("all labels are there", format!("kubectl get nodes -L {ZONE}"))
            .done(done)
            .within(SOON),
    );
    warn_of_split(&mut draft, &snapshot.quorum(), &zones);
    warn_of_pods(&mut draft, snapshot, &zones);
    draft.warn("a Node that is deleted and comes back has lost its labels");
    Ok(draft.finish(&"label-zones".into()))
}

/// The zone of every node: as named, or else as suggested, or else refused.
fn choose(
    (snapshot, policy): (&Snapshot, &Policy),
    wanted: &BTreeMap<Text, Text>,
    draft: &mut Draft,
) -> Result<BTreeMap<Text, Text>, Why> {
    for (name, zone) in wanted {
        if snapshot.node(name).is_none() {
            return Err(Why::new(WhyKind::NotFound, format!("there is no node {name}")));
        }
        if !is_label_value(zone.as_str()) {
            let text = format!("{zone:?} cannot be the value of a label: up to 63 letters, digits, '-', '_' and '.'");
            return Err(Why::new(WhyKind::Config, text));
        }
    }
    let suggested = suggest(snapshot, policy);
    let mut zones = BTreeMap::new();
    let mut unknown = Vec::new();
    for node in snapshot.kube.nodes.values() {
        let name = &node.name;
        match (wanted.get(name), suggested.get(name)) {
            (Some(zone), _) => {
                zones.insert(name.clone(), zone.clone());
            }
            (None, Some(suggestion)) => {
                if node.zone.as_ref() != Some(&suggestion.zone) {
                    draft.warn(format!("{name}: {}, because {}", suggestion.zone, suggestion.because));
                }
                zones.insert(name.clone(), suggestion.zone.clone());
            }
            (None, None) => unknown.push(name.as_str()),
        }
    }
    if zones.is_empty() && unknown.is_empty() {
        return Err(Why::new(WhyKind::NotFound, "no node is known"));
    }
    if unknown.is_empty() {
        return Ok(zones);
    }
    let names = unknown.join(", ");
    let text = format!("nothing tells in which zone these are: {names}");
    let hint = format!("name it: label-zones {}=ZONE", unknown[0]);
    Err(Why::new(WhyKind::NotYet, text).hint(hint))
}

/// As Kubernetes validates it.
fn is_label_value(raw: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let may_be_within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    raw.len() <= 63 && raw.chars().all(may_be_within) && is_end(raw.chars().next()) && is_end(raw.chars().last())
}

/// The labels of a node that change.
fn changes(node: &Node, zones: &BTreeMap<Text, Text>, region: Option<&Text>) -> BTreeMap<Text, Option<Text>> {
    let wanted = [(ZONE, zones.get(&node.name)), (REGION, region)];
    let wanted = wanted.into_iter().filter_map(|(label, value)| Some((label, value?)));
    wanted
        .filter(|(label, value)| node.labels.get(label) != Some(*value))
        .map(|(label, value)| (label.into(), Some(value.clone())))
        .collect()
}

fn label_step(node: &Node, target: &Target, set: BTreeMap<Text, Option<Text>>) -> crate::plan::Step {
    let name = &node.name;
    let before: BTreeMap<Text, Option<Text>> = set
        .keys()
        .map(|label| (label.clone(), node.labels.get(label.as_str()).cloned()))
        .collect();
    let written = set
        .iter()
        .filter_map(|(label, value)| Some(format!("{label}={}", value.as_ref()?)));
    let written: Vec<String> = written.collect();
    let told = set.iter().map(|(label, value)| {
        let short = label.as_str().rsplit('/').next().unwrap_or_default();
        let old = node.labels.get(label.as_str()).map_or("none", Text::as_str);
        format!("{short} {old} -> {}", value.as_ref().map_or("none", Text::as_str))
    });
    let told: Vec<String> = told.collect();
    let action = |set| Action::Label {
        node: target.clone(),
        set,
    };
    act(
        format!("label {name}: {}", told.join(", ")),
        format!("kubectl label node {name} --overwrite {}", written.join(" ")),
        action(set),
        Risk::Reversible,
    )
    .undo(action(before))
}

/// Running pods do not move: the workloads that will then lie otherwise than they ask for.
fn warn_of_pods(draft: &mut Draft, snapshot: &Snapshot, zones: &BTreeMap<Text, Text>) {
    let mut labelled = snapshot.clone();
    for row in labelled.kube.nodes.rows_mut().values_mut() {
        let node = &mut Arc::make_mut(row).value;
        node.zone = zones.get(&node.name).cloned();
    }
    let uneven: Vec<String> = labelled
        .placements()
        .iter()
        .filter(|placed| placed.spread_ok == Some(false))
        .map(|placed| placed.key.to_string())
        .collect();
    if uneven.is_empty() {
        draft.warn("running pods do not move, and none has to");
    } else {
        draft.warn(format!(
            "running pods do not move; these will lie unevenly until rebalance moves them: {}",
            uneven.join(", ")
        ));
    }
}

/// What the loss of each zone would mean for quorum.
fn warn_of_split(draft: &mut Draft, quorum: &Quorum, zones: &BTreeMap<Text, Text>) {
    let mut nodes: BTreeMap<&Text, usize> = BTreeMap::new();
    for zone in zones.values() {
        *nodes.entry(zone).or_default() += 1;
    }
    if nodes.len() == 1 {
        draft.warn("all nodes are in one zone: the label then tells nothing");
    } else if nodes.values().max() != nodes.values().min() {
        let split: Vec<String> = nodes.iter().map(|(zone, count)| format!("{zone}: {count}")).collect();
        draft.warn(format!(
            "the zones are uneven ({}): pods spread over zones, not over nodes",
            split.join(", ")
        ));
    }
    if !quorum.membership.is_from_etcd() {
        return;
    }
    let zone_of = |name: &Text| zones.get(name);
    let mut voters: BTreeMap<&Text, usize> = BTreeMap::new();
    for state in quorum.members.iter().filter(|state| !state.member.is_learner) {
        *voters
            .entry(zone_of(&state.member.name).unwrap_or(&state.member.name))
            .or_default() += 1;
    }
    for (zone, count) in voters
        .into_iter()
        .filter(|(_, count)| quorum.voters - count < needed(quorum.voters))
    {
        draft.warn(format!(
            "zone {zone} holds {count} of {} voters of etcd: losing it loses quorum",
            quorum.voters
        ));
    }
}
