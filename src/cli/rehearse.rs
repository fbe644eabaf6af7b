//! `quorate rehearse`: a plan, played without waiting on a copy of the cluster as it is now. The cluster is only read.

mod film;

pub use film::Film;

use std::path::Path;
use std::process::ExitCode;

use color_eyre::eyre::{self, eyre};
use serde::Serialize;

use super::args::{Output, Rehearse};
use super::check::policy;
use super::conduct;
use super::exit::{self, Usage};
use super::observe::{self, Resolved};
use super::output::table::table;
use super::output::{mark, print, print_json, scenario};
use super::plan::planned;
use crate::app::work::Script;
use crate::base::{Age, Clock, Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::plan::Plan;
use crate::plan::make::Planned;
use crate::rehearse::cast::{Cast, cast};
use crate::rehearse::mishap::Scheduled;
use crate::rehearse::play::{Play, Turn};
use crate::rehearse::report::{Report, StepReport, report};
use crate::rehearse::stage::Stage;

/// A rehearsal that takes longer than this is of no use to anybody, in milliseconds of the simulated cluster's time.
const ENOUGH_MS: u64 = 12 * 3_600_000;

/// The wish is fulfilled already.
const NOTHING: &str = "nothing-to-do";
/// Too little is known for a copy.
const CANNOT_TELL: &str = "cannot-tell";

/// What is printed with `-o json`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
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
        /// What the copy does not have, or takes for something simpler.
        not_rehearsed: Vec<Text>,
        /// Where its screens are.
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded: Option<Text>,
        #[serde(flatten)]
        report: Report,
    },
    NotPlayed {
        result: &'static str,
        because: Vec<Text>,
    },
}

/// Looks, makes the plan, plays it on a copy of what was seen and prints what happened. Exits 0 where the goal was reached, 1
/// where it was not, 3 where too little is known for a copy.
pub fn run(resolved: &Resolved, asked: &Rehearse) -> eyre::Result<ExitCode> {
    let intent = asked.wish.intent()?;
    let snapshot = observe::look(resolved, None)?.snapshot;
    let outcome = match planned(resolved, &intent, &snapshot)? {
        Planned::Plan(plan) => match cast(&snapshot, asked.seed.unwrap_or_default()) {
            Ok(cast) => {
                let film = Film {
                    operator: conduct::operator(&resolved.environment, snapshot.host.name.clone()),
                    clock: Clock::start(),
                    policy: policy(resolved),
                };
                let recording = asked.record.as_deref().map(|file| (&film, file));
                played(&snapshot, cast, *plan, &asked.fault, recording, || true)?
            }
            Err(why) => Outcome::NotPlayed {
                result: CANNOT_TELL,
                because: std::iter::once(why.text).chain(why.hint).collect(),
            },
        },
        Planned::Nothing { why } => Outcome::NotPlayed {
            result: NOTHING,
            because: vec![why],
        },
        Planned::Refused { because } => Outcome::NotPlayed {
            result: "refused",
            because: because.iter().map(|why| Text::new(&why.to_string())).collect(),
        },
    };
    let code = match &outcome {
        Outcome::Played { report, .. } if report.result == "finished" => exit::YES,
        Outcome::NotPlayed { result, .. } if *result == NOTHING => exit::YES,
        Outcome::NotPlayed { result, .. } if *result == CANNOT_TELL => exit::CANNOT_TELL,
        Outcome::Played { .. } | Outcome::NotPlayed { .. } => exit::NO,
    };
    let document = Document {
        schema: "quorate.rehearse/v1",
        simulated: scenario(&snapshot),
        intent,
        outcome,
    };
    match asked.output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&text(&document))?,
    }
    Ok(ExitCode::from(code))
}

/// Plays a plan that is shown on a console on a copy of what is known there, while `may_go_on`, and onto film where that is
/// wanted. What happened, line by line; otherwise why it could not be played.
pub fn shown(
    snapshot: &Snapshot,
    plan: Plan,
    script: &Script,
    film: &Film,
    may_go_on: impl Fn() -> bool,
) -> Result<Vec<Text>, Why> {
    let wrong = |text: String| Why::new(WhyKind::Config, text);
    let faults = script.faults.iter().map(|fault| fault.as_str().parse().map_err(wrong));
    let faults: Vec<Scheduled> = faults.collect::<Result<_, Why>>()?;
    let cast = cast(snapshot, 0)?;
    let word = plan.intent.word();
    let recording = script.recording.as_ref().map(|file| (film, Path::new(file.as_str())));
    let outcome =
        played(snapshot, cast, plan, &faults, recording, may_go_on).map_err(|error| wrong(error.to_string()))?;
    Ok(told(word, &outcome).lines().map(Text::new).collect())
}

fn played(
    snapshot: &Snapshot,
    cast: Cast,
    wanted: Plan,
    faults: &[Scheduled],
    recording: Option<(&Film, &Path)>,
    may_go_on: impl Fn() -> bool,
) -> eyre::Result<Outcome> {
    let last = wanted.steps.last().map_or(0, |step| step.id.0);
    if let Some(fault) = faults.iter().find(|fault| fault.step.0 > last) {
        return Err(Usage {
            message: format!("there is no step {}: the plan has {last}", fault.step.0),
        }
        .into());
    }
    let stage = Stage::of(&cast, "rehearsal".into(), snapshot.now.wall);
    let warnings = wanted.warnings.clone();
    let mut play = Play::begin(stage, wanted, faults)?;
    let mut camera = recording.map(|(film, file)| film.begin(file, &play)).transpose()?;
    loop {
        let turn = play.turn()?;
        if let Some(camera) = &mut camera {
            camera.shoot(&play)?;
        }
        if let Turn::Ended(ending) = turn {
            let report = report(&play, &ending);
            return Ok(Outcome::Played {
                warnings,
                not_rehearsed: cast.notes,
                recorded: camera.map(|camera| Text::from(camera.told())),
                report,
            });
        }
        if play.took_ms() > ENOUGH_MS || !may_go_on() {
            return Err(eyre!("the rehearsal does not come to an end"));
        }
    }
}

fn text(document: &Document) -> String {
    let told = told(document.intent.word(), &document.outcome);
    format!("{}{told}", mark(document.simulated.as_ref()))
}

/// What became of a wish, whose word this is.
fn told(word: &str, outcome: &Outcome) -> String {
    let mut text = String::new();
    match outcome {
        Outcome::NotPlayed { result, because } => {
            let result = result.replace('-', " ");
            text.extend(because.iter().map(|why| format!("{word}: {result}: {why}\n")));
        }
        Outcome::Played {
            warnings,
            not_rehearsed,
            recorded,
            report,
        } => {
            text.push_str("REHEARSAL: played on a copy of the cluster; nothing was sent to it\n");
            text.push_str(&headline(word, report));
            text.push_str(&steps(report));
            text.extend(report.steps.iter().filter_map(needs));
            text.extend(report.faults.iter().map(|fault| {
                let at = span(fault.at_s);
                format!("fault {} struck after {at}\n", fault.fault)
            }));
            text.extend(warnings.iter().map(|warning| format!("note: {warning}\n")));
            text.extend(not_rehearsed.iter().map(|what| format!("not rehearsed: {what}\n")));
            text.extend(recorded.iter().map(|told| format!("{told}\n")));
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

/// What had to be so before a step.
fn needs(step: &StepReport) -> Option<String> {
    let claims: Vec<&str> = step.needs.iter().map(Text::as_str).collect();
    (!claims.is_empty()).then(|| format!("step {} needs: {}\n", step.step, claims.join("; ")))
}

fn span(seconds: u64) -> String {
    Age(std::time::Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "rehearse/tests.rs"]
mod tests;
