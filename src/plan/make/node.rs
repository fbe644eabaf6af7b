//! `cordon`, `uncordon` and `out-of-service`: what is asked of one Node.

use super::Planned;
use super::build::{Draft, SOON, act, attest, pinned, watch};
use super::host::{Host, SILENT_MS};
use crate::base::{Text, Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::{Node, Tri};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::Condition;
use crate::plan::request::OUT_OF_SERVICE;
use crate::plan::step::{Risk, Step};

/// The Node of this name, pinned.
pub(super) fn pin<'a>(snapshot: &'a Snapshot, name: &Text) -> Result<(&'a Node, Target), Why> {
    let node = snapshot.node(name);
    let target = Target::pin(&snapshot.kube, ObjectKind::Node, ObjectKey::new("", name.clone()));
    node.zip(target)
        .ok_or_else(|| Why::new(WhyKind::NotFound, format!("there is no node {name}")))
}

pub(super) fn cordon(intent: &Intent, snapshot: &Snapshot, name: &Text, on: bool) -> Result<Planned, Why> {
    let (node, target) = pin(snapshot, name)?;
    if node.unschedulable == on {
        let is = if on { "cordoned" } else { "not cordoned" };
        return Ok(Planned::nothing(format!("{name} is {is} already")));
    }
    let mut draft = Draft::new(intent, snapshot);
    draft.push(cordon_step(&target, on));
    Ok(draft.finish(name))
}

pub(super) fn cordon_step(target: &Target, on: bool) -> Step {
    let name = &target.key.name;
    let (verb, title) = if on {
        ("cordon", format!("let no new pod onto {name}"))
    } else {
        ("uncordon", format!("let pods onto {name} again"))
    };
    let action = |on| Action::Cordon {
        node: target.clone(),
        on,
    };
    act(title, format!("kubectl {verb} {name}"), action(on), Risk::Reversible)
        .needs(pinned(target))
        .done([Condition::Cordoned {
            node: target.clone(),
            on,
        }])
        .undo(action(!on))
}

pub(super) fn out_of_service(intent: &Intent, snapshot: &Snapshot, name: &Text, on: bool) -> Result<Planned, Why> {
    let (node, target) = pin(snapshot, name)?;
    let is_tainted = node.taints.iter().any(|taint| taint.key == OUT_OF_SERVICE);
    if is_tainted == on {
        let is = if on { "tainted" } else { "not tainted" };
        return Ok(Planned::nothing(format!("{name} is {is} out-of-service already")));
    }
    let mut draft = Draft::new(intent, snapshot);
    if on {
        put_out_of_service(&mut draft, snapshot, node, &target)?;
    } else {
        draft.push(taint_step(&target, false));
    }
    Ok(draft.finish(name))
}

fn put_out_of_service(draft: &mut Draft, snapshot: &Snapshot, node: &Node, target: &Target) -> Result<(), Why> {
    let name = &node.name;
    if node.ready.status == Tri::True {
        let text = format!("{name} is Ready: its pods live, and would run twice");
        return Err(Why::new(WhyKind::Unavailable, text).hint("cordon and drain it instead"));
    }
    let quorum = snapshot.quorum();
    let host = Host::find(snapshot, &quorum, name)?;
    let silent = host.id().map(|id| Condition::Silent { id, for_ms: SILENT_MS });
    draft.push(
        attest(format!("{name} is off, and stays off"), format!("{name} is off"))
            .needs(silent.clone())
            .stops([host.answers()]),
    );
    draft.push(
        taint_step(target, true)
            .needs([Condition::NodeDown { node: target.clone() }])
            .needs(silent)
            .stops([host.answers()]),
    );
    let stuck: Vec<Condition> = snapshot
        .pods_on(name)
        .filter(|(_, pod)| !pod.is_static && pod.owner.as_ref().is_none_or(|owner| owner.kind != "DaemonSet"))
        .filter_map(|(key, _)| Target::pin(&snapshot.kube, ObjectKind::Pod, key.clone()))
        .map(|target| Condition::Gone { target })
        .collect();
    if !stuck.is_empty() {
        let command = format!("kubectl get pods -A --field-selector spec.nodeName={name} -w");
        draft.push(
            watch(format!("{} pods of {name} are let go", stuck.len()), command)
                .done(stuck)
                .within(SOON * 5),
        );
    }
    draft.warn(format!(
        "the taint stays until it is taken away: before {name} comes back, run out-of-service {name} --undo"
    ));
    draft.warn("if the host still runs, its pods run twice and two may write to one volume: it must be off");
    Ok(())
}

fn taint_step(target: &Target, on: bool) -> Step {
    let name = &target.key.name;
    let action = |on| Action::OutOfService {
        node: target.clone(),
        on,
    };
    let taint = format!("{OUT_OF_SERVICE}=nodeshutdown:NoExecute");
    let (title, command) = if on {
        (
            format!("free the pods and volumes of {name}"),
            format!("kubectl taint node {name} {taint}"),
        )
    } else {
        (
            format!("take the out-of-service taint off {name}"),
            format!("kubectl taint node {name} {taint}-"),
        )
    };
    // Pods that it kills do not come back with the taint's removal.
    let risk = if on { Risk::Irreversible } else { Risk::Reversible };
    act(title, command, action(on), risk)
        .needs(pinned(target))
        .done([Condition::OutOfService {
            node: target.clone(),
            on,
        }])
        .undo(action(!on))
}
