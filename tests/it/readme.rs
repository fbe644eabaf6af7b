//! The README tells the truth about what the program prints.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

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
