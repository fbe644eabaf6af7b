use std::process::ExitCode; use color_eyre::eyre; /// x
pub fn run(_r: &super::observe::Resolved) -> eyre::Result<ExitCode> { Ok(ExitCode::SUCCESS) }
