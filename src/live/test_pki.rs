//! Certificates for tests: an authority that signs, and servers and clients that use what it signed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::etcd::EtcdPki;
use super::tls::PemFiles;

/// An authority.
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key.
pub struct TestCert {
    pub cert_pem: String,
    pub key_pem: String,
}

impl TestCa {
    pub fn new() -> Self {
        Self::named("etcd-ca")
    }

    /// One that may be told from others by its name alone.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// For the given names and addresses.
    pub fn issue(&self, names: &[&str]) -> TestCert {
        self.issue_until(names, 2100)
    }

    /// The same, valid until the beginning of a year.
    pub fn issue_until(&self, names: &[&str], year: i32) -> TestCert {
        let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        TestCert {
            cert_pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// A server that wants clients signed by this authority, as etcd does.
    pub fn server(&self, cert: &TestCert, alpn: &[u8]) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(cert.cert_pem.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(cert.key_pem.as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }

    /// A server that lets everybody in, as a web server does.
    pub fn open_server(cert: &TestCert) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(cert.cert_pem.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(cert.key_pem.as_bytes()).unwrap(),
            )
            .unwrap();
        Arc::new(config)
    }

    /// Files as on a controller, in a directory of their own.
    pub fn controller(&self, client: &TestCert, peer: &TestCert) -> TestDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| -> PathBuf {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let pki = EtcdPki {
            ca: write("ca.crt", &self.pem),
            client_cert: write("client.crt", &client.cert_pem),
            client_key: write("client.key", &client.key_pem),
            peer_cert: write("peer.crt", &peer.cert_pem),
            peer_key: write("peer.key", &peer.key_pem),
        };
        TestDir { _dir: dir, pki }
    }
}

/// Files that are deleted in the end.
pub struct TestDir {
    _dir: tempfile::TempDir,
    pub pki: EtcdPki,
}

impl TestDir {
    pub fn peer_files(&self) -> PemFiles {
        self.pki.peer_files()
    }
}
