//! What the API server adds to new objects, and where it lets none be made.

use serde_json::{Value, json};

use super::Server;
use crate::sim::world::pod::add_default_tolerations;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause};
use crate::sim::world::store::{Key, Store, as_map, str_at};

/// The namespace of a new object must be there, and stay.
pub(super) fn namespace(store: &Store, key: &Key, body: &Value) -> Result<(), ApiError> {
    if !key.resource.info().is_namespaced {
        return Ok(());
    }
    let namespace = store.must_get(&Key::new(Resource::Namespaces, "", &*key.namespace))?;
    if namespace.pointer("/metadata/deletionTimestamp").is_none() {
        return Ok(());
    }
    let name = str_at(body, "/metadata/name").unwrap_or_default();
    let because = format!(
        "unable to create new content in namespace {} because it is being terminated",
        key.namespace
    );
    let mut error = ApiError::forbidden(&key.resource.qualified(), name, &because);
    if let Some(details) = &mut error.details {
        details.causes.push(Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {} is being terminated", key.namespace),
            field: "metadata.namespace".to_owned(),
        });
    }
    Err(error)
}

/// A pod that says nothing about lost nodes tolerates them as long as this API server says.
pub(super) fn tolerations(server: &Server, pod: &mut Value) {
    let spec = as_map(pod).entry("spec").or_insert_with(|| json!({}));
    add_default_tolerations(spec, server.toleration_s);
}

/// What a new object is like before its controller has seen it: a client does not choose its status.
pub(super) fn initial(resource: Resource, body: &mut Value) {
    let status = match resource {
        Resource::Pods => Some(json!({"phase": "Pending"})),
        Resource::Namespaces => Some(json!({"phase": "Active"})),
        Resource::DisruptionBudgets => Some(json!({
            "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        })),
        // A kubelet registers itself with its status.
        Resource::Nodes => return,
        _ if resource.info().has_status => None,
        _ => return,
    };
    let root = as_map(body);
    match status {
        Some(status) => root.insert("status".into(), status),
        None => root.remove("status"),
    };
    if resource == Resource::Namespaces {
        root.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
        let name = root.get("metadata").and_then(|meta| meta.get("name")).cloned();
        let meta = as_map(root.entry("metadata").or_insert_with(|| json!({})));
        let labels = as_map(meta.entry("labels").or_insert_with(|| json!({})));
        labels.insert("kubernetes.io/metadata.name".into(), name.unwrap_or_default());
    }
}
