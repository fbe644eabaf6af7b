//! The return of the light: what is otherwise than it was shown while no API server told. Pure. Start reading at
//! [`differences`].

use crate::app::rows::{pod_state, ready_word};
use crate::model::kube::Workload;
use crate::model::{KubeKind, ObjectKey, Snapshot, Table};

/// An object that is otherwise than it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its kind.
    pub kind: KubeKind,
    /// Which one.
    pub key: ObjectKey,
    /// What was shown; None where it was not there.
    pub was: Option<String>,
    /// What is true; None where it is gone.
    pub is: Option<String>,
}

impl Difference {
    /// `gone (was Running on nbe-3)`, `Pending (was Running on nbe-3)`, `new: Running on nbe-1`.
    pub fn words(&self) -> String {
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => format!("{is} (was {was})"),
            (Some(was), None) => format!("gone (was {was})"),
            (None, Some(is)) => format!("new: {is}"),
            (None, None) => String::new(),
        }
    }
}

/// Compares the rows of every kind that was dark in one snapshot and is told by the API in the next. Heartbeats are left out:
/// they differ always.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let (old, new) = (&before.kube, &after.kube);
    let mut all = Vec::new();
    for kind in KubeKind::ALL.into_iter().filter(|kind| lit(before, after, *kind)) {
        let found = match kind {
            KubeKind::Nodes => compare(kind, &old.nodes, &new.nodes, |node| {
                let cordoned = if node.unschedulable { ", cordoned" } else { "" };
                format!("{}{cordoned}", ready_word(node))
            }),
            KubeKind::Pods => compare(kind, &old.pods, &new.pods, |pod| {
                let ready = if pod.ready || pod.is_finished() {
                    ""
                } else {
                    ", not ready"
                };
                match &pod.node {
                    Some(node) => format!("{}{ready} on {node}", pod_state(pod)),
                    None => format!("{}{ready}", pod_state(pod)),
                }
            }),
            KubeKind::Deployments => compare(kind, &old.deployments, &new.deployments, replicas),
            KubeKind::StatefulSets => compare(kind, &old.stateful_sets, &new.stateful_sets, replicas),
            KubeKind::DaemonSets => compare(kind, &old.daemon_sets, &new.daemon_sets, replicas),
            KubeKind::Claims => compare(kind, &old.claims, &new.claims, |claim| claim.phase.to_string()),
            KubeKind::Volumes => compare(kind, &old.volumes, &new.volumes, |volume| volume.phase.to_string()),
            KubeKind::EtcdMembers => compare(kind, &old.etcd_members, &new.etcd_members, |member| {
                let joined = member.joined.as_ref().map_or("Unknown", |joined| joined.status.word());
                format!("Joined={joined}")
            }),
            KubeKind::Upgrades => compare(kind, &old.upgrades, &new.upgrades, |own| own.state.to_string()),
            KubeKind::ControlNodes => compare(kind, &old.control_nodes, &new.control_nodes, |_| "there".to_owned()),
            KubeKind::Installations => compare(kind, &old.installations, &new.installations, |own| {
                own.state.to_string()
            }),
            KubeKind::NetBoxEnterprises => {
                compare(
                    kind,
                    &old.netbox_enterprises,
                    &new.netbox_enterprises,
                    |own| match own.ready {
                        Some(true) => "ready".to_owned(),
                        Some(false) => "not ready".to_owned(),
                        None => "readiness not told".to_owned(),
                    },
                )
            }
            KubeKind::Leases | KubeKind::ReplicaSets | KubeKind::DisruptionBudgets | KubeKind::ClusterConfigs => {
                Vec::new()
            }
        };
        all.extend(found);
    }
    all
}

/// Whether rows were shown that were not of now, and the API tells them again.
fn lit(before: &Snapshot, after: &Snapshot, kind: KubeKind) -> bool {
    let shown = before.rows_of(kind);
    !shown.is_current() && shown.as_of().is_some() && after.rows_of(kind).is_current()
}

fn replicas(workload: &Workload) -> String {
    format!("{}/{} ready", workload.ready, workload.desired)
}

fn compare<T>(kind: KubeKind, old: &Table<T>, new: &Table<T>, say: impl Fn(&T) -> String) -> Vec<Difference> {
    let difference = |key: &ObjectKey, was, is| Difference {
        kind,
        key: key.clone(),
        was,
        is,
    };
    let mut found: Vec<Difference> = new
        .iter()
        .map(|(key, fact)| difference(key, old.get(key).map(|was| say(&was.value)), Some(say(&fact.value))))
        .filter(|own| own.was != own.is)
        .collect();
    let gone = old.iter().filter(|(key, _)| new.get(key).is_none());
    found.extend(gone.map(|(key, fact)| difference(key, Some(say(&fact.value)), None)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example::{self, Death};
    use crate::model::{FeedId, FeedState};

    fn dark(mut snapshot: Snapshot) -> Snapshot {
        for kind in KubeKind::ALL {
            example::lose_feed(&mut snapshot, FeedId::Kube(kind));
        }
        example::lose_feed(&mut snapshot, FeedId::Api);
        snapshot
    }

    #[test]
    fn what_happened_in_the_dark_is_told_and_nothing_else() {
        assert_eq!(differences(&dark(example::healthy()), &example::healthy()), []);
        assert_eq!(
            differences(&example::healthy(), &example::node_lost(Death::Refused)),
            [],
            "it was seen"
        );
        let found = differences(&dark(example::healthy()), &example::node_lost(Death::Refused));
        let told: Vec<String> = found
            .iter()
            .map(|own| format!("{} {}: {}", own.kind.word(), own.key, own.words()))
            .collect();
        assert!(
            told.contains(&"Node nbe-3: NotReady (was Ready)".to_owned()),
            "{told:#?}"
        );
        assert!(
            told.iter()
                .any(|line| line.starts_with("Pod ") && line.contains(": new: ")),
            "{told:#?}"
        );
        let back = differences(&dark(example::node_lost(Death::Refused)), &example::healthy());
        assert!(
            back.iter().any(|own| own.words().starts_with("gone (was ")),
            "{back:#?}"
        );
    }

    #[test]
    fn a_kind_that_was_never_shown_has_nothing_to_compare() {
        let mut before = dark(example::healthy());
        let pods = FeedId::Kube(KubeKind::Pods);
        if let Some(FeedState::Lost { as_of, .. }) = before.feeds.get_mut(&pods) {
            *as_of = None;
        }
        before.kube.pods = Table::default();
        assert_eq!(differences(&before, &example::healthy()), []);
    }
}
