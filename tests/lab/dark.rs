//! The dark: two of three hosts are killed, and quorate is started cold on the survivor.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lab::Lab;

/// Without what tells the time of looking: ages, and what was read when.
fn zones(status: &Value) -> Value {
    let mut zones = status["zones"].clone();
    for zone in zones.as_array_mut().unwrap() {
        for node in zone["nodes"].as_array_mut().unwrap() {
            let node = node.as_object_mut().unwrap();
            node.retain(|field, _| !field.starts_with("heartbeat"));
        }
    }
    zones
}

#[test]
fn without_quorum_the_survivor_shows_what_the_api_last_gave() {
    let lab = Lab::up(&["--zones"]);
    let before = lab.json(1, &["status"]);
    assert_eq!(before["stored"], Value::Null, "the API answers");
    lab.run(&["kill", "3"]);
    lab.run(&["kill", "2"]);
    let dark = lab.json_until(1, &["status", "--timeout", "10s"], |status| !status["stored"].is_null());
    assert_eq!(zones(&dark), zones(&before), "nodes");
    assert_eq!(
        dark["placement"], before["placement"],
        "every workload and where its pods are"
    );
    let stored = &dark["stored"];
    assert!(
        stored["revision"].as_u64().unwrap() > 1 && !stored["written_at"].is_null(),
        "{stored}"
    );
    let kinds: BTreeSet<&str> = stored["kinds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind.as_str().unwrap())
        .collect();
    for kind in [
        "nodes",
        "pods",
        "leases",
        "deployments",
        "statefulsets",
        "etcdmembers",
        "installations",
    ] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    assert_eq!(stored["unread"], serde_json::json!({}));
    let check = lab.json(1, &["check", "--timeout", "10s"]);
    let checks = check["checks"].as_array().unwrap();
    let zone = checks.iter().find(|check| check["id"] == "zone.labels").unwrap();
    assert_eq!(
        (&zone["result"], &zone["stored"]),
        (&"cannot-tell".into(), &"it held".into()),
        "{zone}"
    );
}
