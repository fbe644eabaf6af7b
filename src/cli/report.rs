//! `quorate report`: a written record for people who were not there.

use std::process::ExitCode;

use color_eyre::eyre;
use jiff::Timestamp;

use super::args::{Record, Since};
use super::check::policy;
use super::observe::{self, Resolved};
use super::output::incident::{self, Incident};
use super::output::{print, record};
use super::{conduct, scribe, timeline};
use crate::check::{self, Report};
use crate::model::Snapshot;
use crate::model::past::Identity;
use crate::run::journal::{Archive, Story};
use crate::run::place;

/// Looks once and writes the record to standard output. What it says is no failure of the command.
pub fn run(resolved: &Resolved, wanted: &Record) -> eyre::Result<ExitCode> {
    let snapshot = scribe::with_past(resolved, observe::look(resolved, wanted.timeout)?.snapshot);
    let policy = policy(resolved);
    let report = check::run(&snapshot, &policy);
    let text = match wanted.since {
        Some(since) => incident(resolved, wanted, since, &snapshot, &report)?,
        None => record::text(&snapshot, &policy, &report, wanted.output),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn incident(
    resolved: &Resolved,
    wanted: &Record,
    since: Since,
    snapshot: &Snapshot,
    report: &Report,
) -> eyre::Result<String> {
    let from = since.before(snapshot.now.wall);
    let identity = snapshot.identity();
    let mut histories = timeline::on_record(resolved, snapshot.now.wall, Some(from))?;
    // Where nobody tells which cluster this is, the only one on record is meant.
    let is_only = histories.len() == 1 && !identity.is_known();
    histories.retain(|history| is_only || history.identity.is_same(&identity));
    let history = histories.pop().unwrap_or_default();
    let runs = runs(resolved, from, &identity.or(&history.identity))?;
    let incident = Incident {
        from,
        snapshot,
        report,
        history: &history,
        runs: &runs,
    };
    Ok(incident::text(&incident, wanted.output, wanted.redact))
}

/// The runs of this cluster that were at work since then, the oldest first. A journal that cannot be read is said to be.
fn runs(resolved: &Resolved, from: Timestamp, cluster: &Identity) -> eyre::Result<Vec<Story>> {
    let mut runs = Vec::new();
    for story in Archive::at(place::runs(&conduct::state_dir(resolved)?)).runs()? {
        match story {
            Ok(story) => runs.push(story),
            Err(why) => eprintln!("quorate: {why}"),
        }
    }
    let is_ours = |story: &Story| story.view.plan.cluster.is_none() || story.view.plan.cluster == cluster.etcd;
    runs.retain(|story| is_ours(story) && story.entries.iter().any(|entry| entry.at >= from));
    runs.reverse();
    Ok(runs)
}
