//! `quorate config` as a user starts it: the editor, and secrets that are told to be given and never shown.

use std::fs;

use serde_json::Value;

use crate::cli::{home, quorate};
use crate::said::said;

#[test]
fn the_settings_are_edited_and_then_checked() {
    let home = home();
    let file = home.path().join(".config/quorate/config.toml");
    let edit = |editors: &[(&str, &str)]| {
        let mut command = quorate(&home);
        command.env("PATH", "/usr/bin:/bin").envs(editors.iter().copied());
        said(command.args(["config", "--edit"]))
    };
    let (code, _, err) = edit(&[("EDITOR", "no-such-editor")]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("$EDITOR (no-such-editor) names no program that is there"),
        "{err}"
    );
    let template = fs::read_to_string(&file).unwrap();
    assert!(template.contains("# theme = "), "a new file holds the template");

    let add = |line: &str| format!("sh -c 'echo \"{line}\" >> \"$1\"' edit");
    fs::write(&file, "").unwrap();
    let (code, _, err) = edit(&[("VISUAL", &add("ascii = 5")), ("EDITOR", "false")]);
    assert_eq!(code, Some(64), "{err}");
    assert!(err.contains("config.toml") && err.contains("true or false"), "{err}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "ascii = 5\n",
        "what was written stays"
    );

    fs::write(&file, "").unwrap();
    let (code, out, err) = edit(&[("VISUAL", " "), ("EDITOR", &add("ascii = true"))]);
    assert_eq!((code, &*out), (Some(0), "The settings are right.\n"), "{err}");
}

#[test]
fn that_a_secret_is_given_is_told_and_never_what_it_is() {
    const HIDDEN: &str = "hunter2";
    let home = home();
    let folder = home.path().join(".config/quorate");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    fs::write(&file, "[external]\nredis_password_file = \"/etc/redis.password\"\n").unwrap();
    let told = |output: &str| {
        let mut command = quorate(&home);
        for variable in ["QUORATE_POSTGRESQL_PASSWORD", "QUORATE_REDIS_PASSWORD"] {
            command.env(variable, HIDDEN);
        }
        let printed = command
            .env("QUORATE_S3_SECRET_KEY", "")
            .args(["config", "-o", output])
            .output()
            .unwrap();
        assert!(printed.status.success());
        let printed = String::from_utf8([printed.stdout, printed.stderr].concat()).unwrap();
        assert!(!printed.contains(HIDDEN), "{printed}");
        printed
    };
    let document: Value = serde_json::from_str(&told("json")).unwrap();
    let secrets = document["secrets"].as_array().unwrap();
    let of = |variable: &str| secrets.iter().find(|secret| secret["variable"] == variable).unwrap();
    let postgresql = of("QUORATE_POSTGRESQL_PASSWORD");
    assert_eq!(postgresql["is_variable_set"], true);
    let from = serde_json::json!({ "kind": "environment", "name": "QUORATE_POSTGRESQL_PASSWORD" });
    assert_eq!(postgresql["origin"], from);
    // The file that a setting names counts first.
    let redis = of("QUORATE_REDIS_PASSWORD");
    let from = serde_json::json!({ "kind": "user-file", "name": file.to_str().unwrap() });
    assert_eq!((&redis["is_variable_set"], &redis["origin"]), (&true.into(), &from));
    for variable in ["QUORATE_SENTINEL_PASSWORD", "QUORATE_S3_SECRET_KEY"] {
        let secret = of(variable);
        assert_eq!(
            (&secret["is_variable_set"], &secret["origin"]),
            (&false.into(), &Value::Null)
        );
    }
    assert_eq!(secrets.len(), 4);

    let table = told("table");
    for (of, says) in [
        ("the password for PostgreSQL", "is set, not shown"),
        (
            "the password for Redis ",
            "is set, not used: external.redis_password_file counts",
        ),
    ] {
        assert!(
            table.lines().any(|line| line.starts_with(of) && line.contains(says)),
            "{table}"
        );
    }
    assert!(!table.contains("the secret key"), "{table}");
}
