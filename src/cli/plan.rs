//! `quorate plan INTENT`: what an action would do, shown and not done.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Output;
use super::exit;
use super::observe::{self, Resolved};
use super::output::{plan as document, print, print_json};
use super::wish::Wish;
use crate::plan::make::{self, Planned};

/// Looks, plans, prints. Exits 1 where there is no plan.
pub fn run(resolved: &Resolved, wish: &Wish, output: Output) -> eyre::Result<ExitCode> {
    let intent = wish.intent()?;
    let snapshot = observe::look(resolved, None)?.snapshot;
    let planned = make::make(&intent, &snapshot, &resolved.settings.policy());
    match output {
        Output::Json => print_json(&document::document(&intent, &planned, &snapshot))?,
        Output::Table => print(&document::text(&intent, &planned, &snapshot))?,
    }
    Ok(match planned {
        Planned::Plan(_) | Planned::Nothing { .. } => ExitCode::SUCCESS,
        Planned::Refused { .. } => ExitCode::from(exit::NO),
    })
}
