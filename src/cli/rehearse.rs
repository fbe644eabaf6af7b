//! `quorate rehearse`: a plan, played on a simulated cluster without waiting.

use std::process::ExitCode;

use color_eyre::eyre::{self, eyre};
use jiff::Timestamp;
use serde::Serialize;

use super::args::{Output, Rehearse};
use super::exit::Usage;
use super::observe::Resolved;
use super::output::table::table;
use super::output::{mark, print, print_json};
use crate::base::{Age, Text};
use crate::model::Policy;
use crate::model::intent::Intent;
use crate::plan::Plan;
use crate::plan::make::{Planned, make};
use crate::rehearse::play::{Play, Turn};
use crate::rehearse::report::{Report, report};
use crate::rehearse::stage::Stage;

/// A rehearsal that takes longer than this is of no use to anybody, in milliseconds of the simulated cluster's time.
const ENOUGH_MS: u64 = 12 * 3_600_000;

/// What is printed with `-o json`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    simulated: Text,
    #[serde(flatten)]
    intent: Intent,
    #[serde(flatten)]
    outcome: Outcome,
}

/// What became of the wish.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Played {
        warnings: Vec<Text>,
        #[serde(flatten)]
        report: Report,
    },
    NotPlayed {
        result: &'static str,
        because: Vec<Text>,
    },
}

/// Makes the plan, plays it and prints what happened. Exits 0 where the goal was reached, 1 where it was not.
pub fn run(resolved: &Resolved, asked: &Rehearse) -> eyre::Result<ExitCode> {
    let Some(simulation) = &resolved.simulation else {
        return Err(Usage {
            message: "rehearse plays on a simulated cluster: name one, such as --sim node-lost".to_owned(),
        }
        .into());
    };
    let mut scenario = simulation.scenario.clone();
    scenario.seed = asked.seed.unwrap_or(scenario.seed);
    let stage = Stage::open(&scenario, simulation.name.clone(), Timestamp::now());
    let intent = asked.wish.intent()?;
    let policy: Policy = resolved.settings.policy();
    let outcome = match make(&intent, stage.snapshot(), &policy) {
        Planned::Plan(plan) => played(stage, *plan, &asked.fault)?,
        Planned::Nothing { why } => Outcome::NotPlayed {
            result: "nothing-to-do",
            because: vec![why],
        },
        Planned::Refused { because } => Outcome::NotPlayed {
            result: "refused",
            because: because.iter().map(|why| Text::new(&why.to_string())).collect(),
        },
    };
    let is_well = match &outcome {
        Outcome::Played { report, .. } => report.result == "finished",
        Outcome::NotPlayed { result, .. } => *result == "nothing-to-do",
    };
    let document = Document {
        schema: "quorate.rehearse/v1",
        simulated: simulation.name.clone(),
        intent,
        outcome,
    };
    match asked.output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&text(&document))?,
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn played(stage: Stage, wanted: Plan, faults: &[crate::rehearse::mishap::Scheduled]) -> eyre::Result<Outcome> {
    let last = wanted.steps.last().map_or(0, |step| step.id.0);
    if let Some(fault) = faults.iter().find(|fault| fault.step.0 > last) {
        return Err(Usage {
            message: format!("there is no step {}: the plan has {last}", fault.step.0),
        }
        .into());
    }
    let warnings = wanted.warnings.clone();
    let mut play = Play::begin(stage, wanted, faults)?;
    loop {
        if let Turn::Ended(ending) = play.turn()? {
            let report = report(&play, &ending);
            return Ok(Outcome::Played { warnings, report });
        }
        if play.took_ms() > ENOUGH_MS {
            return Err(eyre!("the rehearsal does not come to an end"));
        }
    }
}

fn text(document: &Document) -> String {
    let mut text = mark(Some(&document.simulated));
    let word = document.intent.word();
    match &document.outcome {
        Outcome::NotPlayed { result, because } => {
            let result = result.replace('-', " ");
            text.extend(because.iter().map(|why| format!("{word}: {result}: {why}\n")));
        }
        Outcome::Played { warnings, report } => {
            text.push_str(&headline(word, report));
            text.push_str(&steps(report));
            text.extend(report.faults.iter().map(|fault| {
                let at = span(fault.at_s);
                format!("fault {} struck after {at}\n", fault.fault)
            }));
            text.extend(warnings.iter().map(|warning| format!("note: {warning}\n")));
        }
    }
    text
}

fn headline(word: &str, report: &Report) -> String {
    let took = span(report.took_s);
    match (&report.reason, report.stopped_at) {
        (Some(reason), Some(step)) => format!("{word}: {} at step {step} after {took}: {reason}\n", report.result),
        (Some(reason), None) => format!("{word}: {} after {took}: {reason}\n", report.result),
        (None, _) => format!("{word}: {} after {took}\n", report.result),
    }
}

fn steps(report: &Report) -> String {
    let told = |seconds: Option<u64>| seconds.map_or_else(|| "-".to_owned(), span);
    let rows: Vec<Vec<String>> = report
        .steps
        .iter()
        .map(|step| {
            vec![
                step.step.to_string(),
                told(step.began_s),
                told(step.took_s),
                step.outcome.to_owned(),
                step.title.to_string(),
            ]
        })
        .collect();
    table(&["STEP", "AFTER", "TOOK", "OUTCOME", "WHAT"], &rows)
}

fn span(seconds: u64) -> String {
    Age(std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "rehearse/tests.rs"]
mod tests;
