//! What is sent to learn what API servers give to new pods: a review, and a dry run only where it says yes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::admission;
use super::super::wire::{Reply, ok, refuse};
use super::loopback::kubeconfig_for;
use super::*;
use crate::model::Snapshot;
use crate::model::admission::Stamps;
use crate::model::feed::{FeedState, HostPart};
use crate::model::kube::Tolerates;

const REVIEW: &str = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews application/json";
const DRY_RUN: &str = "POST /api/v1/namespaces/default/pods?dryRun=All application/json";

/// Everything that is waited for has spoken.
fn told() -> Snapshot {
    let now = Clock::start().now();
    let mut snapshot = Snapshot::empty(now);
    let sources = [
        FeedId::Api,
        FeedId::Kube(KubeKind::Nodes),
        FeedId::EtcdLocal,
        FeedId::Host(HostPart::Config),
    ];
    snapshot.feeds = sources.map(|id| (id, FeedState::Live { as_of: now })).into();
    snapshot
}

/// The first thing that is told of admission, but that it begins; and what was sent for it.
async fn first(reply: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> (Observation, Vec<String>) {
    let wire = Wire::taking(move |_, path, body| reply(path, body));
    let served = wire.serve((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
    let (source, _directory) = kubeconfig_for(&format!("http://{}", served.address), "");
    let (sink, receiver) = Sink::channel(Clock::start());
    let (_told, snapshots) = watch::channel(Arc::new(told()));
    let every = Some(Duration::from_mins(1));
    let task = tokio::spawn(admission::observe(source, every, sink, snapshots)).abort_handle();
    let pick = |what: &Observation| match what {
        Observation::Feed {
            report: Report::Begun, ..
        } => None,
        other => Some(other.clone()),
    };
    let told = Reader(receiver).next(pick).await;
    task.abort();
    (told, wire.changes().into_iter().map(|(asked, _)| asked).collect())
}

fn review(allowed: bool) -> Reply {
    ok(&json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}}))
}

#[tokio::test]
async fn the_stamps_of_a_dry_run_are_told() {
    let stamped = json!([
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ]);
    let (told, sent) = first(move |path, body| {
        if path.ends_with("reviews") {
            let asked = &body["spec"]["resourceAttributes"];
            return review(asked["verb"] == "create" && asked["resource"] == "pods" && asked["namespace"] == "default");
        }
        let mut pod = body.clone();
        pod["spec"]["tolerations"] = stamped.clone();
        Reply::Body(201, pod.to_string())
    })
    .await;
    assert_eq!(sent, [REVIEW, DRY_RUN]);
    let Observation::Admission(admission) = told else {
        panic!("{told:?}");
    };
    let expected = Stamps {
        unreachable: Tolerates::Seconds(30),
        not_ready: Tolerates::Seconds(5),
    };
    assert_eq!(admission.servers.into_values().collect::<Vec<_>>(), [Ok(expected)]);
}

#[tokio::test]
async fn without_the_right_no_pod_is_sent() {
    let replies: [fn() -> Reply; 2] = [
        || review(false),
        || refuse(403, "selfsubjectaccessreviews is forbidden"),
    ];
    for reply in replies {
        let (told, sent) = first(move |_, _| reply()).await;
        assert_eq!(sent, [REVIEW]);
        let Observation::Feed {
            feed: FeedId::Admission,
            report,
        } = told
        else {
            panic!("{told:?}");
        };
        assert!(
            matches!(report, Report::Off(_)) && is(&report, WhyKind::Forbidden),
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_dry_run_is_told_with_its_reason() {
    let (told, sent) = first(|path, _| match path {
        path if path.ends_with("reviews") => review(true),
        _ => refuse(500, "a webhook does not support dry run"),
    })
    .await;
    assert_eq!(sent, [REVIEW, DRY_RUN]);
    let Observation::Admission(admission) = told else {
        panic!("{told:?}");
    };
    let why = admission.servers.into_values().next().unwrap().unwrap_err();
    assert!(
        why.text.as_str().contains("a webhook does not support dry run"),
        "{why}"
    );
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let (sink, receiver) = Sink::channel(Clock::start());
    let (_told, snapshots) = watch::channel(Arc::new(told()));
    admission::observe(super::super::KubeSource::default(), None, sink, snapshots).await;
    let report = Reader(receiver).report(FeedId::Admission).await;
    assert!(is(&report, WhyKind::Disabled), "{report:?}");
}
