//! Losses, watched by a running console on which nobody presses a key.

use std::time::Duration;

use serde_json::Value;

use crate::console::Console;
use crate::lab::Lab;

const SOON: Duration = Duration::from_secs(10);
const RECOVERY: Duration = Duration::from_secs(90);

fn healthy(console: &mut Console, deadline: Duration) {
    console.wait_for("three healthy members", deadline, |screen| screen.contains("3 of 3"));
}

fn ready(lab: &Lab, node: &str) -> String {
    let json: Value = serde_json::from_str(&lab.run(&["kubectl", "get", "node", node, "-o", "json"])).unwrap();
    let conditions = json["status"]["conditions"].as_array().unwrap().clone();
    let ready = conditions
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap();
    ready["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_lost_host_is_seen_before_kubernetes_sees_it_however_it_was_lost() {
    let lab = Lab::up(&["--zones"]);
    let mut console = lab.console(1, &[], (24, 80));
    healthy(&mut console, SOON);
    for fault in ["kill", "freeze", "blackhole"] {
        lab.run(&[fault, "3"]);
        console.wait_for("spare 0", SOON, |screen| screen.contains("2 of 3 healthy, no spare"));
        assert_eq!(ready(&lab, "nbe-3"), "True", "{fault}: Kubernetes saw it first");
        let status = lab.json(1, &["status"]);
        let lost = &status["etcd"]["members"]
            .as_array()
            .unwrap()
            .iter()
            .find(|member| member["name"] == "nbe-3")
            .unwrap()
            .clone();
        assert_eq!(
            (&lost["state"], &lost["reachable"]),
            (&"dead".into(), &false.into()),
            "{fault}: {lost}"
        );
        assert_eq!(status["quorum"]["spare"], 0, "{fault}");
        assert_eq!(status["verdict"]["level"], "warning", "{fault}");
        lab.run(&["revive", "3"]);
        healthy(&mut console, RECOVERY);
    }
}

#[test]
fn quorum_is_called_lost_when_it_is_proven_and_comes_back_by_itself() {
    let lab = Lab::up(&["--zones"]);
    let mut console = lab.console(1, &[], (24, 80));
    healthy(&mut console, SOON);
    lab.run(&["kill", "3"]);
    lab.run(&["kill", "2"]);
    console.wait_for("quorum lost", Duration::from_secs(20), |screen| {
        screen.contains("quorum lost")
    });
    console.wait_for("dated rows", Duration::from_secs(30), |screen| {
        screen.contains("ago") && screen.contains("nbe-3")
    });
    console.press("?");
    console.wait_for("help", SOON, |screen| {
        screen.contains("Keys") || screen.contains("keys")
    });
    console.press("\u{1b}");

    let status = lab.json(1, &["status", "--timeout", "8s"]);
    assert_eq!(status["verdict"]["level"], "critical");
    assert_eq!(status["quorum"]["standing"], "lost");
    assert_eq!(status["quorum"]["spare"], -1);
    assert_eq!(lab.quorate(1, &["check", "--timeout", "8s"]).status.code(), Some(2));

    lab.run(&["revive", "2"]);
    lab.run(&["revive", "3"]);
    healthy(&mut console, RECOVERY);
}

#[test]
fn a_host_that_is_cut_off_says_it_is_us_and_never_quorum_lost() {
    let lab = Lab::up(&["--zones"]);
    let mut console = lab.console(1, &[], (24, 80));
    healthy(&mut console, SOON);
    for fault in ["unplug", "blackhole"] {
        let before = console.written.len();
        lab.run(&[fault, "1"]);
        console.wait_for("it is us", Duration::from_secs(20), |screen| {
            screen.contains("it is us")
        });
        console.listen(SOON);
        assert!(console.screen().contains("it is us"), "{fault}: {}", console.screen());
        let said = String::from_utf8_lossy(&console.written[before..]).into_owned();
        assert!(!said.contains("quorum lost"), "{fault}");
        let status = lab.json(1, &["status", "--timeout", "8s"]);
        assert_eq!(status["quorum"]["standing"], "alone", "{fault}");
        assert!(
            status["verdict"]["line"].as_str().unwrap().contains("it is us"),
            "{fault}: {}",
            status["verdict"]
        );
        lab.run(&["revive", "1"]);
        healthy(&mut console, RECOVERY);
    }
}

#[test]
fn an_api_server_that_never_answers_is_left_for_another() {
    let lab = Lab::up(&["--zones"]);
    let mut console = lab.console(1, &[], (30, 120));
    healthy(&mut console, SOON);
    lab.run(&["freeze", "1", "kube-apiserver"]);
    console.wait_for("another API server", Duration::from_secs(30), |screen| {
        screen.contains("10.77.0.12:6443") || screen.contains("10.77.0.13:6443")
    });
    healthy(&mut console, SOON);
    // A cold start does not wait for it either.
    let status = lab.json(1, &["status"]);
    assert_eq!(status["api"]["preferred"], false, "{}", status["api"]);
    assert_eq!(status["quorum"]["spare"], 1);
    assert_eq!(status["zones"].as_array().unwrap().len(), 3);
}

#[test]
fn another_api_server_is_used_and_named() {
    let lab = Lab::up(&["--zones"]);
    let mut console = lab.console(1, &[], (30, 120));
    healthy(&mut console, SOON);
    lab.run(&["stop", "1", "kube-apiserver"]);
    let other = |text: &str| text.contains("10.77.0.12:6443") || text.contains("10.77.0.13:6443");
    console.wait_for("the other API server", Duration::from_secs(20), other);
    let status = lab.json(1, &["status"]);
    assert!(other(status["api"]["server"].as_str().unwrap()), "{}", status["api"]);
    assert_eq!(status["quorum"]["spare"], 1, "etcd of host 1 still serves");
    assert_eq!(status["zones"].as_array().unwrap().len(), 3);

    lab.run(&["stop", "1", "etcd"]);
    console.wait_for("the dead local member", Duration::from_secs(20), |screen| {
        screen.contains("no spare")
    });
    let status = lab.json(1, &["status"]);
    assert_eq!(
        status["quorum"]["standing"], "held",
        "proven by another API server: {}",
        status["quorum"]
    );
    assert_eq!(status["quorum"]["spare"], 0);
}
