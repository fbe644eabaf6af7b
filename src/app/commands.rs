//! The one table of `:` commands. The palette, completion, help and dispatch read it; to add a command, add a line to
//! [`TABLE`] and, where no key does the same, a function. Start reading at [`TABLE`], then [`run`].

mod complete;
mod does;

pub use complete::{Offer, offers};

use super::Effect;
use super::keys::{Command, Copied, Reading};
use super::replay;
use super::screen::Screen;
use super::sim;
use super::state::State;
use super::work;
use does::{columns, events, filter, help, members, nodes, pods, record, show, sort, stop, theme, themes, workloads};

/// Everything that an argument may be; none where it is free text.
pub type Values = fn(&State) -> Vec<String>;

/// What a command does: it gets what was typed after its name, trimmed, empty where nothing was. The error is a sentence for
/// the operator.
pub type Act = fn(&mut State, &str) -> Result<Vec<Effect>, String>;

/// What follows a command's name: how it is called in the help, and what it may be.
#[derive(Debug, Clone, Copy)]
pub enum Argument {
    /// Nothing.
    None,
    /// It may be left out.
    Optional(&'static str, Values),
    /// The command means nothing without it.
    Required(&'static str, Values),
}

/// What a command does.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    /// The same as a key.
    Press(Command),
    /// Something of its own.
    Act(Act),
}

/// One command.
#[derive(Debug)]
pub struct Entry {
    /// Its name, then other and shorter forms.
    pub names: &'static [&'static str],
    /// What follows.
    pub argument: Argument,
    /// One line for people.
    pub help: &'static str,
    /// What it does.
    pub does: Does,
}

const fn entry(names: &'static [&'static str], argument: Argument, help: &'static str, does: Does) -> Entry {
    Entry {
        names,
        argument,
        help,
        does,
    }
}

/// Free text.
fn free(_: &State) -> Vec<String> {
    Vec::new()
}

/// Every command, in the order of the help.
#[rustfmt::skip] // One line each: it is a table.
pub const TABLE: &[Entry] = &[
    entry(&["overview"], Argument::None, "everything at a glance", Does::Press(Command::Go(Screen::Overview))),
    entry(&["nodes", "node", "no"], Argument::Optional("NODE", nodes), "nodes by zone, or one of them", Does::Act(|state, name| show(state, Screen::Nodes, name))),
    entry(&["etcd", "member"], Argument::Optional("MEMBER", members), "etcd's members and quorum, or one of them", Does::Act(|state, name| show(state, Screen::Etcd, name))),
    entry(&["placement", "workload", "deployments", "statefulsets", "daemonsets", "sts", "ds"], Argument::Optional("WORKLOAD", workloads), "where replicas run, or those of one workload", Does::Act(|state, name| show(state, Screen::Placement, name))),
    entry(&["pods", "pod", "po"], Argument::Optional("POD", pods), "all pods, or one of them", Does::Act(|state, name| show(state, Screen::Pods, name))),
    entry(&["findings"], Argument::None, "what is wrong and what to do", Does::Press(Command::Go(Screen::Findings))),
    entry(&["timeline", "changes"], Argument::None, "what changed, since the console opened and before", Does::Press(Command::Go(Screen::Timeline))),
    entry(&["feeds"], Argument::None, "what answers, and how fresh each is", Does::Press(Command::Go(Screen::Feeds))),
    entry(&["log"], Argument::None, "what quorate saw and did", Does::Press(Command::Go(Screen::Log))),
    entry(&["readiness", "ready", "checklist"], Argument::None, "the HA document's checklist, ticked by observation", Does::Press(Command::Go(Screen::Readiness))),
    entry(&["forecast", "what-if"], Argument::None, "what the loss of each node or zone would do", Does::Press(Command::Go(Screen::Forecast))),
    entry(&["actions", "runs"], Argument::None, "what can be done for the whole cluster, and the runs", Does::Act(|state, _| { work::open(state, None); Ok(Vec::new()) })),
    entry(&["label-zones"], Argument::Required("NODE=ZONE …", nodes), "plan zone labels; nodes that are not named get what is suggested", Does::Act(work::name_zones)),
    entry(&["rehearse"], Argument::Optional("--fault …", free), "rehearse the plan that is shown; --fault FAULT@STEP lets that go wrong, --record FILE keeps every screen for `quorate replay`; nothing is sent to the cluster", Does::Act(work::rehearse_with)),
    entry(&["unlock", "write"], Argument::None, "let actions be run, or make the console read-only again", Does::Press(Command::Work(work::Deed::Unlock))),
    entry(&["take-over"], Argument::None, "let the next run take the lock in the cluster from a run whose process is gone for good", Does::Press(Command::Work(work::Deed::TakeOver))),
    entry(&["recovery"], Argument::None, "what is dark, what to do, and what never to do now", Does::Press(Command::Go(Screen::Recovery))),
    entry(&["filter"], Argument::Optional("TEXT", free), "show only rows that contain a text; without one, all", Does::Act(filter)),
    entry(&["sort"], Argument::Optional("COLUMN", columns), "sort by a column, again to turn it around; without one, attention first", Does::Act(sort)),
    entry(&["theme"], Argument::Required("NAME", themes), "how the console looks", Does::Act(theme)),
    entry(&["describe"], Argument::None, "all that is known of what is selected, by feed and age", Does::Press(Command::Describe)),
    entry(&["yaml"], Argument::None, "the YAML of what is selected", Does::Press(Command::Read(Reading::Yaml))),
    entry(&["events", "ev", "e"], Argument::None, "every recent warning of the cluster", Does::Act(events)),
    entry(&["logs"], Argument::None, "the log of what is selected", Does::Press(Command::Read(Reading::Logs))),
    entry(&["copy"], Argument::None, "copy the name of the row, those of the marked rows, the whole text, or recovery's commands (OSC 52)", Does::Press(Command::Copy(Copied::All))),
    entry(&["record"], Argument::Optional("FILE|stop", stop), "write the last minutes to a file, and all that follows until `stop`; `quorate replay` shows it", Does::Act(record)),
    entry(&["help", "keys"], Argument::None, "keys and commands", Does::Act(help)),
    entry(&["quit", "q", "q!"], Argument::None, "leave quorate", Does::Press(Command::Quit)),
];

impl Entry {
    /// Its full name.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Its name and what follows, such as `nodes [NODE]`.
    pub fn usage(&self) -> String {
        match self.argument {
            Argument::None => self.name().to_owned(),
            Argument::Optional(what, _) => format!("{} [{what}]", self.name()),
            Argument::Required(what, _) => format!("{} {what}", self.name()),
        }
    }
}

/// A command and its argument.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The command.
    pub entry: &'static Entry,
    /// What was typed after its name; empty where nothing was.
    pub argument: &'a str,
}

/// Reads a line after `:`: a command's name, or the beginning of exactly one command's names, and its argument. The error is
/// a sentence for the operator.
pub fn read<'a>(state: &State, raw: &'a str) -> Result<Line<'a>, String> {
    let raw = raw.trim();
    let (name, argument) = raw.split_once(' ').unwrap_or((raw, ""));
    let (entry, argument) = (find(state, name)?, argument.trim());
    match entry.argument {
        Argument::None if !argument.is_empty() => Err(format!(":{} takes nothing after its name", entry.name())),
        Argument::Required(what, _) if argument.is_empty() => Err(format!(":{} needs {what}", entry.name())),
        Argument::None | Argument::Optional(..) | Argument::Required(..) => Ok(Line { entry, argument }),
    }
}

/// Every command that exists here, in the order of the help.
fn table(state: &State) -> impl Iterator<Item = &'static Entry> + Clone + use<> {
    let is_simulated = sim::is_simulated(state);
    let is_replay = state.replay.is_some();
    let simulated = sim::COMMANDS.iter().filter(move |_| is_simulated);
    let replayed = replay::COMMANDS.iter().filter(move |_| is_replay);
    TABLE.iter().chain(simulated).chain(replayed)
}

fn find(state: &State, typed: &str) -> Result<&'static Entry, String> {
    let table = table(state);
    if let Some(entry) = table.clone().find(|entry| entry.names.contains(&typed)) {
        return Ok(entry);
    }
    let begins = |entry: &&Entry| !typed.is_empty() && entry.names.iter().any(|name| name.starts_with(typed));
    let meant: Vec<&Entry> = table.clone().filter(begins).collect();
    match meant.as_slice() {
        [one] => Ok(one),
        [] => {
            let names = table.flat_map(|entry| entry.names.iter().copied());
            let advice = super::prompt::nearest(typed, names).map_or_else(
                || "tab shows what there is".to_owned(),
                |name| format!("did you mean :{name}?"),
            );
            Err(format!("there is no command :{typed}; {advice}"))
        }
        [some @ .., last] => {
            let some: Vec<&str> = some.iter().map(|entry| entry.name()).collect();
            Err(format!(":{typed} could be {} or {}", some.join(", "), last.name()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use crate::model::{Policy, example};

    fn state() -> State {
        State::new(Arc::new(example::healthy()), Policy::default())
    }

    fn read_name(raw: &str) -> Result<&'static str, String> {
        read(&state(), raw).map(|line| line.entry.name())
    }

    #[test]
    fn lines_are_read_by_name_and_by_unique_beginning() {
        assert_eq!(read_name("etcd"), Ok("etcd"));
        assert_eq!(read_name(" et "), Ok("etcd"));
        assert_eq!(read_name("q"), Ok("quit"));
        assert_eq!(read_name("e"), Ok("events"));
        assert_eq!(read_name("fee"), Ok("feeds"));
        assert_eq!(
            read_name("f"),
            Err(":f could be findings, feeds, forecast or filter".into())
        );
        assert_eq!(
            read_name("etdc"),
            Err("there is no command :etdc; did you mean :etcd?".into())
        );
        assert!(read_name("zzz").is_err());
        assert!(read_name("").is_err());
    }

    #[test]
    fn arguments_are_what_follows() {
        let line = read(&state(), "node  nbe-3 ").map(|line| (line.entry.name(), line.argument));
        assert_eq!(line, Ok(("nodes", "nbe-3")));
        assert_eq!(read_name("quit now"), Err(":quit takes nothing after its name".into()));
    }

    #[test]
    fn a_recording_is_begun_and_ended_by_the_same_command() {
        for (raw, wished) in [
            ("record", Effect::Record(String::new())),
            ("record x.rec", Effect::Record("x.rec".to_owned())),
            ("record stop", Effect::EndRecord),
            ("record ./stop", Effect::Record("./stop".to_owned())),
        ] {
            let mut state = state();
            let done = read(&state.clone(), raw).and_then(|line| match line.entry.does {
                Does::Act(act) => act(&mut state, line.argument),
                Does::Press(_) => Err("it is a key".to_owned()),
            });
            assert_eq!(done, Ok(vec![wished]), "{raw}");
        }
    }

    #[test]
    fn no_name_means_two_commands_and_every_screen_has_one() {
        let all = || TABLE.iter().chain(sim::COMMANDS).chain(replay::COMMANDS);
        let names: Vec<&str> = all().flat_map(|entry| entry.names.iter().copied()).collect();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), unique.len(), "{names:?}");
        for screen in Screen::ALL {
            assert_eq!(read_name(screen.name()), Ok(screen.name()));
        }
        assert!(
            TABLE
                .iter()
                .all(|entry| !entry.help.is_empty() && !entry.name().contains(' '))
        );
    }
}
