//! `quorate status`.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::{Look, Output};
use super::observe::{self, Resolved};
use super::output::{print, print_json, status, status_text};
use super::settle::Enough;
use crate::check;

/// Looks, prints, and exits 0: telling the status worked, whatever the status is.
pub fn run(resolved: &Resolved, look: &Look) -> eyre::Result<ExitCode> {
    let snapshot = observe::look_for(resolved, look.timeout, Enough::Picture)?.snapshot;
    let policy = super::check::policy(resolved);
    let report = check::run(&snapshot, &policy);
    let document = status::document(&snapshot, &report.verdict, &policy, resolved.namespace.as_ref());
    match look.output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&status_text::text(&document))?,
    }
    Ok(ExitCode::SUCCESS)
}
