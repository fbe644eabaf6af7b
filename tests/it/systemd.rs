//! The example for systemd: what it starts, without systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// What systemd gives to the shell of `ExecStart=`.
fn script() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/systemd/quorate-check.service");
    let unit = fs::read_to_string(file).unwrap().replace("\\\n", " ");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let quoted = line.strip_prefix("/bin/sh -c '").unwrap().strip_suffix('\'').unwrap();
    quoted.replace("$$", "$")
}

/// Runs it where quorate writes a line and ends with `code`; returns the exit code and the metrics.
fn run(dir: &Path, code: u8) -> (Option<i32>, String) {
    let quorate = dir.join("quorate");
    fs::write(&quorate, format!("#!/bin/sh\necho \"of $* {code}\"; exit {code}\n")).unwrap();
    fs::set_permissions(&quorate, fs::Permissions::from_mode(0o755)).unwrap();
    let status = Command::new("/bin/sh")
        .args(["-c", &script()])
        .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
        .env("TEXTFILES", dir)
        .status()
        .unwrap();
    (
        status.code(),
        fs::read_to_string(dir.join("quorate.prom")).unwrap_or_default(),
    )
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
