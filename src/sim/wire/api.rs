//! The API server's port: who asks is what the client's certificate says; what is answered is [`kube`]'s affair.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use tokio_rustls::server::TlsStream;

use super::gated::Gated;
use super::{Shared, kube};
use crate::sim::world::api::User;
use crate::sim::world::host::HostId;

/// Talks over one connection until it ends.
pub async fn converse(stream: TlsStream<Gated>, shared: Arc<Shared>, host: HostId) {
    let session = stream.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let user = Arc::new(user(session.peer_certificates()));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (shared, user) = (Arc::clone(&shared), Arc::clone(&user));
        async move { kube::serve(request, &shared, host, &user).await }
    });
    // How a connection ends is the client's affair.
    if is_http2 {
        let http = http2::Builder::new(TokioExecutor::new());
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let http = http1::Builder::new();
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }
}

/// The common name is the user, organizations are groups, as in Kubernetes.
fn user(chain: Option<&[CertificateDer<'_>]>) -> User {
    let certificate = chain.and_then(<[_]>::first);
    let Some(Ok((_, certificate))) = certificate.map(|der| x509_parser::parse_x509_certificate(der)) else {
        return User::anonymous();
    };
    let subject = certificate.subject();
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
    let groups = subject.iter_organization().filter_map(text);
    User {
        name: subject.iter_common_name().find_map(text).unwrap_or_default(),
        groups: groups.chain(["system:authenticated".to_owned()]).collect(),
    }
}
