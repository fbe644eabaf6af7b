//! Every scenario through the real client code and every check: the declared set is broken, exactly, nothing else is
//! untold than what is declared, and what holds says by which facts.

use std::collections::BTreeSet;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// What a scenario file declares about itself.
struct Expected {
    broken: BTreeSet<String>,
    untold: BTreeSet<String>,
    exit: i32,
}

fn expected(name: &str) -> Expected {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/scenarios/{name}.toml"));
    let text = std::fs::read_to_string(file).unwrap();
    let parsed: toml::Table = text.parse().unwrap();
    let expect = parsed["expect"].as_table().unwrap();
    let names = |field: &str| {
        let names = expect.get(field).map(|names| names.as_array().unwrap().clone());
        let names = names.unwrap_or_default().into_iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    Expected {
        broken: names("broken"),
        untold: names("untold"),
        exit: i32::try_from(expect["exit"].as_integer().unwrap()).unwrap(),
    }
}

fn ids(document: &Value, result: &str) -> BTreeSet<String> {
    let checks = document["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["result"] == result)
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What differs between a scenario and its declaration.
fn judge(name: &str) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["check", "--sim", name, "-o", "json", "--timeout", "30s"])
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else {
        return Some(format!(
            "{name}: no document: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    };
    let checks = document["checks"].as_array().unwrap();
    let proven = |check: &Value| !check["evidence"].as_array().unwrap().is_empty();
    if let Some(odd) = checks.iter().find(|own| proven(own) != (own["result"] == "holds")) {
        return Some(format!("{name}: {odd}"));
    }
    let expected = expected(name);
    let found = (
        ids(&document, "broken"),
        ids(&document, "cannot-tell"),
        output.status.code(),
    );
    (found != (expected.broken.clone(), expected.untold.clone(), Some(expected.exit))).then(|| {
        format!(
            "{name}: broken {:?}, declared {:?}; untold {:?}, declared {:?}; exit {:?}, declared {}",
            found.0, expected.broken, found.1, expected.untold, found.2, expected.exit
        )
    })
}

#[test]
fn every_scenario_breaks_exactly_the_checks_that_it_declares() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scenarios");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 15, "{names:?}");
    let wrong: Vec<String> = names.iter().filter_map(|name| judge(name)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
