//! What went wrong with a request, as a reason that names the server and the hop that failed.

use std::error::Error;
use std::io;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

use super::server::Server;
use crate::base::{Why, WhyKind};

/// A request that brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For people, and which kind.
    pub why: Why,
    /// The HTTP status, where there was an answer.
    pub status: Option<StatusCode>,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl From<Why> for Fault {
    fn from(why: Why) -> Self {
        Self {
            why,
            status: None,
            retry_after: None,
        }
    }
}

impl Fault {
    /// The answer makes no sense.
    pub fn garbage(server: &Server, what: &str) -> Self {
        Why::new(WhyKind::Garbage, format!("{server} {what}"))
            .hint("is this a Kubernetes API server?")
            .into()
    }

    /// No answer in time.
    pub fn late(server: &Server, what: &str, limit: Duration) -> Self {
        let text = format!("{server}: {what} within {} s", limit.as_secs_f32());
        Why::new(WhyKind::TimedOut, text).into()
    }

    /// The server answered with an error, and perhaps a Kubernetes Status.
    pub fn of_status(server: &Server, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = told.get("message").and_then(Value::as_str).unwrap_or_default();
        let colon = if message.is_empty() { "" } else { ": " };
        let retry_after = headers
            .get(hyper::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            why: Why::new(kind_of(status), format!("{server} answered {status}{colon}{message}")),
            status: Some(status),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// The request did not get through.
    pub fn of_error(server: &Server, error: &(dyn Error + 'static), connect_limit: Duration) -> Self {
        let chain = chain(error);
        if let Some(tls) = chain.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return of_tls(server, tls);
        }
        if let Some(found) = chain
            .iter()
            .rev()
            .find_map(|cause| of_io(server, cause.downcast_ref()?, connect_limit))
        {
            return found.into();
        }
        let last = chain.last().map(ToString::to_string).unwrap_or_default();
        if chain.iter().any(|cause| cause.to_string().contains("dns error")) {
            let why = Why::new(
                WhyKind::Unreachable,
                format!("{server}: the host name does not resolve ({last})"),
            );
            return why
                .hint("use an address in the kubeconfig, or repair name resolution")
                .into();
        }
        Why::new(WhyKind::Broken, format!("{server}: the connection broke: {last}")).into()
    }
}

/// Whether a request that failed so never left: there was no connection that it could have taken.
pub fn never_left(error: &(dyn Error + 'static)) -> bool {
    let is_connect = |cause: &&(dyn Error + 'static)| {
        let client: Option<&hyper_util::client::legacy::Error> = cause.downcast_ref();
        client.is_some_and(hyper_util::client::legacy::Error::is_connect)
    };
    chain(error).iter().any(is_connect)
}

fn kind_of(status: StatusCode) -> WhyKind {
    match status.as_u16() {
        401 => WhyKind::Unauthenticated,
        403 => WhyKind::Forbidden,
        404 => WhyKind::NotFound,
        429 => WhyKind::Throttled,
        500..=599 => WhyKind::Unavailable,
        _ => WhyKind::Garbage,
    }
}

/// An error and its causes, outermost first. Unlike `source()` alone it looks into `io::Error`, where TLS errors hide.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let inner = |error: &'a (dyn Error + 'static)| {
        let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        hidden
            .map(|hidden| hidden as &(dyn Error + 'static))
            .or_else(|| error.source())
    };
    std::iter::successors(Some(error), |error| inner(*error))
        .take(16)
        .collect()
}

fn of_io(server: &Server, error: &io::Error, connect_limit: Duration) -> Option<Why> {
    use io::ErrorKind as Kind;
    let why = |kind, text: &str| Some(Why::new(kind, format!("{server}: {text}")));
    match error.kind() {
        Kind::ConnectionRefused => {
            let hint = "its kube-apiserver does not run, or the port is another one";
            why(WhyKind::Refused, "connection refused").map(|why| why.hint(hint))
        }
        Kind::TimedOut => {
            let text = format!("no connection within {} s", connect_limit.as_secs_f32());
            why(WhyKind::TimedOut, &text)
        }
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable => {
            why(WhyKind::Unreachable, &format!("no way there ({error})"))
        }
        Kind::ConnectionReset => why(WhyKind::Broken, "the other side reset the connection"),
        Kind::ConnectionAborted | Kind::BrokenPipe => why(WhyKind::Broken, "the connection broke"),
        Kind::UnexpectedEof => why(WhyKind::Broken, "the other side closed the connection too early"),
        _ => None,
    }
}

fn of_tls(server: &Server, error: &rustls::Error) -> Fault {
    use rustls::CertificateError as Bad;
    let (text, hint) = match error {
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => (
            "its certificate is not signed by the kubeconfig's CA".to_owned(),
            "compare certificate-authority in the kubeconfig with this cluster's CA",
        ),
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => (
            "its certificate has expired".to_owned(),
            "check the clocks, then renew the API server's certificate",
        ),
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => (
            "its certificate is not for this address".to_owned(),
            "use an address that the certificate names, or tls-server-name in the kubeconfig",
        ),
        rustls::Error::AlertReceived(alert) => (
            format!("it refused our side of TLS ({alert:?})"),
            "check the kubeconfig's client certificate: its CA and its expiry",
        ),
        other => (
            format!("TLS failed ({other})"),
            "is this an HTTPS port of an API server?",
        ),
    };
    Why::new(WhyKind::Tls, format!("{server}: {text}")).hint(hint).into()
}
