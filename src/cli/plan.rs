//! `quorate plan INTENT`: what an action would do, shown and not done.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Output;
use super::conduct;
use super::exit;
use super::observe::{self, Resolved};
use super::output::{plan as document, print, print_json};
use super::wish::Wish;
use crate::base::Why;
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::plan::RunId;
use crate::plan::make::{self, Planned};

/// The plan for a wish; what takes a run back comes from its journal.
pub fn planned(resolved: &Resolved, intent: &Intent, snapshot: &Snapshot) -> Result<Planned, Why> {
    let Intent::Undo { run } = intent else {
        return Ok(make::make(intent, snapshot, &resolved.settings.policy()));
    };
    let run = RunId(run.clone());
    let story = conduct::archive_of(&conduct::state_dir(resolved)?, &run).read(&run)?;
    Ok(make::undo(&story.view, snapshot))
}

/// Looks, plans, prints. Exits 1 where there is no plan.
pub fn run(resolved: &Resolved, wish: &Wish, output: Output) -> eyre::Result<ExitCode> {
    let intent = wish.intent()?;
    let snapshot = observe::look(resolved, None)?.snapshot;
    let planned = planned(resolved, &intent, &snapshot)?;
    match output {
        Output::Json => print_json(&document::document(&intent, &planned, &snapshot))?,
        Output::Table => print(&document::text(&intent, &planned, &snapshot))?,
    }
    Ok(match planned {
        Planned::Plan(_) | Planned::Nothing { .. } => ExitCode::SUCCESS,
        Planned::Refused { .. } => ExitCode::from(exit::NO),
    })
}
