//! `quorate config`: the settings in force, where each comes from, and what is wrong with them.

use std::fs;
use std::process::ExitCode;

use color_eyre::eyre;

use super::args::{Global, Output};
use super::console;
use super::exit::{USAGE, Usage};
use super::observe::{self, Resolved};
use super::output::table::table;
use super::output::{print, print_json};
use crate::base::{Why, WhyKind};
use crate::config::{self, Origin, SecretEntry};

/// Prints the template, checks the files, or lists the settings. Exits 64 when a file is wrong.
pub fn run(resolved: &Resolved, template: bool, check: bool, output: Output) -> eyre::Result<ExitCode> {
    if template {
        print(config::template())?;
        return Ok(ExitCode::SUCCESS);
    }
    observe::warn_of(&resolved.problems);
    let is_right = resolved.problems.is_empty();
    match (check, output) {
        (true, _) if is_right => print("The settings are right.\n")?,
        (true, _) => {}
        (false, Output::Json) => {
            let problems: Vec<_> = resolved.problems.iter().map(config::ConfigError::why).collect();
            print_json(&serde_json::json!({
                "schema": "quorate.config/v1",
                "settings": resolved.settings.entries(),
                "secrets": config::secrets(&resolved.settings, &resolved.environment),
                "problems": problems,
            }))?;
        }
        (false, Output::Table) => {
            let entries = resolved.settings.entries();
            let mut rows: Vec<Vec<String>> = entries
                .into_iter()
                .map(|entry| vec![entry.key.to_owned(), entry.value.to_string(), entry.origin.to_string()])
                .collect();
            // That of a file is among the settings.
            let secrets = config::secrets(&resolved.settings, &resolved.environment);
            rows.extend(
                secrets
                    .iter()
                    .filter(|secret| secret.is_variable_set)
                    .map(row_of_secret),
            );
            print(&table(&["SETTING", "VALUE", "FROM"], &rows))?;
        }
    }
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(USAGE)
    })
}

/// Opens the user's file in the operator's editor, and checks the settings as they are then.
pub fn edit(resolved: &Resolved, global: &Global) -> eyre::Result<ExitCode> {
    let file = global
        .config
        .clone()
        .or_else(|| config::user_file(&resolved.environment));
    let file = file.ok_or_else(|| Usage {
        message: "there is no place for your settings: set HOME, or name a file with --config".to_owned(),
    })?;
    if !file.exists() {
        let begun = file.parent().map_or(Ok(()), fs::create_dir_all);
        begun
            .and_then(|()| fs::write(&file, config::template()))
            .map_err(|error| {
                Why::new(
                    WhyKind::Config,
                    format!("{} could not be begun: {error}", file.display()),
                )
            })?;
    }
    let editor = console::programs(&resolved.environment).editor;
    editor.open(&file).map_err(|why| Why::new(WhyKind::Config, why))?;
    run(&observe::settings(global)?, false, true, Output::Table)
}

fn row_of_secret(secret: &SecretEntry) -> Vec<String> {
    let variable = Origin::Environment(secret.variable);
    let value = if secret.origin.as_ref() == Some(&variable) {
        "is set, not shown".to_owned()
    } else {
        format!("is set, not used: {} counts", secret.setting)
    };
    vec![secret.of.to_owned(), value, variable.to_string()]
}
