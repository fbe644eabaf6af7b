//! From a row to the object behind it, for what is asked of the API server (YAML, events, logs), and to the row it is about.

use super::rows::{RowId, feed_name, worst};
use super::state::State;
use super::timeline::Topic;
use crate::base::Text;
use crate::check::{Finding, Outcome};
use crate::forecast::Domain;
use crate::model::etcd::MemberId;
use crate::model::kube::{Pod, WorkloadKind};
use crate::model::question::ObjectRef;
use crate::model::{KubeKind, ObjectKey};
use crate::plan::RunId;

/// The object that a row shows; None where it shows no object of Kubernetes, or none that is there.
pub fn subject(state: &State, row: &RowId) -> Option<ObjectRef> {
    match row {
        RowId::Node(name) | RowId::Loss(Domain::Node(name)) => {
            object(state, KubeKind::Nodes, ObjectKey::new("", name.clone()))
        }
        RowId::Workload(kind, key) => object(state, kind_of(*kind), key.clone()),
        RowId::Pod(key) => object(state, KubeKind::Pods, key.clone()),
        RowId::Member(id) => annotation(state, *id),
        RowId::Finding(_, subject) => named(state, subject.as_str()),
        RowId::Check(check) => named(state, worst(state, *check)?.subject.as_str()),
        RowId::Change(number) => subject(state, &changed(state, *number)?),
        RowId::Loss(Domain::Zone(_) | Domain::Chosen)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Offer(_)
        | RowId::Run(_) => None,
    }
}

/// The pods that belong to an object, and so the logs that can be read from there.
pub fn pods(state: &State, of: &ObjectRef) -> Vec<ObjectKey> {
    let of_workload = |kind| state.derived.pods_of(kind, &of.key).to_vec();
    match of.kind {
        KubeKind::Pods => vec![of.key.clone()],
        KubeKind::Nodes => {
            let all = state.snapshot.kube.pods.iter();
            let here = all.filter(|(_, fact)| fact.value.node.as_ref() == Some(&of.key.name));
            here.map(|(key, _)| key.clone()).collect()
        }
        KubeKind::Deployments => of_workload(WorkloadKind::Deployment),
        KubeKind::StatefulSets => of_workload(WorkloadKind::StatefulSet),
        KubeKind::DaemonSets => of_workload(WorkloadKind::DaemonSet),
        _ => Vec::new(),
    }
}

/// The pods of a workload.
pub fn pods_of<'a>(
    state: &'a State,
    kind: WorkloadKind,
    workload: &ObjectKey,
) -> impl Iterator<Item = (&'a ObjectKey, &'a Pod)> {
    let names = state.derived.pods_of(kind, workload).iter();
    names.filter_map(|key| Some((key, &state.snapshot.kube.pods.get(key)?.value)))
}

/// What was found about a row and its kin: a node and the member on it, a workload and its pods. The worst comes first.
pub fn findings_about<'a>(state: &'a State, row: &RowId) -> Vec<&'a Finding> {
    let mut subjects: Vec<String> = called(state, row).into_iter().collect();
    subjects.extend(kin(state, row).iter().filter_map(|row| called(state, row)));
    let mut found = state.derived.report.findings();
    found.retain(|finding| subjects.iter().any(|subject| finding.subject.as_str() == subject));
    found
}

/// What findings about a row call it; None where there are none.
fn called(state: &State, row: &RowId) -> Option<String> {
    Some(match row {
        RowId::Node(name) => format!("node/{name}"),
        RowId::Member(id) => match state.derived.quorum.member(*id) {
            Some(of) if of.member.has_started() => format!("member/{}", of.member.name),
            _ => format!("member/{id}"),
        },
        RowId::Workload(kind, key) => format!("{}/{key}", kind.word().to_ascii_lowercase()),
        RowId::Pod(key) => format!("pod/{key}"),
        RowId::Finding(..)
        | RowId::Check(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(_)
        | RowId::Offer(_)
        | RowId::Run(_) => return None,
    })
}

/// What fails together with it.
fn kin(state: &State, row: &RowId) -> Vec<RowId> {
    let quorum = &state.derived.quorum;
    match row {
        RowId::Node(name) => {
            let address = state.snapshot.node(name).and_then(|node| node.address.as_ref());
            let member = address.and_then(|address| quorum.member_at(address.as_str()));
            member.into_iter().map(|of| RowId::Member(of.member.id)).collect()
        }
        RowId::Member(id) => {
            let address = quorum.member(*id).and_then(|of| of.member.peer_address());
            let node = address.and_then(|address| state.snapshot.node_at(address));
            node.into_iter().map(|node| RowId::Node(node.name.clone())).collect()
        }
        RowId::Workload(kind, key) => {
            let pods = state.derived.pods_of(*kind, key).iter();
            pods.map(|pod| RowId::Pod(pod.clone())).collect()
        }
        RowId::Pod(key) => {
            let pod = state.snapshot.kube.pods.get(key);
            let workload = pod.and_then(|fact| state.snapshot.workload_of(key, &fact.value));
            workload
                .into_iter()
                .map(|(kind, key)| RowId::Workload(kind, key))
                .collect()
        }
        RowId::Finding(..)
        | RowId::Check(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(_)
        | RowId::Offer(_)
        | RowId::Run(_) => Vec::new(),
    }
}

/// The row that shows an object; None where no screen lists such objects, or this one is gone.
pub fn row(state: &State, of: &ObjectRef) -> Option<RowId> {
    let row = match of.kind {
        KubeKind::Nodes => RowId::Node(of.key.name.clone()),
        KubeKind::Pods => RowId::Pod(of.key.clone()),
        KubeKind::Deployments => RowId::Workload(WorkloadKind::Deployment, of.key.clone()),
        KubeKind::StatefulSets => RowId::Workload(WorkloadKind::StatefulSet, of.key.clone()),
        KubeKind::DaemonSets => RowId::Workload(WorkloadKind::DaemonSet, of.key.clone()),
        KubeKind::EtcdMembers => RowId::Member(state.snapshot.kube.etcd_members.get(&of.key)?.value.member_id?),
        _ => return None,
    };
    row.exists(state).then_some(row)
}

/// The row that an entry of the timeline names; it may be gone. None where the entry names no single one.
fn changed(state: &State, number: i64) -> Option<RowId> {
    let entry = state.timeline.entry(number)?;
    let subject = entry.subject.as_str();
    match entry.topic {
        Topic::Node | Topic::Heartbeat | Topic::Pause | Topic::Failover => Some(RowId::Node(entry.subject.clone())),
        Topic::Member | Topic::Health => member(state, subject).map(RowId::Member),
        Topic::Workload => {
            let mut all = state.derived.placements.iter();
            let own = all.find(|own| own.key.to_string() == subject)?;
            Some(RowId::Workload(own.workload.kind, own.key.clone()))
        }
        Topic::Finding => {
            let (check, subject) = subject.split_once(' ')?;
            Some(RowId::Finding(check.parse().ok()?, Text::new(subject)))
        }
        // `Pod netbox/netbox-1`
        Topic::Return => {
            let (kind, key) = subject.split_once(' ')?;
            row(state, &named(state, &format!("{}/{key}", kind.to_lowercase()))?)
        }
        Topic::Feed => {
            let mut feeds = state.snapshot.feeds.keys();
            let own = feeds.find(|id| feed_name(state, **id) == subject)?;
            Some(RowId::Feed(*own))
        }
        Topic::Run => {
            let (run, _) = subject.split_once(' ')?;
            Some(RowId::Run(RunId(Text::new(run))))
        }
        Topic::Endpoint | Topic::Leader | Topic::Office | Topic::Lock | Topic::Spare | Topic::Pods | Topic::Session => {
            None
        }
    }
}

/// The row that a row is about: what a finding or a change names, the first that a check found fault with, the feed that is
/// missing.
pub fn about(state: &State, row: &RowId) -> Option<RowId> {
    let (check, subject) = match row {
        RowId::Finding(check, subject) => (*check, subject.clone()),
        RowId::Check(check) => match state.derived.report.outcome(*check) {
            Some(Outcome::CannotTell { feed, .. }) => return Some(RowId::Feed(*feed)),
            _ => (*check, worst(state, *check)?.subject.clone()),
        },
        RowId::Untold(feed) => return Some(RowId::Feed(*feed)),
        RowId::Loss(Domain::Node(name)) => return Some(RowId::Node(name.clone())),
        RowId::Change(number) => {
            let changed = changed(state, *number)?;
            // Of a finding that is resolved, what it was about.
            return if changed.exists(state) {
                Some(changed)
            } else {
                about(state, &changed)
            };
        }
        RowId::Node(_)
        | RowId::Member(_)
        | RowId::Workload(..)
        | RowId::Pod(_)
        | RowId::Feed(_)
        | RowId::Loss(Domain::Zone(_) | Domain::Chosen)
        | RowId::Offer(_)
        | RowId::Run(_) => {
            return None;
        }
    };
    let about = named(state, subject.as_str()).and_then(|of| self::row(state, &of));
    // What is about the cluster, or about what no screen lists, is told in full by the finding.
    about.or_else(|| matches!(row, RowId::Check(_)).then_some(RowId::Finding(check, subject)))
}

/// The kind that is watched for a kind of workload.
pub const fn kind_of(kind: WorkloadKind) -> KubeKind {
    match kind {
        WorkloadKind::Deployment => KubeKind::Deployments,
        WorkloadKind::StatefulSet => KubeKind::StatefulSets,
        WorkloadKind::DaemonSet => KubeKind::DaemonSets,
    }
}

/// An object that the snapshot has, with its uid where that is known.
pub fn object(state: &State, kind: KubeKind, key: ObjectKey) -> Option<ObjectRef> {
    let kube = &state.snapshot.kube;
    let uid = match kind {
        KubeKind::Nodes => Some(kube.nodes.get(&key)?.value.uid.clone()),
        KubeKind::Pods => Some(kube.pods.get(&key)?.value.uid.clone()),
        KubeKind::Deployments => Some(kube.deployments.get(&key)?.value.uid.clone()),
        KubeKind::StatefulSets => Some(kube.stateful_sets.get(&key)?.value.uid.clone()),
        KubeKind::DaemonSets => Some(kube.daemon_sets.get(&key)?.value.uid.clone()),
        KubeKind::EtcdMembers => Some(kube.etcd_members.get(&key)?.value.uid.clone()),
        KubeKind::ControlNodes => Some(kube.control_nodes.get(&key)?.value.uid.clone()),
        KubeKind::Installations => kube.installations.get(&key).map(|_| None)?,
        KubeKind::NetBoxEnterprises => kube.netbox_enterprises.get(&key).map(|_| None)?,
        KubeKind::Leases
        | KubeKind::ReplicaSets
        | KubeKind::Claims
        | KubeKind::Volumes
        | KubeKind::DisruptionBudgets
        | KubeKind::Upgrades
        | KubeKind::ClusterConfigs => return None,
    };
    let uid = uid.filter(|uid| !uid.is_empty());
    Some(ObjectRef { kind, key, uid })
}

/// k0s's note of a member.
fn annotation(state: &State, id: MemberId) -> Option<ObjectRef> {
    let mut notes = state.snapshot.kube.etcd_members.iter();
    let (key, _) = notes.find(|(_, fact)| fact.value.member_id == Some(id))?;
    object(state, KubeKind::EtcdMembers, key.clone())
}

/// A member by its name, or by its id where it never started.
fn member(state: &State, name: &str) -> Option<MemberId> {
    let mut members = state.derived.quorum.members.iter().map(|of| &of.member);
    let member = members.find(|member| member.name == name || member.id.to_string() == name)?;
    Some(member.id)
}

/// The object that a finding names, such as `node/nbe-3`, `deployment/kotsadm/netbox` or `member/nbe-3`.
fn named(state: &State, subject: &str) -> Option<ObjectRef> {
    let (kind, name) = subject.split_once('/')?;
    let key = match name.split_once('/') {
        Some((namespace, name)) => ObjectKey::new(namespace, name),
        None => ObjectKey::new("", name),
    };
    let kind = match kind {
        "member" => {
            return annotation(state, member(state, name)?);
        }
        "node" => KubeKind::Nodes,
        "pod" => KubeKind::Pods,
        "deployment" => KubeKind::Deployments,
        "statefulset" => KubeKind::StatefulSets,
        "daemonset" => KubeKind::DaemonSets,
        "installation" => KubeKind::Installations,
        "netboxenterprise" => KubeKind::NetBoxEnterprises,
        _ => return None,
    };
    object(state, kind, key)
}
