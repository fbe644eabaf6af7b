//! A healthy cluster, read from one host: everything is there, and nothing is called wrong that is not.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::lab::Lab;

#[test]
fn three_nodes_three_members_and_the_round_trip_of_each() {
    for etcd in ["3.6", "3.5"] {
        let lab = Lab::up(&["--etcd", etcd, "--zones"]);
        let status = lab.json_until(1, &["status"], all_live);
        assert_eq!(status["schema"], "quorate.status/v1");
        // A busy machine may answer one round trip late, and then the verdict says so behind this.
        let verdict = status["verdict"]["line"].as_str().unwrap();
        assert!(
            verdict.contains("3 of 3") && verdict.contains("one may be lost"),
            "{verdict}"
        );
        let quorum = &status["quorum"];
        for (name, value) in [("voters", 3), ("healthy", 3), ("needed", 2), ("spare", 1)] {
            assert_eq!(quorum[name], value, "{name} of {quorum}");
        }
        assert_eq!(quorum["spare_range"], json!([1, 1]));
        assert_eq!(quorum["standing"], "held");
        nodes_and_members(&status);
        replicas(&status);
    }
}

fn nodes_and_members(status: &Value) {
    let members = status["etcd"]["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let leaders: Vec<&Value> = members.iter().filter(|member| member["role"] == "leader").collect();
    assert_eq!(leaders.len(), 1);
    assert_eq!(leaders[0]["id"], status["quorum"]["leader"]);
    for member in members {
        assert_eq!(
            (&member["state"], &member["reachable"]),
            (&json!("healthy"), &json!(true)),
            "{member}"
        );
        let rtt = member["rtt_ms"]
            .as_f64()
            .unwrap_or_else(|| panic!("no round trip of {member}"));
        assert!(rtt > 0.0 && rtt < 1000.0, "{rtt}");
    }
    let zones = status["zones"].as_array().unwrap();
    let names: Vec<&str> = zones.iter().map(|zone| zone["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["zone-a", "zone-b", "zone-c"]);
    for (index, zone) in zones.iter().enumerate() {
        let nodes = zone["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 1);
        let node = &nodes[0];
        assert_eq!(node["name"], format!("nbe-{}", index + 1));
        assert_eq!((&node["ready"], &node["controller"]), (&json!("True"), &json!(true)));
        assert_eq!(node["address"], format!("10.77.0.1{}", index + 1));
        let member = members.iter().find(|member| member["id"] == node["etcd_member_id"]);
        assert_eq!(member.unwrap()["name"], node["name"]);
        assert!(node["heartbeat_age_ms"].as_u64().unwrap() < 15_000, "{node}");
    }
}

fn replicas(status: &Value) {
    let placement = status["placement"].as_array().unwrap();
    let web = placement.iter().find(|row| row["name"] == "netbox-netbox").unwrap();
    assert_eq!(
        (&web["kind"], &web["desired"], &web["ready"]),
        (&json!("Deployment"), &json!(3), &json!(3))
    );
    assert_eq!(web["nodes"], json!({"nbe-1": 1, "nbe-2": 1, "nbe-3": 1}));
    assert_eq!((&web["hard_spread"], &web["spread_ok"]), (&json!(true), &json!(true)));
    assert!(placement.len() > 15, "only {} workloads", placement.len());
}

/// A young API server tells watchers of new custom resources to come back later, for a moment.
fn all_live(document: &Value) -> bool {
    let feeds = document["feeds"].as_array().unwrap();
    // What is off is not there to be waited for: etcd's store while the API answers, containers without containerd.
    feeds.len() > 20
        && feeds
            .iter()
            .all(|feed| feed["state"] == "live" || feed["state"] == "off")
}

#[test]
fn the_checks_find_what_is_missing_and_nothing_else() {
    let lab = Lab::up(&[]);
    let of_the_cluster = |document: &Value, result: &str| -> Vec<String> {
        // Others depend on the machine that the lab runs on: its size, its links, its swap.
        let families = ["zone.", "etcd.", "members.", "network.ports"];
        let mut found = with_result(document["checks"].as_array().unwrap(), result);
        found.retain(|id| families.iter().any(|family| id.starts_with(family)));
        found
    };
    let broken = |lab: &Lab| -> Vec<String> {
        // The lab's etcd syncs nothing. On a busy machine its members may be as far as another region for a while.
        let is_told = |document: &Value| all_live(document) && of_the_cluster(document, "cannot-tell") == ["etcd.disk"];
        of_the_cluster(&lab.json_until(1, &["check"], is_told), "broken")
    };
    assert_eq!(broken(&lab), Vec::<String>::new(), "without labels it is one location");
    lab.run(&["label", "1", "a"]);
    assert_eq!(broken(&lab), ["zone.labels"]);
    for (host, zone) in [("2", "b"), ("3", "b")] {
        lab.run(&["label", host, zone]);
    }
    assert_eq!(broken(&lab), ["zone.three"]);
    lab.run(&["label", "3", "c"]);
    assert_eq!(broken(&lab), Vec::<String>::new());
    kubectl_starts_it(&lab);
}

/// kubectl hands over what stands behind the plugin's name.
fn kubectl_starts_it(lab: &Lab) {
    let folder = lab.state().join("plugins");
    fs::create_dir(&folder).unwrap();
    symlink(env!("CARGO_BIN_EXE_quorate"), folder.join("kubectl-quorate")).unwrap();
    let tools = lab.state().join("hosts/1/bin");
    let path = format!("PATH={}:{}:/usr/bin:/bin", folder.display(), tools.display());
    let kubectl = |arguments: &[&str]| lab.on_host(1, &[&["env", &path, "kubectl"], arguments].concat());
    let listed = kubectl(&["plugin", "list"]);
    let said = String::from_utf8_lossy(&listed.stdout);
    assert!(
        listed.status.success() && said.contains("/plugins/kubectl-quorate\n"),
        "{listed:?}"
    );
    assert!(listed.stderr.is_empty(), "a warning: {listed:?}");
    let json = |arguments: &[&str]| -> Value {
        let output = kubectl(&[&["quorate"], arguments, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let status = json(&["status"]);
    assert_eq!(status["schema"], "quorate.status/v1");
    let check = json(&["--context", "Default", "-n", "kotsadm", "check", "--only", "zone.l*"]);
    let holding = with_result(check["checks"].as_array().unwrap(), "holds");
    assert_eq!(holding, ["zone.labels"]);
    let strange = json(&["--context", "nobody", "-n", "kotsadm", "check", "--only", "zone.labels"]);
    let why = strange["checks"][0]["why"].as_str().unwrap();
    assert!(why.contains("nobody"), "{why}");
}

fn with_result(checks: &[Value], result: &str) -> Vec<String> {
    let found = checks.iter().filter(|check| check["result"] == result);
    found.map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}
