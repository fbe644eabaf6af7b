#![allow(clippy::unwrap_used)]

use super::*;
use crate::live::test_pki::TestCa;

#[test]
fn addresses_of_our_certificate() {
    let ca = TestCa::new();
    let peer = ca.issue(&["10.77.0.11", "nbe-1", "fd00::11"]);
    let dir = ca.controller(&peer, &peer);
    let identity = load(&dir.peer_files(), b"h2").unwrap();
    let expected: [IpAddr; 2] = ["10.77.0.11".parse().unwrap(), "fd00::11".parse().unwrap()];
    assert_eq!(identity.addresses, expected);
    assert_eq!(identity.config.alpn_protocols, [b"h2"]);
}

#[test]
fn a_missing_file_is_named() {
    let ca = TestCa::new();
    let cert = ca.issue(&["localhost"]);
    let dir = ca.controller(&cert, &cert);
    std::fs::remove_file(&dir.pki.peer_key).unwrap();
    let why = load(&dir.peer_files(), b"h2").unwrap_err();
    assert_eq!(why.kind, WhyKind::Missing);
    assert!(why.text.as_str().contains("peer.key"), "{why}");
    assert!(why.hint.is_some());
}

#[test]
fn without_rights_the_way_out_is_said() {
    let error = io::Error::from(io::ErrorKind::PermissionDenied);
    let why = unreadable(Path::new("/var/lib/k0s/pki/etcd/ca.crt"), &error);
    assert_eq!(why.kind, WhyKind::Denied);
    assert_eq!(
        why.to_string(),
        "/var/lib/k0s/pki/etcd/ca.crt may not be read (run quorate as root)"
    );
}

#[test]
fn garbage_is_named_and_never_quoted() {
    let ca = TestCa::new();
    let (ours, other) = (ca.issue(&["localhost"]), ca.issue(&["localhost"]));
    let dir = ca.controller(&ours, &ours);
    let secret = "-----BEGIN PRIVATE KEY\nsecret";
    for (path, content) in [
        (&dir.pki.ca, "no pem at all"),
        (&dir.pki.peer_cert, secret),
        (&dir.pki.peer_key, secret),
        (&dir.pki.peer_key, other.key_pem.as_str()),
    ] {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, content).unwrap();
        let why = load(&dir.peer_files(), b"h2").unwrap_err();
        assert_eq!(why.kind, WhyKind::Garbage, "{why}");
        assert!(why.text.as_str().contains(path.to_str().unwrap()), "{why}");
        assert!(!why.to_string().contains("secret"), "{why}");
        std::fs::write(path, before).unwrap();
    }
}

#[tokio::test]
async fn certificates_are_read_anew_each_time() {
    let ca = TestCa::new();
    let old = ca.issue(&["127.0.0.2"]);
    let dir = ca.controller(&old, &old);
    let mut loader = Loader::new(dir.peer_files(), b"h2");
    let before = loader.load().await.unwrap().addresses;
    let new = ca.issue(&["127.0.0.3"]);
    std::fs::write(&dir.pki.peer_cert, &new.cert_pem).unwrap();
    std::fs::write(&dir.pki.peer_key, &new.key_pem).unwrap();
    let after = loader.load().await.unwrap().addresses;
    assert_eq!(
        (before[0].to_string(), after[0].to_string()),
        ("127.0.0.2".into(), "127.0.0.3".into())
    );
}
