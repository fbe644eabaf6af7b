//! Every outcome of a request that changes something, against servers on loopback.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::clients::Clients;
use super::super::wire::{Reply, Served, Wire, ok, refuse};
use super::super::{KubeSource, kubeconfig};
use super::*;
use crate::model::ObjectKey;
use crate::plan::action::{ObjectKind, Target};
use crate::plan::{Action, request};

/// A way to change things on a server that answers every request with one reply, and the server.
async fn changes(reply: Reply) -> (Changes, Wire, Served) {
    let wire = Wire::taking(move |_, _, _| reply.clone());
    let served = wire.serve((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
    let changes = over(&served.address.to_string(), Duration::from_mins(1)).await;
    (changes, wire, served)
}

/// Through the product's own clients.
async fn over(address: &str, change: Duration) -> Changes {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    let source = KubeSource {
        kubeconfig: Some(path),
        ..KubeSource::default()
    };
    let mut access = kubeconfig::Reader::default().load(&source).await.unwrap();
    access.deadlines.change = change;
    let session = Clients::prepare(&access).await.unwrap().session(&access.preferred);
    Changes::through(watch::channel(Some(session)).1)
}

fn call(action: &Action) -> Call {
    request::call(action, None).unwrap()
}

fn target(kind: ObjectKind, namespace: &str) -> Target {
    Target {
        kind,
        key: ObjectKey::new(namespace, "it"),
        uid: "u-1".into(),
    }
}

fn delete() -> Call {
    call(&Action::Delete {
        target: target(ObjectKind::Node, ""),
    })
}

fn evict() -> Call {
    call(&Action::Evict {
        pod: target(ObjectKind::Pod, "ns"),
    })
}

fn cordon() -> Call {
    call(&Action::Cordon {
        node: target(ObjectKind::Node, ""),
        on: true,
    })
}

#[tokio::test]
async fn what_was_accepted_was_sent_once_with_the_uid() {
    let (changes, wire, _served) = changes(ok(&json!({}))).await;
    assert_eq!(changes.send(&cordon()).await, Sent::Accepted);
    let sent = wire.changes();
    assert_eq!(
        sent,
        [(
            "PATCH /api/v1/nodes/it application/merge-patch+json".to_owned(),
            json!({"metadata": {"uid": "u-1"}, "spec": {"unschedulable": true}}),
        )]
    );
}

#[tokio::test]
async fn a_no_is_a_no_and_says_what_to_do() {
    let cases = [
        (
            409,
            "the UID in the precondition (u-1) does not match the UID in record (u-2)",
            WhyKind::Garbage,
            "look again",
        ),
        (
            422,
            "metadata.uid: Invalid value: \"u-1\": field is immutable",
            WhyKind::Garbage,
            "new plan",
        ),
        (
            429,
            "Cannot evict pod as it would violate the pod's disruption budget.",
            WhyKind::Throttled,
            "PodDisruptionBudget",
        ),
        (404, "nodes \"it\" not found", WhyKind::NotFound, "new plan"),
        (403, "nodes \"it\" is forbidden", WhyKind::Forbidden, ""),
    ];
    for (status, words, kind, hint) in cases {
        let (changes, wire, _served) = changes(refuse(status, words)).await;
        match changes.send(&evict()).await {
            Sent::Refused { why } => {
                assert_eq!(why.kind, kind, "{why}");
                assert!(
                    why.to_string().contains(words) && why.to_string().contains(hint),
                    "{why}"
                );
            }
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(wire.changes().len(), 1);
    }
}

#[tokio::test]
async fn what_is_gone_needs_no_deletion() {
    let (changes, _, _served) = changes(refuse(404, "nodes \"it\" not found")).await;
    assert_eq!(changes.send(&delete()).await, Sent::Accepted);
}

#[tokio::test]
async fn a_server_that_fails_or_breaks_or_hangs_may_have_done_it() {
    for status in [500, 503, 504] {
        let (changes, wire, _served) = changes(refuse(status, "etcdserver: request timed out")).await;
        assert!(
            matches!(changes.send(&delete()).await, Sent::Unknown { .. }),
            "{status}"
        );
        assert_eq!(wire.changes().len(), 1);
    }
    let (_, wire, served) = changes(Reply::Hang).await;
    let hasty = over(&served.address.to_string(), Duration::from_millis(100)).await;
    let sent = hasty.send(&delete()).await;
    assert!(
        matches!(&sent, Sent::Unknown { why } if why.kind == WhyKind::TimedOut),
        "{sent:?}"
    );
    assert!(wire.changes().len() <= 1);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closing = over(&listener.local_addr().unwrap().to_string(), Duration::from_mins(1)).await;
    let accepting = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let sent = closing.send(&delete()).await;
    assert!(
        matches!(&sent, Sent::Unknown { why } if why.kind == WhyKind::Broken),
        "{sent:?}"
    );
    accepting.abort();
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_done() {
    let (_, _, served) = changes(Reply::Hang).await;
    let address = served.address.to_string();
    drop(served);
    let sent = over(&address, Duration::from_mins(1)).await.send(&delete()).await;
    assert!(
        matches!(&sent, Sent::Refused { why } if why.kind == WhyKind::Refused),
        "{sent:?}"
    );
    let nowhere = Changes::through(watch::channel(None).1);
    assert!(matches!(nowhere.send(&delete()).await, Sent::Refused { .. }));
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (changes, wire, _served) = changes(ok(&json!({"status": {"allowed": false}}))).await;
    let why = changes.may(&evict()).await.unwrap_err();
    assert_eq!(why.text, "you may not create pods/eviction it");
    assert!(
        why.to_string()
            .contains("resources [\"pods/eviction\"], verbs [\"create\"]"),
        "{why}"
    );
    let asked = wire.changes().remove(0).1;
    assert_eq!(
        asked["spec"]["resourceAttributes"],
        json!({
            "group": "", "version": "v1", "namespace": "ns", "verb": "create",
            "resource": "pods", "name": "it", "subresource": "eviction",
        })
    );
    let (changes, _, _served) = self::changes(ok(&json!({"status": {"allowed": true}}))).await;
    assert_eq!(changes.may(&delete()).await, Ok(()));
}

#[test]
fn paths_are_read_as_rbac_reads_them() {
    let read = |path| {
        let attributes = attributes(&rights::change(Method::Delete, path).unwrap());
        ["group", "namespace", "resource", "name"].map(|field| attributes[field].as_str().unwrap().to_owned())
    };
    assert_eq!(read("/api/v1/nodes/a"), ["", "", "nodes", "a"]);
    assert_eq!(
        read("/apis/coordination.k8s.io/v1/namespaces/n/leases/a"),
        ["coordination.k8s.io", "n", "leases", "a"]
    );
    assert_eq!(
        read("/apis/etcd.k0sproject.io/v1beta1/etcdmembers/a"),
        ["etcd.k0sproject.io", "", "etcdmembers", "a"]
    );
}
