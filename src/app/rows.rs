//! Which rows each screen lists, in which order, and what a filter finds in them. The view draws exactly these.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::screen::Screen;
use super::state::State;
use crate::base::{Text, Why};
use crate::check::{CheckId, Finding, Outcome};
use crate::model::etcd::{Member, MemberId};
use crate::model::kube::{Node, Tri, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::{FeedId, FeedState, ObjectKey};

/// Names one row for as long as the thing it shows exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowId {
    /// A node, by name.
    Node(Text),
    /// An etcd member.
    Member(MemberId),
    /// A workload.
    Workload(WorkloadKind, ObjectKey),
    /// A finding: its check and its subject.
    Finding(CheckId, Text),
    /// The checks that cannot tell because this source does not say.
    Untold(FeedId),
    /// A source.
    Feed(FeedId),
}

impl RowId {
    /// The screen that shows such rows best.
    pub const fn home(&self) -> Screen {
        match self {
            RowId::Node(_) => Screen::Nodes,
            RowId::Member(_) => Screen::Etcd,
            RowId::Workload(..) => Screen::Placement,
            RowId::Finding(..) | RowId::Untold(_) => Screen::Findings,
            RowId::Feed(_) => Screen::Feeds,
        }
    }
}

/// The rows of the screen shown, filtered.
pub fn rows(state: &State) -> Vec<RowId> {
    rows_of(state, state.screen)
}

/// The rows of a screen, filtered by its own filter.
pub fn rows_of(state: &State, screen: Screen) -> Vec<RowId> {
    let all = all(state, screen);
    let wanted = state.filters.get(&screen).map(|filter| filter.to_lowercase());
    match wanted.filter(|filter| !filter.is_empty()) {
        Some(wanted) => all
            .into_iter()
            .filter(|row| searched(state, row).to_lowercase().contains(&wanted))
            .collect(),
        None => all,
    }
}

/// The rows of a screen, whatever it is filtered by.
pub fn all(state: &State, screen: Screen) -> Vec<RowId> {
    match screen {
        // Where few rows are visible, the first ones must be what is wrong.
        Screen::Overview if state.is_small() => {
            [findings(state), nodes(state), members(state), workloads(state)].concat()
        }
        Screen::Overview => [nodes(state), members(state), workloads(state), findings(state)].concat(),
        Screen::Nodes => nodes(state),
        Screen::Etcd => members(state),
        Screen::Placement => workloads(state),
        Screen::Findings => findings(state),
        Screen::Feeds => feeds(state),
        Screen::Log => Vec::new(),
    }
}

/// What people call a row.
pub fn name(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) => name.to_string(),
        RowId::Member(id) => {
            let member = state.derived.quorum.member(*id);
            let name = member.filter(|state| state.member.has_started());
            name.map_or_else(|| id.to_string(), |state| state.member.name.to_string())
        }
        RowId::Workload(_, key) => key.to_string(),
        RowId::Finding(check, subject) => format!("{check} {subject}"),
        RowId::Untold(feed) | RowId::Feed(feed) => feed_name(state, *feed),
    }
}

fn nodes(state: &State) -> Vec<RowId> {
    let zones = state.snapshot.zones();
    let nodes = zones.iter().flat_map(|(_, nodes)| nodes);
    nodes.map(|node| RowId::Node(node.name.clone())).collect()
}

fn members(state: &State) -> Vec<RowId> {
    let mut members: Vec<&Member> = state.derived.quorum.members.iter().map(|state| &state.member).collect();
    // etcd lists them by id; people look for names. Those that never started have none, and come last.
    members.sort_by_key(|member| (!member.has_started(), &member.name, member.id));
    members.into_iter().map(|member| RowId::Member(member.id)).collect()
}

fn workloads(state: &State) -> Vec<RowId> {
    let placements = state.derived.placements.iter();
    placements
        .map(|placement| RowId::Workload(placement.workload.kind, placement.key.clone()))
        .collect()
}

fn findings(state: &State) -> Vec<RowId> {
    let report = &state.derived.report;
    let found = report
        .findings()
        .into_iter()
        .map(|finding| RowId::Finding(finding.check, finding.subject.clone()));
    let silent: BTreeSet<FeedId> = untold(state).map(|(_, feed, _)| feed).collect();
    found.chain(silent.into_iter().map(RowId::Untold)).collect()
}

/// Sources, those that fail first.
fn feeds(state: &State) -> Vec<RowId> {
    let mut feeds: Vec<(u8, FeedId)> = state
        .snapshot
        .feeds
        .iter()
        .map(|(id, feed)| {
            let rank = match feed {
                FeedState::Lost { .. } => 0,
                FeedState::Lagging { .. } => 1,
                FeedState::Syncing { .. } => 2,
                FeedState::Live { .. } => 3,
                FeedState::Off { .. } => 4,
            };
            (rank, *id)
        })
        .collect();
    feeds.sort_unstable();
    feeds.into_iter().map(|(_, id)| RowId::Feed(id)).collect()
}

/// The workload of a row.
pub fn placement<'a>(state: &'a State, kind: WorkloadKind, key: &ObjectKey) -> Option<&'a Placement> {
    let placements = &state.derived.placements;
    placements
        .iter()
        .find(|placement| placement.workload.kind == kind && placement.key == *key)
}

/// The finding of a row.
pub fn finding<'a>(state: &'a State, check: CheckId, subject: &Text) -> Option<&'a Finding> {
    let findings = state.derived.report.findings();
    findings
        .into_iter()
        .find(|finding| finding.check == check && finding.subject == *subject)
}

/// The checks that cannot tell, with the source that they miss and why it is missing.
pub fn untold(state: &State) -> impl Iterator<Item = (CheckId, FeedId, &Why)> {
    let outcomes = state.derived.report.outcomes.iter();
    outcomes.filter_map(|(check, outcome)| match outcome {
        Outcome::CannotTell { feed, why } => Some((*check, *feed, why)),
        Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    })
}

/// A source as people call it: a member by its name.
pub fn feed_name(state: &State, id: FeedId) -> String {
    let FeedId::EtcdPeer(member_id) = id else {
        return id.to_string();
    };
    let member = state
        .derived
        .quorum
        .member(member_id)
        .filter(|state| state.member.has_started());
    member.map_or_else(|| id.to_string(), |state| format!("etcd.peer {}", state.member.name))
}

/// A node's Ready condition in the words of kubectl, which calls a node without news NotReady, too.
pub const fn ready_word(node: &Node) -> &'static str {
    match node.ready.status {
        Tri::True => "Ready",
        Tri::False | Tri::Unknown => "NotReady",
    }
}

/// The text in which a filter looks.
fn searched(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) => state.snapshot.node(name).map_or_else(String::new, |node| {
            let zone = node.zone.as_ref().map_or("", Text::as_str);
            let address = node.address.as_ref().map_or("", Text::as_str);
            let ready = ready_word(node);
            format!("{name} {zone} {address} {ready} {}", node.kubelet_version)
        }),
        RowId::Member(id) => state.derived.quorum.member(*id).map_or_else(String::new, |state| {
            let member = &state.member;
            let address = member.peer_address().unwrap_or("");
            format!(
                "{} {id} {address} {} {}",
                member.name,
                state.role.word(),
                state.health.word()
            )
        }),
        RowId::Workload(kind, key) => placement(state, *kind, key).map_or_else(String::new, |placement| {
            let nodes: Vec<&str> = placement.nodes.keys().map(Text::as_str).collect();
            format!("{} {key} {}", kind.word(), nodes.join(" "))
        }),
        RowId::Finding(check, subject) => finding(state, *check, subject).map_or_else(String::new, |finding| {
            format!("{check} {subject} {} {}", finding.severity.word(), finding.title)
        }),
        RowId::Untold(feed) => {
            let checks = untold(state).filter(|(_, own, _)| own == feed);
            let names: Vec<&str> = checks.map(|(check, ..)| check.name()).collect();
            format!("unknown cannot tell {feed} {}", names.join(" "))
        }
        RowId::Feed(id) => format!("{id} {} {}", feed_name(state, *id), state.snapshot.feed(*id).word()),
    }
}
