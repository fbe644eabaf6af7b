//! The feeds family: are the sources that the picture stands on fresh?

use super::look::{Looked, OTHER_CLUSTER, OWN_KUBECONFIG, called, cannot_tell, evidence, names, outcome};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[Check {
    id: CheckId::FeedsStale,
    group: Group::Now,
    profile: Profile::Any,
    title: "every feed answers",
    looks_at: "the freshness of every feed: API server, watches, etcd members, this host; and whether the API server is of \
               the cluster that etcd is of",
    why: "what is not fresh may have changed unseen; what is of another cluster misleads",
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
    Entry,
    External,
}

impl Family {
    const ALL: [Family; 5] = [
        Family::Kubernetes,
        Family::Etcd,
        Family::Host,
        Family::Entry,
        Family::External,
    ];

    const fn of(feed: FeedId) -> Self {
        match feed {
            FeedId::Api | FeedId::ApiLocal | FeedId::Admission | FeedId::Kube(_) => Family::Kubernetes,
            FeedId::EtcdLocal | FeedId::EtcdStore | FeedId::EtcdPeer(_) | FeedId::EtcdDisk => Family::Etcd,
            FeedId::Host(_) | FeedId::Ports(_) | FeedId::From(_) => Family::Host,
            FeedId::Entry(_) => Family::Entry,
            FeedId::External(_) => Family::External,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Family::Kubernetes => "kubernetes",
            Family::Etcd => "etcd",
            Family::Host => "host",
            Family::Entry => "entry",
            Family::External => "external",
        }
    }
}

/// Whether the main picture (quorum, nodes, placement) stands on it.
const fn is_required(feed: FeedId) -> bool {
    match feed {
        FeedId::Api | FeedId::EtcdLocal | FeedId::EtcdPeer(_) => true,
        FeedId::Kube(kind) => {
            !kind.is_custom() && !matches!(kind, KubeKind::Claims | KubeKind::Volumes | KubeKind::DisruptionBudgets)
        }
        FeedId::ApiLocal
        | FeedId::Admission
        | FeedId::EtcdStore
        | FeedId::EtcdDisk
        | FeedId::Host(_)
        | FeedId::Ports(_)
        | FeedId::From(_)
        | FeedId::Entry(_)
        | FeedId::External(_) => false,
    }
}

fn stale(snapshot: &Snapshot) -> Looked {
    let syncing = snapshot
        .feeds
        .iter()
        .find(|(feed, state)| is_required(**feed) && is_syncing(state));
    let families = Family::ALL.into_iter();
    let stale = families.filter_map(|family| stale_family(snapshot, family));
    let findings: Vec<Finding> = other_cluster(snapshot).into_iter().chain(stale).collect();
    let unasked = [FeedId::Api, FeedId::EtcdLocal]
        .into_iter()
        .find(|feed| !snapshot.feeds.contains_key(feed));
    match syncing.map(|(feed, _)| *feed).or(unasked) {
        // What is only worth knowing must not hide that the picture is not there yet.
        Some(feed) if findings.iter().all(|finding| finding.severity == Severity::Info) => {
            Err(cannot_tell(feed, Why::new(WhyKind::NotYet, "no answer yet")))
        }
        _ => Ok(findings),
    }
}

const fn is_syncing(state: &FeedState) -> bool {
    matches!(state, FeedState::Syncing { .. })
}

/// How bad a source's state is. A late answer is worth knowing; a required source that is lost is a warning.
fn severity(snapshot: &Snapshot, feed: FeedId, state: &FeedState) -> Option<Severity> {
    match state {
        // What it shows in place of the API is the Kubernetes sources' affair.
        FeedState::Live { .. } | FeedState::Syncing { .. } | FeedState::Stored { why: None, .. } => None,
        // Not installed: nothing is missing.
        FeedState::Off { why } if why.kind == WhyKind::NotFound => None,
        FeedState::Off { .. } => is_required(feed).then_some(Severity::Info),
        FeedState::Lagging { .. } | FeedState::Lost { .. } if is_of_dead_member(snapshot, feed) => None,
        FeedState::Lost { .. } if is_required(feed) => Some(Severity::Warning),
        FeedState::Lagging { .. } | FeedState::Lost { .. } | FeedState::Stored { .. } => Some(Severity::Info),
    }
}

/// A member that is proven dead is `etcd.member-lost`'s: its silence is an answer. One that left the list is not asked.
fn is_of_dead_member(snapshot: &Snapshot, feed: FeedId) -> bool {
    match feed {
        FeedId::EtcdPeer(id) => match snapshot.quorum().member(id) {
            Some(state) => state.health.is_dead(),
            None => true,
        },
        FeedId::From(address) => snapshot.etcd_answers_at(address) == Some(false),
        FeedId::Api
        | FeedId::ApiLocal
        | FeedId::Admission
        | FeedId::Kube(_)
        | FeedId::EtcdLocal
        | FeedId::EtcdStore
        | FeedId::EtcdDisk
        | FeedId::Host(_)
        | FeedId::Ports(_)
        | FeedId::Entry(_)
        | FeedId::External(_) => false,
    }
}

/// The API server answers for another cluster: critical, because whoever acts through it acts there.
fn other_cluster(snapshot: &Snapshot) -> Option<Finding> {
    if snapshot.api_is_of_this_cluster() != Some(false) {
        return None;
    }
    let endpoint = snapshot.kube.endpoint.as_ref();
    let server = endpoint.map_or("the API server", |endpoint| endpoint.server.as_str());
    let members = names(snapshot.membership().members.iter().map(called));
    let nodes = names(snapshot.kube.nodes.values().map(|node| node.name.clone()));
    Some(Finding {
        check: CheckId::FeedsStale,
        severity: Severity::Critical,
        subject: Text::from(format!("feed/{}", FeedId::Api)),
        title: OTHER_CLUSTER.into(),
        evidence: evidence([
            format!("etcd lists {members}"),
            format!("{server} names none of them; its nodes: {nodes}"),
        ]),
        consequence: "nodes, pods and workloads on screen are the other cluster's, and kubectl would change it".into(),
        remedy: OWN_KUBECONFIG.into(),
    })
}

fn stale_family(snapshot: &Snapshot, family: Family) -> Option<Finding> {
    let own = snapshot.feeds.iter().filter(|(feed, _)| Family::of(**feed) == family);
    let unfresh: Vec<(FeedId, &FeedState, Severity)> = own
        .filter_map(|(feed, state)| Some((*feed, state, severity(snapshot, *feed, state)?)))
        .collect();
    let worst = unfresh.iter().map(|(.., severity)| *severity).max()?;
    let quorum = snapshot.quorum();
    let title = match unfresh.as_slice() {
        [(id, state, _)] => format!("feed {} is {}", snapshot.feed_name(&quorum, *id), state.word()),
        several => format!("{} {} feeds are not fresh", several.len(), family.word()),
    };
    let hint = unfresh.iter().find_map(|(_, state, _)| state.why()?.hint.clone());
    let lines = unfresh
        .iter()
        .map(|(feed, state, _)| state_line(snapshot, &snapshot.feed_name(&quorum, *feed), state));
    Some(Finding {
        check: CheckId::FeedsStale,
        severity: worst,
        subject: Text::from(format!("feed/{}", family.word())),
        title: title.into(),
        evidence: evidence(lines),
        consequence: consequence(snapshot, family).into(),
        remedy: hint.unwrap_or_else(|| "quorate doctor says what fails and what is missing".into()),
    })
}

/// Rows of Kubernetes may be those of etcd's store, which are newer than what the API told last, or all that there is.
fn consequence(snapshot: &Snapshot, family: Family) -> String {
    match &snapshot.kube.stored {
        Some(stored) if family == Family::Kubernetes && !stored.kinds.is_empty() => format!(
            "what is on screen is etcd's last committed state ({}); checks that need more cannot tell",
            stored.words(snapshot.now)
        ),
        Some(_) | None => "what they told last stays on screen, dated; checks that need them cannot tell".to_owned(),
    }
}

fn state_line(snapshot: &Snapshot, feed: &str, state: &FeedState) -> String {
    let answer = state
        .as_of()
        .map(|at| format!(", last answer {} ago", Age(snapshot.now.since(at))))
        .unwrap_or_default();
    let why = state.why().map(|why| format!(": {}", why.text)).unwrap_or_default();
    format!("{feed} is {}{answer}{why}", state.word())
}

#[cfg(test)]
mod tests;
