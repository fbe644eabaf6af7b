//! Which rows each screen lists, in which order, and what a filter finds in them. The view draws exactly these.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::memo::Told;
use super::screen::Screen;
use super::state::State;
use super::subject::pods_of;
use super::{filter, memo, sort};
use crate::base::{Natural, Text, Why, WhyKind};
use crate::check::{self, CheckId, Finding, Outcome};
use crate::forecast::Domain;
use crate::model::etcd::{Member, MemberId};
use crate::model::kube::{Node, Pod, Tri, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::{FeedId, FeedState, ObjectKey};
use crate::plan::RunId;

/// Names one row for as long as the thing it shows exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowId {
    /// A node, by name.
    Node(Text),
    /// An etcd member.
    Member(MemberId),
    /// A workload.
    Workload(WorkloadKind, ObjectKey),
    /// A pod.
    Pod(ObjectKey),
    /// A finding: its check and its subject.
    Finding(CheckId, Text),
    /// A check, whatever it says.
    Check(CheckId),
    /// The checks that cannot tell because this source does not say.
    Untold(FeedId),
    /// A source.
    Feed(FeedId),
    /// An entry of the timeline, by its number.
    Change(i64),
    /// What a loss would do.
    Loss(Domain),
    /// An action that is offered, by its name.
    Offer(Text),
    /// A run.
    Run(RunId),
}

/// Of what the pods are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Those on one node.
    Node(Text),
    /// Those of one workload.
    Workload(WorkloadKind, ObjectKey),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Node(name) => write!(f, "node {name}"),
            Scope::Workload(kind, key) => write!(f, "{} {key}", kind.word()),
        }
    }
}

impl RowId {
    /// Whether the thing is still there.
    pub fn exists(&self, state: &State) -> bool {
        match self {
            RowId::Node(name) => state.snapshot.node(name).is_some(),
            RowId::Member(id) => state.derived.quorum.member(*id).is_some(),
            RowId::Workload(kind, key) => placement(state, *kind, key).is_some(),
            RowId::Pod(key) => state.snapshot.kube.pods.get(key).is_some(),
            RowId::Finding(check, subject) => finding(state, *check, subject).is_some(),
            RowId::Check(check) => state.derived.report.outcome(*check).is_some(),
            RowId::Untold(feed) => untold(state).any(|untold| untold.feed == *feed),
            RowId::Feed(feed) => state.snapshot.feeds.contains_key(feed),
            RowId::Change(number) => state.timeline.entry(*number).is_some(),
            RowId::Loss(domain) => told(state, domain).is_some(),
            RowId::Offer(name) => state.work.offer(name).is_some(),
            RowId::Run(id) => state.work.run(id).is_some(),
        }
    }

    /// What its pods are listed by, where it has pods.
    pub fn scope(&self, state: &State) -> Option<Scope> {
        match self {
            RowId::Node(name) | RowId::Loss(Domain::Node(name)) => Some(Scope::Node(name.clone())),
            RowId::Workload(kind, key) => Some(Scope::Workload(*kind, key.clone())),
            RowId::Member(id) => {
                let member = &state.derived.quorum.member(*id)?.member;
                let node = state.snapshot.node_at(member.peer_address()?)?;
                Some(Scope::Node(node.name.clone()))
            }
            RowId::Pod(_)
            | RowId::Finding(..)
            | RowId::Check(_)
            | RowId::Untold(_)
            | RowId::Feed(_)
            | RowId::Change(_)
            | RowId::Loss(Domain::Zone(_) | Domain::Chosen)
            | RowId::Offer(_)
            | RowId::Run(_) => None,
        }
    }

    /// The screen that shows such rows best.
    pub const fn home(&self) -> Screen {
        match self {
            RowId::Node(_) => Screen::Nodes,
            RowId::Member(_) => Screen::Etcd,
            RowId::Workload(..) => Screen::Placement,
            RowId::Pod(_) => Screen::Pods,
            RowId::Finding(..) | RowId::Untold(_) => Screen::Findings,
            RowId::Check(_) => Screen::Readiness,
            RowId::Feed(_) => Screen::Feeds,
            RowId::Change(_) => Screen::Timeline,
            RowId::Loss(_) => Screen::Forecast,
            RowId::Offer(_) | RowId::Run(_) => Screen::Actions,
        }
    }
}

/// The rows of the screen shown, filtered and sorted.
pub fn rows(state: &State) -> Arc<Vec<RowId>> {
    rows_of(state, state.screen)
}

/// The rows of a screen, filtered and sorted as the operator wants it.
pub fn rows_of(state: &State, screen: Screen) -> Arc<Vec<RowId>> {
    memo::rows(state, screen)
}

/// Works out the rows of a screen.
pub(super) fn work_out(state: &State, screen: Screen) -> Vec<RowId> {
    let mut rows = all(state, screen);
    if let Some(filter) = filter::active(state, screen) {
        rows = filter.pick(state, rows, &memo::texts(state, screen));
    }
    if let Some(sort) = state.sorts.get(&screen) {
        sort::apply(state, sort, &mut rows);
    }
    rows
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
        Screen::Pods => pods(state),
        Screen::Findings => findings(state),
        Screen::Timeline => {
            let entries = state.timeline.entries();
            entries.map(|entry| RowId::Change(entry.number)).collect()
        }
        Screen::Feeds => feeds(state),
        Screen::Log | Screen::Recovery => Vec::new(),
        Screen::Readiness => readiness(state),
        Screen::Forecast => {
            let outlooks = memo::forecast(state);
            let outlooks = outlooks.iter().flatten();
            outlooks
                .map(|told| RowId::Loss(told.first.loss.domain.clone()))
                .collect()
        }
        Screen::Actions => actions(state),
    }
}

/// What a loss would do, as foretold.
pub fn told(state: &State, domain: &Domain) -> Option<Arc<Told>> {
    let all = memo::forecast(state);
    let found = all.iter().flatten().find(|told| told.first.loss.domain == *domain);
    found.map(Arc::clone)
}

/// What people call a row.
pub fn name(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) | RowId::Offer(name) => name.to_string(),
        RowId::Member(id) => {
            let member = state.derived.quorum.member(*id);
            let name = member.filter(|state| state.member.has_started());
            name.map_or_else(|| id.to_string(), |state| state.member.name.to_string())
        }
        RowId::Workload(_, key) | RowId::Pod(key) => key.to_string(),
        RowId::Finding(check, subject) => format!("{check} {subject}"),
        RowId::Check(check) => check.to_string(),
        RowId::Untold(feed) | RowId::Feed(feed) => feed_name(state, *feed),
        RowId::Run(id) => id.0.to_string(),
        RowId::Loss(domain) => told(state, domain).map_or_else(String::new, |own| own.first.loss.name().to_string()),
        RowId::Change(number) => {
            let entry = state.timeline.entry(*number);
            entry.map_or_else(String::new, |entry| format!("{} {}", entry.topic.word(), entry.subject))
        }
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
    members.sort_by_key(|member| (!member.has_started(), Natural(&member.name), member.id));
    members.into_iter().map(|member| RowId::Member(member.id)).collect()
}

fn workloads(state: &State) -> Vec<RowId> {
    let placements = state.derived.placements.iter();
    placements
        .map(|placement| RowId::Workload(placement.workload.kind, placement.key.clone()))
        .collect()
}

/// The run that is open, what is offered (what can be done first), then the runs of the past.
fn actions(state: &State) -> Vec<RowId> {
    let work = &state.work;
    let now = work.run.as_ref().map(|run| run.view.run.clone());
    let past = work.past.iter().map(|view| view.run.clone());
    let past = past.filter(|id| now.as_ref() != Some(id));
    let (can, cannot): (Vec<_>, Vec<_>) = work.offers.iter().partition(|offer| offer.plan().is_ok());
    let offers = can
        .into_iter()
        .chain(cannot)
        .map(|offer| RowId::Offer(offer.name.clone()));
    let open = work.open_run().map(|run| run.view.run.clone());
    let ended = now.clone().filter(|id| open.as_ref() != Some(id));
    let runs = |ids: Vec<RunId>| ids.into_iter().map(RowId::Run);
    let first = runs(open.into_iter().collect());
    let last = runs(ended.into_iter().chain(past).collect());
    first.chain(offers).chain(last).collect()
}

/// Pods within the scope: those that are not as they should be, those that go, then the rest.
fn pods(state: &State) -> Vec<RowId> {
    let all = state.snapshot.kube.pods.iter().map(|(key, fact)| (key, &fact.value));
    let ranked = |(key, pod)| (pod_rank(pod), key);
    let mut rows: Vec<(u8, &ObjectKey)> = match &state.scope {
        None => all.map(ranked).collect(),
        Some(Scope::Node(name)) => {
            let here = all.filter(|(_, pod)| pod.node.as_ref() == Some(name));
            here.map(ranked).collect()
        }
        Some(Scope::Workload(kind, of)) => pods_of(state, *kind, of).map(ranked).collect(),
    };
    // They come by name, and stay so.
    rows.sort_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, key)| RowId::Pod(key.clone())).collect()
}

fn pod_rank(pod: &Pod) -> u8 {
    match (pod.is_finished(), pod.deleting.is_some(), pod.ready) {
        (false, false, false) => 0,
        (false, true, _) => 1,
        _ => 2,
    }
}

/// What a pod does, in the words of kubectl: its phase, or why it waits.
pub fn pod_state(pod: &Pod) -> &str {
    match &pod.waiting {
        _ if pod.deleting.is_some() => "Terminating",
        Some(why) if !pod.is_finished() => why.as_str(),
        Some(_) | None => pod.phase.as_str(),
    }
}

fn findings(state: &State) -> Vec<RowId> {
    let report = &state.derived.report;
    let found = report
        .findings()
        .into_iter()
        .map(|finding| RowId::Finding(finding.check, finding.subject.clone()));
    let silent: BTreeSet<FeedId> = untold(state).map(|untold| untold.feed).collect();
    found.chain(silent.into_iter().map(RowId::Untold)).collect()
}

/// Every check, in the order of the HA document's chapters.
fn readiness(state: &State) -> Vec<RowId> {
    let mut checks: Vec<&check::Check> = check::all()
        .filter(|check| state.derived.report.outcome(check.id).is_some())
        .collect();
    checks.sort_by_key(|check| check.group);
    checks.into_iter().map(|check| RowId::Check(check.id)).collect()
}

/// Sources, those that fail first, each kind of them together and by name.
fn feeds(state: &State) -> Vec<RowId> {
    let mut feeds: Vec<(u8, FeedId)> = state
        .snapshot
        .feeds
        .iter()
        .map(|(id, feed)| {
            let rank = match feed {
                FeedState::Lost { .. } => 0,
                FeedState::Lagging { .. } | FeedState::Stored { .. } => 1,
                FeedState::Syncing { .. } => 2,
                FeedState::Live { .. } => 3,
                FeedState::Off { .. } => 4,
            };
            (rank, *id)
        })
        .collect();
    feeds.sort_by(|(rank, a), (other, b)| {
        rank.cmp(other).then_with(|| match (a, b) {
            // Members are numbered at random.
            (FeedId::EtcdPeer(_), FeedId::EtcdPeer(_)) => {
                Natural(feed_name(state, *a)).cmp(&Natural(feed_name(state, *b)))
            }
            _ => a.cmp(b),
        })
    });
    feeds.into_iter().map(|(_, id)| RowId::Feed(id)).collect()
}

/// The workload of a row.
pub fn placement<'a>(state: &'a State, kind: WorkloadKind, key: &ObjectKey) -> Option<&'a Placement> {
    state.derived.placement(kind, key)
}

/// The finding of a row.
pub fn finding<'a>(state: &'a State, check: CheckId, subject: &Text) -> Option<&'a Finding> {
    state.derived.finding(check, subject)
}

/// The worst finding of a check, acknowledged ones last.
pub fn worst(state: &State, check: CheckId) -> Option<&Finding> {
    let findings = state.derived.report.findings().into_iter();
    let mut own = findings.filter(|finding| finding.check == check);
    let first = own.next();
    let open = |finding: &&Finding| state.derived.report.acknowledgement(finding).is_none();
    first.filter(open).or_else(|| own.find(open)).or(first)
}

/// What a check says, in a word: its result, or the severity of what it found.
pub fn check_word(state: &State, check: CheckId) -> &'static str {
    match (state.derived.report.outcome(check), worst(state, check)) {
        (_, Some(finding)) if state.derived.report.acknowledgement(finding).is_some() => "acknowledged",
        (_, Some(finding)) => finding.severity.word(),
        (Some(Outcome::Holds), None) => "holds",
        (Some(Outcome::NotApplicable { .. }), None) => "not applicable",
        (Some(Outcome::CannotTell { .. } | Outcome::Broken { .. }) | None, None) => "cannot tell",
    }
}

/// What a check says by its other names, for filters: as `check` prints it, as the verdict has it, and as people say it.
pub fn result_words(state: &State, check: CheckId) -> &'static str {
    let is_accepted = worst(state, check).is_some_and(|own| state.derived.report.acknowledgement(own).is_some());
    match state.derived.report.outcome(check) {
        Some(Outcome::Holds) => "ok",
        Some(Outcome::Broken { .. }) if is_accepted => "broken accepted",
        Some(Outcome::Broken { .. }) => "broken",
        Some(Outcome::NotApplicable { .. }) => "not-applicable",
        Some(Outcome::CannotTell { .. }) | None => "cannot-tell unknown",
    }
}

/// A check that cannot tell.
#[derive(Debug, Clone, Copy)]
pub struct Untold<'a> {
    /// Which.
    pub check: CheckId,
    /// The source that it misses.
    pub feed: FeedId,
    /// Why that is missing.
    pub why: &'a Why,
    /// What it says of etcd's last committed state, where only that is known.
    pub stored: Option<&'a Text>,
}

/// The checks that cannot tell, but for those that have nothing to look at, or not until something happens: nobody can mend that.
pub fn untold(state: &State) -> impl Iterator<Item = Untold<'_>> {
    let outcomes = state.derived.report.outcomes.iter();
    outcomes.filter_map(|(check, outcome)| match outcome {
        Outcome::CannotTell { why, .. } if why.kind == WhyKind::NoOccasion => None,
        Outcome::CannotTell { feed, why, stored } => Some(Untold {
            check: *check,
            feed: *feed,
            why,
            stored: stored.as_ref(),
        }),
        Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    })
}

/// A feed as people call it, by the name of its node or member.
pub fn feed_name(state: &State, id: FeedId) -> String {
    state.snapshot.feed_name(&state.derived.quorum, id)
}

/// A node's Ready condition in the words of kubectl, which calls a node without news NotReady, too.
pub const fn ready_word(node: &Node) -> &'static str {
    match node.ready.status {
        Tri::True => "Ready",
        Tri::False | Tri::Unknown => "NotReady",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::sort;
    use crate::model::{Policy, example};

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut state = State::new(Arc::new(example::huge()), Policy::default());
        let is_in_order = |state: &State, screen| {
            let names: Vec<String> = rows_of(state, screen).iter().map(|row| name(state, row)).collect();
            let at = |part: &str| names.iter().position(|name| name.contains(part));
            assert!(
                at("-9").is_some() && at("-9") < at("-10") && at("-10") < at("-81"),
                "{names:?}"
            );
        };
        is_in_order(&state, Screen::Nodes);
        is_in_order(&state, Screen::Pods);
        state.screen = Screen::Nodes;
        assert_eq!(sort::by_name(&mut state, "node"), Ok(()));
        is_in_order(&state, Screen::Nodes);
    }
}
