//! The trials. `QUORATE_TRIALS=all` plays every one; otherwise a part, the same each time.

use crate::scenes::{FAMILIES, Scene};
use crate::trial::{Outcome, Trial};
use quorate::plan::step::Doing;
use quorate::plan::view::Ending;
use quorate::plan::{Action, StepId};
use quorate::rehearse::mishap::{Mishap, Scheduled};
use quorate::sim::scenario::K0sFamily;

fn is_everything_wanted() -> bool {
    std::env::var("QUORATE_TRIALS").is_ok_and(|wanted| wanted == "all")
}

/// Where looking settles whether a request was done, it must be got over.
fn must_be_got_over(trial: &Trial, mishap: Mishap) -> bool {
    let Some((step, _)) = trial.play.view.current() else {
        return false;
    };
    let leaves_no_trace = matches!(
        step.doing,
        Doing::Act {
            action: Action::SaveSnapshot { .. } | Action::SavePki { .. } | Action::Defragment | Action::Compact { .. }
        }
    );
    match mishap {
        Mishap::KilledVerifying => true,
        Mishap::ReplyLost | Mishap::TimedOut | Mishap::KilledBefore | Mishap::KilledAfter => !leaves_no_trace,
        _ => false,
    }
}

/// Every step with every mishap, one at a time.
fn sweep(name: &str) {
    let scene = Scene::named(name);
    let mut wrong = Vec::new();
    for (f, family) in FAMILIES.into_iter().enumerate() {
        let (stage, plan) = scene.open(family);
        let begun = match Trial::at_every_step(&stage, &plan) {
            Ok(begun) => begun,
            Err(error) => {
                wrong.push(format!("{name}, {family:?}: {error}"));
                continue;
            }
        };
        for (s, trial) in begun.iter().enumerate() {
            for (m, mishap) in Mishap::ALL.into_iter().enumerate() {
                let is_due = is_everything_wanted() || (f + s + m) % FAMILIES.len() == 0;
                let sends =
                    matches!(trial.play.view.current(), Some((step, _)) if matches!(step.doing, Doing::Act { .. }));
                if !is_due || (mishap.is_of_request() && !sends) {
                    continue;
                }
                let mut trial = trial.clone();
                let must_go_on = must_be_got_over(&trial, mishap);
                let step = trial.step();
                trial.suffer(
                    mishap,
                    !mishap.is_of_request() && mishap != Mishap::KilledVerifying && (s + m) % 2 == 0,
                );
                match trial.go_on(Some(step)) {
                    Ok(Outcome::WentOn | Outcome::Ended(Ending::Finished)) => {}
                    Ok(Outcome::Ended(_)) if !must_go_on => {}
                    Ok(other) => wrong.push(format!("{name}, {family:?}, {}@{}: {other:?}", mishap.name(), step.0)),
                    Err(error) => wrong.push(format!("{name}, {family:?}, {}@{}: {error}", mishap.name(), step.0)),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Random schedules of up to three mishaps, from the first step to the end.
fn wander(name: &str) {
    let scene = Scene::named(name);
    let seeds = if is_everything_wanted() { 40 } else { 3 };
    for seed in 0..seeds {
        let mut dice = fastrand::Rng::with_seed(seed);
        let family = FAMILIES[dice.usize(..FAMILIES.len())];
        let (stage, plan) = scene.open(family);
        let mishaps: Vec<Scheduled> = (0..dice.usize(1..=3))
            .map(|_| Scheduled {
                step: StepId(dice.u16(0..=u16::try_from(plan.steps.len()).unwrap())),
                after_ms: dice.u64(0..30) * 1_000,
                mishap: Mishap::ALL[dice.usize(..Mishap::ALL.len())],
            })
            .collect();
        let mut trial = Trial::begin(&stage, &plan, &mishaps);
        if let Err(error) = trial.go_on(None) {
            panic!("{name}, seed {seed}, {family:?}, {mishaps:?}: {error}");
        }
    }
}

macro_rules! plans {
    ($($module:ident: $name:literal,)*) => {$(
        mod $module {
            #[test]
            fn every_step_with_every_mishap() {
                super::sweep($name);
            }

            #[test]
            fn random_schedules() {
                super::wander($name);
            }
        }
    )*};
}

plans! {
    replace_node: "replace-node",
    swap: "swap",
    restart_controllers: "restart-controllers",
    start_controller: "start-controller",
    label_zones: "label-zones",
    cordon: "cordon",
    uncordon: "uncordon",
    drain: "drain",
    out_of_service: "out-of-service",
    rebalance: "rebalance",
    remove_remnant: "remove-remnant",
    etcd_backup: "etcd-backup",
    etcd_space: "etcd-space",
}

/// A gate that is not needed as long as others stand, or because of what is sent: why, and which others.
struct Backed {
    plan: &'static str,
    gate: &'static str,
    /// Cut together with these, something goes wrong; none where the request itself, or the other side, makes sure.
    by: &'static [&'static str],
    reason: &'static str,
}

#[rustfmt::skip] // One line each: it is a table.
const BACKED: &[Backed] = &[
];

/// Whether anything goes wrong at a step without these gates.
fn fails_without(trial: &Trial, gates: &[&str]) -> bool {
    let step = trial.step();
    let world = Mishap::ALL.into_iter().filter(|mishap| !mishap.is_of_request());
    let tried: Vec<Mishap> = world.filter(|mishap| *mishap != Mishap::KilledVerifying).collect();
    tried.into_iter().any(|mishap| {
        let mut bare = trial.without(step, gates);
        bare.suffer(mishap, true);
        bare.go_on(Some(step)).is_err()
    })
}

/// Gates of every plan, each cut alone: what must never happen then happens, or the table says why it does not.
#[test]
fn every_gate_bears_load() {
    let mut wrong = Vec::new();
    for scene in &crate::scenes::SCENES {
        let (stage, plan) = scene.open(K0sFamily::From135_5);
        let begun = Trial::at_every_step(&stage, &plan).unwrap();
        let mut seen: Vec<(String, bool)> = Vec::new();
        for trial in &begun {
            let Some((step, _)) = trial.play.view.current() else {
                continue;
            };
            for gate in step.needs.iter().chain(&step.stop_when) {
                let name = gate.name();
                let kind = name.as_str().split(':').next().unwrap_or_default().to_owned();
                let kind = if kind == "permitted" { name.to_string() } else { kind };
                if !seen.iter().any(|(own, _)| *own == kind) {
                    let fails = fails_without(trial, &[&kind]);
                    seen.push((kind, fails));
                }
            }
        }
        for (kind, fails) in seen {
            let row = BACKED.iter().find(|row| row.plan == scene.name && row.gate == kind);
            match (fails, row) {
                (true, None) => {}
                (true, Some(_)) => wrong.push(format!(
                    "{}: {kind} does bear load; strike it from the table",
                    scene.name
                )),
                (false, None) => wrong.push(format!("{}: {kind} could be cut, and nothing goes wrong", scene.name)),
                (false, Some(row)) if row.by.is_empty() => {}
                (false, Some(row)) => {
                    let together: Vec<&str> = row.by.iter().copied().chain([kind.as_str()]).collect();
                    if !begun.iter().any(|trial| fails_without(trial, &together)) {
                        wrong.push(format!(
                            "{}: {together:?} could be cut together ({})",
                            scene.name, row.reason
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
