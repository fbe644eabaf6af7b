//! The call of the Kubernetes API that an action stands for: one table for whoever sends it, in earnest or in a rehearsal.
//! Knows no client. Start reading at [`first_read`], then [`call`].

use serde_json::{Map, Value, json};

use super::action::{Action, ObjectKind, Target};
use crate::base::Text;

/// Frees the pods and volumes of a node that is off (Kubernetes, non-graceful node shutdown).
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// RFC 7386: built-in and custom kinds take it alike.
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// The methods that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Post,
    Patch,
    Delete,
}

impl Method {
    /// As HTTP and RBAC's audit write it.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// One request that changes something.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// How.
    pub method: Method,
    /// The path below the server's address.
    pub path: String,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Value,
}

/// The path of the object that must be read right before the call, where the call depends on it: `spec.taints` is an
/// atomic list, so that a patch must carry the other taints along.
pub fn first_read(action: &Action) -> Option<String> {
    match action {
        Action::OutOfService { node, .. } => Some(path(node)),
        _ => None,
    }
}

/// The call; None for what is not done through the API. `read` is what [`first_read`] names.
pub fn call(action: &Action, read: Option<&Value>) -> Option<Call> {
    Some(match action {
        Action::Label { node, set } => {
            let value = |value: &Option<Text>| value.as_ref().map_or(Value::Null, |value| value.as_str().into());
            let labels: Map<String, Value> = set.iter().map(|(label, own)| (label.to_string(), value(own))).collect();
            patch(node, json!({"metadata": {"uid": node.uid, "labels": labels}}))
        }
        Action::Cordon { node, on } => {
            // As kubectl: a node that takes pods has no such field.
            let on = if *on { Value::Bool(true) } else { Value::Null };
            patch(
                node,
                json!({"metadata": {"uid": node.uid}, "spec": {"unschedulable": on}}),
            )
        }
        Action::OutOfService { node, on } => patch(node, taints(node, *on, read?)),
        Action::Evict { pod } => Call {
            method: Method::Post,
            path: format!("{}/eviction", path(pod)),
            content_type: JSON,
            body: json!({
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": pod.key.name, "namespace": pod.key.namespace},
                "deleteOptions": {"preconditions": {"uid": pod.uid}},
            }),
        },
        Action::Delete { target } => Call {
            method: Method::Delete,
            path: path(target),
            content_type: JSON,
            body: json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": target.uid}}),
        },
        Action::RemoveMember { .. }
        | Action::Service { .. }
        | Action::SaveSnapshot { .. }
        | Action::SavePki { .. }
        | Action::Compact { .. }
        | Action::Defragment { .. }
        | Action::Disarm => return None,
    })
}

/// The list as it was read with the taint, or without it. The version that was read makes a change in between a conflict.
fn taints(node: &Target, on: bool, read: &Value) -> Value {
    let old = read.pointer("/spec/taints").and_then(Value::as_array);
    let is_ours = |taint: &&Value| taint.get("key").and_then(Value::as_str) == Some(OUT_OF_SERVICE);
    let mut taints: Vec<Value> = old
        .into_iter()
        .flatten()
        .filter(|taint| !is_ours(taint))
        .cloned()
        .collect();
    if on {
        taints.push(json!({"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"}));
    }
    let version = read.pointer("/metadata/resourceVersion");
    json!({"metadata": {"uid": node.uid, "resourceVersion": version}, "spec": {"taints": taints}})
}

fn patch(target: &Target, body: Value) -> Call {
    Call {
        method: Method::Patch,
        path: path(target),
        content_type: MERGE_PATCH,
        body,
    }
}

/// The path of an object. k0s's kinds at the versions that every supported k0s serves.
pub fn path(target: &Target) -> String {
    let (group, plural) = match target.kind {
        ObjectKind::Node => ("/api/v1", "nodes"),
        ObjectKind::Pod => ("/api/v1", "pods"),
        ObjectKind::Lease => ("/apis/coordination.k8s.io/v1", "leases"),
        ObjectKind::Deployment => ("/apis/apps/v1", "deployments"),
        ObjectKind::StatefulSet => ("/apis/apps/v1", "statefulsets"),
        ObjectKind::DaemonSet => ("/apis/apps/v1", "daemonsets"),
        ObjectKind::EtcdMember => ("/apis/etcd.k0sproject.io/v1beta1", "etcdmembers"),
        ObjectKind::ControlNode => ("/apis/autopilot.k0sproject.io/v1beta2", "controlnodes"),
    };
    let (namespace, name) = (&target.key.namespace, &target.key.name);
    if namespace.is_empty() {
        format!("{group}/{plural}/{name}")
    } else {
        format!("{group}/namespaces/{namespace}/{plural}/{name}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::ObjectKey;

    fn target(kind: ObjectKind, namespace: &str) -> Target {
        Target {
            kind,
            key: ObjectKey::new(namespace, "it"),
            uid: "u-1".into(),
        }
    }

    fn sent(action: &Action, read: Option<&Value>) -> Call {
        call(action, read).unwrap()
    }

    #[test]
    fn every_call_carries_the_uid() {
        let node = || target(ObjectKind::Node, "");
        let label = Action::Label {
            node: node(),
            set: [("a".into(), Some("b".into())), ("c".into(), None)].into(),
        };
        assert_eq!(
            sent(&label, None).body,
            json!({"metadata": {"uid": "u-1", "labels": {"a": "b", "c": null}}})
        );
        let cordon = sent(&Action::Cordon { node: node(), on: true }, None);
        assert_eq!(cordon.path, "/api/v1/nodes/it");
        assert_eq!(
            cordon.body,
            json!({"metadata": {"uid": "u-1"}, "spec": {"unschedulable": true}})
        );
        let pod = target(ObjectKind::Pod, "ns");
        let evict = sent(&Action::Evict { pod }, None);
        assert_eq!(evict.path, "/api/v1/namespaces/ns/pods/it/eviction");
        assert_eq!(evict.body["deleteOptions"]["preconditions"]["uid"], "u-1");
        let delete = Action::Delete {
            target: target(ObjectKind::EtcdMember, ""),
        };
        let delete = sent(&delete, None);
        assert_eq!(
            (delete.method, delete.body["preconditions"]["uid"].as_str()),
            (Method::Delete, Some("u-1"))
        );
    }

    #[test]
    fn a_taint_leaves_the_others_alone() {
        let action = |on| Action::OutOfService {
            node: target(ObjectKind::Node, ""),
            on,
        };
        assert_eq!(first_read(&action(true)).as_deref(), Some("/api/v1/nodes/it"));
        assert_eq!(call(&action(true), None), None);
        let other = json!({"key": "a", "effect": "NoSchedule"});
        let ours = json!({"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"});
        let read = |taints: Value| json!({"metadata": {"resourceVersion": "7"}, "spec": {"taints": taints}});
        let on = sent(&action(true), Some(&read(json!([other]))));
        assert_eq!(on.body["spec"]["taints"], json!([other, ours]));
        assert_eq!(on.body["metadata"]["resourceVersion"], "7");
        let off = sent(&action(false), Some(&read(json!([ours, other]))));
        assert_eq!(off.body["spec"]["taints"], json!([other]));
        let bare = sent(&action(true), Some(&json!({})));
        assert_eq!(bare.body["spec"]["taints"], json!([ours]));
    }
}
