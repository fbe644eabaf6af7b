//! `quorate completions` and `quorate man`, from the one definition of the command line.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use color_eyre::eyre;

use super::args::Cli;
use super::name::Name;

/// Prints completions for a shell.
pub fn completions(shell: Shell) -> eyre::Result<ExitCode> {
    let mut script = Vec::new();
    let name = Name::ours();
    clap_complete::generate(shell, &mut name.command(), name.file(), &mut script);
    print_all(&script)
}

/// Prints the man page.
pub fn man() -> eyre::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print_all(&page)
}

fn print_all(bytes: &[u8]) -> eyre::Result<ExitCode> {
    std::io::stdout().lock().write_all(bytes)?;
    Ok(ExitCode::SUCCESS)
}
