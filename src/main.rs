//! The `quorate` program: see [`quorate::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    quorate::cli::main()
}
