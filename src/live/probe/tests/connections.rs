//! What is asked, over how many connections, from where.

use std::collections::BTreeSet;

use super::server::{PeerServer, Reply, healthy};
use super::{BRISK, controller, probe};
use crate::live::test_pki::TestCa;
use crate::model::etcd::ClusterId;

#[tokio::test]
async fn a_healthy_member_is_told_over_one_connection() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, BRISK);

    let first = probing.round().await.unwrap();
    assert_eq!(first.version.unwrap(), "3.6.16");
    let view = first.view.unwrap();
    assert_eq!(view.cluster_id, Some(ClusterId(0xa7f3_c36c_4b26_e66f)));
    assert_eq!(view.members.len(), 3);
    assert!(first.rtt_us > 0);

    let second = probing.round().await.unwrap();
    assert_eq!(second.version, None);
    assert!(second.view.is_some(), "a view is dated by its member's last answer");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_clock_of_the_member_is_compared_with_ours() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| {
        let hour = jiff::SignedDuration::from_hours(1);
        let ahead = jiff::Timestamp::now().checked_add(hour).unwrap();
        Reply::Body(match path {
            "/raft/probing" => format!(r#"{{"OK":true,"Now":"{ahead}"}}"#),
            path => healthy(path),
        })
    })
    .await;
    let dir = controller(&ca);
    let answer = probe(&server.url, &dir, BRISK).round().await.unwrap();
    let skew = answer.clock_skew_ms.unwrap();
    // No round trip outlasts the deadline.
    let most = i64::try_from(BRISK.deadline.as_millis()).unwrap();
    assert!((skew - 3_600_000).abs() <= most, "{skew}");
}

#[tokio::test]
async fn it_dials_from_the_address_of_the_certificate() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    let dir = controller(&ca);
    probe(&server.url, &dir, BRISK).round().await.unwrap();
    assert_eq!(server.seen.lock().unwrap().clients[0].ip().to_string(), "127.0.0.3");
}

#[tokio::test]
async fn without_an_address_it_dials_all_the_same_and_an_error_says_so() {
    let ca = TestCa::new();
    let peer = ca.issue(&["nbe-1"]);
    let dir = ca.controller(&peer, &peer);
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    probe(&server.url, &dir, BRISK).round().await.unwrap();

    let server = PeerServer::start(&ca, |_| Reply::Status("403 Forbidden")).await;
    let why = probe(&server.url, &dir, BRISK).round().await.unwrap_err();
    assert!(
        why.text.as_str().contains("our peer certificate names no address"),
        "{why}"
    );
}

/// A peer port can also change the cluster: nothing but these three requests may ever reach it.
#[tokio::test]
async fn only_three_requests_are_ever_made() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, BRISK);
    let mut versions = 0;
    for _ in 0..=60 {
        versions += usize::from(probing.round().await.unwrap().version.is_some());
    }
    assert_eq!(versions, 2, "on connect, and in the 60th round");
    let seen = server.seen.lock().unwrap();
    let requests: BTreeSet<&str> = seen.requests.iter().map(String::as_str).collect();
    let allowed = [
        "GET /members HTTP/1.1",
        "GET /raft/probing HTTP/1.1",
        "GET /version HTTP/1.1",
    ];
    assert_eq!(requests, BTreeSet::from(allowed));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_within_the_round() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, BRISK);
    probing.round().await.unwrap();
    server.close_connections().await;
    // Rounds that were under way or waiting in the channel may still stand for the old connection.
    while server.connections() < 2 {
        probing.round().await.unwrap();
    }
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.most_open, 1);
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_fine() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Last(healthy(path))).await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, BRISK);
    for _ in 0..3 {
        probing.round().await.unwrap();
    }
    let seen = server.seen.lock().unwrap();
    assert!(seen.clients.len() >= seen.requests.len());
    assert_eq!(seen.most_open, 1);
}
