//! Every way to fail, each with its kind and the hop that failed.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::server::{PeerServer, Reply, healthy};
use super::{BRISK, controller, probe};
use crate::base::{Why, WhyKind};
use crate::live::probe::prober::PACE;
use crate::live::test_pki::TestCa;

fn assert_says(why: &Why, kind: WhyKind, words: &[&str]) {
    assert_eq!(why.kind, kind, "{why}");
    for word in words {
        assert!(why.text.as_str().contains(word), "{word:?} in {why}");
    }
}

/// What a server makes of a round.
async fn failing(server: &PeerServer, ca: &TestCa) -> Why {
    let dir = controller(ca);
    probe(&server.url, &dir, BRISK).round().await.unwrap_err()
}

#[tokio::test]
async fn nobody_listens() {
    let ca = TestCa::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let dir = controller(&ca);
    let mut probing = probe(&format!("https://{address}"), &dir, BRISK);
    let why = probing.round().await.unwrap_err();
    assert_says(
        &why,
        WhyKind::Refused,
        &[&address.to_string(), "TCP connect", "refused"],
    );
    assert!(probing.round().await.is_err(), "it asks again");
}

#[tokio::test]
async fn a_black_hole_hangs_in_the_handshake_and_leaves_no_socket() {
    let ca = TestCa::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dir = controller(&ca);
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut probing = probe(&url, &dir, PACE);
    for _ in 0..2 {
        let (mut tcp, _) = listener.accept().await.unwrap();
        assert_ne!(tcp.read(&mut [0; 1]).await.unwrap(), 0, "it begins to speak TLS");
        tokio::time::pause();
        let why = probing.round().await.unwrap_err();
        tokio::time::resume();
        assert_says(&why, WhyKind::TimedOut, &["TLS handshake", "1s"]);
        // Ends only when the other side has closed.
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn a_frozen_member_hangs_in_the_request() {
    let ca = TestCa::new();
    let (asked, mut frozen) = tokio::sync::mpsc::unbounded_channel();
    let server = PeerServer::start(&ca, move |path| match path {
        "/raft/probing" => {
            let _ = asked.send(());
            Reply::Hang
        }
        path => Reply::Body(healthy(path)),
    })
    .await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, PACE);
    frozen.recv().await.unwrap();
    tokio::time::pause();
    let why = probing.round().await.unwrap_err();
    assert_says(&why, WhyKind::TimedOut, &["GET /raft/probing", "1s"]);
}

#[tokio::test]
async fn certificates_that_are_not_acceptable() {
    let ours = TestCa::new();
    let cases = [
        (
            TestCa::named("another").issue(&["127.0.0.1"]),
            "not signed by the CA that we trust",
        ),
        (
            TestCa::new().issue(&["127.0.0.1"]),
            "not signed by the CA that we trust",
        ),
        (ours.issue(&["127.0.0.2", "nbe-2"]), "not made for 127.0.0.1 but for"),
        (
            ours.issue_until(&["127.0.0.1"], 2020),
            "expired at 2020-01-01T00:00:00Z",
        ),
    ];
    for (cert, words) in cases {
        let server = PeerServer::with(ours.server(&cert, b"http/1.1"), |path| Reply::Body(healthy(path))).await;
        let why = failing(&server, &ours).await;
        assert_says(&why, WhyKind::Tls, &["TLS handshake", words]);
        assert!(server.seen.lock().unwrap().requests.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_refuses_our_certificate() {
    let ours = TestCa::new();
    // The second is a cluster that was set up anew: the same name, another key.
    for theirs in [TestCa::named("another"), TestCa::new()] {
        let config = theirs.server(&ours.issue(&["127.0.0.1"]), b"http/1.1");
        let server = PeerServer::with(config, |path| Reply::Body(healthy(path))).await;
        // The reason itself may be lost where the closing overtakes it.
        assert_says(&failing(&server, &ours).await, WhyKind::Tls, &["our certificate"]);
    }
}

/// As etcd does with a certificate that does not name the address that we dial from. That is no dead member.
#[tokio::test]
async fn a_server_that_closes_without_a_word() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |_| Reply::Close).await;
    let dir = controller(&ca);
    let mut probing = probe(&server.url, &dir, BRISK);
    for _ in 0..2 {
        let why = probing.round().await.unwrap_err();
        assert_says(
            &why,
            WhyKind::Tls,
            &["GET /version", "or the address that we dial from"],
        );
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { while listener.accept().await.is_ok() {} });
    let why = probe(&url, &dir, BRISK).round().await.unwrap_err();
    assert_says(&why, WhyKind::Tls, &["TLS handshake", "closed the connection"]);
}

#[tokio::test]
async fn a_server_of_http_2_alone() {
    let ca = TestCa::new();
    let config = ca.server(&ca.issue(&["127.0.0.1"]), b"h2");
    let server = PeerServer::with(config, |path| Reply::Body(healthy(path))).await;
    let why = failing(&server, &ca).await;
    assert_says(&why, WhyKind::Tls, &["does not speak the protocol that we need"]);
}

#[tokio::test]
async fn answers_that_make_no_sense() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |_| Reply::Body("\u{1b}[2J<html>".into())).await;
    assert_says(
        &failing(&server, &ca).await,
        WhyKind::Garbage,
        &["GET /version", "makes no sense"],
    );

    let server = PeerServer::start(&ca, |_| Reply::Status("404 Not Found")).await;
    assert_says(&failing(&server, &ca).await, WhyKind::Garbage, &["GET /version", "404"]);

    let server = PeerServer::start(&ca, |path| match path {
        "/members" => Reply::Body(" ".repeat((1 << 20) + 1)),
        path => Reply::Body(healthy(path)),
    })
    .await;
    assert_says(
        &failing(&server, &ca).await,
        WhyKind::Garbage,
        &["GET /members", "larger than 1024 KiB"],
    );
}

#[tokio::test]
async fn what_is_not_http() {
    let ca = TestCa::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = tokio_rustls::TlsAcceptor::from(ca.server(&ca.issue(&["127.0.0.1"]), b"http/1.1"));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(tcp).await.unwrap();
        let _ = tls.read(&mut [0; 1]).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut tls, b"SSH-2.0-OpenSSH_10.0\r\n").await;
        let _ = tls.read_to_end(&mut Vec::new()).await;
    });
    let dir = controller(&ca);
    let why = probe(&url, &dir, BRISK).round().await.unwrap_err();
    assert_says(&why, WhyKind::Garbage, &["not HTTP"]);
}

#[tokio::test]
async fn without_certificates_there_is_a_reason_and_later_an_answer() {
    let ca = TestCa::new();
    let server = PeerServer::start(&ca, |path| Reply::Body(healthy(path))).await;
    let dir = controller(&ca);
    let key = std::fs::read(&dir.pki.peer_key).unwrap();
    std::fs::remove_file(&dir.pki.peer_key).unwrap();
    let mut probing = probe(&server.url, &dir, BRISK);
    let why = probing.round().await.unwrap_err();
    assert_says(&why, WhyKind::Missing, &["peer.key"]);
    std::fs::write(&dir.pki.peer_key, key).unwrap();
    while probing.round().await.is_err() {}
}

#[tokio::test]
async fn a_peer_url_that_leads_nowhere() {
    let ca = TestCa::new();
    let dir = controller(&ca);
    let why = probe("http://10.0.0.1:2380", &dir, BRISK).round().await.unwrap_err();
    assert_says(&why, WhyKind::Config, &["not an https URL"]);
}
