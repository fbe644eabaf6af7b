//! The API server's port.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::gated::Gated;
use crate::sim::world::host::HostId;

/// Talks over one connection until it ends.
pub async fn converse(stream: TlsStream<Gated>, shared: Arc<Shared>, host: HostId) {
    let service = service_fn(move |request: Request<Incoming>| {
        let _ = (request, &shared, host);
        let mut answer = Response::new(Full::<Bytes>::default());
        *answer.status_mut() = StatusCode::NOT_IMPLEMENTED;
        async move { Ok::<_, Infallible>(answer) }
    });
    // How a connection ends is the client's affair.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
