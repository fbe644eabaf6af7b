//! `quorate completions` and `quorate man`, from the one definition of the command line.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;
use color_eyre::eyre;

use super::manual;
use super::name::Name;

/// Prints completions for a shell.
pub fn completions(shell: Shell) -> eyre::Result<ExitCode> {
    let mut script = Vec::new();
    let name = Name::ours();
    clap_complete::generate(shell, &mut name.command(), name.file(), &mut script);
    print_all(&script)
}

/// Prints the man page of the program, or of one command.
pub fn man(command: Option<&str>) -> eyre::Result<ExitCode> {
    match command {
        None => print_all(&manual::of_all()?),
        Some(command) => print_all(&manual::of(command)?),
    }
}

fn print_all(bytes: &[u8]) -> eyre::Result<ExitCode> {
    std::io::stdout().lock().write_all(bytes)?;
    Ok(ExitCode::SUCCESS)
}
