//! What headless commands print: documents for programs, tables for people. Pure functions of a snapshot.

pub mod check;
pub mod feeds;
pub mod status;
pub mod status_text;
pub mod table;

use std::io::{self, Write};

use serde::Serialize;

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
