//! What is missing, wrong or forbidden: each gives a clear message, and everything else still works.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::Lab;
use crate::roles;

/// How long a busy machine may take to answer in time.
const SOON: Duration = Duration::from_secs(100);
/// An ordinary user.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn feed<'a>(document: &'a Value, id: &str) -> &'a Value {
    let feeds = document["feeds"].as_array().unwrap();
    feeds
        .iter()
        .find(|feed| feed["id"] == id)
        .unwrap_or_else(|| panic!("no feed {id} in {feeds:?}"))
}

fn says(feed: &Value, words: &[&str]) {
    let text = format!("{} {}", feed["why"], feed["hint"]).to_lowercase();
    assert!(
        words.iter().all(|word| text.contains(&word.to_lowercase())),
        "{words:?} are not all in {feed}"
    );
}

/// What a broken way to the API must leave standing: etcd's own picture.
fn etcd_still_works(status: &Value) {
    assert_eq!(status["quorum"]["spare"], 1, "{}", status["quorum"]);
    assert_eq!(status["quorum"]["standing"], "held");
}

#[test]
fn a_bad_kubeconfig_is_named_and_etcd_is_read_all_the_same() {
    let lab = Lab::up(&["--zones"]);
    let file = |name: &str, text: &str| {
        let path = lab.state().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let admin = String::from_utf8(
        lab.on_host(1, &["cat", "/var/lib/embedded-cluster/k0s/pki/admin.conf"])
            .stdout,
    )
    .unwrap();
    let server = |to: &str| admin.replace("https://localhost:6443", to);
    assert_ne!(server("x"), admin, "the lab's admin.conf names another server");

    let cases: Vec<(String, Vec<&str>)> = vec![
        ("/nonexistent/kubeconfig".into(), vec!["/nonexistent/kubeconfig"]),
        (file("garbage", "{{{ not yaml"), vec!["garbage"]),
        (file("empty", ""), vec!["empty"]),
        (file("wrong-ca", &wrong_ca(&lab, &admin)), vec!["certificate", "CA"]),
    ];
    for (path, words) in cases {
        let status = lab.json(1, &["status", "--timeout", "5s", "--kubeconfig", &path]);
        says(feed(&status, "api"), &words);
        etcd_still_works(&status);
    }
    let status = lab.json(1, &["status", "--timeout", "5s", "--context", "nobody"]);
    says(feed(&status, "api"), &["nobody"]);

    let refused = file("refused", &server("https://127.0.0.1:1"));
    let status = lab.json(1, &["status", "--timeout", "5s", "--kubeconfig", &refused]);
    assert_eq!(
        feed(&status, "api")["state"],
        "live",
        "another controller's API server answers"
    );
    assert_eq!(status["api"]["preferred"], false, "{}", status["api"]);
}

/// The admin kubeconfig, trusting etcd's CA in the place of Kubernetes' own.
fn wrong_ca(lab: &Lab, admin: &str) -> String {
    let ca = lab
        .on_host(1, &["base64", "-w0", "/var/lib/embedded-cluster/k0s/pki/etcd/ca.crt"])
        .stdout;
    let ca = String::from_utf8(ca).unwrap();
    let lines = admin
        .lines()
        .map(|line| match line.split_once("certificate-authority-data:") {
            Some((indent, _)) => format!("{indent}certificate-authority-data: {ca}"),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn without_root_and_without_certificates_the_rest_still_works() {
    let lab = Lab::up(&["--zones"]);
    let status = lab.json(1, &["status", "--timeout", "5s", "--etcd-pki", "/nonexistent"]);
    says(feed(&status, "etcd.local"), &["/nonexistent"]);
    assert_eq!(feed(&status, "api")["state"], "live");
    assert_eq!(
        status["quorum"]["standing"], "held",
        "a consistent read of the API server proves quorum"
    );
    assert_eq!(status["quorum"]["spare"], Value::Null, "and nothing more than that");

    // An ordinary user with a readable kubeconfig: a laptop.
    let kubeconfig = lab.state().join("laptop.conf");
    let admin = lab
        .on_host(1, &["cat", "/var/lib/embedded-cluster/k0s/pki/admin.conf"])
        .stdout;
    fs::write(&kubeconfig, admin).unwrap();
    let look = |user: &[&str]| -> Value {
        let quorate = env!("CARGO_BIN_EXE_quorate");
        let file = kubeconfig.to_str().unwrap();
        let check = [quorate, "check", "-o", "json", "--timeout", "5s", "--kubeconfig", file];
        let output = lab.on_host(1, &[user, &check].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let began = Instant::now();
    loop {
        let (root, nobody) = (look(&[]), look(&NOBODY));
        says(feed(&nobody, "etcd.local"), &["root"]);
        assert_eq!(feed(&nobody, "api")["state"], "live");
        assert_eq!(nobody["verdict"]["level"], "unknown", "the quorum picture is missing");
        let changed = changed(&root, &nobody);
        let wanted = NEED_ROOT.map(|check| format!("{check}: cannot-tell"));
        if changed.iter().eq(&wanted) {
            break;
        }
        // A busy machine may be late with an answer, for either of them.
        assert!(began.elapsed() < SOON, "{changed:#?}");
    }
}

/// What nobody but root can tell on a controller, or without its certificates.
const NEED_ROOT: [&str; 14] = [
    "cert.expiry",
    "entry.console",
    "etcd.alarm",
    "etcd.learner",
    "etcd.member-lost",
    "etcd.spare",
    "etcd.views-differ",
    "host.clock",
    "host.control-plane",
    "members.stranger",
    "members.zombie",
    "network.etcd-client",
    "network.latency",
    "zone.three",
];

/// Which checks say something else to somebody else, and what. That feeds are missing is a finding, and no change of these.
fn changed(one: &Value, other: &Value) -> Vec<String> {
    let results = |report: &Value| -> BTreeMap<String, String> {
        let checks = report["checks"].as_array().unwrap().iter();
        let told = checks.filter(|check| check["id"] != "feeds.stale");
        told.map(|check| {
            let [id, result] = ["id", "result"].map(|field| check[field].as_str().unwrap().to_owned());
            (id, result)
        })
        .collect()
    };
    let before = results(one);
    let after = results(other).into_iter();
    let changed = after.filter(|(id, result)| before[id] != *result);
    changed.map(|(id, result)| format!("{id}: {result}")).collect()
}

#[test]
fn expired_certificates_and_missing_rights_are_said() {
    if roles::is_inside() {
        return;
    }
    let lab = Lab::up(&["--zones"]);
    lab.run(&["expire", "1", "etcd/peer"]);
    let document = lab.json(1, &["check", "--timeout", "8s"]);
    let findings = document["findings"].as_array().unwrap();
    let expired = findings.iter().find(|finding| finding["check"] == "cert.expiry");
    assert_eq!(
        expired.unwrap_or_else(|| panic!("{findings:?}"))["severity"],
        "critical"
    );
    lab.run(&["revive", "1"]);

    let admin = String::from_utf8(
        lab.on_host(1, &["cat", "/var/lib/embedded-cluster/k0s/pki/admin.conf"])
            .stdout,
    )
    .unwrap();
    let config = lab.state().join("viewer.conf");
    fs::write(&config, with_token(&admin, "not-a-token")).unwrap();
    let status = lab.json(
        1,
        &["status", "--timeout", "5s", "--kubeconfig", config.to_str().unwrap()],
    );
    says(feed(&status, "api"), &["401"]);

    roles::each_rule_is_worth_what_it_says(&lab, "access::expired_certificates_and_missing_rights_are_said");
    // Somebody who is no part of a group, but bound to the role: a service account.
    lab.run(&["kubectl", "-n", "default", "create", "serviceaccount", "viewer"]);
    let role = ["--clusterrole=quorate-viewer", "--serviceaccount=default:viewer"];
    lab.run(&[&["kubectl", "create", "clusterrolebinding", "viewer"][..], &role].concat());
    let token = lab.run(&["kubectl", "-n", "default", "create", "token", "viewer"]);
    fs::write(&config, with_token(&admin, token.trim())).unwrap();
    let document = lab.json_until(1, &["check", "--kubeconfig", config.to_str().unwrap()], |document| {
        feed(document, "kube.pods")["state"] == "live"
    });
    let feeds = document["feeds"].as_array().unwrap().iter();
    let kube = feeds.filter(|feed| feed["id"].as_str().unwrap().starts_with("kube."));
    assert!(
        kube.clone().count() > 10 && kube.clone().all(|feed| feed["state"] == "live"),
        "{document}"
    );
}

/// The admin kubeconfig with a token in the place of the client certificate.
fn with_token(admin: &str, token: &str) -> String {
    let without: Vec<&str> = admin
        .lines()
        .filter(|line| !line.trim_start().starts_with("client-key-data"))
        .collect();
    let lines = without
        .into_iter()
        .map(|line| match line.split_once("client-certificate-data:") {
            Some((indent, _)) => format!("{indent}token: {token}"),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}
