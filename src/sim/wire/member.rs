//! etcd's client port: gRPC, and `/metrics` beside it. What is not simulated answers Unimplemented, never a guess. Start
//! reading at [`converse`]; `maintenance` has what concerns one member and its database.

mod maintenance;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Request, Response, Status};

use super::gated::Gated;
use super::{Shared, metrics, stored};
use crate::pb::etcdserverpb as pb;
use crate::pb::etcdserverpb::cluster_server::{Cluster, ClusterServer};
use crate::pb::etcdserverpb::kv_server::{Kv, KvServer};
use crate::pb::etcdserverpb::maintenance_server::MaintenanceServer;
use crate::sim::world::World;
use crate::sim::world::etcd::{self, EtcdError};
use crate::sim::world::host::HostId;
use crate::sim::world::store::{Key, Object};

/// How long etcd waits for a quorum before it says that it does not come (`ReqTimeout`, 5 s and two elections).
const GIVES_UP: Duration = Duration::from_secs(7);

/// Talks over one connection until it ends.
pub async fn converse(stream: TlsStream<Gated>, shared: Arc<Shared>, host: HostId) {
    let member = LocalMember { shared, host };
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let member = member.clone();
        async move { Ok::<_, Infallible>(member.answer(request).await) }
    });
    // Chosen by what TLS agreed on, not by the first bytes: a server of HTTP/2 speaks first.
    // How a connection ends is the client's affair.
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let http = http2::Builder::new(TokioExecutor::new());
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let http = http1::Builder::new();
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// The etcd member of a host.
#[derive(Debug, Clone)]
struct LocalMember {
    shared: Arc<Shared>,
    host: HostId,
}

impl LocalMember {
    async fn answer(self, request: hyper::Request<Incoming>) -> hyper::Response<Body> {
        let path = request.uri().path().to_owned();
        let answered = if path.starts_with("/etcdserverpb.KV/") {
            KvServer::new(self).call(request).await
        } else if path.starts_with("/etcdserverpb.Cluster/") {
            ClusterServer::new(self).call(request).await
        } else if path.starts_with("/etcdserverpb.Maintenance/") {
            MaintenanceServer::new(self).call(request).await
        } else if path == "/metrics" {
            let text = self.shared.with(|world| metrics::text(world, self.host));
            Ok(hyper::Response::new(Body::new(http_body_util::Full::from(text))))
        } else {
            Ok(Status::unimplemented("unknown service").into_http())
        };
        let Ok(response) = answered;
        response
    }

    /// Asks the world; without a quorum, gives up as etcd does.
    async fn ask<T>(&self, question: impl FnOnce(&mut World) -> Result<T, EtcdError>) -> Result<T, Status> {
        let (write_ms, answer) = self.shared.with(|world| (world.write_ms(self.host), question(world)));
        // A member with a slow disk is a slow member.
        tokio::time::sleep(Duration::from_millis(u64::from(write_ms) / 4)).await;
        match answer {
            Ok(value) => Ok(value),
            Err(EtcdError::Refused { code, message }) => Err(Status::new(Code::from_i32(code), message)),
            Err(EtcdError::NoReply) => {
                tokio::time::sleep(GIVES_UP).await;
                Err(Status::unavailable("etcdserver: request timed out"))
            }
        }
    }

    /// Asks for a change, whose reply may get lost.
    async fn change<T>(&self, change: impl FnOnce(&mut World) -> Result<T, EtcdError>) -> Result<T, Status> {
        let answer = self.ask(change).await?;
        if self.shared.with(|world| world.loses_reply(self.host)) {
            std::future::pending::<()>().await;
        }
        Ok(answer)
    }

    /// The header of answers that do not concern the store has no revision.
    fn header(&self, has_revision: bool) -> Option<pb::ResponseHeader> {
        let status = self.shared.with(|world| world.etcd_status(self.host)).ok()?;
        Some(pb::ResponseHeader {
            cluster_id: status.cluster_id,
            member_id: status.member_id,
            revision: if has_revision { signed(status.revision) } else { 0 },
            raft_term: status.term,
        })
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn row(member: etcd::Member) -> pb::Member {
    pb::Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        is_learner: member.is_learner,
    }
}

fn rows(members: Vec<etcd::Member>) -> Vec<pb::Member> {
    members.into_iter().map(row).collect()
}

#[tonic::async_trait]
impl Cluster for LocalMember {
    async fn member_list(
        &self,
        request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let linearizable = request.into_inner().linearizable;
        let members = self.ask(|world| world.member_list(self.host, linearizable)).await?;
        Ok(Response::new(pb::MemberListResponse {
            header: self.header(false),
            members: rows(members),
        }))
    }

    async fn member_add(
        &self,
        request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        let wanted = request.into_inner();
        let add = |world: &mut World| world.member_add(self.host, &wanted.peer_urls, wanted.is_learner);
        let (member, members) = self.change(add).await?;
        Ok(Response::new(pb::MemberAddResponse {
            header: self.header(false),
            member: Some(row(member)),
            members: rows(members),
        }))
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        let id = request.into_inner().id;
        let members = self.change(|world| world.member_remove(self.host, id)).await?;
        Ok(Response::new(pb::MemberRemoveResponse {
            header: self.header(false),
            members: rows(members),
        }))
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        let id = request.into_inner().id;
        let members = self.change(|world| world.member_promote(self.host, id)).await?;
        Ok(Response::new(pb::MemberPromoteResponse {
            header: self.header(false),
            members: rows(members),
        }))
    }
}

#[tonic::async_trait]
impl Kv for LocalMember {
    async fn range(&self, request: Request<pb::RangeRequest>) -> Result<Response<pb::RangeResponse>, Status> {
        let wanted = request.into_inner();
        let revision = u64::try_from(wanted.revision).unwrap_or(0);
        self.ask(|world| world.may_read(self.host, !wanted.serializable))
            .await?;
        let all = self.ask(|world| world.etcd_objects(self.host, revision)).await?;
        let mut found: Vec<(Key, Object)> = all
            .into_iter()
            .filter(|(key, _)| is_wanted(key.etcd().as_bytes(), &wanted))
            .collect();
        found.sort_by_cached_key(|(key, _)| key.etcd());
        let count = found.len();
        let limit = usize::try_from(wanted.limit).ok().filter(|limit| *limit > 0);
        let kvs = if wanted.count_only {
            Vec::new()
        } else {
            found
                .into_iter()
                .take(limit.unwrap_or(usize::MAX))
                .map(|(key, object)| key_value(&key, &object, wanted.keys_only))
                .collect::<Result<_, _>>()?
        };
        Ok(Response::new(pb::RangeResponse {
            header: self.header(true),
            more: !wanted.count_only && kvs.len() < count,
            kvs,
            count: signed(count as u64),
        }))
    }

    /// What is compacted is gone at once, physically or not.
    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let revision = u64::try_from(request.into_inner().revision).unwrap_or(0);
        self.change(|world| world.etcd_compact(self.host, revision)).await?;
        Ok(Response::new(pb::CompactionResponse {
            header: self.header(true),
        }))
    }
}

/// One key, or from `key` up to but without `range_end`, where `\0` stands for the end of all keys.
fn is_wanted(key: &[u8], wanted: &pb::RangeRequest) -> bool {
    match wanted.range_end.as_slice() {
        [] => key == wanted.key,
        [0] => key >= wanted.key.as_slice(),
        end => key >= wanted.key.as_slice() && key < end,
    }
}

fn key_value(key: &Key, object: &Value, keys_only: bool) -> Result<pb::KeyValue, Status> {
    let value = if keys_only {
        Vec::new()
    } else {
        stored::value(key.resource, object).ok_or_else(|| not_simulated("the stored form of this kind"))?
    };
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let revision = version.and_then(|version| version.parse().ok()).unwrap_or_default();
    Ok(pb::KeyValue {
        key: key.etcd().into_bytes(),
        value,
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: 0,
    })
}

fn not_simulated(what: &str) -> Status {
    Status::unimplemented(format!("quorate's simulated etcd does not know {what}"))
}
