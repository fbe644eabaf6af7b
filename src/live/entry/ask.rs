//! One probe of a way in: lookup, TCP, TLS with the host name that users go to, one GET; told by hop, with whatever
//! certificate the server showed. Start reading at [`Asker::ask`].

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HOST, USER_AGENT};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::base::{Why, WhyKind};
use crate::live::dial::{Hop, Target, broken, failed, open_first, timed_out};
use crate::live::exchange;
use crate::live::host::certificates::describe;
use crate::live::resolve::resolve;
use crate::model::entry::way::{Way, bracketed};
use crate::model::entry::{Presented, Probed};

/// A certificate with more names than this is told with the first ones only.
const MAX_NAMES: usize = 64;
/// The request, by its name.
const GET: Hop = Hop::Request("GET");

/// Asks at one way in.
pub struct Asker {
    way: Way,
    tls: Arc<ClientConfig>,
    connect: Duration,
    whole: Duration,
}

impl Asker {
    /// `connect` bounds one TCP connect, `whole` all of a probe.
    pub const fn new(way: Way, tls: Arc<ClientConfig>, connect: Duration, whole: Duration) -> Self {
        Self {
            way,
            tls,
            connect,
            whole,
        }
    }

    /// Where it asks.
    pub const fn way(&self) -> &Way {
        &self.way
    }

    /// What comes of one probe. An error is this host's own: no route, or no address for the name.
    pub async fn ask(&self) -> Result<Probed, Why> {
        let target = Target::named(self.way.host.as_str(), self.way.port, self.way.name.as_str())?;
        let whole = self.whole;
        let (mut hop, mut certificate) = (Hop::Lookup, None);
        let began = Instant::now();
        let asked = timeout(whole, self.converse(&target, &mut hop, &mut certificate)).await;
        let asked = asked.unwrap_or_else(|_| Err(timed_out(&target, hop, whole)));
        match asked {
            Ok(status) => Ok(Probed {
                status: Some(status),
                took_us: u64::try_from(began.elapsed().as_micros()).ok(),
                certificate,
                why: None,
            }),
            Err(why) if is_ours(hop, why.kind) => Err(why),
            Err(why) => Ok(Probed {
                certificate,
                why: Some(why),
                ..Probed::default()
            }),
        }
    }

    async fn converse(&self, target: &Target, hop: &mut Hop, certificate: &mut Option<Presented>) -> Result<u16, Why> {
        let addresses = resolve(self.way.host.as_str(), self.way.port).await;
        let addresses =
            addresses.map_err(|error| failed(target, Hop::Lookup, WhyKind::Unreachable, error.to_string()))?;
        *hop = Hop::Connect;
        let tcp = open_first(target, addresses, self.connect).await?;
        *hop = Hop::Handshake;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(target.server_name().clone(), tcp)
            .await
            .map_err(|error| broken(target, Hop::Handshake, &error))?;
        *certificate = stream.get_ref().1.peer_certificates().and_then(presented);
        *hop = GET;
        self.get(target, stream).await
    }

    /// One GET; of the answer only the status is read.
    async fn get(&self, target: &Target, stream: TlsStream<TcpStream>) -> Result<u16, Why> {
        let host = bracketed(self.way.name.as_str());
        let host = if self.way.port == 443 {
            host
        } else {
            format!("{host}:{}", self.way.port)
        };
        let request = Request::get(self.way.path.as_str())
            .header(HOST, host)
            .header(USER_AGENT, concat!("quorate/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| failed(target, GET, WhyKind::Config, error.to_string()))?;
        let head = exchange::head(stream, request).await;
        Ok(head.map_err(|error| broken(target, GET, &error))?.status.as_u16())
    }
}

/// Whether a failure says nothing of the other side.
const fn is_ours(hop: Hop, kind: WhyKind) -> bool {
    matches!(hop, Hop::Lookup) || matches!(kind, WhyKind::Missing | WhyKind::Denied | WhyKind::Config)
}

/// What the server's own certificate says, the first of the chain.
fn presented(chain: &[CertificateDer<'_>]) -> Option<Presented> {
    let (_, x509) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    let mut read = describe(Path::new(""), &x509)?;
    read.names.truncate(MAX_NAMES);
    Some(Presented {
        subject: read.subject,
        names: read.names,
        not_after: read.not_after,
    })
}
