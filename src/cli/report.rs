//! `quorate report`: a written record for people who were not there.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Record;
use super::check::policy;
use super::observe::{self, Resolved};
use super::output::{print, record};
use super::scribe;
use crate::check;

/// Looks once and writes the record to standard output. What it says is no failure of the command.
pub fn run(resolved: &Resolved, wanted: &Record) -> eyre::Result<ExitCode> {
    let snapshot = scribe::with_past(resolved, observe::look(resolved, wanted.timeout)?.snapshot);
    let report = check::run(&snapshot, &policy(resolved));
    print(&record::text(&snapshot, &report, wanted.output))?;
    Ok(ExitCode::SUCCESS)
}
