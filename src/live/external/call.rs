//! One server asked once, under one deadline: the connection hop by hop, with a bound on what it may send. Knows no service.
//! Start reading at [`ask`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::keys::Keys;
use crate::base::{Why, WhyKind};
use crate::live::dial::{Hop, Target, broken, failed, open_first, timed_out};
use crate::live::resolve::resolve;
use crate::live::tls::end_of;
use crate::model::external::site::Place;
use crate::model::external::{Secured, Server};

/// One TCP connect.
const CONNECT: Duration = Duration::from_millis(1500);
/// No server has more to say.
const MAX_BYTES: usize = 1 << 20;

/// A service that can be asked.
pub trait Ask: Sync {
    /// What it tells.
    type Told: Send;

    /// Asks over a connection of its own.
    fn ask(&self, call: &mut Call<'_>) -> impl Future<Output = Result<Self::Told, Why>> + Send;
}

/// Asks one server.
pub async fn ask<A: Ask>(place: &Place, service: &A, keys: &Keys, whole: Duration) -> Server<A::Told> {
    let server = |secured, addresses, answer| Server {
        target: place.to_string().into(),
        secured,
        addresses,
        answer,
    };
    let target = match Target::named(place.host.as_str(), place.port, place.host.as_str()) {
        Ok(target) => target,
        Err(why) => return server(Secured::Unknown, Vec::new(), Err(why)),
    };
    let mut call = Call {
        place,
        target,
        keys,
        hop: Hop::Lookup,
        addresses: Vec::new(),
        secured: Secured::Unknown,
    };
    let answer = timeout(whole, service.ask(&mut call)).await;
    let answer = answer.unwrap_or_else(|_| Err(timed_out(&call.target, call.hop, whole)));
    server(call.secured, call.addresses, answer)
}

/// How far the asking got.
pub struct Call<'a> {
    place: &'a Place,
    target: Target,
    /// What is needed to ask.
    pub keys: &'a Keys,
    /// What happens now.
    pub hop: Hop,
    /// What the server's name stood for, once it was looked up.
    addresses: Vec<IpAddr>,
    secured: Secured,
}

/// Whatever carries bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Call<'_> {
    /// TCP to the first address that takes it.
    pub async fn open(&mut self) -> Result<Bounded, Why> {
        self.hop = Hop::Lookup;
        let found = resolve(self.place.host.as_str(), self.place.port).await;
        let addresses = found.map_err(|error| self.failed(WhyKind::Unreachable, error.to_string()))?;
        self.addresses = addresses.iter().map(SocketAddr::ip).collect();
        self.hop = Hop::Connect;
        let tcp = open_first(&self.target, addresses, CONNECT).await?;
        Ok(Bounded { tcp, left: MAX_BYTES })
    }

    /// An open connection, with TLS or without.
    pub async fn connect(&mut self, is_plain: bool) -> Result<Box<dyn Stream>, Why> {
        let stream = self.open().await?;
        if is_plain {
            return Ok(self.plainly(stream));
        }
        self.handshake(stream).await
    }

    /// Goes on without TLS.
    pub fn plainly(&mut self, stream: Bounded) -> Box<dyn Stream> {
        self.secured = Secured::Plain;
        Box::new(stream)
    }

    /// Goes on with TLS. Nothing is sent to a server whose certificate is not accepted.
    pub async fn handshake(&mut self, stream: Bounded) -> Result<Box<dyn Stream>, Why> {
        self.hop = Hop::Handshake;
        let Some(config) = &self.keys.tls else {
            return Err(self.failed(WhyKind::Config, "TLS was not prepared"));
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(self.target.server_name().clone(), stream).await;
        let stream = stream.map_err(|error| self.broken(&error))?;
        if let Some(not_after) = stream.get_ref().1.peer_certificates().and_then(end_of) {
            self.secured = Secured::Tls { not_after };
        }
        Ok(Box::new(stream))
    }

    /// A failure of what happens now.
    pub fn failed(&self, kind: WhyKind, words: impl AsRef<str>) -> Why {
        failed(&self.target, self.hop, kind, words)
    }

    /// A failure of what happens now, by what a library says.
    pub fn broken(&self, error: &(dyn std::error::Error + 'static)) -> Why {
        broken(&self.target, self.hop, error)
    }
}

/// A connection that ends when the other side has sent more than [`MAX_BYTES`]: what libraries gather of it is bounded.
pub struct Bounded {
    tcp: TcpStream,
    left: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("it sends far more than an answer")));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buf);
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
