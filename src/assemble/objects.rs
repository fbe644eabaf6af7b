//! One raw Kubernetes object, from whatever source, becomes its key and its model row. Pure; knows no client and no
//! snapshot. What the model does not have (managedFields, annotations, environment variables …) ends here.
//! Start reading at [`from_json`].
//!
//! Tolerant: a field that is missing or makes no sense becomes the model's "not known"; only what is no object of its
//! kind at all is an error.

mod json;
mod k0s;
mod node;
mod pod;
mod product;
pub mod quantity;
mod requests;
mod scheduling;
mod selector;
mod small;
mod stored;
pub mod toleration;
mod workload;

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use k0s::{cluster_config, control_node, etcd_member, upgrade};
pub use node::node;
pub use pod::pod;
pub use product::{installation, netbox_enterprise};
pub use small::{claim, disruption_budget, lease, replica_set, volume};
pub use stored::from_stored;
pub use workload::{daemon_set, deployment, stateful_set};

use crate::base::{Text, Why, WhyKind};
use crate::model::kube::Owner;
use crate::model::labels::Labels;
use crate::model::{KubeKind, ObjectKey, leader};
use crate::port::KubeObject;

/// A key and its row.
pub type Row = (ObjectKey, KubeObject);

/// The namespaces whose leases are all kept: kubelets and k0s write to the first, the control plane's leaders to the second.
const LEASE_NAMESPACES: [&str; 2] = ["kube-node-lease", "kube-system"];

/// Reads one object of `kind` as the API server sends it. An error is a [`WhyKind::Garbage`] that names the object where
/// it has a name.
pub fn from_json(kind: KubeKind, raw: Value) -> Result<Row, Why> {
    match kind {
        KubeKind::Nodes => typed(kind, raw, node),
        KubeKind::Pods => typed(kind, raw, pod),
        KubeKind::Leases => typed(kind, raw, lease),
        KubeKind::Deployments => typed(kind, raw, deployment),
        KubeKind::ReplicaSets => typed(kind, raw, replica_set),
        KubeKind::StatefulSets => typed(kind, raw, stateful_set),
        KubeKind::DaemonSets => typed(kind, raw, daemon_set),
        KubeKind::Claims => typed(kind, raw, claim),
        KubeKind::Volumes => typed(kind, raw, volume),
        KubeKind::DisruptionBudgets => typed(kind, raw, disruption_budget),
        KubeKind::EtcdMembers => etcd_member(&raw),
        KubeKind::ControlNodes => control_node(&raw),
        KubeKind::Upgrades => upgrade(&raw),
        KubeKind::ClusterConfigs => cluster_config(&raw),
        KubeKind::Installations => installation(&raw),
        KubeKind::NetBoxEnterprises => netbox_enterprise(&raw),
    }
}

/// The key of an object of any kind; None where it has no name.
pub fn key_of(raw: &Value) -> Option<ObjectKey> {
    let name = json::str_at(raw, &["metadata", "name"]).filter(|name| !name.is_empty())?;
    let namespace = json::str_at(raw, &["metadata", "namespace"]).unwrap_or_default();
    Some(ObjectKey::new(namespace, name))
}

/// Whether an object is kept: all but leases that are somebody else's. One that nobody holds may have been the operator's.
pub fn is_wanted(key: &ObjectKey, object: &KubeObject) -> bool {
    let KubeObject::Lease(lease) = object else {
        return true;
    };
    let holder = lease.holder.as_ref().map_or("", Text::as_str);
    LEASE_NAMESPACES.contains(&key.namespace.as_str()) || holder.is_empty() || leader::is_operator(holder)
}

fn typed<T: DeserializeOwned>(kind: KubeKind, mut raw: Value, convert: fn(&T) -> Result<Row, Why>) -> Result<Row, Why> {
    // Often half of the object, and nothing that we read.
    if let Some(meta) = raw.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    let key = key_of(&raw);
    // The error itself may quote a value (a pod's environment, say), so it is not repeated.
    let object = serde_json::from_value(raw).map_err(|_| match key {
        Some(key) => garbage(kind, &format!("{key} has a field of an unexpected type")),
        None => garbage(kind, "an object of an unexpected shape"),
    })?;
    convert(&object)
}

fn garbage(kind: KubeKind, what: &str) -> Why {
    Why::new(WhyKind::Garbage, format!("{}: {what}", kind.plural()))
}

fn json_key(kind: KubeKind, raw: &Value) -> Result<ObjectKey, Why> {
    key_of(raw).ok_or_else(|| garbage(kind, "an object without a name"))
}

fn meta_key(kind: KubeKind, meta: &ObjectMeta) -> Result<ObjectKey, Why> {
    let name = meta.name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| garbage(kind, "an object without a name"))?;
    Ok(ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), name))
}

fn text(raw: Option<&String>) -> Text {
    Text::new(raw.map_or("", String::as_str))
}

fn label(meta: &ObjectMeta, key: &str) -> Option<Text> {
    Some(Text::new(meta.labels.as_ref()?.get(key)?))
}

fn labels(meta: &ObjectMeta) -> Labels {
    let all = meta.labels.iter().flatten();
    all.map(|(key, value)| (Text::new(key), Text::new(value))).collect()
}

fn annotation(meta: &ObjectMeta, key: &str) -> Option<Text> {
    Some(Text::new(meta.annotations.as_ref()?.get(key)?))
}

/// The owner that manages the object, of which there is at most one.
fn controller(meta: &ObjectMeta) -> Option<Owner> {
    let is_controller = |owner: &&OwnerReference| owner.controller == Some(true);
    let owner = meta.owner_references.as_ref()?.iter().find(is_controller)?;
    Some(Owner {
        kind: Text::new(&owner.kind),
        name: Text::new(&owner.name),
    })
}

/// Counts are never negative; a negative one is read as none.
fn count(raw: Option<i32>) -> u32 {
    raw.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
