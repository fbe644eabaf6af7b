//! What headless commands print: documents for programs, tables for people. Pure functions of a snapshot.

pub mod below;
pub mod block;
pub mod check;
pub mod entry;
pub mod external;
pub mod failover;
pub mod feeds;
pub mod incident;
pub mod plan;
pub mod plugin;
pub mod prometheus;
pub mod rbac;
pub mod record;
pub mod status;
pub mod status_text;
pub mod table;

use std::io::{self, Write};

use serde::Serialize;

use crate::base::Text;
use crate::model::Snapshot;

/// The scenario that a snapshot shows, where nothing of it is real.
pub fn scenario(snapshot: &Snapshot) -> Option<Text> {
    Some(snapshot.simulated.as_ref()?.scenario.clone())
}

/// The line above everything that tells of a simulated cluster; empty for a real one.
pub fn mark(scenario: Option<&Text>) -> String {
    scenario.map_or_else(String::new, |name| {
        format!("SIMULATED CLUSTER ({name}): nothing of this is real\n")
    })
}

/// Prints text.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Prints a document, indented, with a line end.
pub fn print_json(document: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    print(&text)
}

/// Prints a document on a line of its own.
pub fn print_json_line(document: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(document)?;
    text.push('\n');
    print(&text)
}
