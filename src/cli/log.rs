//! Where the log goes: the console's log screen, a file, or stderr.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use color_eyre::eyre;
use tracing::Level;

use crate::app::Message;
use crate::check::Severity;
use crate::config::{LogLevel, Settings};
use crate::tui;

/// A place for lines.
type Writer = Box<dyn Write + Send>;

/// Starts the log, once per process. Lines go to the log file, readable by this user alone, or to `otherwise`. A file that
/// cannot be written is told, and stops nothing.
pub fn start(settings: &Settings, otherwise: Option<Writer>) -> eyre::Result<Option<Message>> {
    let (writer, problem) = match &settings.log_file.value {
        None => (otherwise, None),
        Some(path) => match OpenOptions::new().create(true).append(true).mode(0o600).open(path) {
            Ok(file) => (Some(Box::new(file) as Writer), None),
            Err(error) => {
                let text = format!("the log file {} cannot be written: {error}", path.display());
                (otherwise, Some(Message::new(Severity::Warning, text)))
            }
        },
    };
    tui::init_log(level(settings.log_level.value), writer)?;
    Ok(problem)
}

const fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}
