//! The dependency rule of `src/ARCHITECTURE.md`: imports go one way, and pure layers touch no outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// For each top-level module, the modules that it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("model", &["base"]),
    ("check", &["base", "model"]),
    ("forecast", &["base", "model"]),
    ("plan", &["base", "model", "forecast"]),
    ("app", &["base", "model", "forecast", "check", "plan"]),
    ("recording", &["base", "model", "check", "app"]),
    ("view", &["base", "model", "forecast", "check", "plan", "app"]),
    (
        "tui",
        &["base", "model", "forecast", "check", "plan", "app", "recording", "view"],
    ),
    ("config", &["base", "model", "app"]),
    ("port", &["base", "model", "plan"]),
    ("assemble", &["base", "model", "port", "pb"]),
    ("pb", &[]),
    ("live", &["base", "model", "plan", "port", "assemble", "pb"]),
    ("run", &["base", "model", "plan", "port"]),
    ("chronicle", &["base", "model", "check", "app", "run"]),
    ("sim", &["base", "pb"]),
    ("rehearse", &["base", "model", "plan", "port", "assemble", "sim"]),
    (
        "cli",
        &[
            "base",
            "model",
            "forecast",
            "check",
            "plan",
            "app",
            "recording",
            "view",
            "tui",
            "config",
            "port",
            "assemble",
            "live",
            "run",
            "chronicle",
            "sim",
            "rehearse",
        ],
    ),
    ("main", &[]),
];

/// What pure layers must not touch: runtimes, terminals, clients, the clock and the outside world.
const IMPURE: &[&str] = &[
    "tokio::",
    "kube::",
    "tonic::",
    "hyper::",
    "ratatui::",
    "crossterm::",
    "termina::",
    "tui_logger::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
];

/// Exceptions to [`IMPURE`]: module, then what it may touch after all, and why.
const ALLOWED_IMPURE: &[(&str, &str)] = &[
    ("base", "Instant::now"),   // the one clock
    ("base", "Timestamp::now"), // the one clock
    ("view", "ratatui::"),      // it draws
];

const PURE: &[&str] = &[
    "base",
    "model",
    "forecast",
    "check",
    "plan",
    "app",
    "recording",
    "view",
    "assemble",
    "rehearse",
];

#[test]
fn imports_go_one_way() {
    let rules: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut files = 0;
    for file in sources() {
        let module = module_path(&file);
        let Some(layer) = module.first() else { continue };
        let allowed = rules
            .get(layer.as_str())
            .unwrap_or_else(|| panic!("no rule for the layer {layer}"));
        files += 1;
        for target in named_layers(&code(&file), &module) {
            let is_layer = rules.contains_key(target.as_str());
            if is_layer && target != *layer && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{}: {layer} must not name {target}", file.display()));
            }
        }
    }
    assert!(files > 20, "only {files} files were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The simulated cluster is pure, but for the servers before it.
fn is_pure(module: &[String]) -> bool {
    let is_world = || module[0] == "sim" && module.get(1).is_some_and(|part| part == "world" || part == "scenario");
    module.first().is_some_and(|layer| PURE.contains(&layer.as_str())) || is_world()
}

#[test]
fn pure_layers_touch_no_outside() {
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module_path(&file);
        let Some(layer) = module.first().filter(|_| is_pure(&module)) else {
            continue;
        };
        let code = code(&file);
        for impure in IMPURE {
            let is_allowed = ALLOWED_IMPURE.contains(&(layer.as_str(), impure));
            if !is_allowed && mentions(&code, impure) {
                wrong.push(format!("{}: {layer} must not touch {impure}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|file| !file.to_string_lossy().contains("/src/pb/"))
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 600)
        .map(|(lines, file)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_scanner_sees_every_form_of_path() {
    let here = ["view".to_owned(), "part".to_owned()];
    let found = |code: &str| named_layers(code, &here);
    assert_eq!(found("use crate::live::kube;"), ["live"]);
    assert_eq!(
        found("use crate::{base::Text, tui, cli::{self}};"),
        ["base", "tui", "cli"]
    );
    assert_eq!(found("use super::super::live;"), ["live"]);
    assert_eq!(found("use super::{sibling};"), Vec::<String>::new());
    assert_eq!(found("let x = crate::port::Sink;"), ["port"]);
    assert!(mentions("use tokio::sync;", "tokio::"));
    assert!(!mentions("use my_tokio::sync;", "tokio::"));
    assert!(!mentions("use crate::model::kube::Node;", "kube::"));
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && path.file_name().unwrap() != "lib.rs" {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// `src/a/b.rs` is the module `a::b`.
fn module_path(file: &Path) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(root).unwrap().with_extension("");
    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// The file without comment lines, without its tests at the end, and with white space folded.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let is_test_file = file
        .file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    let code = text
        .split("#[cfg(test)]\n")
        .next()
        .filter(|_| !is_test_file)
        .unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join(" ")
}

/// The top-level modules that the code of `module` names through `crate::` or `super::`.
fn named_layers(code: &str, module: &[String]) -> Vec<String> {
    let mut layers = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|(at, _)| starts_word(code, *at)) {
        layers.extend(heads(&code[at + "crate::".len()..]));
    }
    for (at, _) in code.match_indices("super::").filter(|(at, _)| starts_word(code, *at)) {
        let before = &code[..at];
        if before.ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut depth = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            depth += 1;
        }
        if depth == module.len() {
            layers.extend(heads(rest));
        }
    }
    layers
}

/// The first names of a path or of a group of paths.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0;
    let mut names = vec![word(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn mentions(code: &str, what: &str) -> bool {
    // Behind `::` it is a module of ours with the name of a crate.
    code.match_indices(what)
        .any(|(at, _)| starts_word(code, at) && !code[..at].ends_with("::"))
}

fn starts_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}
