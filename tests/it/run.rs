//! Guided actions on the command line: what is shown, what is refused, and what is done, on a simulated cluster.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

use crate::said::said;

fn quorate(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(
        Command::new(env!("CARGO_BIN_EXE_quorate"))
            .env_clear()
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("USER", "ada")
            .timeout(Duration::from_mins(4))
            .args(["--sim", "healthy"])
            .args(arguments),
    )
}

#[test]
fn a_plan_is_shown_and_not_done() {
    let home = tempfile::tempdir().unwrap();
    let (code, out, err) = quorate(home.path(), &["plan", "cordon", "nbe-2"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.starts_with("SIMULATED CLUSTER (healthy)"), "{out}");
    assert!(
        out.contains("cordon nbe-2: ") && out.contains("\n1. ") && out.contains("kubectl cordon nbe-2"),
        "{out}"
    );
    let (_, out, _) = quorate(home.path(), &["plan", "cordon", "nbe-2", "-o", "json"]);
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["schema"], "quorate.plan/v1");
    assert_eq!(plan["plan"]["intent"]["intent"], "cordon");
    assert!(plan["now"][0]["needs"].is_array());
    let (code, out, _) = quorate(home.path(), &["plan", "cordon", "nbe-9"]);
    assert!(code == Some(1) && out.contains("no plan"), "{out}");
    assert!(!home.path().join("state").exists());
}

#[test]
fn nothing_is_done_without_write_and_without_confirmation() {
    let home = tempfile::tempdir().unwrap();
    let (code, _, err) = quorate(home.path(), &["run", "cordon", "nbe-2", "--yes"]);
    assert!(code == Some(64) && err.contains("--write"), "{err}");
    let (code, _, err) = quorate(home.path(), &["run", "cordon", "nbe-2", "--write"]);
    assert!(code == Some(64) && err.contains("add: --yes"), "{err}");
    let (code, _, err) = quorate(home.path(), &["resume", "--write"]);
    assert!(code == Some(1) && err.contains("no run of this host is open"), "{err}");
    let (_, out, _) = quorate(home.path(), &["journal"]);
    assert_eq!(out, "no run has begun on this host\n");
}

#[test]
fn a_confirmed_run_is_done_and_its_journal_tells_it() {
    let home = tempfile::tempdir().unwrap();
    let (code, out, err) = quorate(home.path(), &["run", "cordon", "nbe-2", "--write", "--yes"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("step 1: done") && out.contains(": finished"), "{out}");
    let (_, out, _) = quorate(home.path(), &["journal", "-o", "json"]);
    let runs: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(runs["runs"][0]["state"], "finished");
    assert_eq!(runs["runs"][0]["user"], "ada");
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let (_, out, _) = quorate(home.path(), &["journal", run]);
    assert!(
        out.contains("begun by ada") && out.contains("sending: ") && out.contains("finished"),
        "{out}"
    );
    let journal = home.path().join(format!("state/quorate/simulated/runs/{run}.jsonl"));
    assert!(
        std::fs::read_to_string(journal)
            .unwrap()
            .starts_with("{\"schema\":\"quorate.journal/v1\"")
    );
}

#[test]
fn ok_to_answers_by_its_exit_code_and_gives_every_reason() {
    let home = tempfile::tempdir().unwrap();
    let (code, out, err) = quorate(home.path(), &["ok-to", "stop", "nbe-2"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("yes          quorum allows to stop member"), "{out}");
    let (code, out, _) = quorate(home.path(), &["ok-to", "remove", "nbe-2", "-o", "json"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["ok"]), (Some(1), &Value::Bool(false)), "{out}");
    let (code, _, _) = quorate(home.path(), &["ok-to", "stop", "nbe-9"]);
    assert_eq!(code, Some(3));
    let (code, out, _) = quorate(home.path(), &["ok-to", "add", "nbe-4", "--at", "10.0.0.14"]);
    assert_eq!(code, Some(3), "a simulated host cannot be asked: {out}");
    assert!(out.contains("cannot tell  10.0.0.14 reaches the controllers"), "{out}");
    let (code, _, err) = quorate(home.path(), &["ok-to", "stop", "nbe-2", "--at", "10.0.0.14"]);
    assert_eq!(code, Some(64), "{err}");
}

/// What `quorate run drain nbe-3` says, and the journals that are left, on a disk that takes `blocks` of 512 bytes more.
fn on_a_small_disk(home: &Path, blocks: u32) -> (String, String) {
    let program = env!("CARGO_BIN_EXE_quorate");
    // A full disk, as far as a process can tell: its writes fail.
    let script =
        format!("trap '' XFSZ; ulimit -f {blocks}; exec {program} --sim healthy run drain nbe-3 --yes --write");
    let state = home.join("state");
    let output = Command::new("sh")
        .env("XDG_STATE_HOME", &state)
        .timeout(Duration::from_mins(4))
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let (_, listed, _) = quorate(home, &["journal"]);
    (String::from_utf8(output.stderr).unwrap(), listed)
}

#[test]
fn on_a_full_disk_nothing_begins_or_nothing_more_is_sent() {
    let home = tempfile::tempdir().unwrap();
    let (said, listed) = on_a_small_disk(home.path(), 8);
    assert!(
        said.contains("cannot be written") && said.contains("nothing was done"),
        "{said}"
    );
    assert_eq!(listed, "no run has begun on this host\n");
    let (said, listed) = on_a_small_disk(home.path(), 24);
    assert!(
        said.contains("cannot be written") && said.contains("`quorate resume`"),
        "{said}"
    );
    assert!(listed.contains("open at step"), "{listed}");
}

#[test]
fn where_no_journal_can_be_made_nothing_is_done() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("state"), "a file").unwrap();
    let (code, out, err) = quorate(home.path(), &["run", "cordon", "nbe-2", "--write", "--yes"]);
    assert!(
        code == Some(1) && err.contains("cannot be made") && err.contains("XDG_STATE_HOME"),
        "{err}"
    );
    assert!(!out.contains("step 1 of"), "{out}");
}
