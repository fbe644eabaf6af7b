//! The API servers' own audit logs: quorate reads and never writes, and asks little while nothing happens.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::lab::Lab;

/// The requests of quorate in every API server's audit log, one per request.
fn requests(lab: &Lab) -> Vec<Value> {
    let mut requests = Vec::new();
    for entry in fs::read_dir(lab.state().join("audit")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        requests.extend(lines.filter(|event| {
            let agent = event["userAgent"].as_str().unwrap_or_default();
            let is_first = event["stage"] == "ResponseComplete" || event["stage"] == "ResponseStarted";
            agent.starts_with("quorate/") && is_first
        }));
    }
    requests
}

/// Requests that are no reads and persist nothing: what each API server gives to new pods.
const HARMLESS: [(&str, &str); 2] = [
    ("create", "/api/v1/namespaces/default/pods?dryRun=All"),
    ("create", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
];

fn asked(event: &Value) -> (&str, &str) {
    (event["verb"].as_str().unwrap(), event["requestURI"].as_str().unwrap())
}

/// What quorate asked API servers to change.
pub fn changes(lab: &Lab) -> Vec<Value> {
    let mut all = requests(lab);
    all.retain(|event| {
        let (verb, uri) = asked(event);
        !["get", "list", "watch"].contains(&verb) && !HARMLESS.contains(&(verb, uri))
    });
    all
}

#[test]
fn nothing_mutates_and_a_quiet_console_asks_little() {
    let lab = Lab::up(&["--zones"]);
    for command in ["status", "check", "doctor"] {
        lab.json(1, &[command]);
    }
    let mut console = lab.console(1, &[], (24, 80));
    console.wait_for("verdict", Duration::from_secs(10), |screen| screen.contains("3 of 3"));
    console.listen(Duration::from_secs(5));
    let before = requests(&lab).len();
    let began = std::time::Instant::now();
    console.listen(Duration::from_mins(1));
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let all = requests(&lab);
    assert!(
        before > 20,
        "only {before} requests of quorate were found: the audit log or the user agent is wrong"
    );

    let harmless = all.iter().map(asked).filter(|asked| HARMLESS.contains(asked));
    assert_eq!(
        harmless.collect::<BTreeSet<_>>(),
        HARMLESS.into(),
        "what is not asked is not tried here"
    );
    assert_eq!(changes(&lab), Vec::<Value>::new());
    let pods = lab.run(&["kubectl", "get", "pods", "-A", "-o", "name"]);
    assert!(!pods.contains("quorate"), "{pods}");
    let quiet = all[before..]
        .iter()
        .filter(|event| event["verb"] != "watch" && event["stage"] == "ResponseComplete");
    let per_minute = f64::from(u32::try_from(quiet.count()).unwrap()) / minutes;
    assert!(per_minute < 60.0, "{per_minute:.0} requests a minute");
}
