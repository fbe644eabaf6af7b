//! What is missing, wrong or forbidden: each gives a clear message, and everything else still works.

use std::fs;

use serde_json::Value;

use crate::lab::Lab;
use crate::roles;

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
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let output = lab.on_host(
        1,
        &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            quorate,
            "check",
            "-o",
            "json",
            "--timeout",
            "5s",
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
        ],
    );
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    says(feed(&document, "etcd.local"), &["root"]);
    let checks = document["checks"].as_array().unwrap();
    let result = |id: &str| {
        checks.iter().find(|check| check["id"] == id).unwrap()["result"]
            .as_str()
            .unwrap()
    };
    assert_eq!(result("placement.web-spread"), "holds");
    assert_eq!(result("etcd.spare"), "cannot-tell");
    assert_eq!(output.status.code(), Some(3), "the quorum picture is missing");
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
