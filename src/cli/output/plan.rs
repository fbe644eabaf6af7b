//! What `quorate plan` prints, and what `quorate run` shows before it asks.

use std::fmt::Write;

use serde::Serialize;

use super::{mark, scenario};
use crate::base::{Text, Why};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::plan::make::Planned;
use crate::plan::ok::Reason;
use crate::plan::step::Doing;
use crate::plan::{Condition, Plan, Risk, Step, StepId};

/// `quorate plan -o json`.
#[derive(Debug, Serialize)]
pub struct PlanDocument<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
    /// As it is typed.
    wish: String,
    /// Null where there is none.
    plan: Option<&'a Plan>,
    /// What the journal of a run would hold.
    digest: Option<Text>,
    /// How the conditions stand now.
    now: Vec<StepNow>,
    /// Why nothing is to be done.
    nothing: Option<&'a Text>,
    /// Why it must not be done.
    refused: &'a [Why],
}

#[derive(Debug, Serialize)]
struct StepNow {
    step: StepId,
    needs: Vec<Reason>,
    done_when: Vec<Reason>,
}

/// For programs.
pub fn document<'a>(intent: &'a Intent, planned: &'a Planned, snapshot: &Snapshot) -> PlanDocument<'a> {
    let (plan, nothing, refused) = match planned {
        Planned::Plan(plan) => (Some(&**plan), None, &[][..]),
        Planned::Nothing { why } => (None, Some(why), &[][..]),
        Planned::Refused { because } => (None, None, &because[..]),
    };
    let reasons = |conditions: &[Condition]| {
        let reason = |condition: &Condition| Reason {
            claim: condition.claim(),
            truth: condition.preview(snapshot),
        };
        conditions.iter().map(reason).collect()
    };
    let now = |step: &Step| StepNow {
        step: step.id,
        needs: reasons(&step.needs),
        done_when: reasons(&step.done_when),
    };
    PlanDocument {
        schema: "quorate.plan/v1",
        simulated: scenario(snapshot),
        wish: intent.to_string(),
        plan,
        digest: plan.map(Plan::digest),
        now: plan.iter().flat_map(|plan| &plan.steps).map(now).collect(),
        nothing,
        refused,
    }
}

/// For people.
pub fn text(intent: &Intent, planned: &Planned, snapshot: &Snapshot) -> String {
    let mut out = mark(scenario(snapshot).as_ref());
    // Writing to a String cannot fail.
    match planned {
        Planned::Nothing { why } => {
            let _ = writeln!(out, "{intent}: nothing to do: {why}");
        }
        Planned::Refused { because } => {
            let _ = writeln!(out, "{intent}: no plan");
            for why in because {
                let _ = writeln!(out, "  {why}");
            }
        }
        Planned::Plan(plan) => preview(&mut out, plan, snapshot),
    }
    out
}

fn preview(out: &mut String, plan: &Plan, snapshot: &Snapshot) {
    let risk = match plan.risk {
        Risk::Harmless => "changes nothing",
        Risk::Reversible => "can be undone",
        Risk::Irreversible => "cannot be undone",
    };
    let steps = match plan.steps.len() {
        1 => "1 step".to_owned(),
        n => format!("{n} steps"),
    };
    let _ = writeln!(out, "{}: {steps}, {risk}", plan.intent);
    for warning in &plan.warnings {
        let _ = writeln!(out, "  ! {warning}");
    }
    if !plan.arithmetic.is_empty() {
        let _ = writeln!(out, "\nquorum");
    }
    for moment in &plan.arithmetic {
        let _ = writeln!(
            out,
            "  {}: {} of {} voters healthy, spare {}",
            moment.moment, moment.healthy, moment.voters, moment.spare
        );
    }
    for step in &plan.steps {
        show_step(out, step, snapshot);
    }
    if let Some(name) = &plan.confirm {
        let _ = writeln!(out, "\nto confirm, type {name}");
    }
}

fn show_step(out: &mut String, step: &Step, snapshot: &Snapshot) {
    let doing = match &step.doing {
        Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. } => "",
        Doing::ByHand => " (by hand)",
        Doing::Attest { .. } => " (a person states it)",
        Doing::Watch => " (is awaited)",
    };
    let _ = writeln!(out, "\n{}. {}{doing}", step.id.0, step.title);
    if !step.command.is_empty() {
        let _ = writeln!(out, "   $ {}", step.command);
    }
    if let Doing::Attest { words } = &step.doing {
        let _ = writeln!(out, "   words: {words}");
    }
    for need in &step.needs {
        let truth = need.preview(snapshot);
        let _ = writeln!(out, "   needs  {:<11} {}: {}", truth.word(), need.claim(), truth.text());
    }
    for goal in &step.done_when {
        let truth = goal.preview(snapshot);
        let _ = writeln!(out, "   done   {:<11} {}: {}", truth.word(), goal.claim(), truth.text());
    }
    for stop in &step.stop_when {
        let _ = writeln!(out, "   stops if {}", stop.claim());
    }
}
