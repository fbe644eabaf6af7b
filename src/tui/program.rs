//! A program of the operator's on the terminal: a pager or an editor, until it ends. Start reading at [`Programs::show`].

use std::io::{self, Write};
use std::path::Path;
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::foreground::Foreground;
use super::guard;
use super::signals::Signals;
use super::suspend::{Suspension, has_shell};
use crate::app::keys::Program;
use crate::base::starting;

/// What a shell answers where it finds no program of the name (POSIX, "Exit Status for Commands").
const NOT_FOUND: i32 = 127;
/// How long a program that is told to end may take to leave the terminal in order.
const PARTING: Duration = Duration::from_secs(1);

/// One program of the operator's.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// As a shell runs it, with options.
    command: String,
    /// The variable that it is from, or would be.
    variable: &'static str,
    /// Whether no variable names one.
    is_default: bool,
}

/// The operator's programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Reads from its standard input.
    pub pager: Chosen,
    /// Takes a file's name.
    pub editor: Chosen,
}

/// What came of it.
pub enum Shown {
    /// It ended well.
    Well,
    /// It did not; in a sentence.
    Badly(String),
    /// A signal ends quorate; the terminal was not taken again.
    Ended,
}

/// What may come while it has the terminal.
pub struct Meanwhile<'a> {
    /// It is stopped from its keyboard, and we with it.
    pub suspension: &'a mut Suspension,
    /// We are told to end.
    pub signals: &'a mut Signals,
}

impl Programs {
    /// Lets one have the terminal, with a text, until it ends.
    pub async fn show(&self, program: Program, text: &str, mut meanwhile: Meanwhile<'_>) -> io::Result<Shown> {
        guard::restore();
        let modes = tcgetattr(io::stdin())?;
        let shown = match program {
            Program::Pager => self.pager.page(text, &mut meanwhile).await,
            Program::Editor => self.editor.edit(text, &mut meanwhile).await,
        };
        // One that was killed may have left the terminal in any mode.
        tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
        if !matches!(shown, Shown::Ended) {
            guard::take()?;
        }
        Ok(shown)
    }
}

impl Chosen {
    /// What a variable holds, or else what most systems have.
    pub fn of(variable: &'static str, value: Option<&String>, otherwise: &str) -> Self {
        Self {
            command: value.map_or(otherwise, String::as_str).to_owned(),
            variable,
            is_default: value.is_none(),
        }
    }

    async fn page(&self, text: &str, meanwhile: &mut Meanwhile<'_>) -> Shown {
        let mut child = match self.start(None) {
            Ok(child) => child,
            Err(error) => return self.failed(&error),
        };
        let input = child.stdin.take();
        let writing = async {
            if let Some(mut input) = input {
                // Who has read enough closes it.
                let _ = input.write_all(text.as_bytes()).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            shown = self.until_ended(&mut child, meanwhile) => shown,
            () = writing => Shown::Well,
        }
    }

    async fn edit(&self, text: &str, meanwhile: &mut Meanwhile<'_>) -> Shown {
        let written = || -> io::Result<_> {
            let mut file = tempfile::Builder::new().prefix("quorate-").suffix(".txt").tempfile()?;
            file.write_all(text.as_bytes())?;
            Ok(file)
        };
        let file = match written() {
            Ok(file) => file,
            Err(error) => return Shown::Badly(format!("no copy for {self} could be written: {error}")),
        };
        match self.start(Some(file.path())) {
            Ok(mut child) => self.until_ended(&mut child, meanwhile).await,
            Err(error) => self.failed(&error),
        }
    }

    /// Opens a file in it where no console is, and waits for its end. The error is a sentence.
    pub fn open(&self, file: &Path) -> Result<(), String> {
        let shown = match self.shell(Some(file)).status() {
            Ok(status) => self.judge(status),
            Err(error) => self.failed(&error),
        };
        match shown {
            Shown::Well | Shown::Ended => Ok(()),
            Shown::Badly(why) => Err(why),
        }
    }

    /// By a shell, because the variables hold options too.
    fn shell(&self, file: Option<&Path>) -> process::Command {
        let mut shell = process::Command::new("/bin/sh");
        match file {
            Some(file) => shell
                .arg("-c")
                .arg(format!("{} \"$1\"", self.command))
                .arg("sh")
                .arg(file),
            None => shell.arg("-c").arg(&self.command).stdin(Stdio::piped()),
        };
        shell
    }

    fn start(&self, file: Option<&Path>) -> io::Result<Child> {
        let mut shell = Command::from(self.shell(file));
        shell.process_group(0).kill_on_drop(true);
        let _alone = starting::alone();
        shell.spawn()
    }

    async fn until_ended(&self, child: &mut Child, meanwhile: &mut Meanwhile<'_>) -> Shown {
        match Self::attend(child, meanwhile).await {
            Ok(Some(status)) => self.judge(status),
            Ok(None) => Shown::Ended,
            Err(error) => self.failed(&error),
        }
    }

    /// Lends it the terminal until it has ended, or a signal ends us.
    async fn attend(child: &mut Child, meanwhile: &mut Meanwhile<'_>) -> io::Result<Option<ExitStatus>> {
        let mut foreground = Foreground::lend(child)?;
        loop {
            tokio::select! {
                status = child.wait() => return status.map(Some),
                () = meanwhile.signals.any() => {
                    part(child).await;
                    return Ok(None);
                }
                () = foreground.stopped() => {}
                () = meanwhile.suspension.asked() => {}
            }
            if has_shell() {
                meanwhile.suspension.stop().await?;
            }
            foreground.again()?;
        }
    }

    fn judge(&self, status: ExitStatus) -> Shown {
        if status.success() {
            return Shown::Well;
        }
        Shown::Badly(match status.code() {
            Some(NOT_FOUND) if self.is_default => {
                format!("${} is not set, and there is no {}", self.variable, self.command)
            }
            Some(NOT_FOUND) => format!("{self} names no program that is there"),
            Some(_) | None => format!("{self} ended with {status}"),
        })
    }

    fn failed(&self, error: &io::Error) -> Shown {
        Shown::Badly(format!("{self} could not be run: {error}"))
    }
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_default {
            write!(f, "{}", self.command)
        } else {
            write!(f, "${} ({})", self.variable, self.command)
        }
    }
}

/// Asks it to end; what is left then is killed when it is dropped.
async fn part(child: &mut Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
        let _ = timeout(PARTING, child.wait()).await;
    }
}
