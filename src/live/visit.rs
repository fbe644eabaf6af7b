//! This program on another host for a while: looked at first, copied through the operator's own `ssh` into a private
//! directory, checked, run, and removed by the other side itself as soon as our connection ends, however it ends. Knows no
//! command line of ours. Start reading at [`Visit::copy`].

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ring::digest::{Context, SHA256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines, Take};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::program::{self, Piped, Said};
use super::shell::{SSH_FAILED, SSH_OPTIONS, must_be_host, ssh_trouble};
use crate::base::{Text, Why, WhyKind};

const LOOK: &str = include_str!("visit/look.sh");
const KEEP: &str = include_str!("visit/keep.sh");

/// The most that is read of what the other side says.
const MOST_SAID: u64 = 64 << 10;

/// Every wait of a visit, but for the visit itself.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Looking, the way there included.
    pub look: Duration,
    /// Copying and checking: ten minutes carry 30 MB over 400 kbit/s. A dead connection is noticed by ssh within 10 s.
    pub copy: Duration,
    /// Until the other side says that it removed the copy.
    pub remove: Duration,
    /// How long the other side hears nothing of us before it removes the copy. A program that runs goes on without its file.
    pub silence: Duration,
}

/// How often the other side hears of us.
const BEAT: Duration = Duration::from_secs(10);

/// The deadlines in force.
pub const DEADLINES: Deadlines = Deadlines {
    look: Duration::from_secs(20),
    copy: Duration::from_mins(10),
    remove: Duration::from_secs(10),
    silence: Duration::from_mins(1),
};

/// The executable to take along.
#[derive(Debug)]
pub struct Luggage {
    file: File,
    size: u64,
    sha256: String,
}

impl Luggage {
    /// The program that runs now, whatever became of its file meanwhile.
    pub fn own() -> Result<Self, Why> {
        Self::of(Path::new("/proc/self/exe"))
    }

    /// The program in a file.
    pub fn of(path: &Path) -> Result<Self, Why> {
        Self::read(path).map_err(|error| {
            let text = format!("{} cannot be read: {error}", path.display());
            Why::new(WhyKind::Missing, text)
        })
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut context = Context::new(&SHA256);
        let mut piece = vec![0; 256 << 10];
        let mut size = 0;
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            context.update(&piece[..count]);
        }
        let bytes = context.finish();
        let hex: Vec<String> = bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            file,
            size,
            sha256: hex.concat(),
        })
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn open(&self) -> io::Result<tokio::fs::File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(tokio::fs::File::from_std(file))
    }
}

/// How one becomes root on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// One is.
    Direct,
    /// By sudo, which asks nothing.
    Sudo,
    /// By sudo, which asks for a password, or refuses.
    Password,
    /// There is no sudo.
    None,
}

/// A host, and the way there.
#[derive(Debug)]
pub struct Visit<'a> {
    /// ssh, and what comes before our options.
    pub ssh: &'a [String],
    /// `[USER@]HOST`, as ssh takes it.
    pub host: &'a Text,
}

impl Visit<'_> {
    /// Looks at the host. An error says why this program could not run there, or that there is no way to it.
    pub async fn look(&self) -> Result<Root, Why> {
        must_be_host(self.host)?;
        let command = format!("exec sh -c '{LOOK}'");
        let arguments = self.arguments(&command);
        let asked = program::run(self.ssh, &arguments);
        let said = timeout(DEADLINES.look, asked)
            .await
            .map_err(|_| self.late("answered nothing", DEADLINES.look))??;
        if said.code != Some(0) {
            return Err(self.failed(&said));
        }
        let told = |word: &str| said.out.lines().find_map(|line| told(line, word));
        let system = told("system").ok_or_else(|| self.garbage(&said.out))?;
        self.must_run_here(system)?;
        match told("root") {
            Some("direct") => Ok(Root::Direct),
            Some("sudo") => Ok(Root::Sudo),
            Some("password") => Ok(Root::Password),
            Some("none") => Ok(Root::None),
            Some(_) | None => Err(self.garbage(&said.out)),
        }
    }

    /// Copies the program there. It is removed when the copy is dropped, or we are killed.
    pub async fn copy(&self, luggage: &Luggage) -> Result<Kept, Why> {
        must_be_host(self.host)?;
        let silence = DEADLINES.silence.as_secs();
        let command = format!("exec sh -c '{KEEP}' sh {} {} {silence}", luggage.size, luggage.sha256);
        let (pipe, ssh) = program::piped(self.ssh, &self.arguments(&command))?;
        let (output, input) = pipe.into_inner();
        let said = BufReader::new(output.take(MOST_SAID)).lines();
        timeout(DEADLINES.copy, self.fill(said, input, ssh, luggage))
            .await
            .unwrap_or_else(|_| Err(self.late("did not take the whole program", DEADLINES.copy)))
    }

    async fn fill(&self, mut said: Told, mut input: ChildStdin, ssh: Piped, luggage: &Luggage) -> Result<Kept, Why> {
        let broken = |error: io::Error| Why::new(WhyKind::Broken, format!("{}: {error}", self.host));
        let mut file = luggage.open().map_err(broken)?;
        // A pipe that breaks has its reason on the other side, which comes first.
        let sent = tokio::io::copy(&mut file, &mut input).await;
        while let Ok(Some(line)) = said.next_line().await {
            if let Some(program) = told(&line, "ready") {
                let program = program.to_owned();
                let mut beating = JoinSet::new();
                beating.spawn(beat(input));
                return Ok(Kept {
                    program,
                    said,
                    beating,
                    ssh,
                });
            }
            if let Some(why) = self.refusal(&line) {
                return Err(why);
            }
        }
        drop(input);
        let said = ssh.end().await;
        match (said.code, sent) {
            (Some(0), Err(error)) => Err(broken(error)),
            _ => Err(self.failed(&said)),
        }
    }

    /// Runs words there, on our terminal or without one, and tells how they end. They must be [quoted](quote).
    pub async fn run(&self, words: &[String], on_terminal: bool) -> Result<u8, Why> {
        let program = self.ssh.first().map_or("ssh", String::as_str);
        let terminal = if on_terminal { "-t" } else { "-T" };
        let status = Command::new(program)
            .args(self.ssh.iter().skip(1))
            .arg(terminal)
            .args(SSH_OPTIONS.into_iter().filter(|option| *option != "-T"))
            .args(["--", self.host.as_str(), &words.join(" ")])
            .env("SSH_ASKPASS_REQUIRE", "never")
            .kill_on_drop(true)
            .stdin(if on_terminal { Stdio::inherit() } else { Stdio::null() })
            .status()
            .await
            .map_err(|error| Why::new(WhyKind::Missing, format!("{program}: {error}")))?;
        let code = status.code().filter(|code| *code != SSH_FAILED);
        code.and_then(|code| u8::try_from(code).ok()).ok_or_else(|| {
            Why::new(WhyKind::Broken, format!("the connection to {} was lost", self.host))
                .hint("a run that was going on there is paused: connect again, then `quorate resume --write`")
        })
    }

    fn arguments<'a>(&'a self, command: &'a str) -> Vec<&'a str> {
        SSH_OPTIONS
            .into_iter()
            .chain(["--", self.host.as_str(), command])
            .collect()
    }

    /// This program is machine code for one system and one architecture.
    fn must_run_here(&self, system: &str) -> Result<(), Why> {
        let own = format!("Linux {}", std::env::consts::ARCH);
        let theirs = system.replace("amd64", "x86_64").replace("arm64", "aarch64");
        if theirs == own {
            return Ok(());
        }
        let text = format!("{} is {system}, and this quorate is made for {own}", self.host);
        Err(Why::new(WhyKind::Config, text).hint("nothing was copied; use a quorate that is made for it"))
    }

    /// What the other side says when it does not keep the program.
    fn refusal(&self, line: &str) -> Option<Why> {
        let host = self.host;
        if let Some(places) = told(line, "no-place") {
            let places: Vec<String> = places.split_whitespace().map(place_in_words).collect();
            let text = format!("{host} has no place for the program: {}", places.join(", "));
            let hint = "make room there, or copy quorate by hand to where programs may run";
            return Some(Why::new(WhyKind::Unavailable, text).hint(hint));
        }
        if let Some(words) = told(line, "broke-off") {
            let text = format!("copying to {host} broke off: {words}");
            let is_full = words.contains("No space left") || words.contains("quota exceeded");
            let hint = if is_full {
                "its disk is full: make room there"
            } else {
                "try again"
            };
            return Some(Why::new(WhyKind::Unavailable, text).hint(hint));
        }
        if let Some(words) = told(line, "other-sum") {
            let text = format!("what arrived on {host} is not what was sent: {words}");
            return Some(Why::new(WhyKind::Garbage, text).hint("it was removed and not run; try again"));
        }
        let words = told(line, "no-start")?;
        let text = format!("the program does not start on {host}: {words}");
        Some(Why::new(WhyKind::Config, text).hint("the static executable needs nothing of the host: use that one"))
    }

    fn failed(&self, said: &Said) -> Why {
        match said.code {
            Some(SSH_FAILED) | None => ssh_trouble(self.host, said).into_why(),
            Some(_) => said.failure(&format!("ssh {}", self.host)),
        }
    }

    fn garbage(&self, said: &str) -> Why {
        let short: String = said.chars().take(60).collect();
        Why::new(WhyKind::Garbage, format!("{} answers {short:?}", self.host))
            .hint("a POSIX shell must run there what ssh brings")
    }

    fn late(&self, what: &str, limit: Duration) -> Why {
        let text = format!("{} {what} within {} s", self.host, limit.as_secs());
        Why::new(WhyKind::TimedOut, text)
    }
}

/// What the other side says, line by line.
type Told = Lines<BufReader<Take<ChildStdout>>>;

/// The program on the other host. It is gone soon after this is.
pub struct Kept {
    /// Where it is there.
    program: String,
    said: Told,
    /// While it goes on, the copy stays.
    beating: JoinSet<()>,
    ssh: Piped,
}

/// Lets the other side hear of us, until it cannot.
async fn beat(mut input: ChildStdin) {
    while input.write_all(b".").await.is_ok() {
        sleep(BEAT).await;
    }
}

impl Kept {
    /// Its path there.
    pub fn path(&self) -> &str {
        &self.program
    }

    /// Removes it. An error says that this could not be seen.
    pub async fn remove(self) -> Result<(), Why> {
        let Self {
            program,
            mut said,
            mut beating,
            ssh,
        } = self;
        beating.shutdown().await;
        let seen = async {
            while let Ok(Some(line)) = said.next_line().await {
                if told(&line, "removed").is_some() {
                    return true;
                }
            }
            false
        };
        let is_removed = timeout(DEADLINES.remove, seen).await.unwrap_or(false);
        drop(ssh);
        if is_removed {
            return Ok(());
        }
        let text = format!("whether {program} was removed could not be seen");
        Err(Why::new(WhyKind::Broken, text).hint("that host removes it by itself once it notices that we are gone"))
    }
}

/// What a line of the other side tells under a word; None for everything else, such as a greeting.
fn told<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("quorate:")?.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
}

fn place_in_words(place: &str) -> String {
    match place.rsplit_once('=') {
        Some((place, "noexec")) => format!("{place} lets no program run (noexec)"),
        Some((place, "full")) => format!("{place} is full"),
        Some((place, "closed")) => format!("{place} cannot be written"),
        _ => place.to_owned(),
    }
}

/// A word as every shell reads it back; None where shells differ.
pub fn quote(word: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._=,/@:+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Some(word.to_owned());
    }
    let is_odd = |c: char| c.is_control() || "'!\\".contains(c);
    (!word.contains(is_odd)).then(|| format!("'{word}'"))
}

#[cfg(test)]
#[path = "visit/tests.rs"]
mod tests;
