//! HTTP/1.1 GET on etcd's peer port. A peer port also takes requests that change the cluster, and raft itself; so
//! [`PeerPath`] is the only way to make a request, and GET the only method.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;

use crate::base::{Why, WhyKind};
use crate::live::dial::{self, DialFrom, Hop, Target, broken, failed, refused_us, unbound_too};
use crate::live::tls::{Loader, end_of};

/// A peer port closes HTTP/2 connections without an answer.
pub const ALPN: &[u8] = b"http/1.1";
/// A membership of thousands of members.
const MAX_BODY_BYTES: usize = 1 << 20;

/// All that may be asked of a peer port. Each is a read that the member answers alone and cheaply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPath {
    /// The membership as this member has it.
    Members,
    /// Its version.
    Version,
    /// Its clock.
    Probing,
}

impl PeerPath {
    /// The request in one word and its path.
    const fn name(self) -> &'static str {
        match self {
            PeerPath::Members => "GET /members",
            PeerPath::Version => "GET /version",
            PeerPath::Probing => "GET /raft/probing",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            PeerPath::Members => "/members",
            PeerPath::Version => "/version",
            PeerPath::Probing => "/raft/probing",
        }
    }
}

/// An answer with status 200.
#[derive(Debug)]
pub struct Answer {
    /// At most 1 MiB.
    pub body: Bytes,
    /// `X-Etcd-Cluster-Id`, where it is there and text.
    pub cluster_id: Option<String>,
    /// From the request's first byte to the answer's last one, on the open connection.
    pub took: Duration,
}

/// The way to one member: at most one connection, kept open between requests, opened anew when needed with certificates
/// read anew.
#[derive(Debug)]
pub struct Link {
    target: Target,
    loader: Loader,
    kept: Option<Connection>,
    hop: Hop,
    ends: Option<Timestamp>,
}

impl Link {
    /// A link to `target`, not connected yet.
    pub const fn new(target: Target, loader: Loader) -> Self {
        Self {
            target,
            loader,
            kept: None,
            hop: Hop::Files,
            ends: None,
        }
    }

    /// Where it leads.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// How far the last request got.
    pub const fn hop(&self) -> Hop {
        self.hop
    }

    /// The end of the certificate that was shown last; None until one was.
    pub const fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// Whether a connection is open, as far as can be told without a request.
    pub fn is_open(&mut self) -> bool {
        self.kept = self.kept.take().and_then(Connection::still_open);
        self.kept.is_some()
    }

    /// Asks over the kept connection or, where that one turns out closed, once over a new one. After an error, and when
    /// broken off at a deadline, no connection stays behind.
    pub async fn get(&mut self, path: PeerPath) -> Result<Answer, Why> {
        if let Some(kept) = self.kept.take() {
            match self.get_over(kept, path).await {
                Err(why) if why.kind == WhyKind::Broken => {}
                outcome => return outcome,
            }
        }
        self.hop = Hop::Files;
        let identity = self.loader.load().await?;
        let dialled = dial::dial(&self.target, DialFrom::OurCertificate, &identity, &mut self.hop).await?;
        self.ends = dialled.stream.get_ref().1.peer_certificates().and_then(end_of);
        let (requests, driver) = http1::handshake(TokioIo::new(dialled.stream))
            .await
            .map_err(|error| broken(&self.target, self.hop, &error))?;
        let fresh = Connection {
            requests,
            driver: Some(Box::pin(driver.map(drop))),
            unbound: dialled.unbound.clone(),
        };
        match self.get_over(fresh, path).await {
            Err(why) if why.kind == WhyKind::Broken => {
                let why = refused_us(&self.target, self.hop);
                Err(unbound_too(why, dialled.unbound.as_deref()))
            }
            outcome => outcome,
        }
    }

    async fn get_over(&mut self, mut connection: Connection, path: PeerPath) -> Result<Answer, Why> {
        self.hop = Hop::Request(path.name());
        let outcome = connection.get(&self.target, path).await;
        let answer = outcome.map_err(|why| unbound_too(why, connection.unbound.as_deref()))?;
        self.kept = connection.still_open();
        Ok(answer)
    }
}

/// An open HTTP/1.1 connection. It has no task of its own: it moves while a request is awaited, and dropping it closes it.
struct Connection {
    requests: SendRequest<Empty<Bytes>>,
    /// Carries requests and answers; None once the connection has ended.
    driver: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    unbound: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// The connection, unless the other side has closed it.
    fn still_open(mut self) -> Option<Self> {
        let has_ended = self.driver.as_mut()?.now_or_never().is_some();
        (!has_ended).then_some(self)
    }

    async fn get(&mut self, target: &Target, path: PeerPath) -> Result<Answer, Why> {
        let driver = async {
            if let Some(driver) = &mut self.driver {
                driver.await;
            }
        };
        let exchange = exchange(&mut self.requests, target, path);
        tokio::pin!(exchange);
        tokio::select! {
            biased;
            answer = &mut exchange => return answer,
            () = driver => {}
        }
        // The connection has ended. What it brought before is still there to be read.
        self.driver = None;
        exchange.await
    }
}

async fn exchange(requests: &mut SendRequest<Empty<Bytes>>, target: &Target, path: PeerPath) -> Result<Answer, Why> {
    let hop = Hop::Request(path.name());
    let request = Request::get(path.path())
        .header(HOST, target.to_string())
        .body(Empty::new())
        .map_err(|error| failed(target, hop, WhyKind::Config, error.to_string()))?;
    requests.ready().await.map_err(|error| broken(target, hop, &error))?;
    let began = Instant::now();
    let response = requests
        .send_request(request)
        .await
        .map_err(|error| broken(target, hop, &error))?;
    if response.status() != StatusCode::OK {
        let words = format!("answered with HTTP status {}", response.status());
        return Err(failed(target, hop, WhyKind::Garbage, words));
    }
    let cluster_id = cluster_id(&response);
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|error| body_failed(target, hop, &*error))?.to_bytes();
    Ok(Answer {
        body,
        cluster_id,
        took: began.elapsed(),
    })
}

fn cluster_id(response: &Response<Incoming>) -> Option<String> {
    let header = response.headers().get("x-etcd-cluster-id")?;
    header.to_str().ok().map(str::to_owned)
}

fn body_failed(target: &Target, hop: Hop, error: &(dyn Error + Send + Sync + 'static)) -> Why {
    if error.is::<LengthLimitError>() {
        let words = format!("the answer is larger than {} KiB", MAX_BODY_BYTES / 1024);
        return failed(target, hop, WhyKind::Garbage, words);
    }
    broken(target, hop, error)
}
