//! Real sockets: refusals, TLS, failover. Servers share a port on different loopback addresses, as controllers do.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::super::clients::Clients;
use super::super::elect::elect;
use super::super::heartbeat::{Pulse, beat};
use super::super::kubeconfig;
use super::super::wire::{Reply, Served, empty_cluster, refuse};
use super::super::{KubeSource, Snapshots, observe};
use super::*;
use crate::model::k0s::ControlNode;
use crate::model::kube::Endpoint;
use crate::model::{Fact, ObjectKey, Snapshot};

fn host(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port))
}

/// A server on each host, all on one free port.
pub(super) async fn controllers(hosts: &[u8], wire: &Wire) -> Vec<Served> {
    'port: loop {
        let first = wire.serve(host(hosts[0], 0), None).await.unwrap();
        let port = first.address.port();
        let mut served = vec![first];
        for last in &hosts[1..] {
            match wire.serve(host(*last, port), None).await {
                Ok(next) => served.push(next),
                Err(_) => continue 'port,
            }
        }
        return served;
    }
}

fn write(path: &Path, server: &str, cluster: &str, user: &str) {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{server}' {cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    );
    std::fs::write(path, text).unwrap();
}

/// A kubeconfig, and the directory that must outlive it.
pub(super) fn kubeconfig_for(server: &str, cluster: &str) -> (KubeSource, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    write(&path, server, cluster, "");
    let source = KubeSource {
        kubeconfig: Some(path),
        ..KubeSource::default()
    };
    (source, directory)
}

/// A session that waits long: what is not about time must not fail on a busy machine.
async fn session(server: &str, cluster: &str) -> Session {
    session_with(server, cluster, Duration::from_secs(30), Duration::from_mins(1)).await
}

async fn session_with(server: &str, cluster: &str, connect: Duration, heartbeat: Duration) -> Session {
    let (source, _directory) = kubeconfig_for(server, cluster);
    let mut access = kubeconfig::Reader::default().load(&source).await.unwrap();
    access.deadlines.connect = connect;
    access.deadlines.heartbeat = heartbeat;
    Clients::prepare(&access).await.unwrap().session(&access.preferred)
}

async fn failed_beat(session: Session) -> crate::base::Why {
    match beat(&session).await {
        Pulse::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Observes in the background until dropped.
pub(super) struct Observer {
    pub(super) reader: Reader,
    snapshots: watch::Sender<Arc<Snapshot>>,
    task: AbortHandle,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observer {
    pub(super) fn start(source: KubeSource, known: &[u8]) -> Self {
        let (sink, receiver) = Sink::channel(Clock::start());
        let (snapshots, newest) = watch::channel(knowing(known));
        let task = tokio::spawn(observe(source, sink, newest, super::super::in_use().0)).abort_handle();
        Self {
            reader: Reader(receiver),
            snapshots,
            task,
        }
    }

    async fn endpoint(&mut self, epoch: u64) -> Endpoint {
        let pick = |what: &Observation| match what {
            Observation::Endpoint(endpoint) if endpoint.epoch == epoch => Some(endpoint.clone()),
            _ => None,
        };
        self.reader.next(pick).await
    }

    async fn verified(&mut self) {
        while self.reader.report(FeedId::Api).await != Report::Verified {}
    }
}

/// A snapshot that knows controllers at these addresses.
fn knowing(hosts: &[u8]) -> Arc<Snapshot> {
    let now = Clock::start().now();
    let mut snapshot = Snapshot::empty(now);
    for last in hosts {
        let value = ControlNode {
            uid: "".into(),
            address: Some(format!("127.0.0.{last}").into()),
            node: None,
            k0s_version: None,
        };
        let fact = Fact {
            value,
            feed: FeedId::Kube(KubeKind::ControlNodes),
            changed_at: now,
            seen_changing: false,
        };
        let key = ObjectKey::new("", format!("nbe-{last}"));
        snapshot.kube.control_nodes.rows_mut().insert(key, Arc::new(fact));
    }
    Arc::new(snapshot)
}

#[tokio::test]
async fn a_healthy_server_tells_everything_and_learns_who_we_are() {
    let wire = Wire::new(empty_cluster);
    let served = controllers(&[1], &wire).await;
    let (source, _directory) = kubeconfig_for(&format!("http://{}", served[0].address), "");
    let mut observer = Observer::start(source, &[]);
    assert_eq!(observer.reader.report(FeedId::Api).await, Report::Begun);
    for kind in KubeKind::ALL {
        assert_eq!(observer.reader.report(FeedId::Kube(kind)).await, Report::Begun);
    }
    assert!(observer.endpoint(1).await.is_preferred);
    observer.verified().await;
    assert!(!wire.asked().is_empty());
    let agent = concat!("quorate/", env!("CARGO_PKG_VERSION"));
    assert!(wire.agents().iter().all(|told| told == agent), "{:?}", wire.agents());
}

#[tokio::test]
async fn it_ends_when_nobody_reads() {
    let (source, _directory) = kubeconfig_for("http://127.0.0.1:1", "");
    let (sink, receiver) = Sink::channel(Clock::start());
    let (_snapshots, newest) = watch::channel(knowing(&[]));
    drop(receiver);
    observe(source, sink, newest, super::super::in_use().0).await;
}

#[tokio::test]
async fn nobody_listens() {
    let free = controllers(&[1], &Wire::new(empty_cluster)).await.remove(0).address;
    let why = failed_beat(session(&format!("http://{free}"), "").await).await;
    assert_eq!(why.kind, WhyKind::Refused, "{why}");
    assert!(why.text.as_str().contains(&free.to_string()), "{why}");
}

#[tokio::test]
async fn a_black_hole() {
    let (soon, sooner) = (Duration::from_millis(200), Duration::from_millis(100));
    let silent = controllers(&[1], &Wire::new(|_, _| Reply::Hang)).await;
    let hole = format!("http://{}", silent[0].address);
    let why = failed_beat(session_with(&hole, "", soon * 100, soon).await).await;
    assert_eq!(why.kind, WhyKind::TimedOut, "{why}");
    assert!(why.text.as_str().ends_with("no answer within 0.2 s"), "{why}");
    // The same with TLS: the handshake never ends.
    let listener = tokio::net::TcpListener::bind(host(1, 0)).await.unwrap();
    let hole = format!("https://{}", listener.local_addr().unwrap());
    let why = failed_beat(session_with(&hole, "", sooner, soon * 100).await).await;
    assert_eq!(why.kind, WhyKind::TimedOut, "{why}");
    assert!(why.text.as_str().ends_with("no connection within 0.1 s"), "{why}");
}

#[tokio::test]
async fn a_connection_that_closes_instead_of_answering() {
    let listener = tokio::net::TcpListener::bind(host(1, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let closing = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let why = failed_beat(session(&format!("http://{address}"), "").await).await;
    assert_eq!(why.kind, WhyKind::Broken, "{why}");
    closing.abort();
}

#[tokio::test]
async fn an_answer_that_breaks_off() {
    let body = vec![serde_json::json!({"kind": "Namespace"})];
    let wire = Wire::new(move |_, _| Reply::Lines(body.clone(), super::super::wire::Then::Break));
    let served = controllers(&[1], &wire).await;
    let why = failed_beat(session(&format!("http://{}", served[0].address), "").await).await;
    assert_eq!(why.kind, WhyKind::Broken, "{why}");
}

/// A CA's certificate as PEM, and a server certificate of it for a name.
fn authority(name: &str, days_left: i32) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(if days_left > 0 { 4000 } else { 2021 }, 1, 1);
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (issuer.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// A beat of a server with a certificate for `name`, trusted by a kubeconfig that knows the CA `trusted`, or its own.
async fn tls_beat(name: &str, days_left: i32, trusted: Option<&str>) -> Pulse {
    let (ca, acceptor) = authority(name, days_left);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.crt");
    std::fs::write(&path, trusted.unwrap_or(&ca)).unwrap();
    let served = Wire::new(empty_cluster)
        .serve(host(1, 0), Some(acceptor))
        .await
        .unwrap();
    let cluster = format!(", certificate-authority: '{}'", path.display());
    beat(&session(&format!("https://{}", served.address), &cluster).await).await
}

#[tokio::test]
async fn tls_proves_who_the_server_is() {
    assert_eq!(tls_beat("127.0.0.1", 1, None).await, Pulse::Proven);
    let (stranger, _) = authority("127.0.0.1", 1);
    let cases = [
        (
            tls_beat("127.0.0.1", 1, Some(&stranger)).await,
            "not signed by the kubeconfig's CA",
        ),
        (tls_beat("127.0.0.9", 1, None).await, "not for this address"),
        (tls_beat("127.0.0.1", -1, None).await, "has expired"),
    ];
    for (pulse, expected) in cases {
        let Pulse::Failed(why) = pulse else { panic!("{pulse:?}") };
        assert_eq!(why.kind, WhyKind::Tls, "{why}");
        assert!(why.text.as_str().contains(expected) && why.hint.is_some(), "{why}");
    }
    let plain = controllers(&[1], &Wire::new(empty_cluster)).await;
    assert_eq!(
        failed_beat(session(&format!("https://{}", plain[0].address), "").await)
            .await
            .kind,
        WhyKind::Tls
    );
}

#[tokio::test]
async fn a_dead_first_server_is_passed_over_and_the_next_death_is_survived() {
    let wire = Wire::new(empty_cluster);
    let mut served = controllers(&[1, 2, 3], &wire).await;
    let port = served[0].address.port();
    let survivor = served.pop().unwrap();
    let second = served.pop().unwrap();
    drop(served);
    let (source, _directory) = kubeconfig_for(&format!("http://127.0.0.1:{port}"), "");
    let mut observer = Observer::start(source, &[1, 2]);
    let first = observer.endpoint(1).await;
    assert_eq!(
        (first.server.as_str(), first.is_preferred),
        (format!("http://127.0.0.2:{port}").as_str(), false)
    );
    observer.verified().await;

    observer.snapshots.send_replace(knowing(&[1, 2, 3]));
    drop(second);
    let why = observer.reader.failure(FeedId::Api).await;
    assert!(matches!(why.kind, WhyKind::Refused | WhyKind::Broken), "{why}");
    let next = observer.endpoint(2).await;
    assert_eq!(next.server.as_str(), format!("http://{}", survivor.address));
    observer.verified().await;
}

#[tokio::test]
async fn a_server_that_becomes_known_late_is_found() {
    let wire = Wire::new(empty_cluster);
    let mut served = controllers(&[1, 2], &wire).await;
    let port = served[0].address.port();
    let _second = served.pop().unwrap();
    drop(served);
    let (source, _directory) = kubeconfig_for(&format!("http://127.0.0.1:{port}"), "");
    let mut observer = Observer::start(source, &[]);
    assert_eq!(observer.reader.failure(FeedId::Api).await.kind, WhyKind::Refused);
    assert_eq!(
        observer.reader.failure(FeedId::Kube(KubeKind::Pods)).await.kind,
        WhyKind::Refused
    );
    observer.snapshots.send_replace(knowing(&[2]));
    assert_eq!(
        observer.endpoint(1).await.server.as_str(),
        format!("http://127.0.0.2:{port}")
    );
}

#[tokio::test]
async fn unknown_credentials_do_not_drive_us_away() {
    let wire = Wire::new(|_, _| refuse(401, "Unauthorized"));
    let served = controllers(&[1, 2], &wire).await;
    let (source, _directory) = kubeconfig_for(&format!("http://{}", served[0].address), "");
    let mut observer = Observer::start(source, &[2]);
    observer.endpoint(1).await;
    for _ in 0..2 {
        assert_eq!(
            observer.reader.failure(FeedId::Api).await.kind,
            WhyKind::Unauthenticated
        );
    }
}

#[tokio::test]
async fn one_election_runs_a_credential_plugin_for_all_servers() {
    let free = controllers(&[1], &Wire::new(empty_cluster)).await.remove(0).address;
    let directory = tempfile::tempdir().unwrap();
    let (config, runs) = (directory.path().join("config"), directory.path().join("runs"));
    let credential =
        r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}"#;
    let script = format!("echo run >> {}; echo '{credential}'", runs.display());
    let user = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
    });
    write(&config, &format!("https://{free}"), "", &format!("exec: {user}"));
    let source = KubeSource {
        kubeconfig: Some(config),
        ..KubeSource::default()
    };
    let access = kubeconfig::Reader::default().load(&source).await.unwrap();
    let (_sender, snapshots) = watch::channel(knowing(&[1, 2, 3]));
    let why = elect(&access, &mut Snapshots(snapshots), None)
        .await
        .err()
        .unwrap()
        .unwrap();
    assert!(why.text.as_str().contains("the 2 other API servers"), "{why}");
    let runs = std::fs::read_to_string(runs).unwrap().lines().count();
    assert_eq!(runs, 2, "once for a token, once for a certificate");
}
