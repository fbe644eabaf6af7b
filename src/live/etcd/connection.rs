//! One HTTP/2 connection as tonic's generated clients want it. It is never renewed behind our back: when it ends, whoever
//! holds it opens another one, with certificates read anew. Dropping it closes it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Response, Status, Streaming};

use crate::base::{Why, WhyKind};
use crate::live::dial::{self, DialFrom, Hop, Target, broken, failed, refused_us};
use crate::live::tls::Identity;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::cluster_client::ClusterClient;
use crate::pb::etcdserverpb::kv_client::KvClient;
use crate::pb::etcdserverpb::maintenance_client::MaintenanceClient;
use crate::pb::etcdserverpb::{
    AlarmMember, AlarmRequest, CompactionRequest, DefragmentRequest, MemberListRequest, MemberListResponse,
    MemberRemoveRequest, RangeRequest, RangeResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};

/// gRPC is HTTP/2.
pub const ALPN: &[u8] = b"h2";

/// One answer: 500 objects of the largest size that Kubernetes' own components write are a tenth of it.
const MOST_BYTES: usize = 64 << 20;
/// Far more than the metrics of one member: about 200 KiB.
const MAX_METRICS_BYTES: usize = 4 << 20;

/// Carries the requests; must be polled while they are in flight, and ends with the connection.
pub type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An open connection.
pub struct Connection {
    /// What can be asked.
    pub clients: Clients,
    /// What can be changed.
    pub hands: Hands,
    /// Carries it.
    pub driver: Driver,
}

/// What can be asked: reads, and nothing else. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Clients {
    maintenance: MaintenanceClient<Channel>,
    cluster: ClusterClient<Channel>,
    store: KvClient<Channel>,
    channel: Channel,
    origin: Uri,
}

impl Clients {
    /// The member about itself.
    pub async fn status(&self) -> Result<Response<StatusResponse>, Status> {
        self.maintenance.clone().status(StatusRequest {}).await
    }

    /// The member list, through consensus or the member's own copy.
    pub async fn members(&self, linearizable: bool) -> Result<Response<MemberListResponse>, Status> {
        let request = MemberListRequest { linearizable };
        self.cluster.clone().member_list(request).await
    }

    /// Keys and values of the store.
    pub async fn range(&self, request: RangeRequest) -> Result<Response<RangeResponse>, Status> {
        self.store.clone().range(request).await
    }

    /// The member's whole database, piece by piece.
    pub async fn snapshot(&self) -> Result<Response<Streaming<SnapshotResponse>>, Status> {
        self.maintenance.clone().snapshot(SnapshotRequest {}).await
    }

    /// `/metrics`, which etcd serves beside gRPC; None where the answer is no such page.
    pub async fn metrics(&self) -> Result<Option<String>, hyper::Error> {
        let mut request = Request::new(Body::empty());
        let origin = self.origin.to_string();
        *request.uri_mut() = format!("{}/metrics", origin.trim_end_matches('/'))
            .parse()
            .unwrap_or_default();
        let response = self.channel.clone().requests.send_request(request).await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let body = Limited::new(response.into_body(), MAX_METRICS_BYTES).collect().await;
        Ok(body
            .ok()
            .and_then(|body| String::from_utf8(body.to_bytes().into()).ok()))
    }
}

/// What can be changed: for [`super::change`] alone.
#[derive(Debug, Clone)]
pub struct Hands {
    kv: KvClient<Channel>,
    maintenance: MaintenanceClient<Channel>,
    cluster: ClusterClient<Channel>,
}

impl Hands {
    /// Removes a member.
    pub async fn remove(&self, id: u64) -> Result<(), Status> {
        let request = MemberRemoveRequest { id };
        self.cluster.clone().member_remove(request).await.map(drop)
    }

    /// Forgets the history before a revision, and gives its space free.
    pub async fn compact(&self, revision: i64) -> Result<(), Status> {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        self.kv.clone().compact(request).await.map(drop)
    }

    /// Shrinks the database file of this member, which serves nothing meanwhile.
    pub async fn defragment(&self) -> Result<(), Status> {
        self.maintenance
            .clone()
            .defragment(DefragmentRequest {})
            .await
            .map(drop)
    }

    /// Every alarm that is raised.
    pub async fn alarms(&self) -> Result<Vec<AlarmMember>, Status> {
        let request = AlarmRequest {
            action: AlarmAction::Get.into(),
            ..AlarmRequest::default()
        };
        Ok(self.maintenance.clone().alarm(request).await?.into_inner().alarms)
    }

    /// Takes one alarm back.
    pub async fn disarm(&self, alarm: &AlarmMember) -> Result<(), Status> {
        let request = AlarmRequest {
            action: AlarmAction::Deactivate.into(),
            member_id: alarm.member_id,
            alarm: alarm.alarm,
        };
        self.maintenance.clone().alarm(request).await.map(drop)
    }
}

/// Connects.
pub async fn open(target: &Target, identity: &Identity, hop: &mut Hop) -> Result<Connection, Why> {
    let stream = dial::dial(target, DialFrom::Anywhere, identity, hop).await?.stream;
    over(target, stream, hop).await
}

/// Speaks HTTP/2 over what is connected.
pub async fn over<S>(target: &Target, mut stream: TlsStream<S>, hop: &mut Hop) -> Result<Connection, Why>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(failed(target, *hop, WhyKind::Garbage, "it does not speak HTTP/2"));
    }
    // A server of HTTP/2 speaks first. If it refuses our certificate, it says so now: HTTP/2 would swallow the reason.
    let greeting = stream.fill_buf().await.map_err(|error| broken(target, *hop, &error))?;
    if greeting.is_empty() {
        return Err(refused_us(target, *hop));
    }
    let (requests, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| broken(target, *hop, &error))?;
    let origin: Uri = format!("https://{target}")
        .parse()
        .map_err(|_| failed(target, *hop, WhyKind::Config, "not a URL"))?;
    let channel = Channel { requests };
    Ok(Connection {
        clients: Clients {
            maintenance: MaintenanceClient::with_origin(channel.clone(), origin.clone()),
            cluster: ClusterClient::with_origin(channel.clone(), origin.clone()),
            store: KvClient::with_origin(channel.clone(), origin.clone()).max_decoding_message_size(MOST_BYTES),
            channel: channel.clone(),
            origin: origin.clone(),
        },
        hands: Hands {
            kv: KvClient::with_origin(channel.clone(), origin.clone()),
            maintenance: MaintenanceClient::with_origin(channel.clone(), origin.clone()),
            cluster: ClusterClient::with_origin(channel, origin),
        },
        // Its error is told to every request in flight as well.
        driver: Box::pin(async move {
            let _ = connection.await;
        }),
    })
}

/// The sending end of the connection.
#[derive(Debug, Clone)]
pub struct Channel {
    requests: SendRequest<Body>,
}

impl Service<Request<Body>> for Channel {
    type Response = hyper::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always ready: hyper says by the answer that the connection has ended, with the reason.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.requests.send_request(request))
    }
}
