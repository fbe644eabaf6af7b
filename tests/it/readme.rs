//! The README tells the truth about what the program prints.

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
        // A sentence may name a command alone.
        let is_name = command.len() == 1 && error.kind() == ErrorKind::MissingRequiredArgument;
        assert!(is_name, "{command:?}: {error}");
    }
}

#[test]
fn its_commands_that_need_no_cluster_work() {
    const ALONE: [&str; 7] = ["keys", "rbac", "man", "themes", "config", "explain", "completions"];
    let home = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for command in commands(&readme()) {
        let is_simulated = command.iter().any(|word| word == "--sim");
        let is_alone = command.first().is_some_and(|word| ALONE.contains(&word.as_str()));
        if !is_simulated && !is_alone {
            continue;
        }
        ran += 1;
        let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .env_clear()
            .env("HOME", home.path())
            .args(&command)
            .timeout(Duration::from_mins(2))
            .output()
            .unwrap();
        assert!(
            output.status.code().is_some_and(|code| code <= 3),
            "{command:?}: {output:?}"
        );
        assert!(!output.stdout.is_empty(), "{command:?}");
    }
    assert!(ran >= 8, "only {ran} were run");
}
