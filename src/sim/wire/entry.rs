//! What users and administrators get behind the gateway and the Admin Console's port: a status and nothing to read. Start
//! reading at [`converse`].

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::door::Service;
use super::gated::Gated;
use crate::sim::world::host::HostId;

/// Talks over one connection until it ends.
pub async fn converse(stream: TlsStream<Gated>, shared: Arc<Shared>, host: HostId, service: Service) {
    let answering = service_fn(|_: Request<Incoming>| {
        let is_there = shared.with(|world| match service {
            Service::Balancer => world.balance(),
            // A gateway that finds no web replica says so.
            Service::Users => world.has_web(host),
            Service::Api
            | Service::Client
            | Service::Peer
            | Service::Kubelet
            | Service::Ssh
            | Service::Join
            | Service::Console
            | Service::Pod
            | Service::Outside(_) => true,
        });
        let mut answer = Response::new(Full::<Bytes>::default());
        if !is_there {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        async move { Ok::<_, Infallible>(answer) }
    });
    // How a connection ends is the client's affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answering)
        .await;
}
