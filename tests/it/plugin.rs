//! quorate as `kubectl quorate`: kubectl runs the file `kubectl-quorate`.

use std::os::unix::fs::symlink;

use assert_cmd::Command;

use crate::said::said;

fn plugin(arguments: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubectl-quorate");
    symlink(env!("CARGO_BIN_EXE_quorate"), &file).unwrap();
    said(Command::new(file).env_clear().env("HOME", dir.path()).args(arguments))
}

#[test]
fn help_and_mistakes_name_what_a_person_typed() {
    let (code, help, _) = plugin(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(help.contains("Usage: kubectl quorate [OPTIONS]"), "{help}");
    let (_, help, _) = plugin(&["status", "--help"]);
    assert!(help.contains("Usage: kubectl quorate status [OPTIONS]"), "{help}");
    let (code, _, error) = plugin(&["explain", "a", "b"]);
    assert_eq!(code, Some(64));
    assert!(error.contains("Usage: kubectl quorate explain"), "{error}");
}

#[test]
fn completions_are_for_the_file_that_kubectl_runs() {
    let (code, script, _) = plugin(&["completions", "bash"]);
    assert_eq!(code, Some(0));
    assert!(script.contains("kubectl-quorate"), "{}", &script[..200]);
}
