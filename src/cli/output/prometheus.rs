//! `quorate check -o prometheus`: the text exposition format, for node_exporter's textfile collector and the like. Pure.

use std::fmt::Write;

use crate::check::{self, Level, Outcome, Report, Severity};
use crate::model::{FeedState, Snapshot};

/// What every check said, as metrics.
pub fn text(snapshot: &Snapshot, report: &Report) -> String {
    let mut out = Page::default();
    checks(&mut out, report);
    out.metric("quorate_verdict", "The verdict: 1 for the level that holds.");
    for level in [Level::Ok, Level::Warning, Level::Critical, Level::Unknown] {
        let holds = u64::from(report.verdict.level == level);
        out.sample("quorate_verdict", &[("level", level.word())], holds);
    }
    out.metric("quorate_findings", "Findings by severity.");
    for severity in [Severity::Critical, Severity::Warning, Severity::Info] {
        for (word, accepted) in [("false", false), ("true", true)] {
            let found = report.findings().into_iter();
            let count =
                found.filter(|own| own.severity == severity && report.acknowledgement(own).is_some() == accepted);
            let labels = [("severity", severity.word()), ("acknowledged", word)];
            out.sample("quorate_findings", &labels, count.count() as u64);
        }
    }
    quorum(&mut out, snapshot);
    out.metric("quorate_feed_live", "Whether a source is live.");
    for (id, state) in &snapshot.feeds {
        let is_live = u64::from(matches!(state, FeedState::Live { .. }));
        out.sample("quorate_feed_live", &[("feed", &id.to_string())], is_live);
    }
    out.metric(
        "quorate_simulated",
        "Whether none of it is real: the cluster is a simulated one.",
    );
    out.sample("quorate_simulated", &[], u64::from(snapshot.simulated.is_some()));
    out.text
}

fn checks(out: &mut Page, report: &Report) {
    out.metric("quorate_check", "What each check says: 1 for the result that it has.");
    for (id, outcome) in &report.outcomes {
        let group = check::find(*id).map_or("", |check| check.group.title());
        for result in Outcome::WORDS {
            let labels = [("check", id.name()), ("group", group), ("result", result)];
            out.sample("quorate_check", &labels, u64::from(outcome.word() == result));
        }
    }
}

/// Only what is known: a missing figure is no zero.
fn quorum(out: &mut Page, snapshot: &Snapshot) {
    let quorum = snapshot.quorum();
    if !quorum.membership.is_from_etcd() {
        return;
    }
    out.metric("quorate_etcd_voters", "Voting members of etcd.");
    out.sample("quorate_etcd_voters", &[], quorum.voters as u64);
    out.metric("quorate_etcd_healthy_voters", "Voting members that are proven healthy.");
    out.sample("quorate_etcd_healthy_voters", &[], quorum.healthy as u64);
    if let Some(spare) = quorum.spare() {
        out.metric(
            "quorate_etcd_spare",
            "How many members may still be lost; negative without quorum.",
        );
        out.sample("quorate_etcd_spare", &[], spare);
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    // Writing to a String cannot fail.
    fn metric(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Policy, example};

    #[test]
    fn every_line_is_a_comment_or_a_sample() {
        for snapshot in [
            example::healthy(),
            example::node_lost(example::Death::Silent),
            example::empty(),
        ] {
            let report = check::run(&snapshot, &Policy::default());
            let text = text(&snapshot, &report);
            for line in text.lines() {
                let is_sample = || {
                    let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<i64>());
                    line.starts_with("quorate_") && matches!(value, Some(Ok(_)))
                };
                assert!(line.starts_with("# ") || is_sample(), "{line}");
            }
            let broken = text
                .lines()
                .filter(|line| line.contains("result=\"broken\"") && line.ends_with(" 1"));
            let expected = report.outcomes.iter().filter(|(_, outcome)| outcome.word() == "broken");
            assert_eq!(broken.count(), expected.count());
        }
    }

    #[test]
    fn what_is_not_known_is_not_counted() {
        let snapshot = example::empty();
        let report = check::run(&snapshot, &Policy::default());
        assert!(!text(&snapshot, &report).contains("quorate_etcd_spare"));
    }
}
