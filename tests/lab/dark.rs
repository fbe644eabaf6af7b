//! The dark: quorum is lost, and quorate is started cold on a survivor. What it reads from etcd's store is what the API told
//! before, kind by kind and row by row; it changes nothing; and it still speaks when nothing at all is left. The rows are
//! read by the product's own sources, in this very test binary on host 1.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quorate::cli::args::Global;
use quorate::cli::observe;
use quorate::model::KubeKind;
use serde_json::Value;

use crate::audit::changes;
use crate::lab::Lab;

/// Where the observer inside the lab writes what it saw.
const FILE: &str = "QUORATE_ROWS";
const ME: &str = "dark::without_quorum_every_row_is_what_the_api_last_gave";
const SOON: Duration = Duration::from_secs(20);

/// Every row by kind and key, without what tells the time of looking.
pub type Rows = BTreeMap<String, BTreeMap<String, Value>>;

/// Looks once on this host.
fn inside(file: &str) {
    let resolved = observe::settings(&Global::default()).unwrap();
    let seen = observe::look(&resolved, Some(Duration::from_secs(20))).unwrap();
    let kube = serde_json::json!({"kube": seen.snapshot.kube, "stored": seen.snapshot.kube.stored});
    std::fs::write(file, kube.to_string()).unwrap();
}

/// What is seen on a host, and what of it is from etcd's store.
pub fn look(lab: &Lab, host: u8) -> (Rows, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows");
    let place = format!("{FILE}={}", file.display());
    let me = std::env::current_exe().unwrap();
    let output = lab.on_host(host, &["env", &place, me.to_str().unwrap(), "--exact", ME]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let seen: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let tables = seen["kube"].as_object().unwrap().iter();
    let rows = tables.filter_map(|(kind, table)| Some((kind.clone(), rows(table.as_array()?)?)));
    (rows.collect(), seen["stored"].clone())
}

/// What the API tells of three running hosts. While a cluster settles its objects change; then two looks are alike. An API
/// server that was started anew may have no lease of its own for longer than two looks take.
pub fn at_rest(lab: &Lab) -> Rows {
    let deadline = Instant::now() + Duration::from_secs(100);
    let mut before = look(lab, 1).0;
    loop {
        let again = look(lab, 1).0;
        let servers = again["leases"].keys().filter(|key| key.contains("\"apiserver-"));
        if again == before && servers.count() == 3 {
            return before;
        }
        assert!(Instant::now() < deadline, "the cluster does not come to rest");
        before = again;
    }
}

/// The rows of a table: pairs of a key and a fact.
fn rows(table: &[Value]) -> Option<BTreeMap<String, Value>> {
    let row = |pair: &Value| {
        let mut value = pair.get(1)?.get("value")?.clone();
        timeless(&mut value);
        Some((pair[0].to_string(), value))
    };
    table.iter().map(row).collect()
}

/// Every row that was there is there, as it was.
pub fn are_alike(before: &Rows, dark: &Rows, fault: &str) {
    for (kind, rows) in before {
        assert_eq!(dark.get(kind), Some(rows), "{fault}: {kind}");
    }
}

/// Heartbeats go on between two looks.
fn timeless(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| name != "renewed" && !name.contains("heartbeat"));
        fields.values_mut().for_each(timeless);
    }
}

/// How often each method was called at the etcd of a host since it started, by its own count.
fn calls(lab: &Lab, host: u8) -> BTreeMap<String, u64> {
    let pki = "/var/lib/embedded-cluster/k0s/pki";
    let [ca, cert, key] =
        ["etcd/ca.crt", "apiserver-etcd-client.crt", "apiserver-etcd-client.key"].map(|file| format!("{pki}/{file}"));
    let curl = [
        "curl",
        "-sS",
        "--cacert",
        &ca,
        "--cert",
        &cert,
        "--key",
        &key,
        "https://127.0.0.1:2379/metrics",
    ];
    let output = lab.on_host(host, &curl);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("grpc_server_started_total{grpc_method=\""));
    let counts = lines.filter_map(|line| {
        let (method, rest) = line.split_once('"')?;
        Some((method.to_owned(), rest.rsplit(' ').next()?.parse().ok()?))
    });
    counts.collect()
}

/// What etcd may be asked for without being changed, by name.
const READS: [&str; 5] = ["Range", "Status", "MemberList", "Snapshot", "Watch"];

#[test]
fn without_quorum_every_row_is_what_the_api_last_gave() {
    if let Some(file) = std::env::var_os(FILE) {
        inside(file.to_str().unwrap());
        return;
    }
    let lab = Lab::up(&["--zones"]);
    let mut before = at_rest(&lab);
    for fault in ["kill", "freeze"] {
        lab.run(&[fault, "3"]);
        lab.run(&[fault, "2"]);
        if fault == "freeze" {
            // An API server that accepts and never answers, too.
            lab.run(&["freeze", "1", "kube-apiserver"]);
        }
        let (dark, stored) = look(&lab, 1);
        assert_eq!(stored["unread"], serde_json::json!({}), "{fault}");
        assert_eq!(
            stored["kinds"].as_array().map(Vec::len),
            Some(KubeKind::ALL.len()),
            "{fault}: {stored}"
        );
        assert!(!stored["written"].is_null(), "{fault}: {stored}");
        are_alike(&before, &dark, fault);
        assert!(before["pods"].len() > 10 && before["volumes"].len() > 2, "{before:?}");
        for host in ["1", "2", "3"] {
            lab.run(&["revive", host]);
        }
        lab.json_until(1, &["status"], |status| {
            status["quorum"]["spare"] == 1 && status["stored"].is_null()
        });
        before = at_rest(&lab);
    }
}

#[test]
fn the_dark_is_told_and_nothing_is_changed_in_it() {
    let lab = Lab::up(&["--zones"]);
    lab.run(&["kill", "3"]);
    lab.run(&["kill", "2"]);
    // From here on nobody but quorate, and what plays k0s, asks this etcd.
    lab.run(&["stop", "1", "kube-apiserver"]);
    let lost = |status: &Value| status["quorum"]["standing"] == "lost" && !status["stored"].is_null();
    let status = lab.json_until(1, &["status"], lost);
    assert_eq!(status["verdict"]["level"], "critical");
    assert!(
        status["recovery"].to_string().contains("nbe-2"),
        "{}",
        status["recovery"]
    );

    let before = calls(&lab, 1);
    let check = lab.json(1, &["check"]);
    let checks = check["checks"].as_array().unwrap();
    let zone = checks.iter().find(|check| check["id"] == "zone.labels").unwrap();
    assert_eq!(
        (&zone["result"], &zone["stored"]),
        (&"cannot-tell".into(), &"it held".into()),
        "{zone}"
    );
    assert_eq!(lab.quorate(1, &["check"]).status.code(), Some(2));
    assert_eq!(lab.quorate(1, &["status"]).status.code(), Some(0));
    assert_eq!(lab.json(1, &["doctor"])["diagnosis"]["state"], "quorum-lost");
    assert_eq!(lab.quorate(1, &["doctor"]).status.code(), Some(1));

    // What needs the API or quorum is blocked, and says so; before anything is sent.
    for wish in [["cordon", "nbe-2"], ["drain", "nbe-2"], ["replace-node", "nbe-3"]] {
        let run = lab.quorate(1, &[&["run"][..], &wish, &["--write", "--yes"]].concat());
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).to_lowercase();
        assert_ne!(run.status.code(), Some(0), "{wish:?}: {said}");
        assert!(said.contains("quorum") || said.contains("api"), "{wish:?}: {said}");
    }
    for wish in [&["start-controller", "nbe-2"][..], &["etcd-backup", "/var/tmp/etcd.db"]] {
        let plan = lab.json(1, &[&["plan"][..], wish].concat());
        assert_eq!(plan["refused"], serde_json::json!([]), "{wish:?}: {plan:#}");
        let first = plan["now"][0]["needs"].as_array().unwrap();
        assert!(
            !first.iter().any(|need| need["truth"]["truth"] == "unmet"),
            "{wish:?}: {first:#?}"
        );
    }
    let file = lab.state().join("backup.db");
    let saved = lab.quorate(1, &["etcd", "snapshot", file.to_str().unwrap()]);
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    assert!(std::fs::metadata(&file).unwrap().len() > 100_000);

    let asked: Vec<(String, u64)> = calls(&lab, 1)
        .into_iter()
        .filter(|(method, count)| *count > before.get(method).copied().unwrap_or(0))
        .collect();
    assert!(asked.iter().any(|(method, _)| method == "Snapshot"), "{asked:?}");
    assert!(
        asked.iter().all(|(method, _)| READS.contains(&method.as_str())),
        "etcd was asked for more than reads: {asked:?}"
    );
    let writes = changes(&lab);
    assert!(writes.is_empty(), "{writes:#?}");
    everything_dead(&lab);
}

/// Not even etcd: the console opens, says what it tried, and shows this host.
fn everything_dead(lab: &Lab) {
    lab.run(&["kill", "1"]);
    let doctor = lab.json(1, &["doctor"]);
    assert_eq!(doctor["diagnosis"]["state"], "all-dead-here", "{}", doctor["diagnosis"]);
    let evidence = doctor["diagnosis"]["evidence"].to_string();
    for tried in ["127.0.0.1:2379", ":6443", "k0scontroller"] {
        assert!(evidence.contains(tried), "{tried} is not in {evidence}");
    }
    assert_eq!(doctor["reach"].as_array().map(Vec::len), Some(2), "{}", doctor["reach"]);
    assert_eq!(lab.quorate(1, &["check"]).status.code(), Some(2));
    let mut console = lab.console(1, &[], (24, 80));
    console.wait_for("the verdict", SOON, |screen| {
        screen.contains("etcd and the API server are down on this host")
    });
    console.press("!");
    console.wait_for("this host's evidence", SOON, |screen| {
        screen.contains("no process") && screen.contains("k0scontroller")
    });
}
