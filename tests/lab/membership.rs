//! Membership changes: a dead member's objects are right to exist while etcd lists it, and leftovers once it does not.

use serde_json::Value;

use crate::lab::Lab;

fn result<'a>(document: &'a Value, id: &str) -> &'a str {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap()["result"]
        .as_str()
        .unwrap()
}

fn subjects(document: &Value, id: &str) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["check"] == id)
        .map(|finding| finding["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn objects_are_leftovers_only_once_etcd_no_longer_lists_their_member() {
    let lab = Lab::up(&["--zones"]);
    lab.run(&["kill", "3"]);
    let dead = lab.json(1, &["check"]);
    assert_eq!(result(&dead, "etcd.member-lost"), "broken");
    assert_eq!(result(&dead, "etcd.spare"), "broken");
    assert_eq!(result(&dead, "members.zombie"), "holds");

    lab.run(&["remove", "3"]);
    // Its leases are good for a minute after its death; until then it may be a controller that still runs.
    let removed = lab.json_until(1, &["check"], |document| result(document, "members.zombie") == "broken");
    assert_eq!(result(&removed, "etcd.member-lost"), "holds");
    let leftovers = subjects(&removed, "members.zombie");
    assert!(
        leftovers.iter().all(|subject| subject.contains("nbe-3")),
        "{leftovers:?}"
    );
    let status = lab.json(1, &["status"]);
    assert_eq!(status["quorum"]["voters"], 2);
    assert_eq!(status["quorum"]["spare"], 0);

    lab.run(&["join", "4"]);
    let joined = lab.json(1, &["status"]);
    assert_eq!(
        (joined["quorum"]["voters"].as_i64(), joined["quorum"]["spare"].as_i64()),
        (Some(3), Some(1))
    );
    let names: Vec<&str> = joined["etcd"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"nbe-4") && !names.contains(&"nbe-3"), "{names:?}");
}
