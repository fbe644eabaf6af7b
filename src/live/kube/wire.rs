//! A small API server for tests: a function from path and query to a reply. Served over loopback TCP, with or without TLS,
//! or in memory where a test moves the clock. Unless it was made to take changes, whatever is asked of it must be a GET: it
//! fails the test otherwise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use kube::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with a status and a body.
    Body(u16, String),
    /// Answers 200 and sends lines, then does as told.
    Lines(Vec<Value>, Then),
    /// Never answers.
    Hang,
}

/// How a stream of lines goes on.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// Stays open this long, then closes as a server does.
    CloseAfter(Duration),
    /// Says nothing more.
    Silence,
    /// The connection breaks.
    Break,
}

/// Answers with JSON.
pub fn ok(body: &Value) -> Reply {
    Reply::Body(200, body.to_string())
}

/// Answers with a Kubernetes Status.
pub fn refuse(code: u16, message: &str) -> Reply {
    Reply::Body(
        code,
        json!({"kind": "Status", "code": code, "message": message}).to_string(),
    )
}

/// A list with its resourceVersion.
pub fn list_of(version: &str, items: &[Value]) -> Reply {
    ok(&json!({"kind": "List", "metadata": {"resourceVersion": version}, "items": items}))
}

/// What a healthy cluster without objects answers.
pub fn empty_cluster(path: &str, query: &str) -> Reply {
    match path {
        "/api/v1/namespaces/kube-system" => ok(&json!({"kind": "Namespace", "metadata": {"name": "kube-system"}})),
        "/version" => ok(&json!({"gitVersion": "v1.37.2"})),
        "/apis" => ok(&json!({"kind": "APIGroupList", "groups": []})),
        _ if query.contains("watch=true") => Reply::Lines(Vec::new(), Then::CloseAfter(Duration::from_secs(25))),
        _ => list_of("1", &[]),
    }
}

type Handler = dyn Fn(&str, &str) -> Reply + Send + Sync;
type Taker = dyn Fn(&Method, &str, &Value) -> Reply + Send + Sync;

/// What was asked, in order; and what answers.
#[derive(Clone)]
pub struct Wire {
    handler: Arc<Handler>,
    taker: Option<Arc<Taker>>,
    changes: Arc<Mutex<Vec<(String, Value)>>>,
    asked: Arc<Mutex<Vec<String>>>,
    agents: Arc<Mutex<Vec<String>>>,
    illegal: Arc<Mutex<Vec<Method>>>,
}

impl Wire {
    pub fn new(handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            handler: Arc::new(handler),
            taker: None,
            changes: Arc::default(),
            asked: Arc::default(),
            agents: Arc::default(),
            illegal: Arc::default(),
        }
    }

    /// A server that takes changes: method, path and body to a reply. It knows no object.
    pub fn taking(taker: impl Fn(&Method, &str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            taker: Some(Arc::new(taker)),
            ..Self::new(|_, _| refuse(404, "not found"))
        }
    }

    /// The same, which also answers what is read: path and query to a reply.
    pub fn telling(self, handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            handler: Arc::new(handler),
            ..self
        }
    }

    /// Every change that was asked for: method, path and media type, and the body.
    pub fn changes(&self) -> Vec<(String, Value)> {
        self.changes.lock().unwrap().clone()
    }

    /// Every request so far, as path?query.
    pub fn asked(&self) -> Vec<String> {
        let illegal = self.illegal.lock().unwrap().clone();
        assert!(illegal.is_empty(), "only GET may be sent, not {illegal:?}");
        self.asked.lock().unwrap().clone()
    }

    /// The user agents of all requests so far.
    pub fn agents(&self) -> Vec<String> {
        self.agents.lock().unwrap().clone()
    }

    /// A client whose server is the function itself.
    pub fn client(&self) -> Client {
        let wire = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let wire = wire.clone();
            async move { Ok::<_, Infallible>(wire.answer(whole(request).await).await) }
        });
        Client::new(service, "default")
    }

    /// Serves on a loopback address until the returned server is dropped.
    pub async fn serve(&self, address: SocketAddr, tls: Option<tokio_rustls::TlsAcceptor>) -> io::Result<Served> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let wire = self.clone();
        let connections: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let open = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (wire, tls) = (wire.clone(), tls.clone());
                let connection = tokio::spawn(async move {
                    match tls {
                        None => wire.speak(TokioIo::new(socket)).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                wire.speak(TokioIo::new(socket)).await;
                            }
                        }
                    }
                });
                open.lock().unwrap().push(connection.abort_handle());
            }
        });
        Ok(Served {
            address,
            accepting: accepting.abort_handle(),
            connections,
        })
    }

    async fn speak<I: hyper::rt::Read + hyper::rt::Write + Unpin>(self, io: I) {
        let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| {
            let wire = self.clone();
            async move { Ok::<_, Infallible>(wire.answer(whole(request).await).await) }
        });
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(io, service)
            .await;
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<UnsyncBoxBody<Bytes, io::Error>> {
        if request.method() != Method::GET && self.taker.is_none() {
            self.illegal.lock().unwrap().push(request.method().clone());
            return Response::builder()
                .status(405)
                .body(StreamBody::new(tail(Then::Silence)).boxed_unsync())
                .unwrap();
        }
        let uri = request.uri();
        let shown = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        self.asked.lock().unwrap().push(shown);
        let agent = request.headers().get(hyper::header::USER_AGENT);
        self.agents
            .lock()
            .unwrap()
            .extend(agent.map(|agent| agent.to_str().unwrap().to_owned()));
        let reply = match &self.taker {
            Some(taker) if request.method() != Method::GET => {
                let media = request.headers().get(hyper::header::CONTENT_TYPE);
                let media = media.map(|media| media.to_str().unwrap()).unwrap_or_default();
                let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                let asked = format!("{} {target} {media}", request.method());
                let body = serde_json::from_slice(request.body()).unwrap();
                let reply = taker(request.method(), uri.path(), &body);
                self.changes.lock().unwrap().push((asked, body));
                reply
            }
            _ => (self.handler)(uri.path(), uri.query().unwrap_or_default()),
        };
        let (status, lines, then) = match reply {
            Reply::Body(status, body) => (status, vec![body], Then::CloseAfter(Duration::ZERO)),
            Reply::Lines(lines, then) => (200, lines.iter().map(|line| format!("{line}\n")).collect(), then),
            Reply::Hang => std::future::pending().await,
        };
        let lines = stream::iter(lines).map(|line| Ok(Frame::data(Bytes::from(line))));
        let body = StreamBody::new(lines.chain(tail(then)));
        Response::builder().status(status).body(body.boxed_unsync()).unwrap()
    }
}

/// A request with its body, as far as it came.
async fn whole<B>(request: Request<B>) -> Request<Bytes>
where
    B: hyper::body::Body,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    Request::from_parts(head, body.unwrap_or_default())
}

fn tail(then: Then) -> stream::BoxStream<'static, io::Result<Frame<Bytes>>> {
    match then {
        Then::CloseAfter(Duration::ZERO) => stream::empty().boxed(),
        Then::CloseAfter(wait) => stream::once(tokio::time::sleep(wait))
            .filter_map(async |()| None)
            .boxed(),
        Then::Silence => stream::pending().boxed(),
        Then::Break => stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]).boxed(),
    }
}

/// A server on loopback; dropping it kills it with all its connections.
pub struct Served {
    pub address: SocketAddr,
    accepting: AbortHandle,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.accepting.abort();
        for connection in self.connections.lock().unwrap().iter() {
            connection.abort();
        }
    }
}
