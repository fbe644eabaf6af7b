//! etcd's peer port, as far as it answers questions: HTTP/1.1 GET. Start reading at [`converse`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_rustls::server::TlsStream;
use x509_parser::extensions::GeneralName;

use super::Shared;
use super::gated::Gated;
use crate::sim::world::World;
use crate::sim::world::etcd::{EtcdError, Member};
use crate::sim::world::host::HostId;
use crate::sim::world::store::{Key, Object};

type Answer = Response<Full<Bytes>>;

/// Talks over one connection until it ends. HTTP/2, and a client whose certificate is not made for the address that it
/// dials from, are closed without a word, as etcd does.
pub async fn converse(stream: TlsStream<Gated>, from: IpAddr, shared: Arc<Shared>, host: HostId) {
    let session = stream.get_ref().1;
    if session.alpn_protocol() == Some(b"h2") || !is_its_own(session.peer_certificates(), from) {
        return;
    }
    let service = service_fn(|request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&request, &shared, host).await) }
    });
    // How a connection ends is the client's affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Whether the first certificate names the address.
fn is_its_own(chain: Option<&[rustls::pki_types::CertificateDer<'_>]>, from: IpAddr) -> bool {
    let Some(certificate) = chain.and_then(<[_]>::first) else {
        return false;
    };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let IpAddr::V4(from) = from else { return false };
    certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .is_some_and(|names| {
            let is_from =
                |name: &GeneralName<'_>| matches!(name, GeneralName::IPAddress(bytes) if **bytes == from.octets());
            names.value.general_names.iter().any(is_from)
        })
}

async fn answer(request: &Request<Incoming>, shared: &Shared, host: HostId) -> Answer {
    let (wait_ms, body) = shared.with(|world| {
        // A member with a slow disk is a slow member.
        let wait_ms = world.write_ms(host) / 4 + world.round_trip_ms(host);
        (wait_ms, body(request, world, host))
    });
    tokio::time::sleep(Duration::from_millis(u64::from(wait_ms))).await;
    let cluster = shared.with(|world| world.etcd_status(host).map(|status| status.cluster_id));
    let (code, body) = match body {
        Some(Ok(body)) => (StatusCode::OK, body.to_string()),
        Some(Err(EtcdError::NoReply)) => std::future::pending().await,
        Some(Err(EtcdError::Refused { message, .. })) => (StatusCode::SERVICE_UNAVAILABLE, message.to_owned()),
        None => (StatusCode::NOT_FOUND, "404 page not found\n".to_owned()),
    };
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    if code == StatusCode::OK {
        headers.insert(
            CONTENT_TYPE,
            hyper::header::HeaderValue::from_static("application/json"),
        );
    }
    // These pages tell whose they are, the others do not.
    if matches!(
        request.uri().path(),
        "/members" | "/members/hashkv" | "/downgrade/enabled"
    ) && let Ok(id) = cluster
        && let Ok(id) = format!("{id:x}").parse()
    {
        headers.insert("x-etcd-cluster-id", id);
    }
    answer
}

/// None where there is no such page.
fn body(request: &Request<Incoming>, world: &World, host: HostId) -> Option<Result<Value, EtcdError>> {
    if request.method() != Method::GET {
        return None;
    }
    Some(match request.uri().path() {
        "/members" => world
            .members_by_peer(host)
            .map(|(_, members)| members.iter().map(row).collect()),
        "/version" => world.etcd_status(host).map(|status| {
            let minor = status
                .version
                .rsplit_once('.')
                .map_or(status.version.as_str(), |(minor, _)| minor);
            let mut version = json!({"etcdserver": status.version, "etcdcluster": format!("{minor}.0")});
            if let Some(storage) = status.storage_version {
                version["storage"] = storage.into();
            }
            version
        }),
        "/raft/probing" => Ok(json!({"OK": true, "Now": clock(world, host).to_string()})),
        "/downgrade/enabled" => Ok(Value::Bool(false)),
        "/members/hashkv" => world.etcd_status(host).and_then(|status| {
            let compacted = status.compacted.and_then(|revision| i64::try_from(revision).ok());
            Ok(json!({
                "header": {"revision": status.revision},
                "hash": hash(&world.etcd_objects(host, 0)?),
                "compact_revision": compacted.unwrap_or(-1),
                "hash_revision": status.revision,
            }))
        }),
        _ => return None,
    })
}

/// What the host's own clock says.
fn clock(world: &World, host: HostId) -> Timestamp {
    let skew = SignedDuration::from_millis(world.skew_ms(host));
    world.wall().checked_add(skew).unwrap_or_else(|_| world.wall())
}

/// What is not there is not told: a name before the first start, a role that is a voter's.
fn row(member: &Member) -> Value {
    let mut row = json!({"id": member.id, "peerURLs": member.peer_urls});
    if !member.name.is_empty() {
        row["name"] = member.name.clone().into();
        row["clientURLs"] = json!(member.client_urls);
    }
    if member.is_learner {
        row["isLearner"] = true.into();
    }
    row
}

/// A number that differs where stores differ: FNV-1a over keys and revisions.
pub fn hash(objects: &BTreeMap<Key, Object>) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    for (key, object) in objects {
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let bytes = key.name.bytes().chain(version.unwrap_or_default().bytes());
        for byte in bytes {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash
}
