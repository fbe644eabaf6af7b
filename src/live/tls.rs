//! Certificates and keys from PEM files, ready for rustls, and TLS's errors in words. Knows no etcd and no Kubernetes:
//! whoever dials says which files. Keys never leave this module except inside a rustls configuration.
//! Start reading at [`Loader`].

mod any;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::task::JoinHandle;
use x509_parser::extensions::GeneralName;

pub use self::any::any_certificate;
use crate::base::{Why, WhyKind};

/// Far above any certificate bundle.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Who we trust and who we are, as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// Whose signature a server's certificate must bear.
    pub ca: PathBuf,
    /// Our certificate and what leads from it to its CA.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What the files held.
#[derive(Debug, Clone)]
pub struct Identity {
    /// For connections; offers the one protocol that was asked for.
    pub config: Arc<ClientConfig>,
    /// The IP addresses that our certificate is made for, in its order.
    pub addresses: Vec<IpAddr>,
}

/// Reads the files anew on each demand, because certificates rotate.
#[derive(Debug)]
pub struct Loader {
    files: PemFiles,
    alpn: &'static [u8],
    pending: Option<JoinHandle<Result<Identity, Why>>>,
}

impl Loader {
    /// For connections that speak `alpn` (`h2`, `http/1.1`) and nothing else.
    pub const fn new(files: PemFiles, alpn: &'static [u8]) -> Self {
        Self {
            files,
            alpn,
            pending: None,
        }
    }

    /// Reads and parses the files on a thread for blocking work. May be dropped at a deadline: a read that hangs on a dying
    /// disk is waited for again by the next call, so that not more than one thread ever hangs.
    pub async fn load(&mut self) -> Result<Identity, Why> {
        let (files, alpn) = (&self.files, self.alpn);
        let reading = self.pending.get_or_insert_with(|| {
            let files = files.clone();
            tokio::task::spawn_blocking(move || load(&files, alpn))
        });
        let read = reading.await;
        self.pending = None;
        read.unwrap_or_else(|_| Err(Why::new(WhyKind::Broken, "reading the certificates was broken off")))
    }
}

/// Reads and parses. Blocks.
///
/// Errors: Missing and Denied for files that cannot be read, Garbage for what is not PEM or does not belong together.
pub fn load(files: &PemFiles, alpn: &[u8]) -> Result<Identity, Why> {
    let mut roots = RootCertStore::empty();
    for ca in certificates(&files.ca)? {
        roots.add(ca).map_err(|_| garbage(&files.ca, "no usable certificate"))?;
    }
    let chain = certificates(&files.cert)?;
    let addresses = chain.first().map_or_else(Vec::new, ip_addresses);
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|_| garbage(&files.key, "no private key"))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Why::new(WhyKind::Tls, words(&error)))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|_| garbage(&files.key, &format!("a key that does not fit {}", files.cert.display())))?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Identity {
        config: Arc::new(config),
        addresses,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

/// Why a file of the PKI could not be read.
fn unreadable(path: &Path, error: &io::Error) -> Why {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Why::new(WhyKind::Missing, format!("{path} does not exist"))
            .hint("only controllers have etcd's certificates; --etcd-pki names their directory"),
        io::ErrorKind::PermissionDenied => {
            Why::new(WhyKind::Denied, format!("{path} may not be read")).hint("run quorate as root")
        }
        _ => Why::new(WhyKind::Missing, format!("{path} cannot be read: {error}")),
    }
}

/// The certificates in a PEM file: at least one. Blocks. Errors: as [`load`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Why> {
    // The parser's own error quotes the line that it failed at, which may be a secret.
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|_| garbage(path, "something that is not PEM"))?;
    if certificates.is_empty() {
        return Err(garbage(path, "no certificate"));
    }
    Ok(certificates)
}

fn garbage(path: &Path, holds: &str) -> Why {
    Why::new(WhyKind::Garbage, format!("{} holds {holds}", path.display()))
}

/// IP addresses among a certificate's alternative names.
fn ip_addresses(certificate: &CertificateDer<'_>) -> Vec<IpAddr> {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    names.value.general_names.iter().filter_map(ip_address).collect()
}

fn ip_address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else {
        return None;
    };
    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()
}

/// The end of a server's own certificate, the first of the chain.
pub fn end_of(chain: &[CertificateDer<'_>]) -> Option<Timestamp> {
    let (_, x509) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    Timestamp::from_second(x509.validity().not_after.timestamp()).ok()
}

/// What went wrong, from our side: "its" is the server's.
pub fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(reason) => certificate_words(reason),
        rustls::Error::AlertReceived(alert) => alert_words(*alert),
        rustls::Error::NoApplicationProtocol => "it does not speak the protocol that we need".into(),
        rustls::Error::InvalidMessage(_) => "what came back is not TLS".into(),
        other => other.to_string(),
    }
}

fn certificate_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired => "its certificate has expired".into(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired at {}", moment(*not_after))
        }
        CertificateError::NotValidYet => "its certificate is not valid yet: compare the clocks".into(),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate is not valid before {}: compare the clocks",
            moment(*not_before)
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by the CA that we trust".into()
        }
        CertificateError::NotValidForName => "its certificate is made for another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not made for {} but for {}",
            expected.to_str(),
            if presented.is_empty() {
                "no name at all".into()
            } else {
                presented.join(", ")
            }
        ),
        other => format!("its certificate is not acceptable: {other}"),
    }
}

fn moment(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an unknown time".into(), |at| at.to_string())
}

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it does not trust the CA of our certificate".into(),
        AlertDescription::CertificateExpired => "it says that our certificate has expired".into(),
        AlertDescription::CertificateRequired => "it wants a certificate and got none".into(),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => format!("it refuses our certificate ({alert:?})"),
        AlertDescription::NoApplicationProtocol => "it does not speak the protocol that we need".into(),
        other => format!("it broke off with the TLS alert {other:?}"),
    }
}

#[cfg(test)]
#[path = "tls/tests.rs"]
mod tests;
