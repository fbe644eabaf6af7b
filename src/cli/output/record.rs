//! `quorate report --readiness`: the checklist as a written record, in Markdown or HTML. Pure. One list of blocks is made of
//! what was found.

use super::block::{self, Block};
use crate::base::Text;
use crate::check::{self, Check, Finding, Group, Outcome, Report, proof};
use crate::cli::args::RecordForm;
use crate::model::{Policy, Snapshot};

const TITLE: &str = "Readiness for high availability";

/// The record.
pub fn text(snapshot: &Snapshot, policy: &Policy, report: &Report, form: RecordForm) -> String {
    let mut blocks = head(snapshot, report);
    for group in Group::ALL {
        let checks: Vec<&Check> = check::all().filter(|check| check.group == group).collect();
        let told = checks
            .iter()
            .filter_map(|check| Some((*check, report.outcome(check.id)?)));
        blocks.push(Block::Heading(2, group.title().to_owned()));
        for (check, outcome) in told {
            statement(&mut blocks, report, check, outcome);
            if *outcome == Outcome::Holds {
                let lines = proof::of(check.id, snapshot, policy);
                blocks.push(Block::Paragraph("It holds by:".to_owned()));
                blocks.push(Block::List(lines.iter().map(ToString::to_string).collect()));
            }
        }
    }
    sources(&mut blocks, snapshot);
    block::text(&blocks, TITLE, form)
}

fn head(snapshot: &Snapshot, report: &Report) -> Vec<Block> {
    let of = |word: &str| {
        let same = report.outcomes.iter().filter(|(_, outcome)| outcome.word() == word);
        same.count().to_string()
    };
    let cluster = snapshot.etcd.local.as_ref().map(|local| local.value.cluster_id);
    let cluster = cluster.or_else(|| snapshot.etcd.views.values().find_map(|view| view.value.cluster_id));
    let nodes = snapshot.kube.nodes.values().map(|node| {
        let zone = node.zone.as_ref().map_or("no zone", Text::as_str);
        format!("{} ({zone}, {})", node.name, node.kubelet_version)
    });
    let user = if snapshot.host.is_root { "root" } else { "not root" };
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Taken", snapshot.now.wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
        fact(
            "Verdict",
            format!("{}: {}", report.verdict.level.word(), report.verdict.line),
        ),
        fact(
            "etcd cluster",
            cluster.map_or_else(|| "not known".to_owned(), |id| id.to_string()),
        ),
        fact("Nodes", nodes.collect::<Vec<_>>().join(", ")),
        fact("Seen from", format!("{} as {user}", snapshot.host.name)),
        fact("quorate", env!("CARGO_PKG_VERSION").to_owned()),
        fact("Statements that hold", of("holds")),
        fact("Broken", of("broken")),
        fact("Cannot tell", of("cannot-tell")),
        fact("Not applicable", of("not-applicable")),
    ];
    let at_hand = check::at_hand(&snapshot.host, report.findings());
    facts.extend(at_hand.map(|text| fact("To run a remedy", text)));
    let mut blocks = vec![Block::Heading(1, TITLE.to_owned())];
    if let Some(simulated) = &snapshot.simulated {
        let text = format!("SIMULATED CLUSTER ({}): nothing of this is real.", simulated.scenario);
        blocks.push(Block::Paragraph(text));
    }
    blocks.push(Block::Facts(facts));
    blocks
}

fn statement(blocks: &mut Vec<Block>, report: &Report, check: &Check, outcome: &Outcome) {
    blocks.push(Block::Heading(
        3,
        format!("{}: {} ({})", outcome.word(), check.title, check.id),
    ));
    blocks.extend(check.statement.map(|text| Block::Quote(text.to_owned())));
    let looked = ("Looked at".to_owned(), check.looks_at.to_owned());
    match outcome {
        Outcome::Holds => blocks.push(Block::Facts(vec![looked])),
        Outcome::CannotTell { feed, why, stored } => {
            let hint = why.hint.iter().map(|hint| ("Try".to_owned(), hint.to_string()));
            let stored = stored
                .iter()
                .map(|text| ("By etcd's last committed state".to_owned(), text.to_string()));
            let because = ("Because".to_owned(), format!("{feed}: {}", why.text));
            let all = [looked, because].into_iter().chain(stored).chain(hint);
            blocks.push(Block::Facts(all.collect()));
        }
        Outcome::NotApplicable { why } => {
            blocks.push(Block::Facts(vec![("Because".to_owned(), why.text.to_string())]));
        }
        Outcome::Broken { findings } => {
            blocks.push(Block::Facts(vec![looked]));
            for finding in findings {
                found(blocks, report, finding);
            }
        }
    }
}

pub(super) fn found(blocks: &mut Vec<Block>, report: &Report, finding: &Finding) {
    let (severity, subject) = (finding.severity.word(), &finding.subject);
    blocks.push(Block::Paragraph(format!("{severity}, {subject}: {}", finding.title)));
    blocks.push(Block::List(finding.evidence.iter().map(ToString::to_string).collect()));
    let mut facts = vec![
        ("Consequence".to_owned(), finding.consequence.to_string()),
        ("Remedy".to_owned(), finding.remedy.to_string()),
    ];
    if let Some(own) = report.acknowledgement(finding) {
        let until = own.until.strftime("%Y-%m-%d %H:%M UTC");
        facts.push(("Acknowledged".to_owned(), format!("until {until}: {}", own.reason)));
    }
    blocks.push(Block::Facts(facts));
}

fn sources(blocks: &mut Vec<Block>, snapshot: &Snapshot) {
    blocks.push(Block::Heading(2, "Sources".to_owned()));
    let facts = snapshot.feeds.iter().map(|(id, state)| {
        let why = state.why().map_or_else(String::new, |why| format!(": {}", why.text));
        (id.to_string(), format!("{}{why}", state.word()))
    });
    blocks.push(Block::Facts(facts.collect()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example;

    fn record(snapshot: &Snapshot, form: RecordForm) -> String {
        let policy = Policy::default();
        text(snapshot, &policy, &check::run(snapshot, &policy), form)
    }

    #[test]
    fn every_statement_is_in_the_record() {
        for snapshot in [
            example::healthy(),
            example::node_lost(example::Death::Silent),
            example::empty(),
        ] {
            for form in [RecordForm::Markdown, RecordForm::Html] {
                let record = record(&snapshot, form);
                for check in check::all() {
                    assert!(record.contains(&format!("({})", check.id.name())), "{}", check.id);
                }
                assert!(record.contains("2026-"), "dated");
            }
        }
    }

    #[test]
    fn what_was_found_stands_there_with_its_evidence() {
        let record = record(&example::node_lost(example::Death::Refused), RecordForm::Markdown);
        assert!(record.contains("refused the connection"), "{record}");
        assert!(record.contains("- **Remedy:** "), "{record}");
    }

    #[test]
    fn what_holds_stands_there_with_its_evidence() {
        let record = record(&example::healthy(), RecordForm::Markdown);
        let quorum = "It holds by:\n\n- 3 of 3 voters healthy, 2 needed, spare 1\n- a linearizable read succeeded";
        assert!(record.contains(quorum), "{record}");
        assert_eq!(
            record.matches("It holds by:").count(),
            check::all().count() - 2,
            "the balancer cannot be told, 2379 does not apply"
        );
    }

    #[test]
    fn names_cannot_become_markup() {
        let mut snapshot = example::node_lost(example::Death::Silent);
        snapshot.host.name = "<b>[x](y)|`z`".into();
        assert!(record(&snapshot, RecordForm::Html).contains("&lt;b&gt;[x](y)|`z`"));
        assert!(record(&snapshot, RecordForm::Markdown).contains("\\<b\\>\\[x\\](y)\\|\\`z\\`"));
    }
}
