//! `quorate status` for people.

use super::below;
use super::check::headline;
use super::failover;
use super::feeds::FeedDocument;
use super::status::{MemberDocument, NodeDocument, StatusDocument, StoredDocument};
use super::table::table;
use crate::base::Age;

/// Everything on plain lines.
pub fn text(status: &StatusDocument<'_>) -> String {
    let mut sections = vec![
        headline(status.simulated.as_ref(), status.verdict),
        quorum_line(status),
        status.failover.as_deref().map(failover::text).unwrap_or_default(),
        nodes(status),
        members(status),
    ];
    sections.push(placement(status));
    if status.recovery.diagnosis.state.is_dark() {
        sections.push(below::recovery_text(&status.recovery));
    }
    sections.push(missing(&status.feeds));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn quorum_line(status: &StatusDocument<'_>) -> String {
    let quorum = &status.quorum;
    let count = |n: Option<usize>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let spare = match (quorum.spare, quorum.spare_range) {
        (Some(spare), _) => spare.to_string(),
        (None, Some([low, high])) => format!("between {low} and {high}"),
        (None, None) => "not known".to_owned(),
    };
    let api = status.api.as_ref().map_or_else(
        || "no API server has answered".to_owned(),
        |api| {
            format!(
                "{} {}",
                api.server,
                api.version.as_ref().map_or("", |version| version.as_str())
            )
        },
    );
    format!(
        "quorum   {} ({} of {} voters healthy, {} needed, spare {spare})\napi      {}\n{}",
        quorum.standing,
        count(quorum.healthy),
        count(quorum.voters),
        count(quorum.needed),
        api.trim_end(),
        status.stored.as_ref().map(stored_line).unwrap_or_default()
    )
}

/// Whoever reads on must know that the rest is not of now.
fn stored_line(stored: &StoredDocument) -> String {
    let age = stored.written_age_ms.map_or_else(
        || "of unknown age".to_owned(),
        |ms| format!("newest heartbeat {} ago", Age(std::time::Duration::from_millis(ms))),
    );
    format!(
        "stored   nodes and workloads below are etcd's last committed state: this member, revision {}, {age}\n",
        stored.revision
    )
}

fn nodes(status: &StatusDocument<'_>) -> String {
    let rows: Vec<Vec<String>> = status
        .zones
        .iter()
        .flat_map(|zone| {
            let name = zone.name.as_ref().map_or("(no zone)", |name| name.as_str());
            zone.nodes.iter().map(move |node| node_row(name, node))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        &["ZONE", "NODE", "READY", "HEARTBEAT", "ROLE", "ADDRESS", "VERSION"],
        &rows,
    )
}

fn node_row(zone: &str, node: &NodeDocument) -> Vec<String> {
    let heartbeat = node.heartbeat_age_ms.map_or_else(
        || "n/a".to_owned(),
        |ms| format!("{} ago", Age(std::time::Duration::from_millis(ms))),
    );
    vec![
        zone.to_owned(),
        node.name.to_string(),
        node.ready.to_owned(),
        heartbeat,
        if node.controller { "controller" } else { "worker" }.to_owned(),
        node.address.as_ref().map(ToString::to_string).unwrap_or_default(),
        node.kubelet_version.to_string(),
    ]
}

fn members(status: &StatusDocument<'_>) -> String {
    let rows: Vec<Vec<String>> = status.etcd.members.iter().map(member_row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["MEMBER", "ID", "ROLE", "STATE", "RTT", "ADDRESS", "BECAUSE"], &rows)
}

fn member_row(member: &MemberDocument) -> Vec<String> {
    vec![
        if member.name.is_empty() {
            "(never started)".to_owned()
        } else {
            member.name.to_string()
        },
        member.id.to_string(),
        member.role.to_owned(),
        member.state.to_owned(),
        member
            .rtt_ms
            .map_or_else(|| "n/a".to_owned(), |ms| format!("{ms:.1}ms")),
        member
            .peer_address
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        member.why.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

fn placement(status: &StatusDocument<'_>) -> String {
    let rows: Vec<Vec<String>> = status
        .placement
        .iter()
        .map(|row| {
            let nodes = row
                .nodes
                .iter()
                .flatten()
                .map(|(node, count)| format!("{node}:{count}"));
            let ready = row.ready.map_or_else(|| "?".to_owned(), |ready| ready.to_string());
            let spread = match (row.hard_spread, row.spread_ok) {
                (_, None) => "-",
                (true, Some(true)) => "hard, kept",
                (true, Some(false)) => "hard, BROKEN",
                (false, Some(true)) => "soft, kept",
                (false, Some(false)) => "soft, uneven",
            };
            vec![
                format!("{}/{}", row.namespace, row.name),
                row.kind.to_owned(),
                format!("{ready}/{}", row.desired),
                spread.to_owned(),
                nodes.collect::<Vec<_>>().join(" "),
            ]
        })
        .collect();
    let limit = status.namespace.as_ref().map_or_else(String::new, |name| {
        format!("workloads of namespace {name} alone (-n); all else is of every namespace\n")
    });
    if rows.is_empty() {
        return limit;
    }
    limit + &table(&["WORKLOAD", "KIND", "READY", "SPREAD", "NODES"], &rows)
}

/// The sources that do not answer, so that nobody takes a gap for a fact.
fn missing(feeds: &[FeedDocument]) -> String {
    let rows: Vec<Vec<String>> = feeds.iter().filter(|feed| feed.state != "live").map(feed_row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["FEED", "STATE", "LAST ANSWER", "BECAUSE"], &rows)
}

/// One source as a row: name, state, age of the last answer, reason.
pub fn feed_row(feed: &FeedDocument) -> Vec<String> {
    let last = feed.age_ms.map_or_else(
        || "-".to_owned(),
        |ms| format!("{} ago", Age(std::time::Duration::from_millis(ms))),
    );
    let because = match (&feed.why, &feed.hint) {
        (Some(why), Some(hint)) => format!("{why} ({hint})"),
        (Some(why), None) => why.to_string(),
        (None, _) if feed.state == "syncing" => "no answer yet".to_owned(),
        (None, _) => String::new(),
    };
    vec![feed.id.to_string(), feed.state.to_owned(), last, because]
}
