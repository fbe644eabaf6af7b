//! Text from the cluster that wants to take over the terminal: no such byte reaches a frame, a log or JSON.

use std::time::Duration;

use crate::lab::Lab;

const ESCAPE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{200b}\u{1f600}";

/// Bytes of the hostile text that must not come out anywhere.
fn hostile_bytes(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    let forbidden = [
        "\u{1b}]0;",
        "\u{7}",
        "\u{1b}[2Jx",
        "\u{9b}",
        "\u{202e}",
        "\u{200b}",
        "\u{1f600}",
    ];
    forbidden.into_iter().find(|needle| text.contains(needle))
}

#[test]
fn no_hostile_byte_comes_out() {
    let lab = Lab::up(&["--zones"]);
    let status = serde_json::json!({ "status": { "ready": false, "message": ESCAPE, "conditions": [{
        "type": "HighAvailability", "status": "False", "reason": ESCAPE, "message": ESCAPE,
        "lastTransitionTime": "2026-11-01T00:00:00Z"
    }] } });
    let long = "n".repeat(253);
    let patch = status.to_string();
    let base = [
        "kubectl",
        "-n",
        "kotsadm",
        "patch",
        "nbe",
        "netbox",
        "--type=merge",
        "-p",
        &patch,
    ];
    lab.run(&[&base[..], &["--subresource=status"]].concat());
    let manifest = lab.state().join("long.yaml");
    std::fs::write(&manifest, long_name(&long)).unwrap();
    lab.run(&["kubectl", "apply", "-f", manifest.to_str().unwrap()]);

    let json = lab.quorate(1, &["check", "-o", "json"]).stdout;
    assert!(
        String::from_utf8_lossy(&json).contains("\\\\u{1b}"),
        "the message is shown, written out"
    );
    assert_eq!(hostile_bytes(&json), None);
    let table = lab.quorate(1, &["check"]).stdout;
    assert_eq!(hostile_bytes(&table), None);
    let status = lab.quorate(1, &["status"]).stdout;
    assert!(String::from_utf8_lossy(&status).contains(&long));

    let log_file = lab.state().join("quorate.log");
    let mut console = lab.console(1, &["-vv", "--log-file", log_file.to_str().unwrap()], (40, 120));
    console.wait_for("verdict", Duration::from_secs(10), |screen| screen.contains("3 of 3"));
    for screen in ["nodes", "etcd", "placement", "findings", "feeds", "log", "overview"] {
        console.press(&format!(":{screen}\r"));
        console.listen(Duration::from_millis(300));
    }
    let frames: Vec<u8> = console.written.clone();
    assert_eq!(hostile_bytes(&frames), None);
    let logged = std::fs::read(&log_file).unwrap();
    assert!(!logged.is_empty());
    assert_eq!(hostile_bytes(&logged), None);
    assert!(
        !logged.iter().any(|byte| *byte < b' ' && *byte != b'\n'),
        "a control byte in the log"
    );
}

/// A Deployment with the longest name that Kubernetes allows.
fn long_name(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: kotsadm}}\nspec:\n  replicas: 0\n  \
         selector: {{matchLabels: {{app: long}}}}\n  template:\n    metadata: {{labels: {{app: long}}}}\n    \
         spec: {{containers: [{{name: x, image: x}}]}}\n"
    )
}
