//! `quorate report --since`: what happened, for people who were not there. Pure: made of the timeline on disk, the findings of
//! now and the runs' journals. What looks like a secret is taken out of every line. Start reading at [`text`].

use jiff::Timestamp;

use super::block::{self, Block};
use super::record::found;
use crate::app::failover::tell;
use crate::app::timeline::Entry;
use crate::base::alias::{Aliases, Names, Reader};
use crate::check::{Report, Severity};
use crate::chronicle::History;
use crate::cli::args::RecordForm;
use crate::cli::{journal, timeline};
use crate::live::host::redact::redact;
use crate::model::Snapshot;
use crate::run::journal::Story;

const TITLE: &str = "Incident report";
/// So many changes are told one by one; of more, the newest.
const MAX_CHANGES: usize = 2_000;

/// All that a report is made of.
#[derive(Debug)]
pub struct Incident<'a> {
    /// From when.
    pub from: Timestamp,
    /// What is so now.
    pub snapshot: &'a Snapshot,
    /// What is wrong now.
    pub report: &'a Report,
    /// What consoles on this host noticed since then.
    pub history: &'a History,
    /// The runs on this host that were at work since then.
    pub runs: &'a [Story],
}

/// The report. With `is_redacted`, nodes, pods, zones, people, addresses and the cluster have other names.
pub fn text(of: &Incident<'_>, form: RecordForm, is_redacted: bool) -> String {
    let mut blocks = head(of);
    recovery(&mut blocks, of);
    findings(&mut blocks, of);
    actions(&mut blocks, of);
    changes(&mut blocks, of);
    let aliases = is_redacted.then(|| Aliases::new(names(of), Reader::People));
    let clean = |text: &str| {
        let text = redact(text);
        match &aliases {
            Some(aliases) => aliases.apply(&text),
            None => text,
        }
    };
    let blocks: Vec<Block> = blocks.into_iter().map(|block| block.map(&clean)).collect();
    block::text(&blocks, TITLE, form)
}

fn fact(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn head(of: &Incident<'_>) -> Vec<Block> {
    let verdict = &of.report.verdict;
    let watched: Vec<String> = of.history.spans.iter().map(timeline::watched).collect();
    let watched = if watched.is_empty() {
        "nothing is on record of this time: no console was open on this host".to_owned()
    } else {
        watched.join("; ")
    };
    let mut blocks = vec![Block::Heading(1, TITLE.to_owned())];
    if let Some(simulated) = &of.snapshot.simulated {
        let text = format!("SIMULATED CLUSTER ({}): nothing of this is real.", simulated.scenario);
        blocks.push(Block::Paragraph(text));
    }
    blocks.push(Block::Facts(vec![
        fact("From", time(of.from)),
        fact("To", time(of.snapshot.now.wall)),
        fact("Cluster", of.snapshot.identity().to_string()),
        fact("Seen from", of.snapshot.host.name.to_string()),
        fact("Verdict now", format!("{}: {}", verdict.level.word(), verdict.line)),
        fact("Watched", watched),
        fact("quorate", env!("CARGO_PKG_VERSION")),
    ]));
    blocks
}

/// Lost nodes: what was foretold beside what was seen.
fn recovery(blocks: &mut Vec<Block>, of: &Incident<'_>) {
    blocks.push(Block::Heading(2, "Lost nodes and their recovery".to_owned()));
    let entries = of.history.entries.iter();
    let stories: Vec<_> = entries
        .filter_map(|entry| Some((entry, entry.failover.as_deref()?)))
        .collect();
    if stories.is_empty() {
        blocks.push(Block::Paragraph(
            "No loss of a node was followed to its end.".to_owned(),
        ));
    }
    for (entry, own) in stories {
        blocks.push(Block::Heading(3, format!("{}, {}", own.node, time(own.began))));
        blocks.push(Block::Paragraph(entry.text.to_string()));
        let now = entry.at.wall;
        let pods = tell::pods(own).map(|step| tell::row(own, step, now));
        let rows = tell::story(own, now).into_iter().chain(pods);
        blocks.push(Block::Facts(
            rows.map(|(what, text, _)| (what, text.to_string())).collect(),
        ));
    }
}

fn findings(blocks: &mut Vec<Block>, of: &Incident<'_>) {
    blocks.push(Block::Heading(2, "Findings now".to_owned()));
    let all = of.report.findings();
    if all.is_empty() {
        blocks.push(Block::Paragraph("None.".to_owned()));
    }
    for finding in all {
        found(blocks, of.report, finding);
    }
}

fn actions(blocks: &mut Vec<Block>, of: &Incident<'_>) {
    blocks.push(Block::Heading(2, "Actions".to_owned()));
    if of.runs.is_empty() {
        blocks.push(Block::Paragraph(
            "No guided action was at work on this host.".to_owned(),
        ));
    }
    for story in of.runs {
        let view = &story.view;
        let title = format!("{}: {}, {}", view.run.0, view.plan.intent, view.standing());
        blocks.push(Block::Heading(3, title));
        let since = story.entries.iter().filter(|entry| entry.at >= of.from);
        let lines = since.map(|entry| format!("{}: {}", time(entry.at), journal::line(view, &entry.event)));
        blocks.push(Block::List(lines.collect()));
    }
}

fn changes(blocks: &mut Vec<Block>, of: &Incident<'_>) {
    blocks.push(Block::Heading(2, "Timeline".to_owned()));
    let all = &of.history.entries;
    let more = all.len().saturating_sub(MAX_CHANGES);
    if more > 0 {
        blocks.push(Block::Paragraph(format!("{more} older changes are left out.")));
    }
    if all.is_empty() {
        blocks.push(Block::Paragraph("No change is on record.".to_owned()));
    }
    let lines = all.iter().skip(more).map(line);
    blocks.push(Block::List(lines.collect()));
}

fn line(entry: &Entry) -> String {
    let level = entry.severity.map_or("ok", Severity::word);
    let (at, topic, subject) = (time(entry.at.wall), entry.topic.word(), &entry.subject);
    format!("{at}, {level}: {topic} {subject}: {}", entry.text)
}

/// Every name that has an alias in a redacted report.
fn names(of: &Incident<'_>) -> Names {
    let mut names = Names::default();
    of.snapshot.name(&mut names);
    of.history.entries.iter().for_each(|entry| entry.name(&mut names));
    for operator in of.runs.iter().map(|story| &story.view.operator) {
        names.add("person", operator.user.as_str());
        names.add("node", operator.host.as_str());
    }
    of.history.identity.name(&mut names);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::failover::{End, Failovers};
    use crate::app::timeline::Topic;
    use crate::check;
    use crate::chronicle::Span;
    use crate::model::Policy;
    use crate::model::example::{self, Death};
    use std::sync::Arc;

    /// A cluster with a lost node that came back, in which something hostile happened.
    fn history() -> History {
        let mut failovers = Failovers::default();
        let mut entries = Vec::new();
        for snapshot in [
            example::healthy(),
            example::node_lost(Death::Refused),
            example::healthy(),
        ] {
            let at = snapshot.now;
            for own in failovers.note(&Arc::new(snapshot), &Policy::default()) {
                assert_eq!(own.end.map(|(_, end)| end), Some(End::Returned));
                entries.push(Entry {
                    failover: Some(Arc::new(own.clone())),
                    ..Entry::new(at, Topic::Failover, own.node.clone(), &tell::summary(&own), None)
                });
            }
        }
        let now = example::healthy().now;
        let evil = "<b>x</b> password=hunter2 eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAifQ0123456789abcdef";
        entries.push(Entry::new(
            now,
            Topic::Pods,
            "pods".into(),
            "1 created: kotsadm/gone-by-now",
            None,
        ));
        entries.push(Entry::new(
            now,
            Topic::Node,
            "nbe-3".into(),
            "NotReady (was Ready) at 10.77.0.13",
            None,
        ));
        entries.push(Entry::new(now, Topic::Finding, "x".into(), evil, None));
        History {
            identity: example::healthy().identity(),
            spans: vec![Span {
                from: now.wall,
                to: now.wall,
                is_open: false,
            }],
            entries,
            unread: 0,
        }
    }

    fn written(form: RecordForm, is_redacted: bool) -> String {
        let snapshot = example::node_lost(Death::Refused);
        let report = check::run(&snapshot, &Policy::default());
        let history = history();
        let incident = Incident {
            from: snapshot.now.wall,
            snapshot: &snapshot,
            report: &report,
            history: &history,
            runs: &[],
        };
        text(&incident, form, is_redacted)
    }

    #[test]
    fn what_happened_stands_there_foretold_beside_seen() {
        let record = written(RecordForm::Markdown, false);
        for needed in [
            "## Lost nodes and their recovery",
            "last heartbeat",
            "foretold after",
            "came back after",
            "nbe-3: NotReady",
        ] {
            assert!(record.contains(needed), "{needed}: {record}");
        }
    }

    #[test]
    fn no_secret_and_no_markup_of_others_is_in_it() {
        for form in [RecordForm::Markdown, RecordForm::Html] {
            let record = written(form, false);
            assert!(
                !record.contains("hunter2") && !record.contains("eyJhbGci") && !record.contains("<b>"),
                "{record}"
            );
            assert!(record.contains("redacted"), "{record}");
        }
    }

    #[test]
    fn a_redacted_report_names_nothing_of_the_cluster() {
        let snapshot = example::node_lost(Death::Refused);
        let record = written(RecordForm::Html, true);
        let nodes = snapshot.kube.nodes.values().map(|node| node.name.to_string());
        let pods = snapshot.kube.pods.iter().map(|(key, _)| key.name.to_string());
        let others = ["10.77.0", "zone-a", "gone-by-now"].map(str::to_owned);
        let id = snapshot.cluster_id().map(|id| id.to_string());
        for name in nodes.chain(pods).chain(others).chain(id) {
            assert!(!record.contains(&name), "{name}: {record}");
        }
        assert!(
            record.contains("node-3") && record.contains("address-1") && record.contains("cluster-1"),
            "{record}"
        );
    }
}
