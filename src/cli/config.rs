//! `quorate config`: the settings in force, where each comes from, and what is wrong with them.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Output;
use super::exit::USAGE;
use super::observe::{self, Resolved};
use super::output::table::table;
use super::output::{print, print_json};
use crate::config;

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
                "problems": problems,
            }))?;
        }
        (false, Output::Table) => {
            let entries = resolved.settings.entries();
            let rows: Vec<Vec<String>> = entries
                .into_iter()
                .map(|entry| vec![entry.key.to_owned(), entry.value.to_string(), entry.origin.to_string()])
                .collect();
            print(&table(&["SETTING", "VALUE", "FROM"], &rows))?;
        }
    }
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(USAGE)
    })
}
