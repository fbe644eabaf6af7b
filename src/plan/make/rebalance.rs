//! `rebalance`: replicas that sit badly are moved, one after the other. Running pods do not move by themselves.

use super::Planned;
use super::build::{Draft, PODS, move_one, pinned};
use crate::base::{Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::WorkloadKind;
use crate::model::placement::Placement;
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{ObjectKind, Target};
use crate::plan::condition::{Condition, lying};
use crate::plan::moves::{candidates, held};
use crate::plan::step::Step;

pub(super) fn plan(
    intent: &Intent,
    snapshot: &Snapshot,
    wanted: Option<&(WorkloadKind, ObjectKey)>,
) -> Result<Planned, Why> {
    let placements = snapshot.placements();
    let Some(placed) = choose(&placements, wanted)? else {
        return Ok(Planned::nothing(
            "every workload lies as evenly as its constraints ask for",
        ));
    };
    let (kind, key) = (placed.workload.kind, &placed.key);
    let surplus = placed.surplus(snapshot);
    if surplus.moves == 0 {
        return Ok(Planned::nothing(format!(
            "the pods of {key} lie evenly: {}",
            lying(placed)
        )));
    }
    if candidates(snapshot, kind, key, &surplus).next().is_none() {
        return Err(Why::new(WhyKind::Unavailable, held(key, &surplus)));
    }
    let mut draft = Draft::new(intent, snapshot);
    draft.warn(format!("they lie so now: {}", lying(placed)));
    draft.warn(match placed.ready() {
        0 | 1 => format!("there is no ready pod of {key} for a while"),
        ready => {
            format!("of {ready} ready pods of {key} one is missing at a time, until the one that replaces it is ready")
        }
    });
    if placed.workload.spread.is_empty() && !placed.workload.hard_host_anti_affinity {
        draft.warn("it asks for no spread: the new pods may lie as badly");
    }
    draft.steps.extend(moves(snapshot, placed, surplus.moves));
    Ok(draft.finish(&key.name))
}

/// So many steps, each of which moves a pod unless that many lie well.
pub(super) fn moves(snapshot: &Snapshot, placed: &Placement, count: u32) -> Vec<Step> {
    let (kind, workload) = (placed.workload.kind, &placed.key);
    let object = match kind {
        WorkloadKind::Deployment => ObjectKind::Deployment,
        WorkloadKind::StatefulSet => ObjectKind::StatefulSet,
        WorkloadKind::DaemonSet => ObjectKind::DaemonSet,
    };
    let Some(target) = Target::pin(&snapshot.kube, object, workload.clone()) else {
        return Vec::new();
    };
    let ready = Condition::ReadyElsewhere {
        kind,
        workload: workload.clone(),
        node: None,
        at_least: placed.workload.desired,
    };
    let step = |number: u32| {
        let evenly = Condition::SpreadEvenly {
            kind,
            workload: workload.clone(),
            but: count - number,
        };
        move_one(kind, workload, number, count)
            .needs(pinned(&target))
            .needs([Condition::NothingPending, ready.clone()])
            .done([evenly, ready.clone()])
            .within(PODS)
    };
    (1..=count).map(step).collect()
}

/// The named one, or the first that lies badly.
fn choose<'a>(
    placements: &'a [Placement],
    wanted: Option<&(WorkloadKind, ObjectKey)>,
) -> Result<Option<&'a Placement>, Why> {
    let mut all = placements.iter();
    let Some((kind, key)) = wanted else {
        let sits_badly = |placed: &&Placement| placed.spread_ok == Some(false) && placed.unscheduled == 0;
        return Ok(all.find(sits_badly));
    };
    let found = all.find(|placed| placed.workload.kind == *kind && placed.key == *key);
    found
        .map(Some)
        .ok_or_else(|| Why::new(WhyKind::NotFound, format!("there is no {} {key}", kind.word())))
}
