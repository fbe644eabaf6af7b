//! `quorate ack`: accept a finding for a while, take that back, or list what is accepted. A real cluster only: a simulated
//! one has nobody to accept anything.

use std::path::PathBuf;
use std::process::ExitCode;

use color_eyre::eyre::{self, WrapErr};
use jiff::Timestamp;

use super::args::Ack;
use super::exit::Usage;
use super::explain;
use super::observe::Resolved;
use super::output::print;
use super::output::table::table;
use crate::base::{Text, Why};
use crate::config::acknowledged as file;
use crate::model::policy::Acknowledgement;
use crate::run::place::{Reality, state_dir};

/// What is accepted, and what is wrong with the file. Nothing on a simulated cluster.
pub fn accepted(resolved: &Resolved) -> Result<Vec<Acknowledgement>, Why> {
    if resolved.simulation.is_some() {
        return Ok(Vec::new());
    }
    // Who has no home has accepted nothing.
    path(resolved).map_or_else(|_| Ok(Vec::new()), |path| file::read(&path))
}

fn path(resolved: &Resolved) -> Result<PathBuf, Why> {
    let is_root = rustix::process::geteuid().is_root();
    Ok(state_dir(&resolved.environment, is_root, Reality::Real)?.join(file::FILE))
}

/// Changes or lists.
pub fn run(resolved: &Resolved, ack: &Ack) -> eyre::Result<ExitCode> {
    if let Some(simulation) = &resolved.simulation {
        let message = format!(
            "nothing is acknowledged on a simulated cluster, and nothing was written; without `--sim {}` it is about the real cluster",
            simulation.name
        );
        return Err(Usage { message }.into());
    }
    let path = path(resolved)?;
    let given = file::read(&path)?;
    let now = Timestamp::now();
    let Some(check) = &ack.check else {
        return list(given, now);
    };
    let check = Text::from(explain::find(check)?.id.name());
    let subject = ack.subject.as_deref().map(Text::new);
    let then = if ack.withdraw {
        let before = given.len();
        let left = file::without(given, check.as_str(), subject.as_ref());
        if left.len() == before {
            let message = format!("{check} was not acknowledged; `quorate ack --list` shows what is");
            return Err(Usage { message }.into());
        }
        left
    } else {
        let new = Acknowledgement {
            check,
            subject,
            reason: Text::new(ack.reason.as_deref().unwrap_or_default()),
            until: now + ack.lasts,
        };
        file::with(given, new, now)
    };
    file::write(&path, then).wrap_err_with(|| format!("{} could not be written", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn list(given: Vec<Acknowledgement>, now: Timestamp) -> eyre::Result<ExitCode> {
    let rows: Vec<Vec<String>> = given
        .into_iter()
        .map(|own| {
            let until = own.until.strftime("%Y-%m-%d %H:%M UTC").to_string();
            let until = if own.until > now {
                until
            } else {
                format!("{until} (over)")
            };
            let subject = own
                .subject
                .map_or_else(|| "all".to_owned(), |subject| subject.to_string());
            vec![own.check.to_string(), subject, until, own.reason.to_string()]
        })
        .collect();
    print(&table(&["CHECK", "SUBJECT", "UNTIL", "REASON"], &rows))?;
    Ok(ExitCode::SUCCESS)
}
