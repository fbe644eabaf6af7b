//! The trials. `QUORATE_TRIALS=all` plays every one; otherwise a part, the same each time.

use crate::scenes::{FAMILIES, Scene};
use crate::trial::{Outcome, Trial};
use quorate::plan::step::Doing;
use quorate::plan::view::Ending;
use quorate::plan::{Action, StepId};
use quorate::rehearse::mishap::{Mishap, Scheduled};

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
            action: Action::SaveSnapshot { .. }
                | Action::SavePki { .. }
                | Action::Defragment { .. }
                | Action::Compact { .. }
        }
    );
    match mishap {
        Mishap::KilledVerifying => true,
        Mishap::ReplyLost | Mishap::TimedOut | Mishap::KilledBefore | Mishap::KilledAfter => !leaves_no_trace,
        _ => false,
    }
}

/// Where nothing goes wrong, the goal is reached.
fn succeed(name: &str) {
    for family in FAMILIES {
        let (stage, plan) = Scene::named(name).open(family);
        if let Err(error) = Trial::at_every_step(&stage, &plan) {
            panic!("{name}, {family:?}: {error}");
        }
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
                let is_due = is_everything_wanted() || (f + s + m) % (4 * FAMILIES.len()) == 0;
                let sends = matches!(trial.play.view.current(), Some((step, _)) if matches!(step.doing, Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. }));
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
    let seeds = if is_everything_wanted() { 40 } else { 1 };
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
            fn reaches_its_goal() {
                super::succeed($name);
            }

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
    enable_ha: "enable-ha",
    remove_remnant: "remove-remnant",
    etcd_backup: "etcd-backup",
    etcd_space: "etcd-space",
}
