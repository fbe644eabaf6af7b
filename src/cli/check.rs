//! `quorate check`.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::sync::Arc;

use color_eyre::eyre;
use tokio::sync::watch;
use wildmatch::WildMatch;

use super::ack;
use super::args::{CheckOutput, Checking};
use super::exit::{self, Usage};
use super::observe::{self, Resolved};
use super::output::{check as document, plugin, print, print_json, print_json_line, prometheus};
use super::scribe;
use crate::check::{self, CheckId, Level, Outcome, Report};
use crate::model::{Policy, Snapshot};

/// Looks, prints, and exits by the verdict: 0 ok, 1 warning, 2 critical, 3 cannot tell.
pub fn run(resolved: &Resolved, wanted: &Checking) -> eyre::Result<ExitCode> {
    if wanted.watch && wanted.output == CheckOutput::Plugin {
        let message = "a monitoring system asks again by itself: leave --watch out".to_owned();
        return Err(Usage { message }.into());
    }
    let pick = Pick::of(wanted)?;
    let policy = policy(resolved);
    let judge = |snapshot: &Snapshot| check::run_some(snapshot, &policy, |id| pick.takes(id));
    let level = if wanted.watch {
        observe::watch(resolved, wanted.timeout, |snapshots| {
            follow(snapshots, &policy, wanted.output, judge)
        })?
    } else {
        let snapshot = scribe::with_past(resolved, observe::look(resolved, wanted.timeout)?.snapshot);
        let report = judge(&snapshot);
        exit::unless_closed(show(&snapshot, &policy, &report, wanted.output))?;
        report.verdict.level
    };
    Ok(ExitCode::from(level.exit_code()))
}

/// The policy in force, with what is accepted.
pub fn policy(resolved: &Resolved) -> Policy {
    let mut policy = resolved.settings.policy();
    match ack::accepted(resolved) {
        Ok(accepted) => policy.acknowledged = accepted,
        Err(why) => eprintln!("quorate: {why}"),
    }
    policy
}

fn show(snapshot: &Snapshot, policy: &Policy, report: &Report, output: CheckOutput) -> io::Result<()> {
    match output {
        CheckOutput::Json => print_json(&document::document(snapshot, policy, report)),
        CheckOutput::Table => print(&document::text(snapshot, policy, report)),
        CheckOutput::Prometheus => print(&prometheus::text(snapshot, report)),
        CheckOutput::Plugin => print(&plugin::text(snapshot, report)),
    }
}

/// Prints whenever a result changed, until interrupted or until nobody reads any more; returns the last level.
async fn follow(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    policy: &Policy,
    output: CheckOutput,
    judge: impl Fn(&Snapshot) -> Report,
) -> eyre::Result<Level> {
    let mut shown: Option<Vec<Told>> = None;
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let report = judge(&snapshot);
        let told = told(&report);
        if shown.as_ref() != Some(&told) {
            let printed = match output {
                CheckOutput::Json => print_json_line(&document::document(&snapshot, policy, &report)),
                CheckOutput::Table | CheckOutput::Prometheus | CheckOutput::Plugin => {
                    show(&snapshot, policy, &report, output)
                }
            };
            match printed {
                Ok(()) => shown = Some(told),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(report.verdict.level),
                Err(error) => return Err(error.into()),
            }
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return Ok(report.verdict.level) },
            _ = tokio::signal::ctrl_c() => return Ok(report.verdict.level),
        }
    }
}

/// What makes a report worth printing again: results and what they are about, but no ages.
type Told = (CheckId, &'static str, Vec<String>);

fn told(report: &Report) -> Vec<Told> {
    let outcomes = report.outcomes.iter();
    outcomes
        .map(|(id, outcome)| {
            let about = match outcome {
                Outcome::Broken { findings } => findings
                    .iter()
                    .map(|finding| format!("{} {}", finding.severity.word(), finding.subject))
                    .collect(),
                Outcome::Holds | Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => Vec::new(),
            };
            (*id, outcome.word(), about)
        })
        .collect()
}

/// Which checks were asked for.
struct Pick {
    only: Vec<WildMatch>,
    skip: Vec<WildMatch>,
}

impl Pick {
    /// A pattern that means no check is a slip of the finger, and is said.
    fn of(wanted: &Checking) -> Result<Self, Usage> {
        let patterns = |globs: &[String]| -> Result<Vec<WildMatch>, Usage> {
            let read = globs.iter().map(|glob| {
                let pattern = WildMatch::new(glob);
                let means_some = CheckId::ALL.into_iter().any(|id| pattern.matches(id.name()));
                means_some.then_some(pattern).ok_or_else(|| Usage {
                    message: format!("no check is called {glob:?}; `quorate explain` lists all checks"),
                })
            });
            read.collect()
        };
        Ok(Self {
            only: patterns(&wanted.only)?,
            skip: patterns(&wanted.skip)?,
        })
    }

    fn takes(&self, id: CheckId) -> bool {
        let any = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(id.name()));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example;

    fn picked(only: &[&str], skip: &[&str]) -> Result<Vec<&'static str>, Usage> {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let pick = Pick::of(&Checking {
            output: CheckOutput::Table,
            timeout: None,
            only: owned(only),
            skip: owned(skip),
            watch: false,
        })?;
        let names = CheckId::ALL.into_iter().filter(|id| pick.takes(*id)).map(CheckId::name);
        Ok(names.collect())
    }

    #[test]
    fn globs_pick_checks() {
        assert_eq!(picked(&[], &[]).unwrap().len(), CheckId::ALL.len());
        assert_eq!(
            picked(&["etcd.q*", "zone.three"], &[]).unwrap(),
            ["etcd.quorum", "zone.three"]
        );
        assert_eq!(picked(&["zone.*"], &["*.three"]).unwrap(), ["zone.labels"]);
        assert!(picked(&["etdc.*"], &[]).unwrap_err().message.contains("etdc"));
    }

    #[test]
    fn ages_alone_are_nothing_new() {
        let policy = Policy::default();
        let mut snapshot = example::node_lost(example::Death::Silent);
        let before = told(&check::run(&snapshot, &policy));
        snapshot.now.mono_ms += 1000;
        assert_eq!(told(&check::run(&snapshot, &policy)), before);
        assert_ne!(told(&check::run(&example::healthy(), &policy)), before);
    }
}
