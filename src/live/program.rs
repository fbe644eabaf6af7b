//! Another program, run once: in the C locale, without a terminal, with bounded output, in a process group of its own that
//! dies with the future. Knows nothing of what the program does. Start reading at [`run`].

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, Join, join};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::base::{Why, WhyKind, starting};
use crate::live::host::{files, redact};

/// The most that is read of a program's output: some hundred lines of a journal as JSON.
const MAX_OUTPUT_BYTES: u64 = 2 << 20;

/// How a program ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its exit status; None where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Itself, or why the program failed.
    pub fn success(self, name: &str) -> Result<Self, Why> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(self.failure(name))
    }

    /// What a failure means, by its first line.
    pub fn failure(&self, name: &str) -> Why {
        let status = self.code.map_or_else(
            || "it was killed".to_owned(),
            |code| format!("it ended with exit status {code}"),
        );
        let first = self.err.lines().find(|line| !line.trim().is_empty()).unwrap_or(&status);
        let line = redact::redact(first);
        let text = format!("{name}: {line}");
        if line.contains("ermission") || line.contains("ccess denied") || line.contains("uthentication") {
            files::denied(text)
        } else {
            Why::new(WhyKind::Unavailable, text)
        }
    }
}

/// Runs a program: a command and the arguments that come before ours, then ours. An error says that it did not run. The
/// caller sets the deadline; at it, what still runs is killed, with all that it started.
pub async fn run(program: &[String], arguments: &[&str]) -> Result<Said, Why> {
    let (mut child, group) = spawn(program, arguments, Stdio::null())?;
    // Both at once: a program that fills the one that nobody reads would wait for ever.
    let (out, err) = tokio::join!(bounded(child.stdout.take()), bounded(child.stderr.take()));
    let status = child.wait().await;
    group.has_ended();
    let status = status.map_err(|error| Why::new(WhyKind::Broken, format!("{}: {error}", program.join(" "))))?;
    Ok(Said {
        code: status.code(),
        out,
        err,
    })
}

/// What a program reads and writes.
pub type Pipe = Join<ChildStdout, ChildStdin>;

/// A program that carries bytes. It dies with this.
pub struct Piped {
    child: Child,
    group: Group,
}

impl Piped {
    /// Awaits its end; what it wrote is its errors alone.
    pub async fn end(mut self) -> Said {
        let err = bounded(self.child.stderr.take()).await;
        let status = self.child.wait().await;
        self.group.has_ended();
        Said {
            code: status.ok().and_then(|status| status.code()),
            out: String::new(),
            err,
        }
    }
}

/// Starts a program whose input and output are the caller's.
pub fn piped(program: &[String], arguments: &[&str]) -> Result<(Pipe, Piped), Why> {
    let (mut child, group) = spawn(program, arguments, Stdio::piped())?;
    let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
        return Err(Why::new(WhyKind::Broken, "a program was started without its pipes"));
    };
    Ok((join(output, input), Piped { child, group }))
}

fn spawn(program: &[String], arguments: &[&str], input: Stdio) -> Result<(Child, Group), Why> {
    let (name, first) = program
        .split_first()
        .ok_or_else(|| Why::new(WhyKind::Config, "no program is named"))?;
    let mut command = Command::new(name);
    command
        .args(first)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at our terminal is a wish to us, not to it.
        .process_group(0)
        .kill_on_drop(true);
    let started = {
        let _alone = starting::alone();
        command.spawn()
    };
    let child = started.map_err(|error| spawn_why(name, &error))?;
    let group = Group::of(child.id());
    Ok((child, group))
}

/// Kills a process group when it is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)))
    }

    /// Its number may name another one from now on.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn bounded(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // A broken pipe ends the output; the exit status tells whether that matters.
        let _ = pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn spawn_why(name: &str, error: &std::io::Error) -> Why {
    match error.kind() {
        std::io::ErrorKind::NotFound => Why::new(WhyKind::Missing, format!("there is no program {name}")),
        std::io::ErrorKind::PermissionDenied => files::denied(format!("{name} may not be run")),
        _ => Why::new(WhyKind::Broken, format!("{name}: {error}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script, "sh"].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn runs_in_the_c_locale_without_input() {
        let said = run(&shell("echo \"$LC_ALL: $*\"; cat"), &["-u", "x"]).await.unwrap();
        assert_eq!((said.code, said.out.as_str()), (Some(0), "C: -u x\n"));
    }

    #[tokio::test]
    async fn endless_output_is_cut() {
        let said = run(&shell("yes x"), &[]).await.unwrap();
        assert!(said.code != Some(0) && said.out.len() as u64 == MAX_OUTPUT_BYTES);
    }

    #[tokio::test]
    async fn at_the_deadline_it_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("alive");
        // The grandchild holds the pipe open for as long as it lives.
        let script = format!("mkfifo {0}; (exec sleep 600 > {0}) & exec sleep 600", fifo.display());
        let program = shell(&script);
        let running = tokio::spawn(async move { run(&program, &[]).await });
        let opened = {
            let fifo = fifo.clone();
            tokio::task::spawn_blocking(move || {
                loop {
                    if let Ok(pipe) = std::fs::File::open(&fifo) {
                        return pipe;
                    }
                    std::thread::yield_now();
                }
            })
        };
        let mut pipe = opened.await.unwrap();
        running.abort();
        let ended = tokio::task::spawn_blocking(move || std::io::Read::read(&mut pipe, &mut [0]));
        let read = tokio::time::timeout(Duration::from_mins(1), ended).await;
        assert_eq!(read.unwrap().unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_did_not_run() {
        let why = run(&["/nowhere/at/all".to_owned()], &[]).await.unwrap_err();
        assert_eq!(why.kind, WhyKind::Missing);
    }
}
