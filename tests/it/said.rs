//! How a command ended, and what it said.

use assert_cmd::Command;

/// Its exit code, standard output and standard error.
pub fn said(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
