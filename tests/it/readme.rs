//! The README tells the truth about what the program prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use clap::Parser;
use clap::error::ErrorKind;
use quorate::cli::args::Cli;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn its_keys_are_the_console_s() {
    let keys = printed(&["keys"]);
    assert!(
        readme().contains(&keys),
        "README.md must contain what `quorate keys` prints:\n{keys}"
    );
}

#[test]
fn it_names_every_command() {
    let help = printed(&["--help"]);
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What goes on from the line before stands further in.
        .filter(|line| !line.starts_with("   "));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(
            readme().contains(&format!("`quorate {name}")),
            "README.md does not name `quorate {name}`"
        );
    }
}

/// What follows `quorate` in a command; None where none is started.
fn arguments(command: &str) -> Option<Vec<String>> {
    let is_quorate = |word: &&str| *word == "quorate" || word.ends_with("/quorate");
    let mut words = command.split_whitespace().skip_while(|word| !is_quorate(word));
    words.next()?;
    let ours = words.take_while(|word| !["|", ">", "#"].contains(word));
    Some(ours.map(str::to_owned).collect())
}

/// A command in a sentence that stands for many: with a word to be replaced, or a choice.
fn is_pattern(command: &str) -> bool {
    let is_placeholder = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    command.contains(['[', '|', '…', '\\']) || command.split_whitespace().any(is_placeholder)
}

/// Every command line of ours in a document: those in blocks for a shell, and those in sentences.
fn commands(document: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for line in document.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (Some("sh"), None) => found.extend(arguments(line)),
            (Some(_), None) => {}
            (None, None) => {
                let quoted = line.split('`').skip(1).step_by(2);
                let ours = quoted.filter(|code| code.starts_with("quorate ") && !is_pattern(code));
                found.extend(ours.filter_map(arguments));
            }
        }
    }
    found
}

#[test]
fn its_commands_are_commands() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = fs::read_to_string(dir.join("SECURITY.md")).unwrap();
    let changes = fs::read_to_string(dir.join("CHANGELOG.md")).unwrap();
    let all: Vec<_> = [readme(), security, changes]
        .iter()
        .flat_map(|text| commands(text))
        .collect();
    assert!(all.len() > 25, "{all:?}");
    for command in all {
        let words = std::iter::once("quorate".to_owned()).chain(command.clone());
        let Err(error) = Cli::try_parse_from(words) else {
            continue;
        };
        assert!(is_name(&command), "{command:?}: {error}");
    }
}

/// Whether a sentence names a command that takes more.
fn is_name(command: &[String]) -> bool {
    let words = std::iter::once("quorate").chain(command.iter().map(String::as_str));
    let error = Cli::try_parse_from(words).err();
    command.len() == 1 && error.is_some_and(|error| error.kind() == ErrorKind::MissingRequiredArgument)
}

/// How a command of the documents is run here.
enum Way {
    /// As it stands.
    AsItStands,
    /// On a simulated cluster in the place of a real one.
    Simulated,
    /// By the tests in this file or directory, because it needs a terminal, a real host or an end from outside.
    Elsewhere(&'static str),
    /// A sentence names a command that takes more.
    Name,
}

fn way(command: &[String]) -> Way {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    if is_name(command) {
        return Way::Name;
    }
    match words.as_slice() {
        words if words.contains(&"--sim") => Way::AsItStands,
        ["config", "--edit"] => Way::Elsewhere("tests/it/settings.rs"),
        [
            "keys" | "rbac" | "man" | "themes" | "config" | "explain" | "completions" | "journal" | "timeline",
            ..,
        ] => Way::AsItStands,
        [] | ["demo"] | ["--kubeconfig", ..] => Way::Elsewhere("tests/pty"),
        [_, rest @ ..] if rest.contains(&"--watch") => Way::Elsewhere("tests/lab/visits.rs"),
        [_, rest @ ..] if rest.contains(&"--as") => Way::Elsewhere("tests/lab/roles.rs"),
        [
            "status" | "check" | "doctor" | "what-if" | "plan" | "ok-to" | "report",
            ..,
        ] => Way::Simulated,
        ["etcd", ..] => Way::Elsewhere("tests/lab/dark.rs"),
        ["run" | "resume", ..] => Way::Elsewhere("tests/lab/actions"),
        ["ssh", _, ..] => Way::Elsewhere("tests/lab/visits.rs"),
        _ => panic!("no test runs {words:?}: say here which one does"),
    }
}

fn ran(command: &[String], more: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .env_clear()
        .env("HOME", home.path())
        .args(command)
        .args(more)
        .timeout(Duration::from_mins(2))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    // 4 and more are errors of usage and of the program: see the README's exit codes.
    assert!(output.status.code().is_some_and(|code| code <= 3), "{command:?}: {err}");
    assert!(!out.is_empty(), "{command:?}: {err}");
}

#[test]
fn every_command_in_the_documents_is_run() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents =
        ["README.md", "SECURITY.md", "CHANGELOG.md"].map(|name| fs::read_to_string(dir.join(name)).unwrap());
    let all: BTreeSet<Vec<String>> = documents.iter().flat_map(|text| commands(text)).collect();
    let mut here = 0;
    for command in &all {
        match way(command) {
            Way::AsItStands => ran(command, &[]),
            Way::Simulated => ran(command, &["--sim", "healthy"]),
            Way::Elsewhere(tests) => {
                assert!(dir.join(tests).exists(), "{command:?}: there is no {tests}");
                continue;
            }
            Way::Name => continue,
        }
        here += 1;
    }
    assert!(here >= 20, "only {here} were run");
}
