//! A peer port that does as it is told, and writes down what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::live::test_pki::TestCa;

/// What to do with a request.
pub enum Reply {
    Body(String),
    Status(&'static str),
    /// Answer and close.
    Last(String),
    /// Never answer.
    Hang,
    /// Close without an answer.
    Close,
}

#[derive(Default)]
pub struct Seen {
    /// Request lines.
    pub requests: Vec<String>,
    pub clients: Vec<SocketAddr>,
    pub open: usize,
    pub most_open: usize,
}

pub struct PeerServer {
    pub url: String,
    pub seen: Arc<Mutex<Seen>>,
    connections: Arc<Mutex<JoinSet<()>>>,
    _accepting: JoinSet<()>,
}

/// The answer of a healthy member.
pub fn healthy(path: &str) -> String {
    match path {
        "/members" => include_str!("../fixtures/peer-members.json").into(),
        "/version" => r#"{"etcdserver":"3.6.16","etcdcluster":"3.6.0","storage":"3.6.0"}"#.into(),
        "/raft/probing" => format!(r#"{{"OK":true,"Now":"{}"}}"#, Timestamp::now()),
        other => panic!("nobody should ask for {other}"),
    }
}

impl PeerServer {
    /// On an address of its own, with a certificate for 127.0.0.1.
    pub async fn start(ca: &TestCa, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(ca.server(&ca.issue(&["127.0.0.1"]), b"http/1.1"), reply).await
    }

    pub async fn with(config: Arc<ServerConfig>, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let mut accepting = JoinSet::new();
        let (noted, spawned, reply) = (seen.clone(), connections.clone(), Arc::new(reply));
        accepting.spawn(async move {
            loop {
                let (tcp, client) = listener.accept().await.unwrap();
                noted.lock().unwrap().clients.push(client);
                let acceptor = TlsAcceptor::from(config.clone());
                let serving = serve(tcp, acceptor, noted.clone(), reply.clone());
                spawned.lock().unwrap().spawn(serving);
            }
        });
        Self {
            url,
            seen,
            connections,
            _accepting: accepting,
        }
    }

    /// Closes every open connection, and goes on listening.
    pub async fn close_connections(&self) {
        let mut open = std::mem::take(&mut *self.connections.lock().unwrap());
        open.shutdown().await;
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().clients.len()
    }
}

/// Counts a connection while it is open.
struct Open(Arc<Mutex<Seen>>);

impl Open {
    fn count(seen: Arc<Mutex<Seen>>) -> Self {
        let mut counts = seen.lock().unwrap();
        counts.open += 1;
        counts.most_open = counts.most_open.max(counts.open);
        drop(counts);
        Self(seen)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().unwrap().open -= 1;
    }
}

async fn serve(
    tcp: TcpStream,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<Seen>>,
    reply: Arc<impl Fn(&str) -> Reply>,
) -> () {
    let _ = tcp.set_nodelay(true);
    let Ok(mut tls) = acceptor.accept(tcp).await else {
        return;
    };
    let _open = Open::count(seen.clone());
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match tls.read(&mut chunk).await {
            Ok(read @ 1..) => head.extend_from_slice(&chunk[..read]),
            Ok(0) | Err(_) => return,
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let line = text.lines().next().unwrap().to_owned();
        let path = line.split(' ').nth(1).unwrap().to_owned();
        seen.lock().unwrap().requests.push(line);
        let (status, extra, body, last) = match reply(&path) {
            Reply::Body(body) => ("200 OK", "X-Etcd-Cluster-Id: a7f3c36c4b26e66f\r\n", body, false),
            Reply::Status(status) => (status, "", String::new(), false),
            Reply::Last(body) => ("200 OK", "Connection: close\r\n", body, true),
            Reply::Hang => continue,
            Reply::Close => return,
        };
        let head = format!("HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\n\r\n", body.len());
        if tls.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
            return;
        }
        if last {
            let _ = tls.shutdown().await;
            return;
        }
    }
}
