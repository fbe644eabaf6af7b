//! Clients from a kubeconfig. Its credentials are worked out once (files are read, a plugin may run), and then serve for any
//! number of API servers. Start reading at [`Clients::prepare`].

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderValue, USER_AGENT};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::client::middleware::BaseUriLayer;
use kube::client::{Body, ClientBuilder, ConfigExt};
use tonic::codegen::Service;

use super::kubeconfig::Access;
use super::server::Server;
use super::session::{Deadlines, Session};
use crate::base::{Why, WhyKind};
use crate::live::resolve::Resolver;

type BoxError = Box<dyn Error + Send + Sync>;

/// Makes a client for a base URL.
pub type Maker = Box<dyn Fn(&Uri) -> Client + Send + Sync>;

/// What the credentials of a kubeconfig make.
pub struct Clients {
    maker: Maker,
    deadlines: Deadlines,
}

impl Clients {
    /// Works out the credentials. A plugin that does not finish is not started a second time.
    pub async fn prepare(access: &Access) -> Result<Self, Why> {
        let (config, origin, limit) = (access.config.clone(), access.origin.clone(), access.deadlines.connect);
        let work = move || maker(config, limit).map_err(|error| unusable(&origin, &error));
        let late = || {
            let text = format!("the credential plugin of {} did not finish", access.origin);
            Err(Why::new(WhyKind::TimedOut, text))
        };
        let made = access.preparing.run(access.deadlines.plugin, work).await;
        Ok(Self {
            maker: made.unwrap_or_else(late)?,
            deadlines: access.deadlines,
        })
    }

    /// A session with one server; connects to nothing yet.
    pub fn session(&self, server: &Server) -> Session {
        let client = || (self.maker)(server.uri());
        Session::over(server.clone(), self.deadlines, client(), client())
    }
}

/// kube's own stack without what retries on its own; with a part of it for each server and the rest shared.
fn maker(mut config: kube::Config, connect_limit: Duration) -> kube::Result<Maker> {
    let agent = concat!("quorate/", env!("CARGO_PKG_VERSION"));
    config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
    let mut http = HttpConnector::new_with_resolver(Resolver);
    http.enforce_http(false);
    let impatient = Impatient {
        inner: config.rustls_https_connector_with_connector(http)?,
        limit: connect_limit,
    };
    let (credentials, headers) = (config.auth_layer()?, config.extra_headers_layer()?);
    Ok(Box::new(move |server| {
        let http = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(impatient.clone());
        let stack = ClientBuilder::new(Plain(http), "default").with_layer(&headers);
        let base = BaseUriLayer::new(server.clone());
        match &credentials {
            Some(credentials) => stack.with_layer(credentials).with_layer(&base).build(),
            None => stack.with_layer(&base).build(),
        }
    }))
}

/// Why no client can be built. A plugin's own words may hold secrets, so they are not repeated.
fn unusable(origin: &str, error: &kube::Error) -> Why {
    match error {
        kube::Error::Auth(_) => Why::new(WhyKind::Config, format!("the credential plugin of {origin} failed"))
            .hint("try the same kubeconfig with kubectl"),
        kube::Error::RustlsTls(error) => Why::new(WhyKind::Config, format!("{origin}: no TLS: {error}"))
            .hint("a kubeconfig without certificate-authority needs the CAs of the system, and there may be none"),
        other => {
            Why::new(WhyKind::Config, format!("{origin}: {other}")).hint("check this user's entry in the kubeconfig")
        }
    }
}

/// A connector that gives up, TLS included.
#[derive(Clone)]
struct Impatient<C> {
    inner: C,
    limit: Duration,
}

impl<C> Service<Uri> for Impatient<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.inner.call(server));
        Box::pin(async move {
            let in_time = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            in_time.map_err(Into::into)
        })
    }
}

/// A service whose errors have kube's type.
#[derive(Clone)]
struct Plain<S>(S);

impl<S, R> Service<R> for Plain<S>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let answering = self.0.call(request);
        Box::pin(async move { answering.await.map_err(Into::into) })
    }
}
