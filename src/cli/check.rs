//! `quorate check`.

use std::io::ErrorKind;
use std::process::ExitCode;

use color_eyre::eyre;

use super::args::{Look, Output};
use super::observe::{self, Resolved};
use super::output::{check as document, print, print_json};
use crate::check;

/// Looks, prints, and exits by the verdict: 0 ok, 1 warning, 2 critical, 3 cannot tell.
pub fn run(resolved: &Resolved, look: &Look) -> eyre::Result<ExitCode> {
    let snapshot = observe::look(resolved, look.timeout)?.snapshot;
    let report = check::run(&snapshot, &resolved.settings.policy());
    let printed = match look.output {
        Output::Json => print_json(&document::document(&snapshot, &report)),
        Output::Table => print(&document::text(&snapshot, &report)),
    };
    // The exit code is the answer, also for a reader that went away.
    printed.or_else(|error| {
        if error.kind() == ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(error)
        }
    })?;
    Ok(ExitCode::from(report.verdict.level.exit_code()))
}
