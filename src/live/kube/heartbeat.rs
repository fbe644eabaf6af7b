//! Whether an API server serves, with etcd's quorum behind it.
//!
//! Asked for: the namespace `kube-system`, without a resourceVersion. Every cluster has it (the API server makes it itself and
//! refuses to delete it), it is small, whoever may read nodes cluster-wide may usually read namespaces, and a GET without
//! resourceVersion is answered by a linearizable read of etcd ("Get: most recent", Kubernetes API concepts). `/version`,
//! `/livez` and reads at resourceVersion 0 are answered without etcd and would prove less.

use serde_json::Value;

use super::fault::Fault;
use super::session::Session;
use crate::base::{Text, Why, WhyKind};

/// What is read.
pub const PATH: &str = "/api/v1/namespaces/kube-system";

/// What one heartbeat brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// The read went through etcd: it serves, and there is quorum.
    Proven,
    /// It answered, but not so that it proves quorum: it does not know us, or refuses us. Another server would say the same.
    Answered(Why),
    /// It does not serve. One that asks us to wait (429) does not either: that is its own load, or its storage that is not
    /// ready yet, and another server may have neither.
    Failed(Why),
}

/// The uid of what is read, which stands for the cluster; None where it is not told.
pub async fn cluster(session: &Session) -> Option<Text> {
    let body = session.get_quickly(PATH).await.ok()?;
    let object: Value = serde_json::from_slice(&body).ok()?;
    let uid = object.pointer("/metadata/uid")?.as_str()?;
    (!uid.is_empty()).then(|| Text::new(uid))
}

/// Asks once.
pub async fn beat(session: &Session) -> Pulse {
    let server = &session.server;
    let fault = match session.get_quickly(PATH).await {
        Ok(body) => match serde_json::from_slice::<Value>(&body) {
            Ok(object) if object.get("kind").and_then(Value::as_str) == Some("Namespace") => return Pulse::Proven,
            Ok(_) | Err(_) => Fault::garbage(server, "answered something that is no namespace"),
        },
        Err(fault) => fault,
    };
    match fault.why.kind {
        WhyKind::Forbidden => {
            let text = format!(
                "{}, so whether etcd has quorum cannot be told from here",
                fault.why.text
            );
            let hint = "grant get on namespaces in a ClusterRole, or use the cluster's admin.conf";
            Pulse::Answered(Why::new(WhyKind::Forbidden, text).hint(hint))
        }
        WhyKind::Unauthenticated => {
            let hint = "the kubeconfig's credentials are not valid here, or no longer";
            Pulse::Answered(fault.why.hint(hint))
        }
        WhyKind::TimedOut => Pulse::Failed(
            fault
                .why
                .hint("frozen, cut off, or its etcd has no quorum: see etcd for which"),
        ),
        _ => Pulse::Failed(fault.why),
    }
}
