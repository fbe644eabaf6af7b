//! `quorate journal`: the runs of this host, and what happened in one.

use std::fmt::Write;
use std::process::ExitCode;

use color_eyre::eyre;
use serde::Serialize;

use super::args::Output;
use super::conduct;
use super::observe::Resolved;
use super::output::table::table;
use super::output::{print, print_json};
use crate::base::{Text, Why};
use crate::plan::event::Sent;
use crate::plan::{Entry, RunEvent, RunId, RunView};
use crate::run::journal::{Archive, Story};
use crate::run::place;

/// `quorate journal -o json`.
#[derive(Debug, Serialize)]
struct List<'a> {
    schema: &'static str,
    runs: Vec<Row<'a>>,
    /// Journals that cannot be read, and why.
    unreadable: Vec<&'a Why>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    run: &'a RunId,
    intent: Text,
    began: jiff::Timestamp,
    user: &'a Text,
    host: &'a Text,
    state: String,
}

/// `quorate journal RUN -o json`.
#[derive(Debug, Serialize)]
struct Told<'a> {
    schema: &'static str,
    state: String,
    torn_bytes: u64,
    view: &'a RunView,
    entries: &'a [Entry],
}

/// Prints the list, or one run.
pub fn run(resolved: &Resolved, run: Option<Text>, output: Output) -> eyre::Result<ExitCode> {
    let state = conduct::state_dir(resolved)?;
    match run {
        Some(run) => {
            let run = RunId(run);
            tell(&conduct::archive_of(&state, &run).read(&run)?, output)?;
        }
        None => list(&Archive::at(place::runs(&state)), output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(archive: &Archive, output: Output) -> eyre::Result<()> {
    let all = archive.runs()?;
    let rows = all
        .iter()
        .filter_map(|story| story.as_ref().ok())
        .map(|story| row(&story.view));
    let document = List {
        schema: "quorate.runs/v1",
        runs: rows.collect(),
        unreadable: all.iter().filter_map(|story| story.as_ref().err()).collect(),
    };
    match output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&list_text(&document))?,
    }
    Ok(())
}

fn row(view: &RunView) -> Row<'_> {
    Row {
        run: &view.run,
        intent: Text::from(view.plan.intent.to_string()),
        began: view.began,
        user: &view.operator.user,
        host: &view.operator.host,
        state: view.standing(),
    }
}

fn list_text(list: &List<'_>) -> String {
    if list.runs.is_empty() && list.unreadable.is_empty() {
        return "no run has begun on this host\n".to_owned();
    }
    let rows = list.runs.iter().map(|row| {
        vec![
            row.run.0.to_string(),
            row.intent.to_string(),
            format!("{:.0}", row.began),
            format!("{} on {}", row.user, row.host),
            row.state.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut text = table(&["RUN", "ACTION", "BEGAN", "BY", "STATE"], &rows);
    for why in &list.unreadable {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "cannot be read: {why}");
    }
    text
}

fn tell(story: &Story, output: Output) -> eyre::Result<()> {
    match output {
        Output::Json => print_json(&Told {
            schema: "quorate.run/v1",
            state: story.view.standing(),
            torn_bytes: story.torn_bytes,
            view: &story.view,
            entries: &story.entries,
        })?,
        Output::Table => print(&story_text(story))?,
    }
    Ok(())
}

fn story_text(story: &Story) -> String {
    let view = &story.view;
    let mut text = format!("{}  {}: {}\n", view.run.0, view.plan.intent, view.standing());
    for entry in &story.entries {
        let _ = writeln!(text, "{:.0}  {}", entry.at, line(view, &entry.event));
    }
    if story.torn_bytes > 0 {
        let _ = writeln!(text, "the last line is torn ({} bytes)", story.torn_bytes);
    }
    text
}

/// One event in a sentence.
pub fn line(view: &RunView, event: &RunEvent) -> String {
    let title = |step| view.step(step).map_or("", |(step, _)| step.title.as_str());
    match event {
        RunEvent::Begun { operator, digest, .. } => {
            let short = digest.as_str().get(..12).unwrap_or_default();
            format!("begun by {} on {}, plan {short}", operator.user, operator.host)
        }
        RunEvent::Resumed { operator } => format!("resumed by {} on {}", operator.user, operator.host),
        RunEvent::Attested { step, operator, words } => format!("step {}: {} stated: {words}", step.0, operator.user),
        RunEvent::Overridden {
            step,
            gate,
            operator,
            reason,
        } => {
            format!("step {}: {} let {gate} pass: {reason}", step.0, operator.user)
        }
        RunEvent::Intended { step, .. } => format!("step {}: sending: {}", step.0, title(*step)),
        RunEvent::Answered { step, sent } => match sent {
            Sent::Accepted => format!("step {}: accepted", step.0),
            Sent::Refused { why } => format!("step {}: refused: {why}", step.0),
            Sent::Unknown { why } => format!("step {}: its fate is not known: {why}", step.0),
        },
        RunEvent::Agreed { step, operator } => format!("step {}: {} lets it be sent again", step.0, operator.user),
        RunEvent::Done {
            step,
            evidence,
            already,
        } => {
            let word = if *already { "already so" } else { "done" };
            let shown: Vec<&str> = evidence.iter().map(Text::as_str).collect();
            format!("step {}: {word}: {}: {}", step.0, title(*step), shown.join("; "))
        }
        RunEvent::Waiting { step, because } => format!("step {}: waiting: {because}", step.0),
        RunEvent::StoppedWaiting { step, operator } => format!("step {}: {} stopped waiting", step.0, operator.user),
        RunEvent::Paused { because } => format!("paused: {because}"),
        RunEvent::Continued => "continued".to_owned(),
        RunEvent::Stopped { step, why } => format!("stopped at step {}: {why}", step.0),
        RunEvent::Abandoned { operator, reason } => format!("abandoned by {}: {reason}", operator.user),
        RunEvent::Finished => "finished".to_owned(),
    }
}
