#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::base::Clock;
use crate::live::test_pki::{TestCa, TestCert};
use crate::model::entry::{Presented, Probed, Service};
use crate::model::example;
use crate::port::Observed;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const NAME: &str = "netbox.example.com";

/// A port that nobody reads from: whoever connects waits.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves one connection over TLS and says what was asked: the name in TLS, then the request.
async fn tls_server(
    cert: &TestCert,
    answer: &'static str,
) -> (SocketAddr, oneshot::Receiver<(Option<String>, String)>) {
    let (listener, address) = listener().await;
    let acceptor = TlsAcceptor::from(TestCa::open_server(cert));
    let (told, asked) = oneshot::channel();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(tcp).await.unwrap();
        let sni = stream.get_ref().1.server_name().map(str::to_owned);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let _ = told.send((sni, String::from_utf8(request).unwrap()));
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
    });
    (address, asked)
}

/// Serves one connection with plain bytes.
async fn plain_server(answer: &'static [u8]) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read_u8().await;
        tcp.write_all(answer).await.unwrap();
    });
    address
}

fn way(address: SocketAddr) -> Way {
    Way {
        id: EntryId::Users(address.ip()),
        host: address.ip().to_string().into(),
        port: address.port(),
        name: NAME.into(),
        path: "/login/".into(),
    }
}

async fn ask_within(way: Way, whole: Duration) -> Result<Probed, Why> {
    let tls = crate::live::tls::any_certificate().unwrap();
    Asker::new(way, tls, whole, whole).ask().await
}

async fn ask(address: SocketAddr) -> Probed {
    ask_within(way(address), Duration::from_secs(20)).await.unwrap()
}

fn kind(probed: &Probed) -> WhyKind {
    probed.why.as_ref().unwrap().kind
}

#[tokio::test]
async fn a_page_is_asked_for_by_the_name_that_users_go_to() {
    let (address, asked) = tls_server(&TestCa::new().issue(&[NAME, "nbe-1"]), OK).await;
    let probed = ask(address).await;
    assert_eq!((probed.status, probed.service()), (Some(200), Service::Served));
    let Presented { names, not_after, .. } = probed.certificate.unwrap();
    assert_eq!(names, [NAME, "nbe-1"]);
    assert_eq!(not_after.to_string(), "2100-01-01T00:00:00Z");
    let (sni, request) = asked.await.unwrap();
    assert_eq!(sni.as_deref(), Some(NAME));
    assert!(request.starts_with("GET /login/ HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("host: {NAME}:{}\r\n", address.port())),
        "{request}"
    );
}

#[tokio::test]
async fn wrong_and_expired_certificates_are_told_and_not_refused() {
    let ca = TestCa::new();
    for (cert, name, year) in [
        (ca.issue(&["other.example.com"]), "other.example.com", "2100"),
        (ca.issue_until(&[NAME], 2001), NAME, "2001"),
    ] {
        let (address, _asked) = tls_server(&cert, OK).await;
        let probed = ask(address).await;
        assert_eq!(probed.service(), Service::Served);
        let shown = probed.certificate.unwrap();
        assert_eq!(shown.names, [name]);
        assert!(shown.not_after.to_string().starts_with(year), "{shown:?}");
    }
}

#[tokio::test]
async fn an_error_status_keeps_the_certificate() {
    let cert = TestCa::new().issue(&[NAME]);
    let (address, _asked) = tls_server(&cert, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let probed = ask(address).await;
    assert_eq!((probed.status, probed.service()), (Some(503), Service::Failed));
    assert!(probed.certificate.is_some());
}

#[tokio::test]
async fn garbage_is_told_apart() {
    let no_tls = ask(plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await).await;
    assert_eq!(kind(&no_tls), WhyKind::Tls);
    let (address, _asked) = tls_server(&TestCa::new().issue(&[NAME]), "SSH-2.0-x\r\n\r\n").await;
    let no_http = ask(address).await;
    assert_eq!((kind(&no_http), no_http.service()), (WhyKind::Garbage, Service::Failed));
    let (address, _asked) = tls_server(&TestCa::new().issue(&[NAME]), "").await;
    assert_eq!(kind(&ask(address).await), WhyKind::Broken);
}

#[tokio::test]
async fn a_refused_port_fails_and_a_silent_one_is_silent() {
    let (gone, address) = listener().await;
    drop(gone);
    let refused = ask(address).await;
    assert_eq!((kind(&refused), refused.service()), (WhyKind::Refused, Service::Failed));
    // The kernel accepts and nobody answers: the deadline of the whole probe ends it, and says at which hop.
    let (_mute, address) = listener().await;
    let silent = ask_within(way(address), Duration::from_millis(50)).await.unwrap();
    assert_eq!((kind(&silent), silent.service()), (WhyKind::TimedOut, Service::Silent));
    let why = silent.why.unwrap();
    assert!(why.text.as_str().contains("TLS handshake"), "{why}");
}

#[tokio::test]
async fn a_name_that_is_none_is_our_own_fault() {
    let mut wrong = way("127.0.0.1:1".parse().unwrap());
    wrong.name = "no name".into();
    let why = ask_within(wrong, Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(why.kind, WhyKind::Config);
}

/// The next observation that is wanted.
async fn next<T>(observed: &mut mpsc::Receiver<Observed>, pick: impl Fn(&Observation) -> Option<T>) -> T {
    loop {
        let next = observed.recv().await.unwrap();
        if let Some(found) = pick(&next.what) {
            return found;
        }
    }
}

fn report_of(id: EntryId) -> impl Fn(&Observation) -> Option<Report> {
    move |what| match what {
        Observation::Feed { feed, report } if *feed == FeedId::Entry(id) => Some(report.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn without_the_operators_wish_nothing_is_probed() {
    let (sink, mut observed) = Sink::channel(Clock::start());
    let (_snapshots, seen) = watch::channel(Arc::new(example::healthy()));
    let watch = Watch {
        wish: None,
        every: Duration::from_mins(1),
    };
    observe(watch, sink, seen).await;
    let report = next(&mut observed, report_of(EntryId::Balancer)).await;
    assert!(matches!(report, Report::Off(why) if why.kind == WhyKind::Disabled));
    assert!(observed.recv().await.is_none(), "it says no more");
}

/// A snapshot with one node, on loopback.
fn one_node(url: Option<&str>) -> Snapshot {
    let mut snapshot = example::healthy();
    snapshot.kube.nodes.rows_mut().clear();
    let node = crate::model::kube::Node {
        address: Some("127.0.0.1".into()),
        ..example::node(1)
    };
    let key = crate::model::ObjectKey::new("", "nbe-1");
    example::put(&mut snapshot.kube.nodes, KubeKind::Nodes, key, node);
    let key = crate::model::ObjectKey::new("kotsadm", "netbox");
    example::change(&mut snapshot.kube.netbox_enterprises, &key, |netbox| {
        netbox.urls = url.into_iter().map(Text::from).collect();
    });
    snapshot
}

#[tokio::test]
async fn nodes_are_probed_once_a_name_is_known_and_no_longer_when_they_are_gone() {
    let cert = TestCa::new().issue(&[NAME]);
    let (address, _asked) = tls_server(&cert, OK).await;
    let (balancer, _asked) = tls_server(&cert, OK).await;
    let (sink, mut observed) = Sink::channel(Clock::start());
    let (snapshots, seen) = watch::channel(Arc::new(one_node(None)));
    let wish = Wish {
        users_port: address.port(),
        balancer: Some(balancer),
        ..Wish::default()
    };
    let watch = Watch {
        wish: Some(wish),
        every: Duration::from_mins(1),
    };
    let running = tokio::spawn(observe(watch, sink, seen));
    assert_eq!(next(&mut observed, report_of(EntryId::Balancer)).await, Report::Begun);
    let off = next(&mut observed, report_of(EntryId::Balancer)).await;
    assert!(matches!(off, Report::Off(why) if why.kind == WhyKind::Config && why.hint.is_some()));
    snapshots.send_replace(Arc::new(one_node(Some("https://netbox.example.com"))));
    let users = EntryId::Users(address.ip());
    let ids = |what: &Observation| match what {
        Observation::Entries(ids) => Some(ids.clone()),
        _ => None,
    };
    let both = BTreeSet::from([EntryId::Balancer, users]);
    assert_eq!(next(&mut observed, ids).await, both);
    for id in &both {
        assert_eq!(next(&mut observed, report_of(*id)).await, Report::Begun);
    }
    let probed = |what: &Observation| match what {
        Observation::Entry { probed, .. } => Some(probed.clone()),
        _ => None,
    };
    for _ in &both {
        assert_eq!(next(&mut observed, probed).await.status, Some(200));
    }
    snapshots.send_replace(Arc::new(one_node(None)));
    assert_eq!(next(&mut observed, ids).await, BTreeSet::new());
    drop(snapshots);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn users_ways_are_watched_closely_while_a_host_is_lost() {
    let (lost, is_lost) = watch::channel(false);
    let (sink, _observed) = Sink::channel(Clock::start());
    let way = way("127.0.0.1:1".parse().unwrap());
    let pace = Pace::of(Duration::from_mins(1));
    let asker = Asker::new(
        way,
        crate::live::tls::any_certificate().unwrap(),
        pace.connect,
        pace.whole,
    );
    let mut prober = Prober {
        asker,
        sink,
        is_lost,
        pace,
    };
    let mut waited = async |is_for_users, lost| {
        let began = Instant::now();
        prober.pause(began, is_for_users, lost).await;
        began.elapsed().as_secs()
    };
    assert_eq!(waited(true, 0).await, 60);
    assert_eq!(waited(true, 1).await, 1, "one lost probe may be chance");
    assert_eq!(waited(true, TELLING).await, 60);
    assert_eq!(waited(false, 1).await, 60);
    lost.send_replace(true);
    assert_eq!(waited(true, 0).await, 1);
    assert_eq!(waited(false, 0).await, 60, "administrators wait");
}
