//! `quorate check`.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::{Look, Output};
use super::observe::{self, Resolved};
use super::output::{check as document, print, print_json};
use crate::check;

/// Looks, prints, and exits by the verdict: 0 ok, 1 warning, 2 critical, 3 cannot tell.
pub fn run(resolved: &Resolved, look: &Look) -> eyre::Result<ExitCode> {
    let snapshot = observe::look(resolved, look.timeout)?;
    let report = check::run(&snapshot, &resolved.settings.policy());
    match look.output {
        Output::Json => print_json(&document::document(&snapshot, &report))?,
        Output::Table => print(&document::text(&report))?,
    }
    Ok(ExitCode::from(report.verdict.level.exit_code()))
}
