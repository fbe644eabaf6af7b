//! Certificates of a simulated cluster: one authority for Kubernetes, one for etcd, as k0s makes them. Keys never leave
//! the simulator's directory and memory. Start reading at [`HostPki::issue`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::sim::scenario::Entry;
use crate::sim::world::CERTIFICATES_END_S;

/// The time in which certificates hold, from the beginning of 2020 on, in seconds since 1970.
const HOLDS_S: (u64, u64) = (1_577_836_800, CERTIFICATES_END_S);
/// The end of one that has expired: the beginning of 2021.
const EXPIRED_S: u64 = 1_609_459_200;
const DAY_S: u64 = 86_400;
/// gRPC and HTTP/2, or HTTP/1.1.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub pem: String,
}

/// A certificate and its key, both as PEM.
pub struct Issued {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

impl Issued {
    fn chain(&self) -> io::Result<Vec<CertificateDer<'static>>> {
        let own = CertificateDer::from_pem_slice(self.cert.as_bytes()).map_err(io::Error::other)?;
        Ok(vec![own])
    }

    fn private(&self) -> io::Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(io::Error::other)
    }
}

/// Whom a certificate is for.
struct Subject<'a> {
    common_name: &'a str,
    organization: Option<&'a str>,
    names: &'a [&'a str],
    /// When it ends, in seconds since 1970.
    ends_s: u64,
}

impl<'a> Subject<'a> {
    const fn new(common_name: &'a str, names: &'a [&'a str]) -> Self {
        Self {
            common_name,
            organization: None,
            names,
            ends_s: HOLDS_S.1,
        }
    }
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        hold_until(&mut params, HOLDS_S.1);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let pem = params.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    fn issue(&self, subject: &Subject<'_>) -> io::Result<Issued> {
        let names: Vec<String> = subject.names.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject.common_name);
        if let Some(organization) = subject.organization {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        hold_until(&mut params, subject.ends_s);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let cert = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok(Issued {
            cert: cert.pem(),
            key: key.serialize_pem(),
        })
    }

    /// A server that wants a client certificate of this authority.
    fn server(&self, own: &Issued) -> io::Result<Arc<ServerConfig>> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.pem.as_bytes()).map_err(io::Error::other)?;
        roots.add(ca).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .build()
            .map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(clients)
            .with_single_cert(own.chain()?, own.private()?)
            .map_err(io::Error::other)?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}

fn hold_until(params: &mut CertificateParams, ends_s: u64) {
    let at = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    params.not_before = at(HOLDS_S.0);
    params.not_after = at(ends_s);
}

/// Both authorities of a cluster.
pub struct Authorities {
    /// Of API servers and their clients.
    pub kubernetes: Authority,
    /// Of etcd.
    pub etcd: Authority,
}

impl Authorities {
    /// New ones.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            kubernetes: Authority::new("kubernetes-ca")?,
            etcd: Authority::new("etcd-ca")?,
        })
    }

    /// A host's peer certificate: made for its address alone, as k0s makes it.
    pub fn peer(&self, address: &str, is_expired: bool) -> io::Result<Issued> {
        self.etcd.issue(&Subject {
            ends_s: if is_expired { EXPIRED_S } else { HOLDS_S.1 },
            ..Subject::new(address, &[address])
        })
    }

    /// The gateway and the Admin Console: a certificate for users, and everybody is let in. `now_s` in seconds since 1970.
    pub fn entry_server(&self, entry: &Entry, now_s: u64) -> io::Result<Arc<ServerConfig>> {
        let names: Vec<&str> = entry.certificate_names.iter().map(String::as_str).collect();
        let days = entry.certificate_days;
        self.open_server(&Subject {
            ends_s: days.map_or(HOLDS_S.1, |days| now_s + u64::from(days) * DAY_S),
            ..Subject::new(names.first().copied().unwrap_or_default(), &names)
        })
    }

    /// The services outside the cluster, at their address.
    pub fn outside_server(&self, address: &str) -> io::Result<Arc<ServerConfig>> {
        self.open_server(&Subject::new("outside", &[address]))
    }

    /// A server that lets everybody in.
    fn open_server(&self, subject: &Subject<'_>) -> io::Result<Arc<ServerConfig>> {
        let own = self.kubernetes.issue(subject)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(own.chain()?, own.private()?)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A server with a peer certificate.
    pub fn peer_server(&self, peer: &Issued) -> io::Result<Arc<ServerConfig>> {
        self.etcd.server(peer)
    }
}

/// What a controller has in its `pki` directory.
pub struct HostPki {
    /// The operator's, for `admin.conf`.
    pub admin: Issued,
    /// The API server's own, for its clients.
    pub api: Issued,
    /// The API server's, for etcd.
    pub etcd_client: Issued,
    /// etcd's, for its client port.
    pub etcd_server: Issued,
    /// etcd's, for other members.
    pub peer: Issued,
}

impl HostPki {
    /// Issues all certificates of a controller.
    pub fn issue(authorities: &Authorities, address: &str, name: &str) -> io::Result<Self> {
        let serving = [
            address,
            "127.0.0.1",
            "localhost",
            name,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let (kubernetes, etcd) = (&authorities.kubernetes, &authorities.etcd);
        Ok(Self {
            admin: kubernetes.issue(&Subject {
                organization: Some("system:masters"),
                ..Subject::new("kubernetes-admin", &[])
            })?,
            api: kubernetes.issue(&Subject::new("kubernetes", &serving))?,
            etcd_client: etcd.issue(&Subject::new("apiserver-etcd-client", &[]))?,
            etcd_server: etcd.issue(&Subject::new("etcd-server", &[address, "127.0.0.1", "localhost", name]))?,
            peer: authorities.peer(address, false)?,
        })
    }

    /// TLS of the API server.
    pub fn api_tls(&self, authorities: &Authorities) -> io::Result<Arc<ServerConfig>> {
        authorities.kubernetes.server(&self.api)
    }

    /// TLS of etcd's client port.
    pub fn etcd_tls(&self, authorities: &Authorities) -> io::Result<Arc<ServerConfig>> {
        authorities.etcd.server(&self.etcd_server)
    }
}
