//! Passwords and CAs for the external services, read anew each time because they rotate. A [`Secret`] is wiped when it is
//! dropped, and prints as nothing. Start reading at [`Keyring::load`].

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::base::{Why, WhyKind};
use crate::live::kube::Changes;
use crate::live::tls;
use crate::model::product::SecretRef;

/// No password is longer.
const MAX_BYTES: u64 = 4096;

/// A password or key.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes it over.
    pub fn new(word: String) -> Self {
        Self(Zeroizing::new(word))
    }

    /// The secret itself, for whoever sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum SecretFrom {
    /// There is none.
    Nowhere,
    /// In a file that holds nothing else, but for a line break at its end.
    File(PathBuf),
    /// Here, from the environment.
    Given(Secret),
}

/// What is needed to ask.
#[derive(Debug, Clone)]
pub struct Keys {
    /// None where no TLS is wanted.
    pub tls: Option<Arc<ClientConfig>>,
    /// The password or key.
    pub secret: Option<Secret>,
}

/// Where they are.
#[derive(Debug)]
pub struct Keyring {
    ca: Option<PathBuf>,
    with_tls: bool,
    secret: SecretFrom,
    pending: Option<JoinHandle<Result<Keys, Why>>>,
}

impl Keyring {
    /// `ca` None: the CAs that this host trusts.
    pub const fn new(ca: Option<PathBuf>, with_tls: bool, secret: SecretFrom) -> Self {
        Self {
            ca,
            with_tls,
            secret,
            pending: None,
        }
    }

    /// From now on this is the secret.
    pub fn give(&mut self, secret: Secret) {
        self.secret = SecretFrom::Given(secret);
    }

    /// Reads them on a thread for blocking work. May be dropped at a deadline: a read that hangs is waited for again by the
    /// next call, so that not more than one thread ever hangs.
    pub async fn load(&mut self) -> Result<Keys, Why> {
        let reading = self.pending.get_or_insert_with(|| {
            let (ca, with_tls, secret) = (self.ca.clone(), self.with_tls, self.secret.clone());
            tokio::task::spawn_blocking(move || {
                Ok(Keys {
                    tls: if with_tls { Some(trust(ca.as_deref())?) } else { None },
                    secret: read(&secret)?,
                })
            })
        });
        let read = reading.await;
        self.pending = None;
        read.unwrap_or_else(|_| Err(Why::new(WhyKind::Broken, "reading passwords was broken off")))
    }
}

/// A word of a Secret, read through the API server in use.
pub async fn of_cluster(own: &SecretRef, cluster: &Changes) -> Result<Secret, Why> {
    let path = format!("/api/v1/namespaces/{}/secrets/{}", own.namespace, own.name);
    let hint = "external.read_secrets = true asks for it; otherwise set where the service is, and its password file";
    let secret = cluster.read(&path).await.map_err(|why| why.hint(hint))?;
    word_of(own, &secret)
}

fn word_of(own: &SecretRef, secret: &Value) -> Result<Secret, Why> {
    let SecretRef { namespace, name, key } = own;
    let wrong = |words: &str| Why::new(WhyKind::Config, format!("Secret {namespace}/{name}, {key}: {words}"));
    let word = secret.get("data").and_then(|data| data.get(key.as_str()));
    let word = word.and_then(Value::as_str).ok_or_else(|| wrong("it is not there"))?;
    let bytes = BASE64_STANDARD.decode(word).map_err(|_| wrong("it is no base64"))?;
    let word = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))?;
    Ok(Secret::new(word))
}

fn read(from: &SecretFrom) -> Result<Option<Secret>, Why> {
    match from {
        SecretFrom::Nowhere => Ok(None),
        SecretFrom::Given(secret) => Ok(Some(secret.clone())),
        SecretFrom::File(path) => read_file(path).map(Some),
    }
}

fn read_file(path: &Path) -> Result<Secret, Why> {
    let shown = path.display();
    // With room from the beginning: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read.map_err(|error| (error.kind(), error)) {
        Err((io::ErrorKind::NotFound, _)) => {
            return Err(Why::new(
                WhyKind::Missing,
                format!("the password file {shown} does not exist"),
            ));
        }
        Err((io::ErrorKind::PermissionDenied, _)) => {
            let why = Why::new(WhyKind::Denied, format!("the password file {shown} may not be read"));
            return Err(why.hint("run quorate as a user who may"));
        }
        Err((_, error)) => {
            return Err(Why::new(
                WhyKind::Missing,
                format!("the password file {shown} cannot be read: {error}"),
            ));
        }
        Ok(length) if u64::try_from(length).is_ok_and(|length| length > MAX_BYTES) => {
            return Err(Why::new(
                WhyKind::Config,
                format!("the password file {shown} is larger than 4 KiB"),
            ));
        }
        Ok(_) => {}
    }
    match std::str::from_utf8(&bytes).map(|word| word.trim_end_matches(['\r', '\n'])) {
        Ok("") => Err(Why::new(WhyKind::Config, format!("the password file {shown} is empty"))),
        Ok(word) => Ok(Secret::new(word.to_owned())),
        Err(_) => Err(Why::new(
            WhyKind::Config,
            format!("the password file {shown} is not UTF-8 text"),
        )),
    }
}

/// TLS that trusts one CA, or those that this host trusts. Blocks.
pub fn trust(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Why> {
    let certificates = match ca {
        Some(path) => tls::certificates(path).map_err(|why| why.hint("external.ca_file names it"))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let why = Why::new(WhyKind::Missing, "there is no CA that this host trusts");
        return Err(why.hint("set external.ca_file"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Why::new(WhyKind::Tls, tls::words(&error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_secret_is_taken_as_it_is_and_never_shown() {
        let own = SecretRef {
            namespace: "kotsadm".into(),
            name: "db".into(),
            key: "password".into(),
        };
        let of = |data: Value| word_of(&own, &serde_json::json!({ "data": data }));
        let secret = of(serde_json::json!({"password": "aHVudGVyMg=="})).unwrap();
        assert_eq!(
            (secret.reveal(), format!("{secret:?}").as_str()),
            ("hunter2", "[redacted]")
        );
        for (data, words) in [
            (serde_json::json!({"other": "aHVudGVyMg=="}), "it is not there"),
            (serde_json::json!({"password": "hunter2!"}), "it is no base64"),
            (serde_json::json!({"password": "/w=="}), "it is not UTF-8 text"),
        ] {
            let why = of(data).unwrap_err().text.to_string();
            assert_eq!(why, format!("Secret kotsadm/db, password: {words}"));
        }
    }

    #[test]
    fn a_secret_is_printed_by_nothing() {
        let keys = Keys {
            tls: None,
            secret: Some(Secret::new("hunter2".to_owned())),
        };
        let from = SecretFrom::Given(Secret::new("hunter2".to_owned()));
        let ring = Keyring::new(None, false, from.clone());
        let shown = format!("{keys:?} {from:?} {ring:?}");
        assert!(shown.contains("[redacted]") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_password_file_holds_a_password_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let load = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read_file(&path)
        };
        assert_eq!(load(b"a b\n").unwrap().reveal(), "a b");
        for wrong in [&b"\n"[..], b"\xff", &[b'x'; 5000]] {
            assert_eq!(load(wrong).unwrap_err().kind, WhyKind::Config);
        }
        assert_eq!(
            read_file(&folder.path().join("none")).unwrap_err().kind,
            WhyKind::Missing
        );
    }
}
