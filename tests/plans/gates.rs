//! Every gate of every plan: cut, and what must never happen happens; or the table says why it does not.

use quorate::rehearse::mishap::Mishap;
use quorate::sim::scenario::K0sFamily;

use crate::scenes::{SCENES, Scene};
use crate::trial::Trial;

/// A gate, or several that stand for each other: cut together, this mishap does harm.
struct Bearing {
    plan: &'static str,
    gates: &'static [&'static str],
    mishap: Mishap,
}

#[rustfmt::skip] // One line each: it is a table.
const BEARING: &[Bearing] = &[
    Bearing { plan: "restart-controllers", gates: &["permitted:stop", "ready-elsewhere", "nothing-pending"], mishap: Mishap::SecondDies },
    Bearing { plan: "restart-controllers", gates: &["membership-quiet"], mishap: Mishap::JoinFails },
    Bearing { plan: "restart-controllers", gates: &["nothing-pending"], mishap: Mishap::PodPends },
    Bearing { plan: "restart-controllers", gates: &["ready-elsewhere"], mishap: Mishap::ReplicasDie },
    Bearing { plan: "restart-controllers", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "drain", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "replace-node", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "swap", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "enable-ha", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "remove-remnant", gates: &["no-upgrade"], mishap: Mishap::UpgradeBegins },
    Bearing { plan: "drain", gates: &["permitted:stop"], mishap: Mishap::SecondDies },
    Bearing { plan: "rebalance", gates: &["nothing-pending"], mishap: Mishap::PodPends },
    Bearing { plan: "rebalance", gates: &["ready-elsewhere", "nothing-pending"], mishap: Mishap::ReplicasDie },
    Bearing { plan: "etcd-space", gates: &["permitted:disturb"], mishap: Mishap::SecondDies },
    Bearing { plan: "replace-node", gates: &["permitted:remove-dead", "silent", "host-answers"], mishap: Mishap::HostReturns },
    Bearing { plan: "replace-node", gates: &["membership-quiet", "permitted:add"], mishap: Mishap::JoinFails },
    Bearing { plan: "out-of-service", gates: &["silent", "node-down", "host-answers"], mishap: Mishap::HostReturns },
    Bearing { plan: "swap", gates: &["membership-quiet", "permitted:add"], mishap: Mishap::JoinFails },
    Bearing { plan: "swap", gates: &["permitted:remove-healthy"], mishap: Mishap::SecondDies },
];

/// Gates that do no harm when they are cut, in every plan, and why they are there all the same.
#[rustfmt::skip] // One line each: it is a table.
const REDUNDANT: &[(&str, &str)] = &[
    ("api-live", "a request to an API server that is dead does nothing; the gate spares it the way"),
    ("same", "the request itself carries the uid, and the API server refuses another object"),
    ("quorum-proven", "without quorum etcd does nothing, and the arithmetic wants a proof of its own"),
    ("member-listed", "the removal looks for id and address right before, and removes nothing else"),
    ("not-here", "the removal of the member that is asked would be refused by the arithmetic: it serves"),
    ("member-absent", "the step before is done only when it is so"),
    ("node-down", "where the member was removed before, nothing on the host can serve; where it was not, it is shown above"),
    ("evictable", "the API server asks the budget itself; the gate names it, with its numbers, and spares the request"),
    ("controllers-ready", "Embedded Cluster's command asks for as many itself"),
    ("disk-free", "a snapshot that does not fit fails by itself, and is checked"),
    ("permitted:remove-remnant", "nothing makes a voter of a remnant here; etcd would refuse one that it needs"),
];

fn kind(name: &str) -> String {
    let kind = name.split(':').next().unwrap_or_default();
    if kind == "permitted" {
        name.to_owned()
    } else {
        kind.to_owned()
    }
}

/// The run at the beginning of each step, in the newest family.
fn begun(scene: &Scene) -> Vec<Trial> {
    let (stage, plan) = scene.open(K0sFamily::From135_5);
    Trial::at_every_step(&stage, &plan).unwrap()
}

/// Whether a step has one of these gates.
fn has_any(trial: &Trial, gates: &[&str]) -> bool {
    let Some((step, _)) = trial.play.view.current() else {
        return false;
    };
    let mut all = step.needs.iter().chain(&step.stop_when);
    all.any(|gate| gates.contains(&kind(gate.name().as_str()).as_str()))
}

fn fails(trial: &Trial, mishap: Mishap) -> bool {
    let mut trial = trial.clone();
    let step = trial.step();
    trial.suffer(mishap, true);
    trial.go_on(Some(step)).is_err()
}

#[test]
fn without_a_gate_something_happens_that_must_never_happen() {
    let mut wrong = Vec::new();
    for scene in &SCENES {
        let rows: Vec<&Bearing> = BEARING.iter().filter(|row| row.plan == scene.name).collect();
        if rows.is_empty() {
            continue;
        }
        let begun = begun(scene);
        for row in rows {
            let steps: Vec<&Trial> = begun.iter().filter(|trial| has_any(trial, row.gates)).take(3).collect();
            if let Some(trial) = steps.iter().find(|trial| fails(trial, row.mishap)) {
                wrong.push(format!(
                    "{}: step {} fails with its gates, too",
                    row.plan,
                    trial.step().0
                ));
            }
            let cut = |trial: &&&Trial| fails(&trial.without(trial.step(), row.gates), row.mishap);
            if !steps.iter().any(|trial| cut(&trial)) {
                wrong.push(format!(
                    "{}: {:?} may be cut, and {} does no harm",
                    row.plan,
                    row.gates,
                    row.mishap.name()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_gate_is_in_a_table() {
    let mut missing = Vec::new();
    for scene in &SCENES {
        let (_, plan) = scene.open(K0sFamily::From135_5);
        for gate in plan
            .steps
            .iter()
            .flat_map(|step| step.needs.iter().chain(&step.stop_when))
        {
            let kind = kind(gate.name().as_str());
            let bears = BEARING
                .iter()
                .any(|row| row.plan == scene.name && row.gates.contains(&kind.as_str()));
            let is_redundant = REDUNDANT
                .iter()
                .any(|(name, reason)| *name == kind && !reason.is_empty());
            // What every move of a pod asks for is shown once, at the plan that consists of one.
            let is_shown = ["nothing-pending", "ready-elsewhere"].contains(&kind.as_str());
            if !bears && !is_redundant && !is_shown {
                missing.push(format!("{}: {kind}", scene.name));
            }
        }
    }
    missing.dedup();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
