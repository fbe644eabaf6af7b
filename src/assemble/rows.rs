//! Rows of the Kubernetes tables: what changed, and when we saw it change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Stamp;
use crate::model::host::{HostFacts, Process, Restarts};
use crate::model::kube::{KubeFacts, Lease, Pause};
use crate::model::{Fact, FeedId, KubeKind, ObjectKey, Table};
use crate::port::{KubeEvent, KubeObject, Objects};

/// A newer value in the place of an older one. An equal value keeps its age.
pub fn fact<T: PartialEq>(older: Option<Fact<T>>, at: Stamp, feed: FeedId, value: T) -> Fact<T> {
    match older {
        Some(older) if older.value == value => older,
        older => Fact {
            value,
            feed,
            changed_at: at,
            seen_changing: older.is_some(),
        },
    }
}

/// Counts the processes that were started anew since we looked last: by another number, or a later start.
pub fn note_restarts(host: &mut HostFacts, at: Stamp, now: &[Process]) {
    let Some(before) = host.processes.as_ref().map(|fact| &fact.value) else {
        return;
    };
    for process in now {
        let Some(old) = before.iter().find(|old| old.name == process.name) else {
            continue;
        };
        if (old.pid, old.started) == (process.pid, process.started) {
            continue;
        }
        let first = Restarts { count: 0, last: at };
        let seen = host.restarts.entry(process.name.clone()).or_insert(first);
        seen.count = seen.count.saturating_add(1);
        seen.last = at;
    }
}

/// Does something with the table of a kind.
macro_rules! on_table {
    ($kube:expr, $kind:expr, $table:ident => $do:expr) => {{
        let kube: &mut KubeFacts = $kube;
        match $kind {
            KubeKind::Nodes => {
                let $table = &mut kube.nodes;
                $do
            }
            KubeKind::Pods => {
                let $table = &mut kube.pods;
                $do
            }
            KubeKind::Leases => {
                let $table = &mut kube.leases;
                $do
            }
            KubeKind::Deployments => {
                let $table = &mut kube.deployments;
                $do
            }
            KubeKind::ReplicaSets => {
                let $table = &mut kube.replica_sets;
                $do
            }
            KubeKind::StatefulSets => {
                let $table = &mut kube.stateful_sets;
                $do
            }
            KubeKind::DaemonSets => {
                let $table = &mut kube.daemon_sets;
                $do
            }
            KubeKind::Claims => {
                let $table = &mut kube.claims;
                $do
            }
            KubeKind::Volumes => {
                let $table = &mut kube.volumes;
                $do
            }
            KubeKind::DisruptionBudgets => {
                let $table = &mut kube.disruption_budgets;
                $do
            }
            KubeKind::Upgrades => {
                let $table = &mut kube.upgrades;
                $do
            }
            KubeKind::EtcdMembers => {
                let $table = &mut kube.etcd_members;
                $do
            }
            KubeKind::ControlNodes => {
                let $table = &mut kube.control_nodes;
                $do
            }
            KubeKind::ClusterConfigs => {
                let $table = &mut kube.cluster_configs;
                $do
            }
            KubeKind::Installations => {
                let $table = &mut kube.installations;
                $do
            }
            KubeKind::NetBoxEnterprises => {
                let $table = &mut kube.netbox_enterprises;
                $do
            }
        }
    }};
}

/// Applies a change that the API server told, and says which kind it was about.
pub fn apply(kube: &mut KubeFacts, at: Stamp, event: KubeEvent) -> KubeKind {
    match event {
        KubeEvent::Apply(key, object) => {
            let kind = object.kind();
            put(kube, at, FeedId::Kube(kind), key, *object);
            kind
        }
        KubeEvent::Delete(kind, key) => {
            on_table!(kube, kind, table => { table.rows_mut().remove(&key); });
            kind
        }
        KubeEvent::Replace { kind, objects } => {
            replace(kube, at, FeedId::Kube(kind), kind, objects);
            kind
        }
    }
}

/// The API server is the source of the rows again, as they are.
pub fn retell(kube: &mut KubeFacts, kind: KubeKind) {
    on_table!(kube, kind, table => {
        for row in table.rows_mut().values_mut() {
            Arc::make_mut(row).feed = FeedId::Kube(kind);
        }
    });
}

fn put(kube: &mut KubeFacts, at: Stamp, feed: FeedId, key: ObjectKey, object: KubeObject) {
    match object {
        KubeObject::Node(value) => set(&mut kube.nodes, at, feed, key, value),
        KubeObject::Pod(value) => set(&mut kube.pods, at, feed, key, value),
        KubeObject::Lease(value) => {
            note_pause(kube, at, feed, &key, &value);
            set(&mut kube.leases, at, feed, key, value);
        }
        KubeObject::Deployment(value) => set(&mut kube.deployments, at, feed, key, value),
        KubeObject::ReplicaSet(value) => set(&mut kube.replica_sets, at, feed, key, value),
        KubeObject::StatefulSet(value) => set(&mut kube.stateful_sets, at, feed, key, value),
        KubeObject::DaemonSet(value) => set(&mut kube.daemon_sets, at, feed, key, value),
        KubeObject::Claim(value) => set(&mut kube.claims, at, feed, key, value),
        KubeObject::Volume(value) => set(&mut kube.volumes, at, feed, key, value),
        KubeObject::DisruptionBudget(value) => set(&mut kube.disruption_budgets, at, feed, key, value),
        KubeObject::Upgrade(value) => set(&mut kube.upgrades, at, feed, key, value),
        KubeObject::EtcdMember(value) => set(&mut kube.etcd_members, at, feed, key, value),
        KubeObject::ControlNode(value) => set(&mut kube.control_nodes, at, feed, key, value),
        KubeObject::ClusterConfig(value) => set(&mut kube.cluster_configs, at, feed, key, value),
        KubeObject::Installation(value) => set(&mut kube.installations, at, feed, key, value),
        KubeObject::NetBoxEnterprise(value) => set(&mut kube.netbox_enterprises, at, feed, key, value),
    }
}

/// A kubelet renews every 10 s. What is shorter than this is no pause.
const PAUSE: Duration = Duration::from_secs(13);
/// So many pauses of one node are kept, and of so many nodes.
const MAX_PAUSES: usize = 16;
const MAX_NODES: usize = 1_000;

/// Notes a long pause between two renewals that a watch told. After a list, what came between is not known: a table that
/// was listed anew has no older row here.
fn note_pause(kube: &mut KubeFacts, at: Stamp, feed: FeedId, key: &ObjectKey, newer: &Lease) {
    let is_kubelet = key.namespace == "kube-node-lease" && newer.holder.as_ref() == Some(&key.name);
    let is_watched = |fact: &&Fact<Lease>| is_kubelet && fact.feed == feed && feed == FeedId::Kube(KubeKind::Leases);
    let older = kube.leases.get(key).filter(is_watched);
    let older = older
        .filter(|fact| fact.value.holder == newer.holder)
        .and_then(|fact| fact.value.renewed);
    let (Some(older), Some(renewed)) = (older, newer.renewed) else {
        return;
    };
    let lasted = Duration::try_from(renewed.duration_since(older)).unwrap_or_default();
    if lasted < PAUSE || (kube.pauses.len() >= MAX_NODES && !kube.pauses.contains_key(&key.name)) {
        return;
    }
    let pauses = kube.pauses.entry(key.name.clone()).or_default();
    pauses.push(Pause { ended: at, lasted });
    let spare = pauses.len().saturating_sub(MAX_PAUSES);
    pauses.drain(..spare);
}

fn set<T: PartialEq + Clone>(table: &mut Table<T>, at: Stamp, feed: FeedId, key: ObjectKey, value: T) {
    let rows = table.rows_mut();
    match rows.get_mut(&key) {
        Some(row) if row.value == value => {}
        Some(row) => {
            *row = Arc::new(Fact {
                value,
                feed,
                changed_at: at,
                seen_changing: true,
            });
        }
        None => {
            let first = fact(None, at, feed, value);
            rows.insert(key, Arc::new(first));
        }
    }
}

/// Makes the table what a list or etcd's store returned. A row that changed while nobody watched changed some time ago: we did not see it.
pub fn replace(kube: &mut KubeFacts, at: Stamp, feed: FeedId, kind: KubeKind, objects: Objects) {
    let mut fresh = KubeFacts::default();
    for (key, object) in objects.into_iter().filter(|(_, object)| object.kind() == kind) {
        put(&mut fresh, at, feed, key, object);
    }
    match kind {
        KubeKind::Nodes => keep_age(&mut kube.nodes, fresh.nodes),
        KubeKind::Pods => keep_age(&mut kube.pods, fresh.pods),
        KubeKind::Leases => keep_age(&mut kube.leases, fresh.leases),
        KubeKind::Deployments => keep_age(&mut kube.deployments, fresh.deployments),
        KubeKind::ReplicaSets => keep_age(&mut kube.replica_sets, fresh.replica_sets),
        KubeKind::StatefulSets => keep_age(&mut kube.stateful_sets, fresh.stateful_sets),
        KubeKind::DaemonSets => keep_age(&mut kube.daemon_sets, fresh.daemon_sets),
        KubeKind::Claims => keep_age(&mut kube.claims, fresh.claims),
        KubeKind::Volumes => keep_age(&mut kube.volumes, fresh.volumes),
        KubeKind::DisruptionBudgets => keep_age(&mut kube.disruption_budgets, fresh.disruption_budgets),
        KubeKind::Upgrades => keep_age(&mut kube.upgrades, fresh.upgrades),
        KubeKind::EtcdMembers => keep_age(&mut kube.etcd_members, fresh.etcd_members),
        KubeKind::ControlNodes => keep_age(&mut kube.control_nodes, fresh.control_nodes),
        KubeKind::ClusterConfigs => keep_age(&mut kube.cluster_configs, fresh.cluster_configs),
        KubeKind::Installations => keep_age(&mut kube.installations, fresh.installations),
        KubeKind::NetBoxEnterprises => keep_age(&mut kube.netbox_enterprises, fresh.netbox_enterprises),
    }
}

fn keep_age<T: PartialEq + Clone>(table: &mut Table<T>, fresh: Table<T>) {
    let mut rows: BTreeMap<ObjectKey, Arc<Fact<T>>> = Vec::from(fresh).into_iter().collect();
    for (key, older) in std::mem::take(table.rows_mut()) {
        if let Some(row) = rows.get_mut(&key).filter(|row| row.value == older.value) {
            *row = match (row.feed, older) {
                (feed, older) if older.feed == feed => older,
                // Another source says the same.
                (feed, older) => Arc::new(Fact {
                    feed,
                    ..Fact::clone(&older)
                }),
            };
        }
    }
    *table.rows_mut() = rows;
}
