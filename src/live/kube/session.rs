//! The connection to one API server. What observes uses [`Session::get`] and [`Session::open_stream`], which can only send
//! GET. [`Session::change`] sends everything else, once, for [`super::change`], and for [`super::admission`], whose dry runs
//! persist nothing.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use kube::Client;
use kube::client::Body;

use super::fault::{self, Fault};
use super::server::Server;
use crate::plan::request::Call;

/// Every wait on the API, in one table.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// TCP and TLS.
    pub connect: Duration,
    /// One heartbeat, with its connection.
    pub heartbeat: Duration,
    /// One page of a list, discovery, the version, and the first byte of a watch.
    pub list: Duration,
    /// A watch without a sign of life: longer than the server keeps one open.
    pub silence: Duration,
    /// A credential plugin of the kubeconfig.
    pub plugin: Duration,
    /// A request that changes something, or asks whether it may. Longer than others: cut short, its outcome is unknown.
    pub change: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            heartbeat: Duration::from_secs(2),
            list: Duration::from_secs(5),
            silence: Duration::from_secs(super::stream::WATCH_S + 5),
            plugin: Duration::from_secs(10),
            change: Duration::from_secs(15),
        }
    }
}

impl Deadlines {
    /// Those in force where one read may take this long. A change never gets less time than usual.
    pub fn reading(limit: Option<Duration>) -> Self {
        let usual = Self::default();
        let list = limit.unwrap_or(usual.list);
        Self {
            list,
            change: usual.change.max(list),
            ..usual
        }
    }
}

/// More than a page of 500 large pods.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Enough for any Kubernetes Status.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A call that was not answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// It never left, or the server said no: nothing was changed.
    Refused(Fault),
    /// It may have been carried out.
    Unknown(Fault),
}

/// One API server and our connections to it.
#[derive(Clone)]
pub struct Session {
    /// Which one.
    pub server: Server,
    /// How long its answers may take.
    pub deadlines: Deadlines,
    /// For heartbeats alone, so that none waits behind a large list.
    quick: Client,
    /// For lists and watches; a watch occupies a connection of its own.
    bulk: Client,
}

impl Session {
    /// A session over given clients.
    pub(super) const fn over(server: Server, deadlines: Deadlines, quick: Client, bulk: Client) -> Self {
        Self {
            server,
            deadlines,
            quick,
            bulk,
        }
    }

    /// GETs a small object on the heartbeats' own connection.
    pub async fn get_quickly(&self, path: &str) -> Result<Bytes, Fault> {
        self.whole(&self.quick, path, self.deadlines.heartbeat).await
    }

    /// GETs a whole answer.
    pub async fn get(&self, path: &str) -> Result<Bytes, Fault> {
        self.whole(&self.bulk, path, self.deadlines.list).await
    }

    /// GETs an answer whatever its status, on the heartbeats' own connection.
    pub async fn ask(&self, path: &str, limit: Duration) -> Result<(StatusCode, Bytes), Fault> {
        let exchange = async {
            let (head, body) = self.exchange(&self.quick, path).await?.into_parts();
            let told = Limited::new(body, MAX_ERROR_BYTES).collect().await;
            let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
                Fault::of_error(&self.server, error.as_ref(), self.deadlines.connect)
            };
            Ok((head.status, told.map_err(broken)?.to_bytes()))
        };
        let late = |_| Fault::late(&self.server, "no answer", limit);
        tokio::time::timeout(limit, exchange).await.map_err(late)?
    }

    /// GETs an answer whose body goes on.
    pub async fn open_stream(&self, path: &str) -> Result<Body, Fault> {
        let limit = self.deadlines.list;
        let late = |_| Fault::late(&self.server, "no answer", limit);
        let response = tokio::time::timeout(limit, self.send(&self.bulk, path))
            .await
            .map_err(late)??;
        Ok(response.into_body())
    }

    /// A fault of the connection.
    pub fn broken(&self, error: &kube::Error) -> Fault {
        Fault::of_error(&self.server, error, self.deadlines.connect)
    }

    /// Sends a call once.
    pub async fn change(&self, call: &Call) -> Result<Bytes, Undone> {
        let limit = self.deadlines.change;
        tokio::time::timeout(limit, self.send_change(call))
            .await
            .unwrap_or_else(|_| Err(Undone::Unknown(Fault::late(&self.server, "no answer", limit))))
    }

    async fn send_change(&self, call: &Call) -> Result<Bytes, Undone> {
        let wrong = |what: &str| Undone::Refused(Fault::garbage(&self.server, what));
        let uri: Uri = call
            .path
            .parse()
            .map_err(|_| wrong("would be asked for what is no path"))?;
        let method = Method::from_bytes(call.method.name().as_bytes()).map_err(|_| wrong("knows no such method"))?;
        let mut request = Request::new(Body::from(call.body.to_string().into_bytes()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(call.content_type));
        let response = self.bulk.send(request).await.map_err(|error| {
            let fault = self.broken(&error);
            if fault::never_left(&error) {
                Undone::Refused(fault)
            } else {
                Undone::Unknown(fault)
            }
        })?;
        let (head, body) = response.into_parts();
        let told = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let told = told.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if head.status.is_success() {
            return Ok(told);
        }
        let fault = Fault::of_status(&self.server, head.status, &head.headers, &told);
        // A server that fails while it works may have done it.
        Err(if head.status.is_client_error() {
            Undone::Refused(fault)
        } else {
            Undone::Unknown(fault)
        })
    }

    async fn whole(&self, client: &Client, path: &str, limit: Duration) -> Result<Bytes, Fault> {
        let exchange = async {
            let body = self.send(client, path).await?.into_body();
            let whole = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
                Fault::of_error(&self.server, error.as_ref(), self.deadlines.connect)
            };
            Ok(whole.map_err(broken)?.to_bytes())
        };
        let late = |_| Fault::late(&self.server, "no answer", limit);
        tokio::time::timeout(limit, exchange).await.map_err(late)?
    }

    /// Makes a GET; an answer that is an error is one.
    async fn send(&self, client: &Client, path: &str) -> Result<Response<Body>, Fault> {
        let response = self.exchange(client, path).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let told = Limited::new(body, MAX_ERROR_BYTES).collect().await;
        let told = told.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(Fault::of_status(&self.server, head.status, &head.headers, &told))
    }

    /// The one place that makes a GET.
    async fn exchange(&self, client: &Client, path: &str) -> Result<Response<Body>, Fault> {
        let wrong = |_| Fault::garbage(&self.server, "would be asked for what is no path");
        let uri: Uri = path.parse().map_err(wrong)?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        client.send(request).await.map_err(|error| self.broken(&error))
    }
}
