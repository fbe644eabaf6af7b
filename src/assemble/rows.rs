//! Rows of the Kubernetes tables: what changed, and when we saw it change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Stamp;
use crate::model::kube::KubeFacts;
use crate::model::{Fact, FeedId, KubeKind, ObjectKey, Table};
use crate::port::{KubeEvent, KubeObject};

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

/// Applies a change and says which kind it was about.
pub fn apply(kube: &mut KubeFacts, at: Stamp, event: KubeEvent) -> KubeKind {
    match event {
        KubeEvent::Apply(key, object) => {
            let kind = object.kind();
            put(kube, at, key, *object);
            kind
        }
        KubeEvent::Delete(kind, key) => {
            remove(kube, kind, &key);
            kind
        }
        KubeEvent::Replace { kind, objects } => {
            replace(kube, at, kind, objects);
            kind
        }
    }
}

fn put(kube: &mut KubeFacts, at: Stamp, key: ObjectKey, object: KubeObject) {
    match object {
        KubeObject::Node(value) => set(&mut kube.nodes, at, KubeKind::Nodes, key, value),
        KubeObject::Pod(value) => set(&mut kube.pods, at, KubeKind::Pods, key, value),
        KubeObject::Lease(value) => set(&mut kube.leases, at, KubeKind::Leases, key, value),
        KubeObject::Deployment(value) => set(&mut kube.deployments, at, KubeKind::Deployments, key, value),
        KubeObject::ReplicaSet(value) => set(&mut kube.replica_sets, at, KubeKind::ReplicaSets, key, value),
        KubeObject::StatefulSet(value) => set(&mut kube.stateful_sets, at, KubeKind::StatefulSets, key, value),
        KubeObject::DaemonSet(value) => set(&mut kube.daemon_sets, at, KubeKind::DaemonSets, key, value),
        KubeObject::Claim(value) => set(&mut kube.claims, at, KubeKind::Claims, key, value),
        KubeObject::EtcdMember(value) => set(&mut kube.etcd_members, at, KubeKind::EtcdMembers, key, value),
        KubeObject::ControlNode(value) => set(&mut kube.control_nodes, at, KubeKind::ControlNodes, key, value),
        KubeObject::ClusterConfig(value) => set(&mut kube.cluster_configs, at, KubeKind::ClusterConfigs, key, value),
        KubeObject::Installation(value) => set(&mut kube.installations, at, KubeKind::Installations, key, value),
        KubeObject::NetBoxEnterprise(value) => {
            set(
                &mut kube.netbox_enterprises,
                at,
                KubeKind::NetBoxEnterprises,
                key,
                value,
            );
        }
    }
}

fn set<T: PartialEq + Clone>(table: &mut Table<T>, at: Stamp, kind: KubeKind, key: ObjectKey, value: T) {
    let rows = table.rows_mut();
    match rows.get_mut(&key) {
        Some(row) if row.value == value => {}
        Some(row) => {
            *row = Arc::new(Fact {
                value,
                feed: FeedId::Kube(kind),
                changed_at: at,
                seen_changing: true,
            });
        }
        None => {
            let first = fact(None, at, FeedId::Kube(kind), value);
            rows.insert(key, Arc::new(first));
        }
    }
}

/// Makes the table what a list returned. A row that changed while nobody watched changed some time ago: we did not see it.
fn replace(kube: &mut KubeFacts, at: Stamp, kind: KubeKind, objects: Vec<(ObjectKey, KubeObject)>) {
    let mut fresh = KubeFacts::default();
    for (key, object) in objects.into_iter().filter(|(_, object)| object.kind() == kind) {
        put(&mut fresh, at, key, object);
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
        if let Some(row) = rows.get_mut(&key)
            && row.value == older.value
        {
            *row = older;
        }
    }
    *table.rows_mut() = rows;
}

fn remove(kube: &mut KubeFacts, kind: KubeKind, key: &ObjectKey) {
    fn drop_row<T: Clone>(table: &mut Table<T>, key: &ObjectKey) {
        table.rows_mut().remove(key);
    }
    match kind {
        KubeKind::Nodes => drop_row(&mut kube.nodes, key),
        KubeKind::Pods => drop_row(&mut kube.pods, key),
        KubeKind::Leases => drop_row(&mut kube.leases, key),
        KubeKind::Deployments => drop_row(&mut kube.deployments, key),
        KubeKind::ReplicaSets => drop_row(&mut kube.replica_sets, key),
        KubeKind::StatefulSets => drop_row(&mut kube.stateful_sets, key),
        KubeKind::DaemonSets => drop_row(&mut kube.daemon_sets, key),
        KubeKind::Claims => drop_row(&mut kube.claims, key),
        KubeKind::EtcdMembers => drop_row(&mut kube.etcd_members, key),
        KubeKind::ControlNodes => drop_row(&mut kube.control_nodes, key),
        KubeKind::ClusterConfigs => drop_row(&mut kube.cluster_configs, key),
        KubeKind::Installations => drop_row(&mut kube.installations, key),
        KubeKind::NetBoxEnterprises => drop_row(&mut kube.netbox_enterprises, key),
    }
}
