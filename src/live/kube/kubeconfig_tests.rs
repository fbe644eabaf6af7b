//! Files as operators leave them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::KubeSource;
use super::kubeconfig::{Access, Reader};
use crate::base::{Why, WhyKind};

const GOOD: &str = "current-context: admin\ncontexts: [{name: admin, context: {cluster: c, user: u}}]\n\
                    clusters: [{name: c, cluster: {server: 'https://10.77.0.11:6443'}}]\n";

fn written(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn explicit(path: &Path) -> KubeSource {
    KubeSource {
        kubeconfig: Some(path.to_owned()),
        ..KubeSource::default()
    }
}

async fn load(source: &KubeSource) -> Result<Access, Why> {
    Reader::default().load(source).await
}

async fn refused(source: &KubeSource) -> Why {
    match load(source).await {
        Err(why) => why,
        Ok(access) => Why::new(WhyKind::NotYet, format!("it was accepted: {}", access.preferred)),
    }
}

#[tokio::test]
async fn an_explicit_file_has_no_substitute() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = explicit(&directory.path().join("none"));
    source.candidates = vec![written(&directory, "good", GOOD)];
    let why = refused(&source).await;
    assert_eq!(why.kind, WhyKind::Missing, "{why}");
    assert!(why.hint.is_some());
}

#[tokio::test]
async fn garbage_names_the_line_and_quotes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(
        &directory,
        "config",
        "clusters: []\nusers:\n- name: u\n  user: [s3cret\n",
    );
    let why = refused(&explicit(&path)).await;
    assert_eq!(why.kind, WhyKind::Config);
    let shown = why.to_string();
    assert!(shown.contains("line ") && !shown.contains("s3cret"), "{shown}");

    for text in ["s3cret", "[1, 2]", "clusters: 7", "\u{0}\u{1}"] {
        let why = refused(&explicit(&written(&directory, "odd", text))).await;
        assert_eq!(why.kind, WhyKind::Config, "{text:?}: {why}");
        assert!(!why.to_string().contains("s3cret"), "{why}");
    }
    std::fs::write(directory.path().join("binary"), [0xFF, 0xC0, 0x00]).unwrap();
    assert_eq!(
        refused(&explicit(&directory.path().join("binary"))).await.kind,
        WhyKind::Config
    );
    assert_eq!(
        refused(&explicit(directory.path())).await.kind,
        WhyKind::Config,
        "a directory"
    );
}

#[tokio::test]
async fn an_unknown_context_names_those_that_exist() {
    let directory = tempfile::tempdir().unwrap();
    let mut source = explicit(&written(&directory, "config", GOOD));
    source.context = Some("prod".to_owned());
    let why = refused(&source).await;
    assert_eq!(
        (why.kind, why.hint.unwrap().as_str()),
        (WhyKind::Config, "it has: admin")
    );

    let no_context = GOOD.replace("current-context: admin\n", "");
    let why = refused(&explicit(&written(&directory, "config", &no_context))).await;
    assert!(why.hint.unwrap().as_str().contains("--context"));
}

#[tokio::test]
async fn unusable_parts_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        (GOOD.replace("https://10.77.0.11:6443", "/etc/passwd"), "server"),
        (GOOD.replace("https://10.77.0.11:6443", ""), "server"),
        (
            GOOD.replace("6443'", "6443', certificate-authority: missing.crt"),
            "certificate authority",
        ),
        (
            GOOD.replace("6443'", "6443', proxy-url: 'socks5://127.0.0.1:1'"),
            "proxy-url",
        ),
        (GOOD.replace("cluster: c,", "cluster: d,"), "\"d\""),
    ];
    for (text, part) in cases {
        let why = refused(&explicit(&written(&directory, "config", &text))).await;
        assert_eq!(why.kind, WhyKind::Config, "{text}");
        assert!(why.text.as_str().contains(part), "{why}");
    }
}

#[tokio::test]
async fn files_of_kubeconfig_are_merged_and_the_first_wins() {
    let directory = tempfile::tempdir().unwrap();
    let other = GOOD.replace("10.77.0.11", "10.77.0.12").replace("admin", "other");
    let source = KubeSource {
        merged: vec![
            directory.path().join("none"),
            written(&directory, "context", "current-context: other\n"),
            written(&directory, "second", GOOD),
            written(&directory, "third", &other),
        ],
        candidates: vec![directory.path().join("unused")],
        ..KubeSource::default()
    };
    let access = load(&source).await.ok().unwrap();
    // The context is the third file's; its cluster `c` is the second's, who named it first.
    assert_eq!(access.preferred.to_string(), "https://10.77.0.11:6443");
    let only_missing = KubeSource {
        merged: vec![directory.path().join("none")],
        ..KubeSource::default()
    };
    assert_eq!(refused(&only_missing).await.kind, WhyKind::Missing);
}

#[tokio::test]
async fn where_no_file_of_kubeconfig_exists_the_usual_places_follow() {
    let directory = tempfile::tempdir().unwrap();
    let source = KubeSource {
        merged: vec![directory.path().join("none")],
        candidates: vec![written(&directory, "good", GOOD)],
        ..KubeSource::default()
    };
    assert!(load(&source).await.ok().unwrap().origin.ends_with("good"));
    let broken = KubeSource {
        merged: vec![written(&directory, "broken", "clusters: 7")],
        ..source
    };
    assert_eq!(refused(&broken).await.kind, WhyKind::Config, "what is there counts");
}

#[tokio::test]
async fn the_first_readable_candidate_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let source = KubeSource {
        candidates: vec![directory.path().join("none"), written(&directory, "good", GOOD)],
        ..KubeSource::default()
    };
    assert_eq!(
        load(&source).await.ok().unwrap().preferred.to_string(),
        "https://10.77.0.11:6443"
    );
    let why = refused(&KubeSource::default()).await;
    assert_eq!(why.kind, WhyKind::Missing);
}

#[tokio::test]
async fn secrets_stay_where_a_certificate_proves_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let token = "users: [{name: u, user: {token: t}}]\n";
    let insecure = GOOD.replace("6443'", "6443', insecure-skip-tls-verify: true");
    let cases = [
        (format!("{GOOD}{token}"), true),
        (format!("{insecure}{token}"), false),
        (insecure, true),
        (format!("{}{token}", GOOD.replace("https", "http")), false),
    ];
    for (text, expected) in cases {
        let access = load(&explicit(&written(&directory, "config", &text)))
            .await
            .ok()
            .unwrap();
        assert_eq!(access.may_roam(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(&directory, "config", GOOD);
    let access = load(&explicit(&path)).await.ok().unwrap();
    assert!(!access.has_changed().await);
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert!(access.has_changed().await);
    std::fs::remove_file(&path).unwrap();
    assert!(!access.has_changed().await, "what it said may still work");
}

#[tokio::test]
async fn a_changed_key_or_token_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let user = "users: [{name: u, user: {client-certificate: crt, client-key: key, tokenFile: token}}]\n";
    let source = explicit(&written(&directory, "config", &format!("{GOOD}{user}")));
    for name in ["crt", "key", "token"] {
        written(&directory, name, "");
    }
    for name in ["crt", "key", "token"] {
        let access = load(&source).await.ok().unwrap();
        assert!(!access.has_changed().await);
        let file = std::fs::File::options().write(true).open(directory.path().join(name));
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        file.unwrap().set_modified(earlier).unwrap();
        assert!(access.has_changed().await, "{name}");
    }
}

#[tokio::test]
async fn a_client_certificates_end_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.not_after = rcgen::date_time_ymd(2021, 3, 4);
    params.not_before = rcgen::date_time_ymd(2020, 3, 4);
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    written(&directory, "client.crt", &certificate.pem());
    let user = "users: [{name: u, user: {client-certificate: client.crt, client-key: client.key}}]\n";
    let access = load(&explicit(&written(&directory, "config", &format!("{GOOD}{user}"))))
        .await
        .ok()
        .unwrap();
    assert_eq!(access.identity_expiry.unwrap().to_string(), "2021-03-04T00:00:00Z");
    let why = super::explain(Why::new(WhyKind::Unauthenticated, "401"), &access);
    assert!(why.hint.unwrap().as_str().contains("expired on 2021-03-04T00:00:00Z"));
}

const TWO: &str = "current-context: admin\ncontexts: [{name: admin, context: {cluster: c, user: u}}]\n\
                   clusters: [{name: c, cluster: {server: 'https://10.77.0.11:6443'}}, \
                   {name: d, cluster: {server: 'https://10.77.0.12:6443'}}]\n\
                   users: [{name: u, user: {username: ada}}, {name: v, user: {username: bo}}]\n";

#[tokio::test]
async fn cluster_user_and_whom_to_act_as_go_before_the_context() {
    let directory = tempfile::tempdir().unwrap();
    let source = KubeSource {
        cluster: Some("d".into()),
        user: Some("v".into()),
        act_as: Some("eve".into()),
        act_as_groups: Some(vec!["quorate:viewer".into()]),
        request_timeout: Some(std::time::Duration::from_secs(30)),
        ..explicit(&written(&directory, "config", TWO))
    };
    let access = load(&source).await.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(access.preferred.to_string(), "https://10.77.0.12:6443");
    let user = &access.config.auth_info;
    assert_eq!(user.username.as_deref(), Some("bo"));
    assert_eq!(user.impersonate.as_deref(), Some("eve"));
    assert_eq!(
        user.impersonate_groups.as_deref(),
        Some(&["quorate:viewer".to_owned()][..])
    );
    assert_eq!(
        (access.deadlines.list.as_secs(), access.deadlines.change.as_secs()),
        (30, 30)
    );
}

#[tokio::test]
async fn a_cluster_or_a_user_that_is_not_there_is_named_with_those_that_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(&directory, "config", TWO);
    let user = KubeSource {
        user: Some("w".into()),
        ..explicit(&path)
    };
    let cluster = KubeSource {
        cluster: Some("e".into()),
        ..explicit(&path)
    };
    for (source, words) in [
        (user, "no user \"w\" (it has: u, v)"),
        (cluster, "no cluster \"e\" (it has: c, d)"),
    ] {
        let why = refused(&source).await;
        assert_eq!(why.kind, WhyKind::Config, "{why}");
        assert!(why.to_string().contains(words), "{why}");
    }
}
