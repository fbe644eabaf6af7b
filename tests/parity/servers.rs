//! Asks a control plane over its own protocols, as a controller's administrator and etcd client would.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use quorate::live::tls::{self, Identity, PemFiles};
use quorate::pb::etcdserverpb as pb;
use quorate::pb::etcdserverpb::cluster_client::ClusterClient;
use quorate::pb::etcdserverpb::kv_client::KvClient;
use quorate::pb::etcdserverpb::maintenance_client::MaintenanceClient;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::{Response, Status};

use super::Answer;
use super::script::{Ask, Call, From, Request as Http};

/// Where a control plane is.
pub struct Servers {
    kube: kube::Client,
    pki: PathBuf,
    client_port: SocketAddr,
    /// The peer port of the member behind `client_port`.
    peer_port: SocketAddr,
    requests: hyper::client::conn::http2::SendRequest<tonic::body::Body>,
}

impl Servers {
    /// The servers of the host whose files lie below `root`.
    pub async fn of_host(root: &Path, etcd: &str) -> Self {
        let pki = root.join("var/lib/embedded-cluster/k0s/pki");
        let kubeconfig = Kubeconfig::read_from(pki.join("admin.conf")).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .unwrap();
        // A refusal is an answer: kube would ask again and again.
        config.default_retry = false;
        let client_port = etcd.strip_prefix("https://").unwrap().parse().unwrap();
        let (own, ours) = (
            identity(&pki, "apiserver-etcd-client", b"h2"),
            identity(&pki, "etcd/peer", b"http/1.1"),
        );
        let stream = connect(&own, None, client_port).await.unwrap();
        let (requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self {
            kube: kube::Client::try_from(config).unwrap(),
            pki,
            client_port,
            peer_port: SocketAddr::new(ours.addresses[0], 0),
            requests,
        }
    }

    /// Asks one thing.
    pub async fn ask(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::Http(request) => self.http(request).await,
            Ask::Etcd(call, argument) => {
                let answer = self.etcd(*call, argument).await;
                answer.unwrap_or_else(|status| Answer {
                    status: u16::try_from(i32::from(status.code())).unwrap(),
                    body: json!({"message": status.message()}),
                })
            }
            Ask::Peer { path, from } => self.peer(path, *from).await,
        }
    }

    async fn http(&self, ask: &Http) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(&ask.path);
        for (name, value) in [(ACCEPT, ask.accept), (CONTENT_TYPE, ask.content_type)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::from(ask.body.clone().into_bytes())).unwrap();
        let response = self.kube.send(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = if ask.is_watch() {
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .collect()
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        Answer { status, body }
    }

    async fn etcd(&mut self, call: Call, argument: &str) -> Result<Answer, Status> {
        let origin: hyper::Uri = format!("https://{}", self.client_port).parse().unwrap();
        let requests = self.requests.clone();
        let channel = tower::service_fn(move |request| {
            let mut requests = requests.clone();
            async move { requests.send_request(request).await }
        });
        let mut cluster = ClusterClient::with_origin(channel.clone(), origin.clone());
        let mut maintenance = MaintenanceClient::with_origin(channel.clone(), origin.clone());
        let mut kv = KvClient::with_origin(channel, origin);
        let id = argument.parse().unwrap_or_default();
        let body = match call {
            Call::Status => status(&maintenance.status(pb::StatusRequest {}).await?.into_inner()),
            Call::Members { linearizable } => {
                let list = cluster
                    .member_list(pb::MemberListRequest { linearizable })
                    .await?
                    .into_inner();
                self.learn_peer_port(&list.members);
                rows(&list.members, self.peer_port.ip())
            }
            Call::Add { is_learner } => {
                let peer_urls = vec![
                    argument
                        .replace("<peer>", &self.peer_port.to_string())
                        .replace("<net>", &net(self.peer_port.ip())),
                ];
                let request = pb::MemberAddRequest { peer_urls, is_learner };
                let added = cluster.member_add(request).await?.into_inner();
                let member = rows(added.member.as_slice(), self.peer_port.ip());
                json!({"member": member["members"][0], "members": added.members.len()})
            }
            Call::Remove => {
                let removed = cluster.member_remove(pb::MemberRemoveRequest { id }).await?;
                json!({"members": removed.into_inner().members.len()})
            }
            Call::Promote => {
                let promoted = cluster.member_promote(pb::MemberPromoteRequest { id }).await?;
                json!({"members": promoted.into_inner().members.len()})
            }
            Call::Range {
                keys_only,
                count_only,
                limit,
            } => {
                let request = range(argument, keys_only, count_only, limit);
                let found = kv.range(request).await?.into_inner();
                let keys = found.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned());
                let are_bare = found.kvs.iter().all(|kv| kv.value.is_empty());
                json!({"count": found.count, "more": found.more, "keys": keys.collect::<Vec<_>>(), "bare": are_bare})
            }
            Call::RangeAt => {
                let mut request = range("/registry/etcd.k0sproject.io/etcdmembers/", true, false, 1);
                request.revision = argument.parse().unwrap();
                let found = kv.range(request).await?.into_inner();
                json!({"count": found.count, "more": found.more})
            }
            Call::Compact => {
                let request = pb::CompactionRequest {
                    revision: argument.parse().unwrap(),
                    physical: true,
                };
                let compacted = kv.compact(request).await?.into_inner();
                let revision = compacted.header.unwrap_or_default().revision;
                json!({"header has a revision": revision > 0})
            }
            Call::Defragment => {
                let done = maintenance.defragment(pb::DefragmentRequest {}).await?.into_inner();
                json!({"has a header": done.header.is_some()})
            }
            Call::Alarm { action, alarm } => {
                let request = pb::AlarmRequest {
                    action,
                    member_id: id,
                    alarm,
                };
                let told = maintenance.alarm(request).await?.into_inner();
                let rows = told
                    .alarms
                    .iter()
                    .map(|row| json!({"id": row.member_id, "alarm": row.alarm}));
                let revision = told.header.unwrap_or_default().revision;
                json!({"alarms": rows.collect::<Vec<_>>(), "header has a revision": revision > 0})
            }
            Call::Snapshot => snapshot(maintenance.snapshot(pb::SnapshotRequest {}).await?).await?,
        };
        Ok(Answer { status: 0, body })
    }

    /// The member list says where our member's peers find it: its address is that of the peer certificate.
    fn learn_peer_port(&mut self, members: &[pb::Member]) {
        let urls = members.iter().flat_map(|member| &member.peer_urls);
        let mut ports = urls.filter_map(|url| url.strip_prefix("https://")?.parse::<SocketAddr>().ok());
        if let Some(own) = ports.find(|port| port.ip() == self.peer_port.ip()) {
            self.peer_port = own;
        }
    }

    async fn peer(&self, path: &str, from: From) -> Answer {
        let identity = identity(&self.pki, "etcd/peer", b"http/1.1");
        let from = match from {
            From::OwnAddress => self.peer_port.ip(),
            From::Loopback => Ipv4Addr::LOCALHOST.into(),
        };
        let closed = Answer {
            status: 0,
            body: "closed without an answer".into(),
        };
        let Ok(stream) = connect(&identity, Some(from), self.peer_port).await else {
            return closed;
        };
        let Ok((mut requests, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await else {
            return closed;
        };
        tokio::spawn(connection);
        let request = Request::get(path).header(HOST, self.peer_port.to_string());
        let Ok(response) = requests
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await
        else {
            return closed;
        };
        let status = response.status().as_u16();
        let has_cluster_id = response.headers().contains_key("x-etcd-cluster-id");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if let Some(rows) = answer.as_array_mut() {
            rows.sort_by_key(|row| row["name"].to_string());
        }
        let body = json!({"answer": answer, "names the cluster": has_cluster_id, "net": net(self.peer_port.ip())});
        Answer { status, body }
    }
}

fn identity(pki: &Path, own: &str, alpn: &[u8]) -> Identity {
    let file = |ending| pki.join(format!("{own}.{ending}"));
    let files = PemFiles {
        ca: pki.join("etcd/ca.crt"),
        cert: file("crt"),
        key: file("key"),
    };
    tls::load(&files, alpn).unwrap()
}

async fn connect(
    identity: &Identity,
    from: Option<IpAddr>,
    to: SocketAddr,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let tcp = socket.connect(to).await?;
    let connector = TlsConnector::from(Arc::clone(&identity.config));
    connector.connect(to.ip().into(), tcp).await
}

/// The part of an address that all hosts share.
fn net(address: IpAddr) -> String {
    let text = address.to_string();
    text.rsplit_once('.').unwrap().0.to_owned()
}

/// Rows in the order of names, ids last: they differ in order.
fn rows(members: &[pb::Member], own: IpAddr) -> Value {
    let mut members: Vec<&pb::Member> = members.iter().collect();
    members.sort_by_key(|member| &member.name);
    let rows = members.iter().map(|member| {
        json!({
            "name": member.name, "id": member.id, "peerURLs": member.peer_urls, "isLearner": member.is_learner,
            "has client URLs": !member.client_urls.is_empty(),
        })
    });
    json!({"members": rows.collect::<Vec<_>>(), "net": net(own)})
}

fn status(status: &pb::StatusResponse) -> Value {
    let header = status.header.unwrap_or_default();
    json!({
        "version": status.version,
        "storageVersion": status.storage_version,
        "has leader": status.leader != 0,
        "errors": status.errors,
        "isLearner": status.is_learner,
        "has database": status.db_size >= status.db_size_in_use && status.db_size_in_use > 0,
        "quota": status.db_size_quota,
        "header has a revision": header.revision > 0,
        "terms agree": header.raft_term == status.raft_term && status.raft_term > 0,
    })
}

fn range(prefix: &str, keys_only: bool, count_only: bool, limit: i64) -> pb::RangeRequest {
    let mut range_end = prefix.as_bytes().to_vec();
    *range_end.last_mut().unwrap() += 1;
    pb::RangeRequest {
        key: prefix.as_bytes().to_vec(),
        range_end,
        limit,
        keys_only,
        count_only,
        ..pb::RangeRequest::default()
    }
}

async fn snapshot(answer: Response<tonic::Streaming<pb::SnapshotResponse>>) -> Result<Value, Status> {
    let mut pieces = answer.into_inner();
    let (mut bytes, mut first, mut remaining) = (0, None, 0);
    while let Some(piece) = pieces.message().await? {
        bytes += piece.blob.len() as u64;
        first.get_or_insert(bytes + piece.remaining_bytes);
        remaining = piece.remaining_bytes;
    }
    Ok(json!({
        "has bytes": bytes > 0,
        "first piece tells the size": first.is_some_and(|size| size <= bytes),
        "left": remaining,
        "ends with a checksum": bytes % 512 == 32,
    }))
}
