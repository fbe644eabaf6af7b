//! The `quorate` program: see [`quorate::cli`].

use std::process::ExitCode;

/// Of the program alone: who uses the library chooses for himself.
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    quorate::cli::main()
}
