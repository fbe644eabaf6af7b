//! Certificates: k0s's own and etcd's below `pki`, and the client certificate inside admin.conf. Keys are not read, but
//! for the one that shares a file with that client certificate, and it is not kept. Start reading at [`read`].

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde::Deserialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::{Reading, files};
use crate::base::{Text, Why, WhyKind};
use crate::live::layout::Layout;
use crate::model::host::Certificate;
use crate::port::HostFact;

/// Reads them all. The readable ones are facts even where others are not.
pub fn read(layout: &Layout) -> Reading {
    let pki = layout.k0s_dir.join("pki");
    let mut found = Vec::new();
    let mut failed = Vec::new();
    let mut paths = BTreeSet::from([
        layout.etcd_pki.ca.clone(),
        layout.etcd_pki.client_cert.clone(),
        layout.etcd_pki.peer_cert.clone(),
    ]);
    for dir in [&pki, &pki.join("etcd")] {
        match list(dir) {
            Ok(listed) => paths.extend(listed),
            Err(why) => failed.push(why),
        }
    }
    for path in &paths {
        let read = files::read(path).and_then(|bytes| parse_pem(path, &bytes));
        read.map_or_else(|why| failed.push(why), |read| found.extend(read));
    }
    read_admin_conf(&pki.join("admin.conf")).map_or_else(|why| failed.push(why), |read| found.extend(read));
    judge(found, failed)
}

fn judge(found: Vec<Certificate>, failed: Vec<Why>) -> Reading {
    let others = failed.len().saturating_sub(1);
    let Some(first) = failed.into_iter().next() else {
        return Reading::Fact(HostFact::Certificates(found));
    };
    if found.is_empty() {
        return Reading::Failed(first);
    }
    let why = match others {
        0 => first,
        _ => Why {
            text: format!("{} (and {others} more)", first.text).into(),
            ..first
        },
    };
    Reading::Partial(HostFact::Certificates(found), why)
}

/// The `.crt` files of a directory.
fn list(dir: &Path) -> Result<Vec<PathBuf>, Why> {
    let entries = std::fs::read_dir(dir).map_err(|err| files::io_why(dir, &err))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "crt"))
        .collect())
}

fn read_admin_conf(path: &Path) -> Result<Vec<Certificate>, Why> {
    let text = files::read_text(path)?;
    let mut found = Vec::new();
    for pem in client_certificates(&text).map_err(|why| files::about(path, why))? {
        found.extend(parse_pem(path, &pem)?);
    }
    Ok(found)
}

/// The client certificates of a kubeconfig, decoded. Nothing else of it is kept.
fn client_certificates(kubeconfig: &str) -> Result<Vec<Vec<u8>>, Why> {
    #[derive(Default, Deserialize)]
    struct Kubeconfig {
        #[serde(default)]
        users: Vec<NamedUser>,
    }
    #[derive(Deserialize)]
    struct NamedUser {
        #[serde(default)]
        user: Option<User>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct User {
        client_certificate_data: Option<ByteString>,
    }
    let users = files::parse_yaml::<Kubeconfig>(kubeconfig)?.users;
    let certificates = users
        .into_iter()
        .filter_map(|named| named.user?.client_certificate_data);
    Ok(certificates.map(|bytes| bytes.0).collect())
}

/// The certificates of a PEM file: one, or a chain. `path` is only named.
fn parse_pem(path: &Path, bytes: &[u8]) -> Result<Vec<Certificate>, Why> {
    let garbage = || {
        Why::new(
            WhyKind::Garbage,
            format!("{} is not a certificate in PEM form", path.display()),
        )
    };
    let mut found = Vec::new();
    for pem in Pem::iter_from_buffer(bytes) {
        let pem = pem.map_err(|_| garbage())?;
        if pem.label == "CERTIFICATE" {
            let x509 = pem.parse_x509().map_err(|_| garbage())?;
            found.push(describe(path, &x509).ok_or_else(garbage)?);
        }
    }
    if found.is_empty() { Err(garbage()) } else { Ok(found) }
}

/// What a certificate says. None where it cannot be said.
pub(in crate::live) fn describe(path: &Path, x509: &X509Certificate<'_>) -> Option<Certificate> {
    let names = x509.subject_alternative_name().ok()?;
    Some(Certificate {
        path: path.to_string_lossy().as_ref().into(),
        subject: x509.subject().to_string().into(),
        not_after: Timestamp::from_second(x509.validity().not_after.timestamp()).ok()?,
        names: names.map_or(Vec::new(), |names| {
            names.value.general_names.iter().filter_map(name).collect()
        }),
    })
}

/// DNS names and addresses; a TLS peer looks at nothing else.
fn name(name: &GeneralName<'_>) -> Option<Text> {
    match name {
        GeneralName::DNSName(dns) => Some(Text::new(dns)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(Text::from(address.to_string()))
        }
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::live::layout::{Overrides, discover};
    use proptest::prelude::*;

    /// A certificate for a name and an address that ends at the beginning of 2031.
    fn certificate(subject: &str) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["nbe-1".to_owned(), "10.77.0.11".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn admin_conf(pem: &str) -> String {
        let data = serde_json::to_string(&ByteString(pem.as_bytes().to_vec())).unwrap();
        format!(
            "apiVersion: v1\nusers:\n- name: u\n  user:\n    client-certificate-data: {data}\n    client-key-data: aHVudGVyMg==\n"
        )
    }

    /// A complete layout, all by one made certificate.
    fn layout() -> (tempfile::TempDir, Layout) {
        let root = tempfile::tempdir().unwrap();
        let layout = discover(&Overrides::default(), root.path(), &BTreeMap::new());
        let pki = layout.k0s_dir.join("pki");
        std::fs::create_dir_all(pki.join("etcd")).unwrap();
        let pem = certificate("made");
        for file in ["ca.crt", "apiserver-etcd-client.crt", "etcd/ca.crt", "etcd/peer.crt"] {
            std::fs::write(pki.join(file), &pem).unwrap();
        }
        std::fs::write(pki.join("ca.key"), "not to be read").unwrap();
        std::fs::write(pki.join("admin.conf"), admin_conf(&certificate("admin"))).unwrap();
        (root, layout)
    }

    #[test]
    fn every_certificate_is_found_once_with_its_end_and_names() {
        let (_root, layout) = layout();
        let Reading::Fact(HostFact::Certificates(found)) = read(&layout) else {
            panic!("not complete")
        };
        let file = |certificate: &Certificate| certificate.path.as_str().rsplit_once("pki/").unwrap().1.to_owned();
        let files: Vec<_> = found.iter().map(file).collect();
        assert_eq!(
            files,
            [
                "apiserver-etcd-client.crt",
                "ca.crt",
                "etcd/ca.crt",
                "etcd/peer.crt",
                "admin.conf"
            ]
        );
        assert_eq!(found[0].not_after.to_string(), "2031-01-01T00:00:00Z");
        assert_eq!(found[0].names, ["nbe-1", "10.77.0.11"]);
        assert_eq!(
            (found[0].subject.as_str(), found[4].subject.as_str()),
            ("CN=made", "CN=admin")
        );
    }

    #[test]
    fn an_unreadable_file_is_told_and_the_others_still_count() {
        let (_root, layout) = layout();
        std::fs::write(&layout.etcd_pki.peer_cert, "junk").unwrap();
        std::fs::remove_file(layout.k0s_dir.join("pki/admin.conf")).unwrap();
        let Reading::Partial(HostFact::Certificates(found), why) = read(&layout) else {
            panic!("not partial")
        };
        assert_eq!((found.len(), why.kind), (3, WhyKind::Garbage));
        assert!(
            why.text
                .as_str()
                .ends_with("peer.crt is not a certificate in PEM form (and 1 more)"),
            "{why}"
        );
    }

    #[test]
    fn without_any_it_failed() {
        let root = tempfile::tempdir().unwrap();
        let layout = discover(&Overrides::default(), root.path(), &BTreeMap::new());
        assert!(matches!(read(&layout), Reading::Failed(why) if why.kind == WhyKind::Missing));
    }

    #[test]
    fn a_chain_counts_in_full_and_keys_do_not() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let chain = format!("{}{key}{}", certificate("a"), certificate("b"));
        let found = parse_pem(Path::new("x"), chain.as_bytes()).unwrap();
        assert_eq!(
            found.iter().map(|c| c.subject.as_str()).collect::<Vec<_>>(),
            ["CN=a", "CN=b"]
        );
        assert!(parse_pem(Path::new("x"), key.as_bytes()).is_err());
    }

    #[test]
    fn hostile_subjects_are_cleaned() {
        let found = parse_pem(Path::new("x"), certificate("a\u{1b}[31m\u{202e}b").as_bytes()).unwrap();
        assert!(found[0].subject.as_str().chars().all(crate::base::text::is_plain));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = parse_pem(Path::new("x"), &bytes);
            let wrapped = [b"-----BEGIN CERTIFICATE-----\n".as_slice(), &bytes, b"\n-----END CERTIFICATE-----\n"].concat();
            let _ = parse_pem(Path::new("x"), &wrapped);
            let _ = client_certificates(&text);
        }

        #[test]
        fn no_damaged_certificate_makes_it_panic(at in 0usize..400, byte in any::<u8>()) {
            let mut der = rcgen::generate_simple_self_signed(vec!["x".into()]).unwrap().cert.der().to_vec();
            let at = at % der.len();
            der[at] = byte;
            if let Ok((_, x509)) = x509_parser::parse_x509_certificate(&der) {
                let _ = describe(Path::new("x"), &x509);
            }
        }
    }
}
