//! What is generated from the program and kept in the repository: documents, completions, pictures. All are compared here.
//!
//! After a change: `QUORATE_UPDATE=1 cargo test --test it assets::` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use clap::CommandFactory;
use quorate::app::keys;
use quorate::check;
use quorate::cli::args::Cli;

/// The pictures: a file below `assets/screens`, and what `quorate screenshot --svg` is asked for.
const PICTURES: [(&str, &[&str]); 5] = [
    ("overview.svg", &["overview", "--size", "100x32"]),
    (
        "node-lost.svg",
        &["overview", "--size", "100x32", "--state", "node-lost"],
    ),
    (
        "placement.svg",
        &["placement", "--size", "100x32", "--state", "node-lost"],
    ),
    ("etcd.svg", &["etcd", "--size", "100x28", "--state", "node-lost"]),
    (
        "findings.svg",
        &["findings", "--size", "100x32", "--state", "node-lost"],
    ),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What quorate prints, whoever runs the tests, on whatever terminal.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .env_clear()
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compares files with what they should be, or writes them.
fn expect_fresh(wanted: &[(String, String)]) {
    let is_update = std::env::var_os("QUORATE_UPDATE").is_some_and(|value| value == "1");
    let mut stale = Vec::new();
    for (name, content) in wanted {
        let file = path(name);
        if is_update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
        } else if fs::read_to_string(&file).ok().as_ref() != Some(content) {
            stale.push(name.as_str());
        }
    }
    assert!(
        stale.is_empty(),
        "{} not fresh: run `QUORATE_UPDATE=1 cargo test --test it assets::`",
        stale.join(", ")
    );
}

#[test]
fn completions_and_the_man_pages() {
    let shells = ["bash", "zsh", "fish"];
    let mut wanted: Vec<(String, String)> = shells
        .map(|shell| (format!("assets/completions/{shell}"), printed(&["completions", shell])))
        .into();
    wanted.push(("assets/man/quorate.1".to_owned(), printed(&["man"])));
    for command in Cli::command().get_subcommands().map(clap::Command::get_name) {
        wanted.push((format!("assets/man/quorate-{command}.1"), printed(&["man", command])));
    }
    expect_fresh(&wanted);
    let pages = fs::read_dir(path("assets/man")).unwrap().count();
    assert_eq!(pages, wanted.len() - shells.len(), "a page of no command");
}

#[test]
fn the_roles() {
    let role = |who| (format!("assets/rbac/{who}.yaml"), printed(&["rbac", who]));
    expect_fresh(&["viewer", "operator"].map(role));
}

#[test]
fn the_page_of_keys_and_the_readme_s_table() {
    let mut page = "# The keys of the console\n\nGenerated from the table in `src/app/keys.rs`. The table \
                    `[keys]` of the settings remaps them (`quorate config --template`); `quorate keys` prints what is then.\n".to_owned();
    let mut context = String::new();
    for row in keys::rows(&keys::KeyMap::default()) {
        if row.context != context {
            write!(page, "\n## {}\n\n| key | what it does |\n|---|---|\n", row.context).unwrap();
            context = row.context;
        }
        let keys: Vec<String> = row.keys.split(", ").map(|key| format!("`{key}`")).collect();
        writeln!(page, "| {} | {} |", keys.join(" "), row.help.replace('|', "\\|")).unwrap();
    }
    let readme = fs::read_to_string(path("README.md")).unwrap();
    let (before, rest) = readme.split_once("```text\nKEY ").unwrap();
    let (_, after) = rest.split_once("\n```").unwrap();
    let table = printed(&["keys"]);
    let readme = format!("{before}```text\n{}\n```{after}", table.trim_end());
    expect_fresh(&[("assets/keys.md".to_owned(), page), ("README.md".to_owned(), readme)]);
}

#[test]
fn the_page_of_checks() {
    let mut page =
        "# The checks\n\nGenerated from the table in `src/check.rs`. `quorate explain CHECK` prints one.\n".to_owned();
    for check in check::all() {
        write!(
            page,
            "\n## {}\n\n{}.\n\n- **Looks at:** {}\n- **Why:** {}\n- **Fix:** {}\n",
            check.id, check.title, check.looks_at, check.why, check.fix
        )
        .unwrap();
        if let Some(statement) = check.statement {
            write!(page, "\n> {statement}\n").unwrap();
        }
    }
    expect_fresh(&[("assets/checks.md".to_owned(), page)]);
}

#[test]
fn pictures() {
    let picture = |(name, arguments): (&str, &[&str])| {
        let drawn = printed(&[&["screenshot", "--svg"], arguments].concat());
        (format!("assets/screens/{name}"), drawn)
    };
    expect_fresh(&PICTURES.map(picture));
}
