//! Under which name quorate was started: its own, or as a plugin of kubectl, which finds `kubectl-quorate` in `PATH` and runs
//! it as `kubectl quorate`. Start reading at [`parse`].

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use super::args::Cli;

/// What a person types to start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `quorate`.
    Own,
    /// `kubectl quorate`.
    Plugin,
}

impl Name {
    /// The name of this process.
    pub fn ours() -> Self {
        Self::of(std::env::args_os().next().as_deref())
    }

    fn of(program: Option<&OsStr>) -> Self {
        let file = program.and_then(|program| Path::new(program).file_name());
        if file.is_some_and(|file| file == Name::Plugin.file()) {
            Name::Plugin
        } else {
            Name::Own
        }
    }

    /// The executable's name, which a shell completes for.
    pub const fn file(self) -> &'static str {
        match self {
            Name::Own => "quorate",
            Name::Plugin => "kubectl-quorate",
        }
    }

    /// The command line under this name.
    pub fn command(self) -> clap::Command {
        match self {
            Name::Own => Cli::command(),
            Name::Plugin => Cli::command().bin_name("kubectl quorate"),
        }
    }
}

/// Parses the command line of this process.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = Name::ours().command();
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_name_decides() {
        for (program, name) in [
            ("quorate", Name::Own),
            ("/usr/local/bin/quorate", Name::Own),
            ("kubectl-quorate", Name::Plugin),
            ("/root/.krew/bin/kubectl-quorate", Name::Plugin),
            ("kubectl", Name::Own),
        ] {
            assert_eq!(Name::of(Some(OsStr::new(program))), name, "{program}");
        }
        assert_eq!(Name::of(None), Name::Own);
    }
}
