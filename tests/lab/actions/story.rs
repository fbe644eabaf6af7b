//! A run of quorate on a host, on a terminal, and the story that its journal tells.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::console::Console;
use crate::lab::Lab;

/// A step that waits for nothing but servers.
pub const SOON: Duration = Duration::from_mins(1);
/// A host must be silent for a minute; pods and members need their time; the machine may be busy.
pub const LATE: Duration = Duration::from_mins(4);

/// One run, at a terminal on which nobody types by himself.
pub struct Run<'a> {
    lab: &'a Lab,
    host: u8,
    known: Vec<PathBuf>,
    /// What the operator sees.
    pub terminal: Console,
}

impl<'a> Run<'a> {
    /// Starts `quorate ARGUMENTS --write` on a host, as ada.
    pub fn start(lab: &'a Lab, host: u8, arguments: &[&str]) -> Self {
        Self::start_as(lab, host, "ada", arguments)
    }

    /// The same as somebody else.
    pub fn start_as(lab: &'a Lab, host: u8, user: &str, arguments: &[&str]) -> Self {
        let known = journals(lab, host);
        let (state, user) = (
            format!("XDG_STATE_HOME={}", home(lab, host).display()),
            format!("USER={user}"),
        );
        let quorate = env!("CARGO_BIN_EXE_quorate");
        let argv = [&["env", &state, &user, quorate], arguments, &["--write"]].concat();
        let terminal = lab.terminal(host, &argv, (60, 200));
        Self {
            lab,
            host,
            known,
            terminal,
        }
    }

    /// Goes on with this run in a new process.
    pub fn resume(&mut self, arguments: &[&str]) {
        let name = self.journal().run();
        let known = std::mem::take(&mut self.known);
        *self = Self::start(self.lab, self.host, &[&["resume", &name], arguments].concat());
        self.known = known;
    }

    /// Its journal so far.
    pub fn journal(&self) -> Journal {
        let mut new = journals(self.lab, self.host);
        new.retain(|path| !self.known.contains(path));
        let text = new.first().map(|path| fs::read_to_string(path).unwrap());
        let lines = text.unwrap_or_default();
        // The last line may be half written.
        Journal(
            lines
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        )
    }

    /// Waits until the journal is as wanted.
    pub fn until(&mut self, what: &str, deadline: Duration, wanted: impl Fn(&Journal) -> bool) -> Journal {
        let began = Instant::now();
        loop {
            let journal = self.journal();
            if wanted(&journal) {
                return journal;
            }
            self.terminal.listen(Duration::from_millis(100));
            let told: Vec<String> = journal.0.iter().skip(1).map(Value::to_string).collect();
            assert!(
                began.elapsed() < deadline,
                "no {what} within {deadline:?}; the screen is\n{}\nand the journal\n{}",
                self.terminal.screen(),
                told.join("\n")
            );
        }
    }

    /// Waits until the run stands at the step with this title and says for what it waits.
    pub fn until_waiting(&mut self, title: &str, because: &str, deadline: Duration) -> Journal {
        self.until(&format!("{because:?} at {title:?}"), deadline, |journal| {
            journal.waits(title).iter().any(|reason| reason.contains(because))
        })
    }

    /// Waits for its end and for that of its process; the exit code must be this.
    pub fn until_over(mut self, event: &str, code: u32, deadline: Duration) -> Journal {
        let journal = self.until(event, deadline, |journal| journal.is(event));
        let status = self.terminal.wait_for_exit(SOON);
        assert_eq!(status.exit_code(), code, "{}", self.terminal.screen());
        journal
    }

    /// The process dies at once, without a word.
    pub fn kill(&mut self) {
        let pid = self.journal().last("operator")["pid"].to_string();
        assert!(self.lab.on_host(self.host, &["kill", "-9", &pid]).status.success());
        self.terminal.wait_for_exit(SOON);
    }
}

/// A journal, line by line.
pub struct Journal(pub Vec<Value>);

impl Journal {
    fn all<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |line| line["event"] == event)
    }

    /// Whether something has happened.
    pub fn is(&self, event: &str) -> bool {
        self.all(event).next().is_some()
    }

    fn run(&self) -> String {
        self.0[0]["run"].as_str().unwrap().to_owned()
    }

    /// The newest value of a field.
    fn last(&self, field: &str) -> Value {
        let mut values = self.0.iter().rev().map(|line| &line[field]);
        values.find(|value| !value.is_null()).unwrap().clone()
    }

    /// The number of the first step whose title begins so.
    fn step(&self, title: &str) -> Option<&Value> {
        let steps = self.0.first()?["plan"]["steps"].as_array()?;
        let mut steps = steps.iter();
        steps
            .find(|step| step["title"].as_str().unwrap().starts_with(title))
            .map(|step| &step["id"])
    }

    /// What a step waited for, so far.
    pub fn waits(&self, title: &str) -> Vec<String> {
        let Some(step) = self.step(title) else {
            return Vec::new();
        };
        self.all("waiting")
            .filter(|line| line["step"] == *step)
            .map(|line| line["because"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Whether the run has got past a step.
    pub fn is_past(&self, title: &str) -> bool {
        let step = self.step(title);
        self.all("done").any(|line| Some(&line["step"]) == step)
    }

    /// Requests that left, in order.
    pub fn sent(&self) -> Vec<&Value> {
        self.all("intended").map(|line| &line["action"]).collect()
    }

    /// What left, in order, in words: `save-pki`, `delete node nbe-3`.
    pub fn deeds(&self) -> Vec<String> {
        let deed = |action: &&Value| {
            let mut about = [&action["target"], &action["node"]].into_iter();
            let about = about.find(|own| own.is_object()).map(|own| {
                let (kind, name) = (own["kind"].as_str().unwrap(), own["key"]["name"].as_str().unwrap());
                format!(" {kind} {name}")
            });
            format!("{}{}", action["action"].as_str().unwrap(), about.unwrap_or_default())
        };
        self.sent().iter().map(deed).collect()
    }

    /// Every request was written down before, answered, and seen to be done with evidence; nothing was sent twice.
    pub fn is_a_whole_story(&self) {
        for line in self.all("intended") {
            let of_step = |event: &'static str| self.all(event).filter(|own| own["step"] == line["step"]).count();
            assert_eq!(
                (of_step("intended"), of_step("answered"), of_step("done")),
                (1, 1, 1),
                "{line}"
            );
        }
        for line in self.all("done") {
            assert!(!line["evidence"].as_array().unwrap().is_empty(), "{line}");
        }
    }

    /// What was answered to the requests, in order.
    pub fn answers(&self) -> Vec<&Value> {
        self.all("answered").map(|line| &line["sent"]).collect()
    }

    /// Why it stopped.
    pub fn stopped(&self) -> String {
        self.all("stopped").next().unwrap()["why"].to_string()
    }
}

fn home(lab: &Lab, host: u8) -> PathBuf {
    lab.state().join("journals").join(host.to_string())
}

fn journals(lab: &Lab, host: u8) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home(lab, host).join("quorate/runs")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Waits for something else than a run.
pub fn wait_for(what: &str, deadline: Duration, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < deadline, "no {what} within {deadline:?}");
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// Waits until three healthy voters are seen from a host.
pub fn is_whole(lab: &Lab, host: u8) {
    lab.json_until(host, &["status"], |status| {
        status["quorum"]["healthy"] == 3 && status["quorum"]["voters"] == 3
    });
}
