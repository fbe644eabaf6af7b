//! `rebalance`: a rollout restart, where replicas sit badly. Running pods do not move by themselves.

use super::Planned;
use super::build::{Draft, PODS, SOON, act, pinned, watch};
use crate::base::{Text, Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::WorkloadKind;
use crate::model::placement::Placement;
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::{Condition, lying};
use crate::plan::step::Risk;

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
    let object = match kind {
        WorkloadKind::Deployment => ObjectKind::Deployment,
        WorkloadKind::StatefulSet => ObjectKind::StatefulSet,
        WorkloadKind::DaemonSet => ObjectKind::DaemonSet,
    };
    let target = Target::pin(&snapshot.kube, object, key.clone())
        .ok_or_else(|| Why::new(WhyKind::NotFound, format!("there is no {} {key}", kind.word())))?;
    let mut draft = Draft::new(intent, snapshot);
    draft.warn(format!("they lie so now: {}", lying(placed)));
    if placed.ready() < 2 {
        draft.warn(format!(
            "{} of {key} is ready: there may be none for a while",
            placed.ready()
        ));
    }
    if placed.workload.spread.is_empty() && !placed.workload.hard_host_anti_affinity {
        draft.warn("it asks for no spread: the new pods may lie as badly");
    }
    let command = format!(
        "kubectl -n {} rollout restart {}/{}",
        key.namespace,
        kind.word().to_lowercase(),
        key.name
    );
    let workload = target.clone();
    draft.push(
        act(
            format!("restart the pods of {key}"),
            command,
            Action::RolloutRestart { workload },
            Risk::Reversible,
        )
        .needs(pinned(&target))
        .needs([Condition::NothingPending])
        .done([Condition::RolledOut {
            kind,
            workload: key.clone(),
            pods: pods_of(snapshot, kind, key),
        }])
        .within(PODS),
    );
    let command = format!("kubectl -n {} get pods -o wide", key.namespace);
    draft.push(
        watch(format!("the replicas of {key} lie evenly"), command)
            .done([Condition::SpreadEvenly {
                kind,
                workload: key.clone(),
            }])
            .within(SOON),
    );
    Ok(draft.finish(&key.name))
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

fn pods_of(snapshot: &Snapshot, kind: WorkloadKind, workload: &ObjectKey) -> Vec<Text> {
    let pods = snapshot.kube.pods.iter().map(|(key, row)| (key, &row.value));
    let own = pods.filter(|(key, pod)| {
        let owner = snapshot.workload_of(key, pod);
        !pod.is_finished() && owner.is_some_and(|(own, name)| own == kind && name == *workload)
    });
    own.map(|(_, pod)| pod.uid.clone()).collect()
}
