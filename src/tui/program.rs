//! A program of the operator's on the terminal: a pager or an editor, until it ends. Start reading at [`Programs::show`].

use std::io::{self, Write};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::guard;
use super::suspend::Suspension;
use crate::app::keys::Program;

/// The operator's programs, as a shell starts them.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Reads from its standard input: `less`.
    pub pager: String,
    /// Takes a file's name: `vi`.
    pub editor: String,
}

impl Programs {
    /// Lets one have the terminal, with a text, until it ends. The events of the terminal must not be read meanwhile: they
    /// are its own. The inner error is a sentence.
    pub async fn show(
        &self,
        program: Program,
        text: &str,
        suspension: &mut Suspension,
    ) -> io::Result<Result<(), String>> {
        guard::restore();
        let told = match program {
            Program::Pager => page(&self.pager, text, suspension).await,
            Program::Editor => edit(&self.editor, text, suspension).await,
        };
        guard::take()?;
        Ok(told)
    }
}

async fn page(pager: &str, text: &str, suspension: &mut Suspension) -> Result<(), String> {
    let mut child = start(pager, None).map_err(|error| failed(pager, &error))?;
    let input = child.stdin.take();
    let writing = async {
        if let Some(mut input) = input {
            // Who has read enough closes it.
            let _ = input.write_all(text.as_bytes()).await;
        }
    };
    let (ended, ()) = tokio::join!(until_ended(&mut child, suspension), writing);
    judge(pager, ended)
}

async fn edit(editor: &str, text: &str, suspension: &mut Suspension) -> Result<(), String> {
    let written = || {
        let mut file = tempfile::Builder::new().prefix("quorate-").suffix(".txt").tempfile()?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
        Ok(file)
    };
    let file = written().map_err(|error: io::Error| format!("no copy for {editor} could be written: {error}"))?;
    let mut child = start(editor, Some(file.path())).map_err(|error| failed(editor, &error))?;
    judge(editor, until_ended(&mut child, suspension).await)
}

/// By a shell, because the variables hold options too.
fn start(program: &str, file: Option<&Path>) -> io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    match file {
        Some(file) => shell.arg("-c").arg(format!("{program} \"$1\"")).arg("sh").arg(file),
        None => shell.arg("-c").arg(program).stdin(Stdio::piped()),
    };
    shell.kill_on_drop(true).spawn()
}

/// Whoever stops the program from its keyboard stops us with it.
async fn until_ended(child: &mut Child, suspension: &mut Suspension) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            ended = child.wait() => return ended,
            () = suspension.asked() => suspension.stop().await?,
        }
    }
}

fn judge(program: &str, ended: io::Result<ExitStatus>) -> Result<(), String> {
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program:?} ended with {status}")),
        Err(error) => Err(failed(program, &error)),
    }
}

fn failed(program: &str, error: &io::Error) -> String {
    format!("{program:?} could not be run: {error}")
}
