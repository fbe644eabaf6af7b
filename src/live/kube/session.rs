//! The connection to one API server. Everything that leaves for the API leaves through [`Session::get`] or
//! [`Session::open_stream`], and both can only send GET.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, Response, Uri};
use kube::Client;
use kube::client::Body;

use super::fault::Fault;
use super::server::Server;

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
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            heartbeat: Duration::from_secs(2),
            list: Duration::from_secs(5),
            silence: Duration::from_secs(super::stream::WATCH_S + 5),
            plugin: Duration::from_secs(10),
        }
    }
}

/// More than a page of 500 large pods.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Enough for any Kubernetes Status.
const MAX_ERROR_BYTES: usize = 64 << 10;

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

    /// The one place that makes a request.
    async fn send(&self, client: &Client, path: &str) -> Result<Response<Body>, Fault> {
        let wrong = |_| Fault::garbage(&self.server, "would be asked for what is no path");
        let uri: Uri = path.parse().map_err(wrong)?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = client.send(request).await.map_err(|error| self.broken(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let told = Limited::new(body, MAX_ERROR_BYTES).collect().await;
        let told = told.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(Fault::of_status(&self.server, head.status, &head.headers, &told))
    }
}
