//! How the program ends: exit codes, and what a person reads when it ends badly.

use std::process::ExitCode;

use color_eyre::eyre;

use super::output;
use crate::base::Why;

/// Yes, done, all well.
pub const YES: u8 = 0;
/// No, or stopped before the goal.
pub const NO: u8 = 1;
/// It cannot be told, or is left open.
pub const CANNOT_TELL: u8 = 3;
/// The command line is wrong (`EX_USAGE` of sysexits).
pub const USAGE: u8 = 64;
/// What was asked for could not be done; the message says why.
pub const FAILED: u8 = 1;
/// A defect of quorate itself, or a panic (`EX_SOFTWARE`).
pub const INTERNAL: u8 = 70;

/// Every code and what it says, for the man page. 2 is that of `check` alone.
pub const STATUS: [(u8, &str); 6] = [
    (YES, "Yes; done; all is well."),
    (
        NO,
        "No; it stopped before its goal, or could not be done. Of check: a warning.",
    ),
    (2, "Of check: critical."),
    (CANNOT_TELL, "It cannot be told. Of a run: it is paused."),
    (USAGE, "The command line, a settings file or a name is wrong."),
    (INTERNAL, "A defect of quorate."),
];

/// What a person did wrong, to be told without a stack trace; exits 64.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Usage {
    /// What is wrong, and what to do.
    pub message: String,
}

/// Reports errors through color-eyre; a panic restores the terminal first and exits 70, whatever thread it happened in.
pub fn install_hooks() -> eyre::Result<()> {
    let (panic_hook, eyre_hook) = color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .into_hooks();
    eyre_hook.install()?;
    let report = panic_hook.into_panic_hook();
    std::panic::set_hook(Box::new(move |info| {
        crate::tui::restore();
        report(info);
        std::process::exit(i32::from(INTERNAL));
    }));
    Ok(())
}

/// Prints what clap says. Help and version are no errors; wrong usage exits 64 instead of clap's 2, which means "critical" here.
pub fn usage(error: &clap::Error) -> ExitCode {
    let is_answer = !error.use_stderr();
    // Nothing can be done when the message cannot be printed.
    let _ = error.print();
    if is_answer {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(USAGE)
    }
}

/// The exit code is the answer, also for a reader that went away.
pub fn unless_closed(printed: std::io::Result<()>) -> std::io::Result<()> {
    printed.or_else(|error| {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// Tells a monitoring system that nothing could be looked at, and why; exits 3.
pub fn unknown(report: &eyre::Report) -> ExitCode {
    // Where nobody reads, the code still tells.
    let _ = output::print(&output::plugin::failed(report));
    ExitCode::from(CANNOT_TELL)
}

/// Tells an error and chooses the exit code. A reader that went away (a closed pipe) is no error.
pub fn failed(report: &eyre::Report) -> ExitCode {
    if let Some(usage) = report.downcast_ref::<Usage>() {
        eprintln!("quorate: {usage}");
        return ExitCode::from(USAGE);
    }
    if let Some(why) = report.downcast_ref::<Why>() {
        eprintln!("quorate: {why}");
        return ExitCode::from(NO);
    }
    let is_closed_pipe = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    if report
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(is_closed_pipe)
    {
        return ExitCode::SUCCESS;
    }
    eprintln!("quorate: {report:?}");
    ExitCode::from(INTERNAL)
}
