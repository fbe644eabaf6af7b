//! Whole sessions in memory: heartbeats, quiet minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::heartbeat::{Pulse, beat};
use super::super::kubeconfig::{self, Access};
use super::super::watchman::Watchman;
use super::super::wire::{Reply, Then, empty_cluster, refuse};
use super::super::{KubeSource, Snapshots};
use super::*;
use crate::model::Snapshot;

const NAMESPACE: &str = "/api/v1/namespaces/kube-system";

async fn nowhere() -> Access {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let text = "{clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], contexts: [{name: x, context: {cluster: c}}], \
                current-context: x}";
    std::fs::write(&path, text).unwrap();
    let source = KubeSource {
        kubeconfig: Some(path),
        ..KubeSource::default()
    };
    kubeconfig::Reader::default().load(&source).await.unwrap()
}

fn no_snapshots() -> Snapshots {
    let (_, receiver) = watch::channel(Arc::new(Snapshot::empty(Clock::start().now())));
    Snapshots(receiver)
}

/// Runs a session in the background.
async fn keep(wire: &Wire) -> Reader {
    let (sink, receiver) = Sink::channel(Clock::start());
    let session = memory_session(wire);
    let access = nowhere().await;
    tokio::spawn(async move {
        let _ = Watchman::new(&access, &session, &sink, 1)
            .watch(&mut no_snapshots())
            .await;
    });
    Reader(receiver)
}

/// Counts requests of a minute other than watches, after the first minute.
async fn requests_a_minute(wire: &Wire) -> usize {
    let mut reader = keep(wire).await;
    tokio::spawn(async move { while reader.0.recv().await.is_some() {} });
    tokio::time::sleep(Duration::from_mins(1)).await;
    let settled = wire.asked().len();
    tokio::time::sleep(Duration::from_mins(1)).await;
    wire.asked()[settled..]
        .iter()
        .filter(|path| !path.contains("watch=true"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_minute_takes_fewer_than_60_requests() {
    let healthy = requests_a_minute(&Wire::new(empty_cluster)).await;
    assert!((29..=33).contains(&healthy), "heartbeats and discovery: {healthy}");
}

#[tokio::test(start_paused = true)]
async fn so_does_a_minute_in_which_all_is_forbidden() {
    let forbidden = requests_a_minute(&Wire::new(|path, query| match path {
        NAMESPACE | "/apis" | "/version" => empty_cluster(path, query),
        _ => refuse(403, "no"),
    }))
    .await;
    let unwatchable = requests_a_minute(&Wire::new(|path, query| {
        if query.contains("watch=true") {
            refuse(403, "no")
        } else {
            empty_cluster(path, query)
        }
    }))
    .await;
    assert!(forbidden < 60 && unwatchable < 60, "{forbidden}, {unwatchable}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_proves_quorum_or_says_why_not() {
    let cases = [
        (refuse(401, "Unauthorized"), Some(WhyKind::Unauthenticated), true),
        (refuse(403, "forbidden"), Some(WhyKind::Forbidden), true),
        (refuse(429, "later"), Some(WhyKind::Throttled), false),
        (refuse(404, "not found"), Some(WhyKind::NotFound), false),
        (refuse(503, "shutting down"), Some(WhyKind::Unavailable), false),
        (Reply::Body(200, "{}".to_owned()), Some(WhyKind::Garbage), false),
        (Reply::Body(200, "\u{1b}[31m".to_owned()), Some(WhyKind::Garbage), false),
        (Reply::Hang, Some(WhyKind::TimedOut), false),
        (empty_cluster(NAMESPACE, ""), None, false),
    ];
    for (reply, kind, answers) in cases {
        let shown = format!("{reply:?}");
        let wire = Wire::new(move |_, _| reply.clone());
        let pulse = beat(&memory_session(&wire)).await;
        match (&pulse, kind) {
            (Pulse::Proven, None) => {}
            (Pulse::Answered(why), Some(kind)) if answers => assert_eq!(why.kind, kind, "{shown}"),
            (Pulse::Failed(why), Some(kind)) if !answers => assert_eq!(why.kind, kind, "{shown}"),
            _ => panic!("{shown}: {pulse:?}"),
        }
        assert_eq!(wire.asked(), [NAMESPACE], "without a resourceVersion");
    }
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_is_announced_and_then_its_version() {
    let mut reader = keep(&Wire::new(empty_cluster)).await;
    let mut endpoint = async || {
        let pick = |what: &Observation| match what {
            Observation::Endpoint(endpoint) => Some(endpoint.clone()),
            _ => None,
        };
        reader.next(pick).await
    };
    let first = endpoint().await;
    assert_eq!((first.epoch, first.server.as_str()), (1, "https://10.77.0.11:6443"));
    assert_eq!((first.is_preferred, first.version), (false, None));
    assert_eq!(endpoint().await.version.unwrap(), "v1.37.2");
}

#[tokio::test(start_paused = true)]
async fn every_kind_begins_anew_with_a_session() {
    let mut reader = keep(&Wire::new(|_, _| Reply::Hang)).await;
    for kind in KubeKind::ALL {
        assert_eq!(reader.report(FeedId::Kube(kind)).await, Report::Begun);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_asks_for_a_heartbeat_at_once() {
    let breaks = AtomicUsize::new(0);
    let wire = Wire::new(move |path, query| {
        let is_node_watch = path.ends_with("/nodes") && query.contains("watch=true");
        if is_node_watch && breaks.fetch_add(1, Ordering::SeqCst) == 0 {
            return Reply::Lines(Vec::new(), Then::Break);
        }
        empty_cluster(path, query)
    });
    let began = tokio::time::Instant::now();
    let mut reader = keep(&wire).await;
    assert_eq!(reader.report(FeedId::Api).await, Report::Verified);
    reader.failure(FeedId::Kube(KubeKind::Nodes)).await;
    assert_eq!(reader.report(FeedId::Api).await, Report::Verified);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_without_another_is_reported_until_it_recovers() {
    let beats = AtomicUsize::new(0);
    let wire = Wire::new(move |path, query| match path {
        // Without a version the name of the cluster is not read either: only heartbeats ask for the namespace.
        "/version" => refuse(500, "not yet"),
        NAMESPACE if (1..5).contains(&beats.fetch_add(1, Ordering::SeqCst)) => refuse(500, "etcdserver: no leader"),
        _ => empty_cluster(path, query),
    });
    let mut reader = keep(&wire).await;
    assert_eq!(reader.report(FeedId::Api).await, Report::Verified);
    for _ in 0..4 {
        assert!(is(&reader.report(FeedId::Api).await, WhyKind::Unavailable));
    }
    assert_eq!(reader.report(FeedId::Api).await, Report::Verified);
}
