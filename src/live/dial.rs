//! One TCP and TLS connection, hop by hop, so that an error names the hop that failed or hung. Knows no protocol above TLS.
//! Start reading at [`dial`].

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::Uri;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::resolve::resolve;
use super::tls::{self, Identity};
use crate::base::{Why, WhyKind};

/// A name with more addresses than this is dialled at the first ones only.
const MAX_ADDRESSES: usize = 4;

/// Where to dial, and for whom the certificate there must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

impl Target {
    /// From `https://HOST:PORT`. Errors: Config.
    pub fn parse(url: &str) -> Result<Self, Why> {
        let wrong = |what: &str| Why::new(WhyKind::Config, format!("{url:?} {what}"));
        let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong("is not an https URL"));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().ok_or_else(|| wrong("names no port"))?;
        let name = ServerName::try_from(host.clone()).map_err(|_| wrong("names no host"))?;
        Ok(Self { host, port, name })
    }

    /// A host that is asked for by another name than the one it is dialled by. Errors: Config.
    pub fn named(host: &str, port: u16, name: &str) -> Result<Self, Why> {
        let wrong = |_| Why::new(WhyKind::Config, format!("{name:?} is not a host name"));
        Ok(Self {
            host: host.to_owned(),
            port,
            name: ServerName::try_from(name.to_owned()).map_err(wrong)?,
        })
    }

    /// For whom the certificate must be made.
    pub const fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How far we got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// Reading our own certificates.
    Files,
    /// Asking for the host's addresses.
    Lookup,
    /// TCP.
    Connect,
    /// TLS.
    Handshake,
    /// A request, by its name: `GET /members`.
    Request(&'static str),
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hop::Files => "reading our certificates",
            Hop::Lookup => "name lookup",
            Hop::Connect => "TCP connect",
            Hop::Handshake => "TLS handshake",
            Hop::Request(name) => name,
        })
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// Why it does not come from an address of our certificate although it should.
    pub unbound: Option<String>,
}

/// From which address to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialFrom {
    /// Whichever the system takes.
    Anywhere,
    /// An address of our own certificate: etcd's peer port compares the two.
    OurCertificate,
}

/// TCP to the first of a host's addresses that takes it; `each` bounds one connect.
pub async fn open_first(
    target: &Target,
    addresses: impl IntoIterator<Item = SocketAddr>,
    each: Duration,
) -> Result<TcpStream, Why> {
    let mut failure = failed(target, Hop::Lookup, WhyKind::Unreachable, "the name has no address");
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        match timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = broken(target, Hop::Connect, &error),
            Err(_) => failure = timed_out(target, Hop::Connect, each),
        }
    }
    Err(failure)
}

/// Connects, and says in `hop` how far it got: whoever sets the deadline can name the hop that hung.
pub async fn dial(target: &Target, from: DialFrom, identity: &Identity, hop: &mut Hop) -> Result<Dialled, Why> {
    *hop = Hop::Lookup;
    let addresses = resolve(target.host.as_str(), target.port)
        .await
        .map_err(|error| failed(target, *hop, WhyKind::Unreachable, error.to_string()))?;
    let mut failure = failed(target, *hop, WhyKind::Unreachable, "the name has no address");
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        *hop = Hop::Connect;
        let (socket, unbound) = match from {
            DialFrom::Anywhere => (open(address), None),
            DialFrom::OurCertificate => open_bound(address, &identity.addresses),
        };
        let connecting = async { socket?.connect(address).await };
        match connecting.await {
            Ok(tcp) => {
                // Without it a request waits for an acknowledgement; not to have it fails nothing.
                let _ = tcp.set_nodelay(true);
                return match handshake(target, identity, tcp, hop).await {
                    Ok(stream) => Ok(Dialled { stream, unbound }),
                    Err(why) => Err(unbound_too(why, unbound.as_deref())),
                };
            }
            Err(error) => failure = unbound_too(broken(target, *hop, &error), unbound.as_deref()),
        }
    }
    Err(failure)
}

/// TLS over whatever carries bytes.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    target: &Target,
    identity: &Identity,
    stream: S,
    hop: &mut Hop,
) -> Result<TlsStream<S>, Why> {
    *hop = Hop::Handshake;
    let connector = TlsConnector::from(identity.config.clone());
    let opened = connector.connect(target.name.clone(), stream).await;
    opened.map_err(|error| match broken(target, *hop, &error) {
        why if why.kind == WhyKind::Broken => refused_us(target, *hop),
        why => why,
    })
}

/// Somebody accepted our connection and closed it before the first answer. That is a live process which does not want us;
/// a connection that merely broke would read as a dead one.
pub fn refused_us(target: &Target, hop: Hop) -> Why {
    let words = "it closed the connection without a word: it refuses our certificate, or the address that we dial from";
    failed(target, hop, WhyKind::Tls, words)
        .hint("the log of etcd on that host says why: look for `rejected connection`")
}

fn open(target: SocketAddr) -> io::Result<TcpSocket> {
    if target.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }
}

/// A socket bound to the first of `own` that can reach the target, or an unbound one and why.
fn open_bound(target: SocketAddr, own: &[IpAddr]) -> (io::Result<TcpSocket>, Option<String>) {
    let fits = |ip: &&IpAddr| ip.is_ipv4() == target.is_ipv4() && ip.is_loopback() == target.ip().is_loopback();
    let Some(ip) = own.iter().find(fits) else {
        return (
            open(target),
            Some("our peer certificate names no address of that kind".into()),
        );
    };
    let bound = open(target).and_then(|socket| socket.bind(SocketAddr::new(*ip, 0)).map(|()| socket));
    match bound {
        Ok(socket) => (Ok(socket), None),
        Err(error) => {
            let because = format!("our peer certificate's address {ip} is not on this host: {error}");
            (open(target), Some(because))
        }
    }
}

/// A failure at a hop.
pub fn failed(target: &Target, hop: Hop, kind: WhyKind, words: impl AsRef<str>) -> Why {
    Why::new(kind, format!("{target}: {hop}: {}", words.as_ref()))
}

/// A deadline that ran out at a hop.
pub fn timed_out(target: &Target, hop: Hop, deadline: Duration) -> Why {
    let words = format!("no answer within {deadline:?}");
    failed(target, hop, WhyKind::TimedOut, words)
}

/// A failure at a hop, by what an I/O or HTTP library says.
pub fn broken(target: &Target, hop: Hop, error: &(dyn Error + 'static)) -> Why {
    let (kind, words) = judge(error);
    failed(target, hop, kind, words)
}

/// Adds that we did not dial from the certificate's address, which may be the very reason of a failure.
pub fn unbound_too(why: Why, unbound: Option<&str>) -> Why {
    match unbound {
        Some(because) => Why {
            text: format!(
                "{} (dialled from an address of the system's choice: {because})",
                why.text
            )
            .into(),
            ..why
        },
        None => why,
    }
}

/// Kind and words of an error, by the first thing in its chain of causes that says something definite.
fn judge(error: &(dyn Error + 'static)) -> (WhyKind, String) {
    let mut cause = Some(error);
    let mut innermost = String::new();
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<rustls::Error>() {
            return (WhyKind::Tls, tls::words(error));
        }
        if let Some(error) = current.downcast_ref::<io::Error>() {
            return judge_io(error);
        }
        if let Some(verdict) = current.downcast_ref::<hyper::Error>().and_then(judge_hyper) {
            return verdict;
        }
        innermost = current.to_string();
        cause = current.source();
    }
    (WhyKind::Broken, innermost)
}

fn judge_io(error: &io::Error) -> (WhyKind, String) {
    if let Some(inner) = error.get_ref()
        && let Some(tls) = inner.downcast_ref::<rustls::Error>()
    {
        return (WhyKind::Tls, tls::words(tls));
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (WhyKind::Refused, "refused: nothing listens there".into()),
        io::ErrorKind::HostUnreachable => (WhyKind::Unreachable, "host unreachable".into()),
        // These are said of our own host, not of the other one: they must not count as its silence.
        io::ErrorKind::NetworkUnreachable => (WhyKind::Missing, "no route from this host".into()),
        io::ErrorKind::NetworkDown => (WhyKind::Missing, "this host's network is down".into()),
        io::ErrorKind::PermissionDenied => (
            WhyKind::Denied,
            "forbidden by this host, such as its own firewall".into(),
        ),
        io::ErrorKind::AddrNotAvailable => (WhyKind::Missing, "no usable address or port on this host".into()),
        io::ErrorKind::TimedOut => (WhyKind::TimedOut, "the network gave up waiting".into()),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => (WhyKind::Broken, "the connection was closed".into()),
        // No file descriptors, no memory: what else the system says concerns us.
        _ if error.raw_os_error().is_some() => (WhyKind::Missing, format!("this host: {error}")),
        _ => (WhyKind::Broken, error.to_string()),
    }
}

/// What hyper itself says definitely; None where its cause knows better.
fn judge_hyper(error: &hyper::Error) -> Option<(WhyKind, String)> {
    if error.is_parse() {
        return Some((WhyKind::Garbage, format!("the answer is not HTTP: {error}")));
    }
    let closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    (closed && error.source().is_none())
        .then(|| (WhyKind::Broken, "the connection was closed without an answer".into()))
}

#[cfg(test)]
#[path = "dial/tests.rs"]
mod tests;
