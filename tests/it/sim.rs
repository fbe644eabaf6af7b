//! `--sim`: every scenario starts, and every document says that it is simulated.

use std::fs;
use std::time::Duration;

use assert_cmd::Command;
use quorate::sim::scenario::NAMES;
use serde_json::Value;

use crate::said::said;

fn quorate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    said(
        Command::new(env!("CARGO_BIN_EXE_quorate"))
            .env_clear()
            .env("HOME", home.path())
            .timeout(Duration::from_mins(2))
            .args(arguments),
    )
}

#[test]
fn every_scenario_starts_and_says_that_it_is_simulated() {
    for name in NAMES {
        let (code, out, err) = quorate(&["status", "--sim", name, "-o", "json", "--timeout", "2s"]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
        let status: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(status["schema"], "quorate.status/v1");
        assert_eq!(status["simulated"], name);
    }
}

#[test]
fn people_are_told_first() {
    for command in ["status", "check", "doctor"] {
        let (_, out, _) = quorate(&[command, "--sim", "healthy", "--timeout", "1s"]);
        assert!(out.starts_with("SIMULATED CLUSTER (healthy)"), "{command}: {out}");
    }
}

#[test]
fn who_does_not_want_the_others_asked_is_told_what_that_leaves_open() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "look_from_there = false\n").unwrap();
    let file = file.display().to_string();
    let (_, out, err) = quorate(&["check", "--sim", "ready", "-o", "json", "--config", &file]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    let checks = report["checks"].as_array().unwrap();
    let check = |id: &str| checks.iter().find(|own| own["id"] == id).unwrap();
    let sentence = "asked from nbe-1; not from nbe-2, nbe-3 (look_from_there is off)";
    for id in [
        "external.postgresql",
        "external.redis",
        "external.redis-sentinel",
        "external.s3",
    ] {
        let own = check(id);
        assert_eq!(own["result"], "holds", "{own}");
        assert!(own["evidence"].as_array().unwrap().contains(&sentence.into()), "{own}");
    }
    assert_eq!(check("network.pairs")["result"], "cannot-tell");
}

#[test]
fn a_rehearsal_tells_what_would_happen_and_where_it_would_stop() {
    let (code, out, err) = quorate(&["rehearse", "cordon", "nbe-3", "--sim", "healthy", "-o", "json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&told["schema"], &told["simulated"]),
        (&"quorate.rehearse/v1".into(), &"healthy".into())
    );
    assert_eq!(
        (&told["result"], &told["intent"]),
        (&"finished".into(), &"cordon".into())
    );
    assert_eq!(told["steps"][0]["outcome"], "done");
    assert_eq!(told["not_rehearsed"].as_array().unwrap().len(), 0, "{told}");
    let fault = [
        "rehearse",
        "cordon",
        "nbe-3",
        "--sim",
        "healthy",
        "--fault",
        "refused@1",
    ];
    let (code, out, _) = quorate(&fault);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with("SIMULATED CLUSTER (healthy)"), "{out}");
    assert!(
        out.contains("stopped at step 1") && out.contains("fault refused struck"),
        "{out}"
    );
    let (code, out, _) = quorate(&["rehearse", "start-controller", "nbe-2", "--sim", "quorum-lost"]);
    assert!(
        code == Some(3) && out.contains("cannot tell: nodes are not known"),
        "{out}"
    );
    let (code, _, err) = quorate(&["rehearse", "cordon", "nbe-3", "--sim", "healthy", "--fault", "rain@1"]);
    assert!(code == Some(64) && err.contains("second-node-dies"), "{err}");
}

#[test]
fn a_rehearsal_is_seen_on_every_screen_of_its_copy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.rec").display().to_string();
    let asked = ["rehearse", "cordon", "nbe-3", "--sim", "healthy", "--record", &file];
    let (code, out, err) = quorate(&asked);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains(&format!("quorate replay {file}")), "{out}");
    let (code, out, err) = quorate(&["replay", &file, "--dump", "--size", "100x40"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let frames: Vec<&str> = out.split("--- ").skip(1).collect();
    let (first, last) = (frames[0], frames[frames.len() - 1]);
    assert!(frames.len() > 3 && first.contains("rehearsal"), "{out}");
    assert!(
        first.contains("let no new pod onto nbe-3") && !first.contains("● done"),
        "{first}"
    );
    assert!(
        last.contains("run          ● done") && last.contains("seen         cordoned"),
        "{last}"
    );
    let (code, _, err) = quorate(&asked);
    assert!(code == Some(1) && err.contains("is there already"), "{code:?} {err}");
}

#[test]
fn a_wrong_scenario_exits_64_with_advice() {
    let (code, out, err) = quorate(&["status", "--sim", "helathy"]);
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(
        err.contains("did you mean healthy?") && err.contains("quorum-lost"),
        "{err}"
    );
    let (code, _, err) = quorate(&["status", "--sim", "healthy", "--kubeconfig", "x"]);
    assert_eq!(code, Some(64), "{err}");
}

#[test]
fn status_tells_the_failover_that_goes_on_foretold_beside_seen() {
    let look = |format| quorate(&["status", "--sim", "node-lost", "-o", format]);
    let (code, out, err) = look("json");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let status: Value = serde_json::from_str(&out).unwrap();
    let lost = &status["failover"][0];
    assert_eq!(lost["node"], "nbe-3", "{lost:#}");
    let elapsed = lost["elapsed_ms"].as_u64().unwrap();
    let unknown = &lost["steps"][0];
    assert_eq!(unknown["what"], "Unknown");
    let [from, to] = [0, 1].map(|at| unknown["foretold_ms"][at].as_u64().unwrap());
    let seen = unknown["seen_ms"].as_u64().unwrap();
    assert!(from <= seen && seen <= to && seen <= elapsed, "{lost:#}");
    assert!(lost["evicted"].as_u64() <= lost["pods"].as_u64(), "{lost:#}");
    assert_eq!(lost["not_foretold"], Value::Null);
    let (_, out, _) = look("table");
    assert!(
        out.contains("lost     nbe-3 ") && out.contains("Unknown: after "),
        "{out}"
    );
    let (_, out, _) = quorate(&["status", "--sim", "healthy", "-o", "json"]);
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["failover"], Value::Array(Vec::new()));
}

#[test]
fn the_admin_console_is_asked_where_ec_yaml_says() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("elsewhere.toml");
    fs::write(&file, "about = \"Elsewhere\"\n[cluster]\nconsole-port = 31000\n").unwrap();
    let checks = ["--only", "entry.console", "--only", "network.ports", "-o", "json"];
    let scenario = ["check", "--sim", file.to_str().unwrap(), "--timeout", "30s"];
    let (code, out, err) = quorate(&[&scenario[..], &checks].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    let document: Value = serde_json::from_str(&out).unwrap();
    for check in document["checks"].as_array().unwrap() {
        let evidence = check["evidence"].to_string();
        assert!(evidence.contains("3100") && !evidence.contains("3000"), "{check}");
    }
    let (_, out, _) = quorate(&["doctor", "--sim", file.to_str().unwrap(), "--timeout", "1s"]);
    assert!(
        out.contains("of the Admin Console: named by /etc/embedded-cluster/ec.yaml"),
        "{out}"
    );
}
