//! The example for systemd: what it starts, without systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::formats::exposition;

/// What systemd gives to the shell of `ExecStart=`.
fn script() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/systemd/quorate-check.service");
    let unit = fs::read_to_string(file).unwrap().replace("\\\n", " ");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let quoted = line.strip_prefix("/bin/sh -c '").unwrap().strip_suffix('\'').unwrap();
    quoted.replace("$$", "$")
}

/// Runs it with this program as quorate.
fn run_with(dir: &Path, quorate: &str) -> Option<i32> {
    let program = dir.join("quorate");
    fs::write(&program, format!("#!/bin/sh\n{quorate}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let status = Command::new("/bin/sh")
        .args(["-c", &script()])
        .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
        .env("TEXTFILES", dir)
        .status()
        .unwrap();
    status.code()
}

/// Runs it where quorate writes a line and ends with `code`; returns the exit code and the metrics.
fn run(dir: &Path, code: u8) -> (Option<i32>, String) {
    let ended = run_with(dir, &format!("echo \"of $* {code}\"; exit {code}"));
    (ended, metrics(dir))
}

/// What node exporter would read.
fn metrics(dir: &Path) -> String {
    fs::read_to_string(dir.join("quorate.prom")).unwrap_or_default()
}

#[test]
fn findings_are_written_and_a_failure_leaves_the_last_ones() {
    let dir = tempfile::tempdir().unwrap();
    for code in [0, 1, 2, 3] {
        let written = format!("of check -o prometheus {code}\n");
        assert_eq!(run(dir.path(), code), (Some(0), written));
    }
    for code in [64, 70] {
        let last = "of check -o prometheus 3\n".to_owned();
        assert_eq!(run(dir.path(), code), (Some(i32::from(code)), last));
    }
}

#[test]
fn the_real_program_writes_metrics_that_prometheus_reads() {
    let dir = tempfile::tempdir().unwrap();
    let quorate = format!("exec {} --sim node-lost \"$@\"", env!("CARGO_BIN_EXE_quorate"));
    assert_eq!(run_with(dir.path(), &quorate), Some(0));
    let text = metrics(dir.path());
    let samples = exposition(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let sum = |metric: &str| {
        samples
            .iter()
            .filter(|((name, _), _)| name == metric)
            .map(|(_, value)| value)
            .sum()
    };
    let (verdicts, findings, simulated): (f64, f64, f64) = (
        sum("quorate_verdict"),
        sum("quorate_findings"),
        sum("quorate_simulated"),
    );
    assert!(verdicts > 0.5 && verdicts < 1.5, "one level holds: {text}");
    assert!(findings > 0.5 && simulated > 0.5, "{text}");
    let names = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["quorate", "quorate.prom"], "nothing is left beside it");
}

#[test]
fn what_is_there_stays_whole_until_the_next_is() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), 0).1, "of check -o prometheus 0\n");
    // Half of the next is written by then.
    let slow = "echo half; cp \"$TEXTFILES/quorate.prom\" \"$TEXTFILES/seen\"; echo whole";
    assert_eq!(run_with(dir.path(), slow), Some(0));
    let seen = fs::read_to_string(dir.path().join("seen")).unwrap();
    assert_eq!(seen, "of check -o prometheus 0\n");
    assert_eq!(metrics(dir.path()), "half\nwhole\n");
}

#[test]
fn the_units_are_those_that_the_text_names() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/systemd");
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["quorate-check.service", "quorate-check.timer"]);
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert!(text("quorate-check.service").contains("systemctl enable --now quorate-check.timer"));
    let timer = text("quorate-check.timer");
    // A timer starts the service of its own name, and is enabled by what wants it.
    assert!(
        !timer.contains("\nUnit=") && timer.contains("\nWantedBy=timers.target\n"),
        "{timer}"
    );
}
