//! `quorate keys`: the keys of the console, from the one table.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Output;
use super::observe::{self, Resolved};
use super::output::table::table;
use super::output::{print, print_json};
use crate::app::keys;

/// Prints the table of keys, remapped as the settings say.
pub fn run(resolved: &Resolved, output: Output) -> eyre::Result<ExitCode> {
    observe::warn_of(&resolved.problems);
    let rows: Vec<keys::Row> = keys::rows(&resolved.settings.keys.value).collect();
    match output {
        Output::Json => print_json(&serde_json::json!({ "schema": "quorate.keys/v1", "keys": rows }))?,
        Output::Table => {
            let rows: Vec<Vec<String>> = rows
                .into_iter()
                .map(|row| vec![row.keys, row.context, row.help])
                .collect();
            print(&table(&["KEY", "WHERE", "WHAT IT DOES"], &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
