//! `quorate check` and `quorate explain`: findings, every check's result, and the table of checks.

use jiff::Timestamp;
use serde::Serialize;

use super::feeds::{FeedDocument, feeds};
use super::{mark, scenario};
use crate::base::Text;
use crate::check::{self, Check, CheckId, Finding, Group, Outcome, Report, Severity, Verdict, proof};
use crate::model::policy::Acknowledgement;
use crate::model::{Policy, Snapshot};
use crate::view::words;

/// The document of `check`.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct CheckDocument<'a> {
    pub schema: &'static str,
    pub taken_at: Timestamp,
    /// The scenario, where nothing of this is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Text>,
    pub verdict: &'a Verdict,
    pub findings: Vec<FindingDocument<'a>>,
    pub checks: Vec<ResultDocument<'a>>,
    pub feeds: Vec<FeedDocument>,
}

/// One finding, and who accepted it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct FindingDocument<'a> {
    #[serde(flatten)]
    pub finding: &'a Finding,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<&'a Acknowledgement>,
}

/// One check's result.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ResultDocument<'a> {
    pub id: CheckId,
    pub group: Option<Group>,
    /// holds, broken, cannot-tell or not-applicable
    pub result: &'static str,
    pub why: Option<&'a Text>,
    pub hint: Option<&'a Text>,
    /// Where only etcd's last committed state is known: what the check says of it.
    pub stored: Option<&'a Text>,
    /// Where it holds: the facts by which it does. Those of what is broken stand in its findings.
    pub evidence: Vec<Text>,
}

/// Makes the document of `check`.
pub fn document<'a>(snapshot: &Snapshot, policy: &Policy, report: &'a Report) -> CheckDocument<'a> {
    CheckDocument {
        schema: "quorate.check/v1",
        taken_at: snapshot.now.wall,
        simulated: scenario(snapshot),
        verdict: &report.verdict,
        findings: findings(report).collect(),
        checks: report
            .outcomes
            .iter()
            .map(|(id, outcome)| ResultDocument {
                evidence: held(snapshot, policy, *id, outcome),
                ..result(*id, outcome)
            })
            .collect(),
        feeds: feeds(snapshot),
    }
}

fn findings(report: &Report) -> impl Iterator<Item = FindingDocument<'_>> {
    let found = report.findings().into_iter();
    found.map(|finding| FindingDocument {
        finding,
        acknowledged: report.acknowledgement(finding),
    })
}

fn held(snapshot: &Snapshot, policy: &Policy, id: CheckId, outcome: &Outcome) -> Vec<Text> {
    match outcome {
        Outcome::Holds => proof::of(id, snapshot, policy),
        Outcome::Broken { .. } | Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => Vec::new(),
    }
}

fn result(id: CheckId, outcome: &Outcome) -> ResultDocument<'_> {
    let why = match outcome {
        Outcome::CannotTell { why, .. } | Outcome::NotApplicable { why } => Some(why),
        Outcome::Holds | Outcome::Broken { .. } => None,
    };
    ResultDocument {
        id,
        group: check::find(id).map(|check| check.group),
        result: outcome.word(),
        why: why.map(|why| &why.text),
        hint: why.and_then(|why| why.hint.as_ref()),
        stored: match outcome {
            Outcome::CannotTell { stored, .. } => stored.as_ref(),
            Outcome::NotApplicable { .. } | Outcome::Holds | Outcome::Broken { .. } => None,
        },
        evidence: Vec::new(),
    }
}

/// Columns of what is printed of each check.
const COLUMNS: usize = 80;
/// What stands below a check's name begins here: below the name, behind the longest result.
const INDENT: usize = 16;

/// `check` for people: the verdict, each finding with its evidence, then every check with what shows it.
pub fn text(snapshot: &Snapshot, policy: &Policy, report: &Report) -> String {
    let mut out = headline(scenario(snapshot).as_ref(), &report.verdict);
    for found in findings(report) {
        out.push('\n');
        out.push_str(&finding_text(&found));
    }
    if let Some(at_hand) = check::at_hand(&snapshot.host, report.findings()) {
        out.extend(["\n", &at_hand, "\n"]);
    }
    out.push('\n');
    out.push_str(&row("RESULT", "CHECK"));
    for (id, outcome) in &report.outcomes {
        out.push_str(&row(outcome.word(), id.name()));
        for line in shown(snapshot, policy, *id, outcome) {
            out.push_str(&row("", &line));
        }
    }
    out
}

fn row(result: &str, text: &str) -> String {
    format!("{result:INDENT$}{text}\n")
}

/// Why a check says what it says: of what holds or is broken a line, of what cannot be told all of the reason.
fn shown(snapshot: &Snapshot, policy: &Policy, id: CheckId, outcome: &Outcome) -> Vec<String> {
    let width = COLUMNS - INDENT;
    let short = |lines: &[Text]| {
        let more = lines.len().saturating_sub(1);
        let more = if more == 0 {
            String::new()
        } else {
            format!(" (+{more})")
        };
        let line = lines
            .first()
            .map(|line| words::clip(line.as_str(), width - more.len(), "..."));
        line.map(|line| format!("{line}{more}")).into_iter().collect()
    };
    match outcome {
        Outcome::Holds => short(&proof::of(id, snapshot, policy)),
        Outcome::Broken { findings } => {
            let lines = findings.iter().map(|finding| {
                let shown = finding.evidence.first().map_or("", Text::as_str);
                Text::from(format!("{}: {shown}", finding.title))
            });
            short(&lines.collect::<Vec<Text>>())
        }
        Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => {
            words::wrap(&because(&result(id, outcome)), width)
        }
    }
}

fn because(shown: &ResultDocument<'_>) -> String {
    let why = shown.why.map(ToString::to_string).unwrap_or_default();
    match shown.stored {
        Some(stored) => format!("{why}; etcd's last committed state: {stored}"),
        None => why,
    }
}

/// The verdict in one line, below the mark of a simulated cluster.
pub fn headline(scenario: Option<&Text>, verdict: &Verdict) -> String {
    let level = verdict.level.word().to_uppercase();
    format!("{}{level}  {}\n", mark(scenario), verdict.line)
}

fn finding_text(found: &FindingDocument<'_>) -> String {
    use std::fmt::Write;
    let finding = found.finding;
    let mut out = String::new();
    let severity = match finding.severity {
        Severity::Critical => "CRITICAL",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{severity}  {}  {}  [{}]",
        finding.subject, finding.title, finding.check
    );
    for line in &finding.evidence {
        let _ = writeln!(out, "    {line}");
    }
    let _ = writeln!(out, "  then  {}", finding.consequence);
    let _ = writeln!(out, "  do    {}", finding.remedy);
    if let Some(own) = found.acknowledged {
        let until = own.until.strftime("%Y-%m-%d %H:%M UTC");
        let _ = writeln!(out, "  acknowledged until {until}: {}", own.reason);
    }
    out
}

/// One check explained, for people.
pub fn explain_text(check: &Check) -> String {
    let statement = check
        .statement
        .map(|text| format!("\nThe HA document says:\n  \"{text}\"\n"))
        .unwrap_or_default();
    format!(
        "{}: {}\nGroup: {}\n\nLooks at:\n  {}\n\nWhy:\n  {}\n\nFix:\n  {}\n{statement}",
        check.id,
        check.title,
        check.group.title(),
        check.looks_at,
        check.why,
        check.fix
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example::{self, Death};

    #[test]
    fn every_check_stands_with_what_shows_it_within_80_columns() {
        let policy = Policy::default();
        for snapshot in [
            example::healthy(),
            example::node_lost(Death::Silent),
            example::empty(),
            example::huge(),
        ] {
            let report = check::run(&snapshot, &policy);
            let out = text(&snapshot, &policy, &report);
            let (_, table) = out.split_once("RESULT ").unwrap();
            let lines: Vec<&str> = table.lines().skip(1).collect();
            assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{table}");
            for (id, _) in &report.outcomes {
                let at = lines.iter().position(|line| line.ends_with(&format!(" {id}"))).unwrap();
                let below = lines.get(at + 1).unwrap();
                assert!(below.starts_with(' ') && !below.trim().is_empty(), "{id}: {below}");
            }
        }
    }
}
