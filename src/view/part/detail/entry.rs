//! A way in for users or administrators: what it was asked, what came of it, and the certificate that it showed.

use super::chapter::{Chapter, Paragraph};
use crate::app::State;
use crate::model::FeedId;
use crate::model::entry::{Entry, EntryId, Gap, Presented, Service};
use crate::model::kube::Node;
use crate::view::theme::Role;
use crate::view::words;

/// The ways in at a node, a chapter each; none where nothing is probed there.
pub fn chapters(state: &State, node: &Node) -> Vec<Chapter> {
    let Some(address) = node.address.as_ref().and_then(|address| address.as_str().parse().ok()) else {
        return Vec::new();
    };
    let ways = [
        ("Users' way in", EntryId::Users(address)),
        ("Admin Console", EntryId::Console(address)),
    ];
    let told = ways.into_iter().filter_map(|(title, id)| {
        let entry = state.snapshot.entry.get(&id)?;
        Some(Chapter::of_feed(state, title, FeedId::Entry(id), rows(state, entry)))
    });
    told.collect()
}

/// What is known of one way in.
pub fn rows(state: &State, entry: &Entry) -> Vec<Paragraph> {
    let role = match entry.service() {
        Service::Served => Role::Text,
        Service::Odd => Role::Warning,
        Service::Failed | Service::Silent => Role::Critical,
    };
    let age = words::coarse_age(state.snapshot.now.since(entry.at));
    let mut rows = vec![
        (
            "asked",
            format!("https://{}{} as {}", entry.target, entry.path, entry.name),
            Role::Dim,
        ),
        (
            "answer",
            format!("{}: {}, {age} ago", entry.service().word(), entry.last.words()),
            role,
        ),
    ];
    rows.extend(entry.gap.as_ref().map(|own| gap(state, own)));
    rows.extend(entry.last.certificate.iter().flat_map(certificate));
    rows
}

fn gap(state: &State, gap: &Gap) -> Paragraph {
    let now = state.snapshot.now;
    let length = words::age(gap.length(now));
    match gap.until {
        None => ("gap", format!("not served for {length}"), Role::Critical),
        Some(until) => {
            let ago = words::coarse_age(now.since(until));
            ("gap", format!("was not served for {length}, {ago} ago"), Role::Stale)
        }
    }
}

fn certificate(shown: &Presented) -> [Paragraph; 2] {
    let names: Vec<&str> = shown.names.iter().map(AsRef::as_ref).collect();
    let until = shown.not_after.strftime("%Y-%m-%d");
    [
        ("certificate", format!("{}, until {until}", shown.subject), Role::Dim),
        ("made for", names.join(", "), Role::Dim),
    ]
}
