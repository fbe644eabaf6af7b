//! `quorate check -o plugin`: what Nagios, Icinga and their like read. By the Monitoring Plugins guidelines: one line with
//! the level and, after a `|`, figures; then a text of bounded length. Pure. Start reading at [`text`].

use std::fmt::{Display, Write};

use super::scenario;
use crate::check::{Level, Outcome, Report, Severity};
use crate::model::kube::{Node, Tri};
use crate::model::{KubeKind, Snapshot};

/// Nagios keeps 8 KiB of an answer by default, and old readers cut it without a word. More findings than these are counted.
const LINES: usize = 20;

/// No line of the text is longer, in characters.
const WIDTH: usize = 200;

/// The whole answer.
pub fn text(snapshot: &Snapshot, report: &Report) -> String {
    let simulated = scenario(snapshot).map_or_else(String::new, |name| format!("simulated cluster ({name}): "));
    let line = format!("{simulated}{}", report.verdict.line);
    let mut out = headline(report.verdict.level, &line, &figures(snapshot, report));
    let lines = lines(report);
    for line in lines.iter().take(LINES) {
        let _ = writeln!(out, "{}", plain(line));
    }
    if lines.len() > LINES {
        let _ = writeln!(out, "and {} more: quorate check", lines.len() - LINES);
    }
    out
}

/// The answer where nothing could be looked at.
pub fn failed(why: &impl Display) -> String {
    headline(Level::Unknown, &why.to_string(), "")
}

fn headline(level: Level, line: &str, figures: &str) -> String {
    let bar = if figures.is_empty() { "" } else { " | " };
    format!(
        "QUORATE {} - {}{bar}{figures}\n",
        level.word().to_uppercase(),
        plain(line)
    )
}

/// One line without the character that begins figures.
fn plain(line: &str) -> String {
    let one = line.replace('|', "/").replace(['\n', '\r'], " ");
    match one.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &one[..end]),
        None => one,
    }
}

/// Findings, then what cannot be told.
fn lines(report: &Report) -> Vec<String> {
    let findings = report.findings().into_iter().map(|finding| {
        let accepted = report.acknowledgement(finding).map_or("", |_| " (acknowledged)");
        let severity = finding.severity.word();
        format!(
            "{severity} {} {}: {}{accepted}",
            finding.check, finding.subject, finding.title
        )
    });
    let untold = report.outcomes.iter().filter_map(|(id, outcome)| match outcome {
        Outcome::CannotTell { why, .. } => Some(format!("cannot tell {id}: {}", why.text)),
        Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    });
    findings.chain(untold).collect()
}

/// Performance data. What is not known is `U`, never 0.
fn figures(snapshot: &Snapshot, report: &Report) -> String {
    let quorum = snapshot.quorum();
    let is_listed = quorum.voters > 0 && quorum.membership.is_from_etcd();
    let is_judged = is_listed && quorum.unknown < quorum.voters;
    let are_listed = snapshot.kind(KubeKind::Nodes).is_live();
    let nodes = |wanted: fn(&Node) -> bool| {
        let all = snapshot.kube.nodes.values();
        are_listed.then(|| all.filter(|node| wanted(node)).count())
    };
    let found = |severity| {
        let findings = report.findings().into_iter();
        let new = findings.filter(|finding| finding.severity == severity && report.acknowledgement(finding).is_none());
        new.count()
    };
    let untold = report.outcomes.iter();
    let untold = untold.filter(|(_, outcome)| matches!(outcome, Outcome::CannotTell { .. }));
    let accepted = report.findings().into_iter();
    let accepted = accepted.filter(|finding| report.acknowledgement(finding).is_some());
    [
        figure("voters", is_listed.then_some(quorum.voters)),
        figure("live", is_judged.then_some(quorum.healthy)),
        figure("spare", quorum.spare()),
        figure("nodes", nodes(|_| true)),
        figure("nodes_ready", nodes(|node| node.ready.status == Tri::True)),
        figure("critical", Some(found(Severity::Critical))),
        figure("warning", Some(found(Severity::Warning))),
        figure("info", Some(found(Severity::Info))),
        figure("acknowledged", Some(accepted.count())),
        figure("cannot_tell", Some(untold.count())),
    ]
    .join(" ")
}

fn figure(name: &str, value: Option<impl Display>) -> String {
    value.map_or_else(|| format!("{name}=U"), |value| format!("{name}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Text;
    use crate::check;
    use crate::model::{ObjectKey, Policy, example};

    fn told(snapshot: &Snapshot) -> String {
        text(snapshot, &check::run(snapshot, &Policy::default()))
    }

    fn first(snapshot: &Snapshot) -> String {
        told(snapshot).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_first_line_is_the_verdict_with_figures() {
        let lost = example::node_lost(example::Death::Silent);
        let line = first(&lost);
        assert!(line.starts_with("QUORATE WARNING - 2 of 3 healthy, no spare"), "{line}");
        assert!(
            line.contains(" | voters=3 live=2 spare=0 nodes=3 nodes_ready=2 "),
            "{line}"
        );
        let line = first(&example::healthy());
        assert!(
            line.contains("| voters=3 live=3 spare=1 nodes=3 nodes_ready=3 critical=0 warning=0"),
            "{line}"
        );
    }

    #[test]
    fn what_is_not_known_is_u_and_unknown() {
        let line = first(&example::empty());
        assert!(line.starts_with("QUORATE UNKNOWN - "), "{line}");
        assert!(
            line.contains("| voters=U live=U spare=U nodes=U nodes_ready=U critical=0"),
            "{line}"
        );
    }

    #[test]
    fn every_line_is_bounded_and_only_the_first_has_figures() {
        for (_, make) in example::NAMED {
            let mut snapshot = make();
            for n in 1..=3 {
                example::change(
                    &mut snapshot.kube.nodes,
                    &ObjectKey::new("", example::name(n)),
                    |node| {
                        node.ready.status = Tri::False;
                        node.ready.reason = Text::new(&"a|b\n".repeat(2000));
                    },
                );
            }
            let told = told(&snapshot);
            assert!(told.lines().count() <= LINES + 2, "{told}");
            for (n, line) in told.lines().enumerate() {
                assert!(line.chars().count() <= 2 * WIDTH, "{line}");
                assert_eq!(line.matches('|').count(), usize::from(n == 0), "{line}");
            }
        }
        assert_eq!(failed(&"no | way\nout"), "QUORATE UNKNOWN - no / way out\n");
    }
}
