//! `quorate ssh` through an `ssh` that runs on this machine what it is given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use assert_cmd::Command;

/// quorate on a machine whose ssh is a script.
fn quorate(dir: &tempfile::TempDir, ssh: &str) -> Command {
    let script = dir.path().join("ssh");
    fs::write(&script, format!("#!/bin/sh\n{ssh}\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", dir.path().display()))
        .env("HOME", dir.path())
        .env("TMPDIR", dir.path().join("there"))
        .timeout(Duration::from_mins(5));
    command
}

/// Runs the last word; the host nbe-1 does not answer.
const SSH: &str = "case \"$*\" in *' nbe-1 '*) \
                   echo 'ssh: connect to host nbe-1 port 22: Connection timed out' >&2; exit 255;; esac
for cmd; do :; done
exec sh -c \"$cmd\"";

#[test]
fn it_runs_on_the_first_host_that_answers_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    fs::create_dir(&there).unwrap();
    let arguments = [
        "ssh",
        "--no-sudo",
        "nbe-1",
        "nbe-2",
        "nbe-3",
        "--",
        "explain",
        "etcd.spare",
    ];
    let output = quorate(&dir, SSH).args(arguments).output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("etcd.spare"), "{out}");
    assert!(
        err.contains("nbe-1 port 22: Connection timed out") && err.contains("MB to nbe-2"),
        "{err}"
    );
    assert!(!err.contains("nbe-3"), "{err}");
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
}

#[test]
fn its_exit_code_is_that_of_the_other_side() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("there")).unwrap();
    let wrong = quorate(&dir, SSH)
        .args(["ssh", "--no-sudo", "nbe-2", "--", "--no-such-flag"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(64));
    let nobody = quorate(&dir, SSH).args(["ssh", "nbe-1"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    let usage = quorate(&dir, SSH)
        .args(["ssh", "nbe-2", "--kubeconfig", "x"])
        .output()
        .unwrap();
    assert_eq!(usage.status.code(), Some(64));
}
