//! Programs on a host: on this one directly, on another one through the operator's own `ssh` (configuration, agent,
//! bastions), with the same arguments. Never asks for a password, never trusts a new host key, and every call has a deadline.
//! Start reading at [`Shell::run`].

use std::time::Duration;

use tokio::time::timeout;

use super::host::redact;
use super::host::unit::{self, UNIT};
use super::program::{self, Pipe, Piped, Said};
use super::reach::there;
use crate::base::{Text, Why, WhyKind};
use crate::model::reach::Knock;
use crate::plan::action::ServiceVerb;

/// How ssh ends when it is ssh that failed (`ssh(1)`, exit status).
pub(super) const SSH_FAILED: i32 = 255;

/// What the operator's configuration must not decide here: no prompt, no new host key, nothing forwarded, no master
/// process that stays. Everything else is theirs.
pub(super) const SSH_OPTIONS: [&str; 10] = [
    "-T",
    "-oBatchMode=yes",
    "-oConnectTimeout=5",
    "-oStrictHostKeyChecking=yes",
    "-oControlMaster=no",
    "-oClearAllForwardings=yes",
    "-oForwardAgent=no",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=2",
    "-oLogLevel=ERROR",
];

/// Where a program is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// On this host.
    Here,
    /// On the host with this address.
    There(Text),
}

/// Why a program brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It was not started there.
    NotStarted(Why),
    /// Whether it was started, and what it did, is not known.
    Unknown(Why),
}

impl Trouble {
    /// What happened.
    pub fn into_why(self) -> Why {
        match self {
            Trouble::NotStarted(why) | Trouble::Unknown(why) => why,
        }
    }
}

/// Runs programs.
#[derive(Debug, Clone)]
pub struct Shell {
    /// What comes before every command here: nothing on a real host.
    pub here: Vec<String>,
    /// ssh, and what comes before our options.
    pub ssh: Vec<String>,
    /// For one call, the way there included.
    pub deadline: Duration,
}

impl Default for Shell {
    fn default() -> Self {
        Self {
            here: Vec::new(),
            ssh: vec!["ssh".to_owned()],
            deadline: super::act::DEADLINES.program,
        }
    }
}

impl Shell {
    /// Runs a program to its end.
    pub async fn run(&self, at: &At, arguments: &[&str]) -> Result<Said, Trouble> {
        let asked = async {
            match at {
                At::Here => self.here(arguments).await,
                At::There(host) => self.there(host, arguments).await,
            }
        };
        timeout(self.deadline, asked).await.unwrap_or_else(|_| {
            let text = format!(
                "{}: no answer within {} s",
                name(at, arguments),
                self.deadline.as_secs()
            );
            Err(Trouble::Unknown(Why::new(WhyKind::TimedOut, text)))
        })
    }

    async fn here(&self, arguments: &[&str]) -> Result<Said, Trouble> {
        let all: Vec<String> = self.here.iter().cloned().chain(owned(arguments)).collect();
        program::run(&all, &[]).await.map_err(Trouble::NotStarted)
    }

    async fn there(&self, host: &Text, arguments: &[&str]) -> Result<Said, Trouble> {
        must_be_host(host).map_err(Trouble::NotStarted)?;
        // The shell there reads it: only words that mean the same to every shell are sent.
        let is_word =
            |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-._=,/@".contains(c));
        if let Some(odd) = arguments.iter().find(|word| !is_word(word)) {
            let text = format!("{odd:?} is not sent through ssh");
            return Err(Trouble::NotStarted(Why::new(WhyKind::Config, text)));
        }
        let command = format!("env LC_ALL=C {}", arguments.join(" "));
        let all: Vec<&str> = SSH_OPTIONS
            .into_iter()
            .chain(["--", host.as_str(), command.as_str()])
            .collect();
        let said = program::run(&self.ssh, &all).await.map_err(Trouble::NotStarted)?;
        match said.code {
            Some(SSH_FAILED) | None => Err(ssh_trouble(host, &said)),
            Some(_) => Ok(said),
        }
    }

    /// Whether a port (`HOST:PORT`, looked up there) is reached from another host: its sshd connects for us, and nothing is
    /// sent. What takes longer than the limit, the way there included, is silent.
    pub async fn connect_from(&self, host: &Text, to: &str, limit: Duration) -> Result<Knock, Trouble> {
        must_be_host(host).map_err(Trouble::NotStarted)?;
        let asked = forwarding(host, to);
        let Ok(said) = timeout(limit, program::run(&self.ssh, &asked)).await else {
            return Ok(Knock::Silent);
        };
        let said = said.map_err(Trouble::NotStarted)?;
        there::judge(said.code, &said.err).ok_or_else(|| channel_trouble(host, &said))
    }

    /// A way to an address as another host has it, and what keeps it open. It is dialled when the first byte is awaited.
    pub fn tunnel(&self, host: &Text, to: &str) -> Result<(Pipe, Tunnel), Why> {
        must_be_host(host)?;
        let (pipe, ssh) = program::piped(&self.ssh, &forwarding(host, to))?;
        Ok((pipe, Tunnel(ssh)))
    }

    /// The words that come before a command which needs root: nothing for root, `sudo -n` where that works.
    async fn as_root(&self, at: &At) -> Result<&'static [&'static str], Trouble> {
        const WAYS: [&[&str]; 2] = [&[], &["sudo", "-n"]];
        for way in WAYS {
            let asked = self.run(at, &[way, &["id", "-u"]].concat()).await?;
            match asked.code {
                Some(0) if user_id(at, &asked.out)? == 0 => return Ok(way),
                _ => {}
            }
        }
        let text = format!("{} is not root and sudo asks for a password", name(at, &["the user"]));
        let hint =
            "run quorate as root, or set `User root` for that host in ~/.ssh/config, or allow `sudo -n systemctl`";
        Err(Trouble::NotStarted(Why::new(WhyKind::Denied, text).hint(hint)))
    }

    /// Whether `k0scontroller` could be changed there. Changes nothing.
    pub async fn may_change_unit(&self, at: &At) -> Result<(), Why> {
        let changes = async {
            self.as_root(at).await?;
            let show = ["systemctl", "show", UNIT, "--property=LoadState,ActiveState,SubState"];
            self.run(at, &show).await
        };
        let said = changes.await.map_err(Trouble::into_why)?;
        let said = said.success(&name(at, &["systemctl"]))?;
        unit::parse_state(&said.out).map(|_| ())
    }

    /// The last lines of k0s's journal there, as JSON. Changes nothing.
    pub async fn journal(&self, at: &At) -> Result<Said, Trouble> {
        let way = self.as_root(at).await?;
        let lines = ["journalctl", "-u", UNIT, "-n", "400", "--no-pager", "-o", "json"];
        self.run(at, &[way, &lines].concat()).await
    }

    /// Asks systemd there to change `k0scontroller`, and does not wait for it to happen.
    pub async fn change_unit(&self, at: &At, verb: ServiceVerb) -> Result<(), Trouble> {
        let verb = match verb {
            ServiceVerb::Start => "start",
            ServiceVerb::Stop => "stop",
            ServiceVerb::Restart => "restart",
        };
        // Until here nothing was changed, whatever happened.
        let way = self
            .as_root(at)
            .await
            .map_err(|trouble| Trouble::NotStarted(trouble.into_why()))?;
        let command = ["systemctl", "--no-ask-password", "--no-block", verb, UNIT];
        let said = self.run(at, &[way, &command].concat()).await?;
        match said.code {
            Some(0) => Ok(()),
            Some(_) => Err(Trouble::NotStarted(said.failure(&name(at, &["systemctl"])))),
            None => Err(Trouble::Unknown(said.failure(&name(at, &["systemctl"])))),
        }
    }
}

/// ssh with its far end open; closes it when dropped.
pub struct Tunnel(Piped);

impl Tunnel {
    /// Why ssh failed, if it did. The pipe must have been closed.
    pub async fn reason(self, host: &Text) -> Option<Why> {
        let said = self.0.end().await;
        (said.code == Some(SSH_FAILED)).then(|| channel_trouble(host, &said).into_why())
    }
}

/// `[USER@]HOST` and nothing else: it becomes a word of ssh's.
pub fn must_be_host(host: &Text) -> Result<(), Why> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:%@".contains(c);
    if !host.is_empty() && !host.as_str().starts_with('-') && host.as_str().chars().all(is_plain) {
        return Ok(());
    }
    let text = format!("{:?} is no host for ssh", host.as_str());
    Err(Why::new(WhyKind::Config, text).hint("write [USER@]HOST; a port belongs into ~/.ssh/config"))
}

/// Arguments of an ssh whose standard input and output are a connection that the sshd there makes.
fn forwarding<'a>(host: &'a Text, to: &'a str) -> Vec<&'a str> {
    // Of two levels ssh takes the first, and only here it says why a channel was not opened.
    let first = ["-oLogLevel=INFO"].into_iter().chain(SSH_OPTIONS);
    first.chain(["-W", to, "--", host.as_str()]).collect()
}

fn channel_trouble(host: &Text, said: &Said) -> Trouble {
    match said.err.lines().find(|line| line.contains("open failed")) {
        Some(line) => Trouble::NotStarted(there::unjudged(host, &redact::redact(line.trim()))),
        None => ssh_trouble(host, said),
    }
}

/// The last line: what comes before is a greeting.
fn user_id(at: &At, out: &str) -> Result<u32, Trouble> {
    let last = out.lines().next_back().unwrap_or_default().trim();
    last.parse().map_err(|_| {
        let short: String = last.chars().take(40).collect();
        let text = format!("{} answers {short:?}, which is no user id", name(at, &["id"]));
        let hint = "the shell there writes into the answer: let its start files be silent where there is no terminal";
        Trouble::NotStarted(Why::new(WhyKind::Garbage, text).hint(hint))
    })
}

fn owned<'a>(words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    words.iter().map(|word| (*word).to_owned())
}

/// What runs where, for people.
fn name(at: &At, arguments: &[&str]) -> String {
    let program = arguments.first().copied().unwrap_or_default();
    match at {
        At::Here => program.to_owned(),
        At::There(host) => format!("{program} on {host}"),
    }
}

/// What ssh's own failure means. Unless it says that it never got in, the command may have run.
pub(super) fn ssh_trouble(host: &Text, said: &Said) -> Trouble {
    let line = said
        .err
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("it says nothing");
    let line = redact::redact(line.trim());
    let why = |kind| Why::new(kind, format!("ssh {host}: {line}"));
    let says = |words: &[&str]| words.iter().any(|word| said.err.contains(word));
    let by_hand = format!("try `ssh -o BatchMode=yes {host} true`; it must work without a question");
    Trouble::NotStarted(if says(&["IDENTIFICATION HAS CHANGED"]) {
        why(WhyKind::Denied).hint(format!(
                "its host key is another one than before: compare it on the host, then `ssh-keygen -R {host}` and connect by hand once"
            ))
    } else if says(&["Host key verification failed"]) {
        why(WhyKind::Denied).hint(format!(
            "its host key is not known here: connect by hand once, `ssh {host}`, and compare it"
        ))
    } else if says(&["Permission denied", "Too many authentication failures"]) {
        why(WhyKind::Denied).hint(by_hand)
    } else if says(&["Connection refused"]) {
        why(WhyKind::Refused).hint(by_hand)
    } else if says(&["Could not resolve", "No route to host", "Network is unreachable"]) {
        why(WhyKind::Unreachable).hint(by_hand)
    } else if says(&[
        "ssh: connect to host",
        "during banner exchange",
        "Bad configuration option",
    ]) {
        why(WhyKind::TimedOut).hint(by_hand)
    } else {
        return Trouble::Unknown(why(WhyKind::Broken));
    })
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
