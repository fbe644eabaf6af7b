//! The feeds family: are the sources that the picture stands on fresh?

use super::look::{Looked, cannot_tell, evidence, names, outcome, plural};
use super::{Check, CheckId, Finding, Severity};
use crate::base::{Age, Why, WhyKind};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[Check {
    id: CheckId::FeedsStale,
    title: "every source answers",
    looks_at: "the freshness of every source: API server, watches, etcd members, this host",
    why: "what is not fresh may have changed unseen",
    fix: "see `quorate doctor`: it says what was discovered, what fails, and what is missing",
    statement: None,
    look: |snapshot, _| outcome(stale(snapshot)),
}];

/// Sources of one kind are reported together: they mostly fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Kubernetes,
    Etcd,
    Host,
}

impl Family {
    const ALL: [Family; 3] = [Family::Kubernetes, Family::Etcd, Family::Host];

    const fn of(feed: FeedId) -> Self {
        match feed {
            FeedId::Api | FeedId::Kube(_) => Family::Kubernetes,
            FeedId::EtcdLocal | FeedId::EtcdPeer(_) => Family::Etcd,
            FeedId::Host(_) => Family::Host,
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Family::Kubernetes => "feed/kubernetes",
            Family::Etcd => "feed/etcd",
            Family::Host => "feed/host",
        }
    }
}

/// Whether the main picture (quorum, nodes, placement) stands on it.
const fn is_required(feed: FeedId) -> bool {
    match feed {
        FeedId::Api | FeedId::EtcdLocal | FeedId::EtcdPeer(_) => true,
        FeedId::Kube(kind) => !kind.is_custom() && !matches!(kind, KubeKind::Claims),
        FeedId::Host(_) => false,
    }
}

fn stale(snapshot: &Snapshot) -> Looked {
    let syncing = snapshot
        .feeds
        .iter()
        .find(|(feed, state)| is_required(**feed) && is_syncing(state));
    let findings: Vec<Finding> = Family::ALL
        .into_iter()
        .flat_map(|family| [Severity::Warning, Severity::Info].map(|severity| (family, severity)))
        .filter_map(|(family, severity)| stale_family(snapshot, family, severity))
        .collect();
    let unasked = [FeedId::Api, FeedId::EtcdLocal]
        .into_iter()
        .find(|feed| !snapshot.feeds.contains_key(feed));
    match syncing.map(|(feed, _)| *feed).or(unasked) {
        Some(feed) if findings.is_empty() => Err(cannot_tell(feed, Why::new(WhyKind::NotYet, "no answer yet"))),
        _ => Ok(findings),
    }
}

const fn is_syncing(state: &FeedState) -> bool {
    matches!(state, FeedState::Syncing { .. })
}

/// How bad a source's state is. A late answer is worth knowing; a required source that is lost is a warning.
fn severity(snapshot: &Snapshot, feed: FeedId, state: &FeedState) -> Option<Severity> {
    match state {
        FeedState::Live { .. } | FeedState::Syncing { .. } => None,
        // Not installed: nothing is missing.
        FeedState::Off { why } if why.kind == WhyKind::NotFound => None,
        FeedState::Off { .. } => is_required(feed).then_some(Severity::Info),
        FeedState::Lost { .. } if is_required(feed) && !is_of_dead_member(snapshot, feed) => Some(Severity::Warning),
        FeedState::Lagging { .. } | FeedState::Lost { .. } => Some(Severity::Info),
    }
}

/// A member that is proven dead is `etcd.member-lost`'s: its silence is an answer.
fn is_of_dead_member(snapshot: &Snapshot, feed: FeedId) -> bool {
    match feed {
        FeedId::EtcdPeer(id) => match snapshot.quorum().member(id) {
            Some(state) => state.health.is_dead(),
            None => true,
        },
        FeedId::Api | FeedId::Kube(_) | FeedId::EtcdLocal | FeedId::Host(_) => false,
    }
}

fn stale_family(snapshot: &Snapshot, family: Family, wanted: Severity) -> Option<Finding> {
    let feeds: Vec<(FeedId, &FeedState)> = snapshot
        .feeds
        .iter()
        .filter(|(feed, state)| Family::of(**feed) == family && severity(snapshot, **feed, state) == Some(wanted))
        .map(|(feed, state)| (*feed, state))
        .collect();
    let (title, remedy) = match feeds.as_slice() {
        [] => return None,
        [(feed, state)] => (format!("source {feed} is {}", state.word()), hint(state)),
        several => (
            format!(
                "{} are not fresh: {}",
                plural(several.len(), "source"),
                names(several.iter().map(|(id, _)| id.to_string()))
            ),
            several
                .iter()
                .find_map(|(_, state)| state.why()?.hint.as_ref())
                .map(ToString::to_string),
        ),
    };
    let lines = feeds.iter().map(|(feed, state)| state_line(snapshot, *feed, state));
    Some(Finding {
        check: CheckId::FeedsStale,
        severity: wanted,
        subject: family.subject().into(),
        title: title.into(),
        evidence: evidence(lines),
        consequence: "what they told last stays on screen, dated; checks that need them cannot tell".into(),
        remedy: remedy
            .unwrap_or_else(|| "quorate doctor says what fails and what is missing".to_owned())
            .into(),
    })
}

fn hint(state: &FeedState) -> Option<String> {
    state.why()?.hint.as_ref().map(ToString::to_string)
}

fn state_line(snapshot: &Snapshot, feed: FeedId, state: &FeedState) -> String {
    let answer = state
        .as_of()
        .map(|at| format!(", last answer {} ago", Age(snapshot.now.since(at))))
        .unwrap_or_default();
    let why = state.why().map(|why| format!(": {}", why.text)).unwrap_or_default();
    format!("{feed} is {}{answer}{why}", state.word())
}

#[cfg(test)]
mod tests;
