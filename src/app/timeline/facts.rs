//! The states that the timeline compares: only what is known now, by sources that are current.

use std::collections::BTreeSet;

use super::Topic;
use crate::app::rows::ready_word;
use crate::app::state::Derived;
use crate::base::Text;
use crate::check::{Outcome, Severity};
use crate::model::kube::{Tri, WorkloadKind};
use crate::model::quorum::{Health, Role};
use crate::model::{FeedId, FeedState, KubeKind, ObjectKey, Policy, Snapshot, leader, stored};

/// How many names of pods an entry lists.
const MAX_NAMES: usize = 3;

/// The state of one thing.
pub struct Now {
    pub subject: Text,
    /// What is compared.
    pub state: Text,
    /// What is told beside it.
    pub detail: String,
    /// How bad; None where it is good.
    pub severity: Option<Severity>,
}

fn now(subject: impl Into<Text>, state: impl AsRef<str>, severity: Option<Severity>) -> Now {
    Now {
        subject: subject.into(),
        state: Text::new(state.as_ref()),
        detail: String::new(),
        severity,
    }
}

fn bad(is_bad: bool, severity: Severity) -> Option<Severity> {
    is_bad.then_some(severity)
}

/// Whether what a watch says is the truth of now.
fn is_current(snapshot: &Snapshot, kind: KubeKind) -> bool {
    snapshot.kind(kind).is_current() && snapshot.feed(FeedId::Api).is_current()
}

/// Whether no workload changed: the tables are shared.
pub fn same_workloads(before: &Snapshot, snapshot: &Snapshot) -> bool {
    let (old, new) = (&before.kube, &snapshot.kube);
    old.deployments.is_same(&new.deployments)
        && old.stateful_sets.is_same(&new.stateful_sets)
        && old.daemon_sets.is_same(&new.daemon_sets)
}

/// Every state that is known, by topic, and whether those are all that there are.
pub fn states(
    snapshot: &Snapshot,
    derived: &Derived,
    policy: &Policy,
    with_workloads: bool,
) -> Vec<(Topic, Vec<Now>, bool)> {
    let mut all = vec![(Topic::Feed, feeds(snapshot, derived), false)];
    if let Some(endpoint) = &snapshot.kube.endpoint {
        all.push((
            Topic::Endpoint,
            vec![now(
                "in use",
                &endpoint.server,
                bad(!endpoint.is_preferred, Severity::Warning),
            )],
            false,
        ));
    }
    if is_current(snapshot, KubeKind::Nodes) {
        all.push((Topic::Node, nodes(snapshot), true));
    }
    if is_current(snapshot, KubeKind::Leases) {
        all.push((Topic::Heartbeat, heartbeats(snapshot, policy), false));
        all.push((Topic::Office, offices(snapshot), false));
        all.push((Topic::Lock, vec![lock(snapshot)], false));
    }
    if with_workloads && is_current(snapshot, KubeKind::Deployments) {
        all.push((Topic::Workload, workloads(snapshot, derived), false));
    }
    all.extend(etcd(derived));
    all.push((Topic::Finding, findings(derived), true));
    all
}

/// The watches of a lost API server have nothing to add.
fn feeds(snapshot: &Snapshot, derived: &Derived) -> Vec<Now> {
    let has_api = snapshot.feed(FeedId::Api).is_current();
    let told = snapshot
        .feeds
        .iter()
        .filter(|(id, _)| has_api || !matches!(id, FeedId::Kube(_)));
    let states = told.filter_map(|(id, feed)| {
        let subject = snapshot.feed_name(&derived.quorum, *id);
        match feed {
            FeedState::Live { .. } | FeedState::Lagging { .. } => Some(now(subject.as_str(), "answers", None)),
            FeedState::Lost { why, .. } => Some(Now {
                detail: format!(": {}", why.text),
                ..now(subject.as_str(), "lost", Some(Severity::Warning))
            }),
            FeedState::Stored { revision, written, .. } => Some(Now {
                detail: format!(": {}", stored::words(*revision, *written, snapshot.now)),
                ..now(subject.as_str(), "stored", Some(Severity::Info))
            }),
            FeedState::Off { .. } => Some(now(subject.as_str(), "off", None)),
            FeedState::Syncing { .. } => None,
        }
    });
    states.collect()
}

fn nodes(snapshot: &Snapshot) -> Vec<Now> {
    let nodes = snapshot.kube.nodes.values();
    nodes
        .map(|node| {
            let cordoned = if node.unschedulable { ", cordoned" } else { "" };
            let is_bad = node.ready.status != Tri::True;
            now(
                node.name.clone(),
                format!("{}{cordoned}", ready_word(node)),
                bad(is_bad, Severity::Critical),
            )
        })
        .collect()
}

fn heartbeats(snapshot: &Snapshot, policy: &Policy) -> Vec<Now> {
    let nodes = snapshot.kube.nodes.values();
    let beats = nodes.filter_map(|node| Some((node, snapshot.heartbeat_age(node.name.as_str())?)));
    beats
        .map(|(node, beat)| {
            let is_late = beat.age > policy.heartbeat_late;
            now(
                node.name.clone(),
                if is_late { "silent" } else { "on time" },
                bad(is_late, Severity::Critical),
            )
        })
        .collect()
}

/// Who leads the parts of the control plane of which one works at a time.
fn offices(snapshot: &Snapshot) -> Vec<Now> {
    let offices = leader::OFFICES.into_iter().filter_map(|office| {
        let leader = snapshot.leader_of(office)?;
        Some(if leader.is_valid {
            now(office, format!("led from {}", leader.host), None)
        } else {
            Now {
                detail: format!(": the lease of {} ran out", leader.host),
                ..now(office, "led by nobody", Some(Severity::Warning))
            }
        })
    });
    offices.collect()
}

/// Who runs a guided action, here or elsewhere, as the cluster's own lock tells.
fn lock(snapshot: &Snapshot) -> Now {
    match snapshot.run_lock() {
        Some(lock) => now("guided actions", &lock.holder, Some(Severity::Info)),
        None => now("guided actions", "nobody acts", None),
    }
}

fn workloads(snapshot: &Snapshot, derived: &Derived) -> Vec<Now> {
    let kind = |kind| match kind {
        WorkloadKind::Deployment => KubeKind::Deployments,
        WorkloadKind::StatefulSet => KubeKind::StatefulSets,
        WorkloadKind::DaemonSet => KubeKind::DaemonSets,
    };
    let current = derived
        .placements
        .iter()
        .filter(|own| is_current(snapshot, kind(own.workload.kind)));
    current
        .map(|own| {
            let (ready, desired) = (own.workload.ready, own.workload.desired);
            now(
                Text::new(&own.key.to_string()),
                format!("{ready}/{desired} ready"),
                bad(ready < desired, Severity::Warning),
            )
        })
        .collect()
}

/// Who is a member, who serves, who leads, and what may still be lost; only as etcd itself tells it.
fn etcd(derived: &Derived) -> Vec<(Topic, Vec<Now>, bool)> {
    let quorum = &derived.quorum;
    if !quorum.membership.is_from_etcd() {
        return Vec::new();
    }
    let name = |member: &crate::model::etcd::Member| {
        if member.has_started() {
            member.name.clone()
        } else {
            Text::new(&member.id.to_string())
        }
    };
    let (mut members, mut healths) = (Vec::new(), Vec::new());
    for state in &quorum.members {
        let part = if state.role == Role::Learner {
            "learner"
        } else {
            "voter"
        };
        members.push(now(name(&state.member), part, None));
        match &state.health {
            Health::Healthy { .. } => healths.push(now(name(&state.member), "healthy", None)),
            Health::Dead { .. } => healths.push(now(name(&state.member), "DEAD", Some(Severity::Critical))),
            Health::Unknown { .. } => {}
        }
    }
    let leader = quorum
        .leader
        .and_then(|id| quorum.member(id))
        .map(|state| now("etcd", format!("led by {}", name(&state.member)), None));
    let spare = quorum
        .spare()
        .map(|spare| now("etcd", format!("{spare} to spare"), bad(spare < 1, Severity::Warning)));
    vec![
        (Topic::Member, members, true),
        (Topic::Health, healths, false),
        (Topic::Leader, leader.into_iter().collect(), false),
        (Topic::Spare, spare.into_iter().collect(), false),
    ]
    .into_iter()
    .filter(|(_, states, _)| !states.is_empty())
    .collect()
}

fn findings(derived: &Derived) -> Vec<Now> {
    let outcomes = derived.report.outcomes.iter();
    let broken = outcomes.filter_map(|(_, outcome)| match outcome {
        Outcome::Broken { findings } => Some(findings),
        Outcome::Holds | Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => None,
    });
    broken
        .flatten()
        .map(|finding| Now {
            detail: format!(": {}", finding.title),
            ..now(
                Text::new(&format!("{} {}", finding.check, finding.subject)),
                finding.severity.word(),
                Some(finding.severity),
            )
        })
        .collect()
}

/// The checks that cannot tell whether what they found before is still so.
pub fn untold(derived: &Derived) -> BTreeSet<String> {
    let outcomes = derived.report.outcomes.iter();
    outcomes
        .filter(|(_, outcome)| matches!(outcome, Outcome::CannotTell { .. }))
        .map(|(check, _)| check.to_string())
        .collect()
}

/// The check that a finding is of, by its subject in the timeline.
pub fn check_of(subject: &Text) -> &str {
    let subject = subject.as_str();
    subject.split_once(' ').map_or(subject, |(check, _)| check)
}

/// Pods created, told to go, and gone, and some of their names; None where none was, or the watch does not say.
pub fn pods_moved(before: &Snapshot, snapshot: &Snapshot) -> Option<([usize; 3], String)> {
    let (old, new) = (&before.kube.pods, &snapshot.kube.pods);
    if old.is_same(new) || !is_current(before, KubeKind::Pods) || !is_current(snapshot, KubeKind::Pods) {
        return None;
    }
    let mut counts = [0; 3];
    let mut names: BTreeSet<&ObjectKey> = BTreeSet::new();
    for (key, was, is) in new.since(old) {
        let number = match (was, is) {
            (Some(_), None) => 2,
            (Some(was), Some(is)) if was.value.uid == is.value.uid => {
                if was.value.deleting.is_some() || is.value.deleting.is_none() {
                    continue;
                }
                1
            }
            _ => 0,
        };
        counts[number] += 1;
        names.insert(key);
    }
    let more = names.len().saturating_sub(MAX_NAMES);
    let mut said: Vec<String> = names.into_iter().take(MAX_NAMES).map(ToString::to_string).collect();
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    (counts != [0; 3]).then(|| (counts, said.join(", ")))
}
