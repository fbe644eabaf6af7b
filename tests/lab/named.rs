//! Services outside whose place only the NetBoxEnterprise says: they are asked there, and with the password that it names only
//! where that is allowed.

use std::fs;

use serde_json::{Value, json};

use crate::external::servers::packages;
use crate::lab::{Lab, libraries};

const PASSWORD: &str = "c0rrect-horse";

#[test]
fn a_service_is_asked_where_the_product_says_and_its_secret_is_read_only_where_that_is_allowed() {
    let lab = Lab::up(&[]);
    serve_redis(&lab);
    let config = json!({"host": "127.0.0.1", "port": 6379, "password": {"name": "cache", "key": "word"}});
    let patch = json!({"spec": {"redis": {"external": true}, "netbox": {"config": {"redis": config}}}});
    let namespace = ["kubectl", "-n", "kotsadm"];
    let patch = [
        "patch",
        "netboxenterprise",
        "netbox",
        "--type=merge",
        "-p",
        &patch.to_string(),
    ];
    lab.run(&[&namespace[..], &patch].concat());

    let denied = |answer: &Value| answer["Err"]["kind"] == "unauthenticated";
    until(&lab, "", |report| denied(&redis(report)["answer"]));
    let allowed = "external.read_secrets = true";
    until(&lab, allowed, |report| {
        let why = |feed: &Value| {
            feed["why"]
                .as_str()
                .is_some_and(|why| why.ends_with("secrets \"cache\" not found"))
        };
        report["external"].as_array().unwrap().is_empty() && report["feeds"].as_array().unwrap().iter().any(why)
    });
    let word = format!("--from-literal=word={PASSWORD}");
    lab.run(&[&namespace[..], &["create", "secret", "generic", "cache", &word]].concat());
    let report = until(&lab, allowed, |report| {
        redis(report)["answer"]["Ok"]["role"] == "master"
    });
    assert!(!report.to_string().contains(PASSWORD));
    until(&lab, "", |report| denied(&redis(report)["answer"]));
}

/// On host 1, until it ends.
fn serve_redis(lab: &Lab) {
    let root = packages();
    let script = format!(
        "{}; exec {}/usr/bin/redis-server --daemonize yes --bind 127.0.0.1 --port 6379 --save '' --requirepass {PASSWORD}",
        libraries(root),
        root.display()
    );
    let output = lab.on_host(1, &["sh", "-ec", &script]);
    assert!(output.status.success(), "{output:?}");
}

fn redis(report: &Value) -> Value {
    let all = report["external"].as_array().unwrap();
    let own = all.iter().find(|own| own["service"] == "redis");
    own.map(|own| own["servers"][0].clone()).unwrap_or_default()
}

fn until(lab: &Lab, settings: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let file = lab.state().join("settings.toml");
    fs::write(&file, settings).unwrap();
    lab.json_until(1, &["doctor", "--config", file.to_str().unwrap()], wanted)
}
