//! The one table of keys. Dispatch, footer, help and `quorate keys` read it; nothing else knows a key.

mod useful;

use serde::{Deserialize, Serialize};

use super::commands;
use super::key::{Code, Key};
use super::navigate;
use super::replay;
use super::screen::Screen;
use super::sim::{self, Deed};
use super::state::State;
use super::work;

pub mod map;

pub use map::KeyMap;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Command {
    Quit,
    Leave,
    Suspend,
    Back,
    Help,
    Redraw,
    OpenCommandLine,
    OpenFilter,
    Go(Screen),
    NextScreen,
    PreviousScreen,
    Move(Move),
    Open,
    Pods,
    Jump,
    Sort,
    TurnSort,
    Mark,
    MarkAll,
    Sim(Deed),
    Replay(replay::Deed),
    Work(work::Deed),
    Tour,
    Describe,
    Read(Reading),
    Look(Look),
    OpenSearch,
    Find(Way),
    Copy(Copied),
    Show(Program),
    Accept,
    Cancel,
    Edit(Edit),
}

/// What is opened to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Reading {
    Yaml,
    Events,
    Logs,
}

/// A change of how a sheet shows what it shows, or of what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Look {
    Again,
    Wrap,
    Follow,
    PreviousRun,
    NextContainer,
    ManagedFields,
}

/// The operator's own program for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Program {
    /// `$PAGER`.
    Pager,
    /// `$EDITOR`.
    Editor,
}

/// Which way a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Way {
    Down,
    Up,
}

/// How much of a text is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Copied {
    All,
    InSight,
}

/// A move through rows or lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
    LineStart,
}

/// A change of the line being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Edit {
    NextOffer,
    PreviousOffer,
    Newer,
    Older,
    EraseCharacter,
    EraseWord,
    EraseLine,
}

/// Where a binding applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Everywhere but on the line being typed.
    Anywhere,
    /// On screens with rows.
    List,
    /// Where text scrolls: one row in full, the help, the log.
    Text,
    /// On a simulated cluster, in lists and texts.
    Simulated,
    /// On the screen of actions, in its list and in a plan or run in full.
    Actions,
    /// On YAML, events and logs.
    Sheet,
    /// In a recording that is shown again.
    Replay,
    /// On the line being typed.
    Prompt,
}

impl Context {
    /// The place in words.
    pub const fn word(self) -> &'static str {
        match self {
            Context::Anywhere => "anywhere",
            Context::List => "in lists",
            Context::Text => "in text",
            Context::Simulated => "on a simulated cluster",
            Context::Actions => "on the screen of actions",
            Context::Sheet => "in YAML, events, logs, reports",
            Context::Replay => "in a replay",
            Context::Prompt => "while typing",
        }
    }
}

/// Keys, what they mean, and what to say about it.
#[derive(Debug)]
pub struct Binding {
    /// Any of these.
    pub keys: &'static [Key],
    /// What they mean.
    pub command: Command,
    /// One line for people.
    pub help: &'static str,
    /// A word or two for the footer; empty for what stands in the help only.
    pub hint: &'static str,
    /// Where they do.
    pub context: Context,
}

const fn bind(
    context: Context,
    keys: &'static [Key],
    command: Command,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        command,
        help,
        hint,
        context,
    }
}

/// The footer's word for the key that shows all others.
pub const HELP: &str = "help";

/// Every binding, in the order of the help.
#[rustfmt::skip] // One line each: it is a table.
pub const TABLE: &[Binding] = &[
    bind(Context::Anywhere, &[Key::char('?')], Command::Help, HELP, "show or hide this help"),
    bind(Context::Anywhere, &[Key::char('a')], Command::Work(work::Deed::Offer), "actions", "actions: what can be done about what is selected; again, for the whole cluster"),
    bind(Context::Anywhere, &[Key::of(Code::Esc)], Command::Back, "back", "close, clear the filter, or go back"),
    bind(Context::Anywhere, &[Key::char('q')], Command::Leave, "quit", "close what is open over the screen, or leave quorate"),
    bind(Context::Anywhere, &[Key::ctrl('c')], Command::Quit, "", "leave quorate"),
    bind(Context::Anywhere, &[Key::char(':')], Command::OpenCommandLine, "command", "type a command; the list of them opens with it"),
    bind(Context::Anywhere, &[Key::of(Code::Tab)], Command::NextScreen, "", "next screen"),
    bind(Context::Anywhere, &[Key::of(Code::BackTab)], Command::PreviousScreen, "", "previous screen"),
    bind(Context::Anywhere, &[Key::char('1')], Command::Go(Screen::Overview), "", "overview: everything at a glance"),
    bind(Context::Anywhere, &[Key::char('2')], Command::Go(Screen::Nodes), "", "nodes: by zone, with heartbeats"),
    bind(Context::Anywhere, &[Key::char('3')], Command::Go(Screen::Etcd), "", "etcd: members and quorum"),
    bind(Context::Anywhere, &[Key::char('4')], Command::Go(Screen::Placement), "", "placement: where replicas run"),
    bind(Context::Anywhere, &[Key::char('5')], Command::Go(Screen::Pods), "", "pods: all of them, or those of a node or workload"),
    bind(Context::Anywhere, &[Key::char('6')], Command::Go(Screen::Findings), "", "findings: what is wrong and what to do"),
    bind(Context::Anywhere, &[Key::char('7')], Command::Go(Screen::Timeline), "", "timeline: what changed, since the console opened and before"),
    bind(Context::Anywhere, &[Key::char('8')], Command::Go(Screen::Feeds), "", "feeds: what answers, and how fresh each is"),
    bind(Context::Anywhere, &[Key::char('9')], Command::Go(Screen::Log), "", "log: what quorate saw and did"),
    bind(Context::Anywhere, &[Key::char('i')], Command::Go(Screen::Forecast), "", "forecast: what the loss of each node or zone would do; of marked nodes, together"),
    bind(Context::Anywhere, &[Key::char('W')], Command::Work(work::Deed::Unlock), "", "let actions be run, or make the console read-only again"),
    bind(Context::Anywhere, &[Key::char('!')], Command::Go(Screen::Recovery), "", "recovery: what is dark, what to do, what never to do now"),
    bind(Context::Anywhere, &[Key::ctrl('z')], Command::Suspend, "", "back to the shell for a while; its `fg` returns here"),
    bind(Context::Anywhere, &[Key::ctrl('l')], Command::Redraw, "", "draw the screen again"),
    bind(Context::Anywhere, &[Key::char('d')], Command::Describe, "", "describe what is selected: all that is known, by feed and age; again to close"),
    bind(Context::Anywhere, &[Key::char('y')], Command::Read(Reading::Yaml), "", "the YAML of what is selected"),
    bind(Context::Anywhere, &[Key::char('e')], Command::Read(Reading::Events), "", "the events of what is selected"),
    bind(Context::Anywhere, &[Key::char('l')], Command::Read(Reading::Logs), "", "the log of what is selected, or a choice of its pods"),
    bind(Context::Anywhere, &[Key::char('c')], Command::Copy(Copied::All), "", "copy the name of the row, those of the marked rows, the whole text, or recovery's commands (OSC 52)"),
    bind(Context::Anywhere, &[Key::char('C')], Command::Copy(Copied::InSight), "", "copy the lines in sight of YAML, events, a log or a report, or the whole page of details or of recovery (OSC 52)"),
    bind(Context::List, &[Key::of(Code::Right)], Command::NextScreen, "", "next screen"),
    bind(Context::List, &[Key::of(Code::Left)], Command::PreviousScreen, "", "previous screen"),
    bind(Context::Text, &[Key::of(Code::Right)], Command::NextScreen, "", "next screen"),
    bind(Context::Text, &[Key::of(Code::Left)], Command::PreviousScreen, "", "previous screen"),
    bind(Context::Anywhere, &[Key::char('0')], Command::Go(Screen::Readiness), "", "readiness: the HA document's checklist"),
    bind(Context::List, &[Key::of(Code::Enter)], Command::Open, "open", "open the selected row"),
    bind(Context::List, &[Key::char('/')], Command::OpenFilter, "filter", "filter: text, !text, ~fuzzy or -f fuzzy, -l key=value, -n namespace; text may be a state: holds, broken, info, warning, critical, cannot tell, not applicable, acknowledged"),
    bind(Context::List, &[Key::char('p')], Command::Pods, "pods", "pods of the selected node, member or workload"),
    bind(Context::List, &[Key::char('o')], Command::Jump, "", "go to what the selected finding, check or change is about"),
    bind(Context::List, &[Key::char('s')], Command::Sort, "sort", "sort by the next column; after the last, by what needs attention"),
    bind(Context::List, &[Key::char('S')], Command::TurnSort, "", "turn the order around"),
    bind(Context::List, &[Key::char(' ')], Command::Mark, "mark", "mark the selected row, or take its mark away"),
    bind(Context::List, &[Key::char('*'), Key::ctrl(' ')], Command::MarkAll, "", "mark every row shown, or none"),
    bind(Context::List, &[Key::char('j'), Key::of(Code::Down)], Command::Move(Move::Down), "", "one row down"),
    bind(Context::List, &[Key::char('k'), Key::of(Code::Up)], Command::Move(Move::Up), "", "one row up"),
    bind(Context::List, &[Key::of(Code::PageDown), Key::ctrl('f')], Command::Move(Move::PageDown), "", "one page down"),
    bind(Context::List, &[Key::of(Code::PageUp), Key::ctrl('b')], Command::Move(Move::PageUp), "", "one page up"),
    bind(Context::List, &[Key::char('g'), Key::of(Code::Home)], Command::Move(Move::Top), "", "first row"),
    bind(Context::List, &[Key::char('G'), Key::of(Code::End)], Command::Move(Move::Bottom), "", "last row"),
    bind(Context::List, &[Key::char(']')], Command::Move(Move::Right), "", "placement: to the next nodes, where not all fit"),
    bind(Context::List, &[Key::char('[')], Command::Move(Move::Left), "", "placement: to the nodes before"),
    bind(Context::Text, &[Key::char('j'), Key::of(Code::Down)], Command::Move(Move::Down), "scroll", "one line down"),
    bind(Context::Text, &[Key::char('k'), Key::of(Code::Up)], Command::Move(Move::Up), "", "one line up"),
    bind(Context::Text, &[Key::of(Code::PageDown), Key::ctrl('f')], Command::Move(Move::PageDown), "", "one page down"),
    bind(Context::Text, &[Key::of(Code::PageUp), Key::ctrl('b')], Command::Move(Move::PageUp), "", "one page up"),
    bind(Context::Text, &[Key::char('g'), Key::of(Code::Home)], Command::Move(Move::Top), "", "to the beginning"),
    bind(Context::Text, &[Key::char('G'), Key::of(Code::End)], Command::Move(Move::Bottom), "", "to the end"),
    bind(Context::Simulated, &[Key::char('K')], Command::Sim(Deed::Kill), "kill", "switch the selected node off"),
    bind(Context::Simulated, &[Key::char('R')], Command::Sim(Deed::Revive), "revive", "revive the selected node"),
    bind(Context::Simulated, &[Key::char('>')], Command::Sim(Deed::Faster), "faster", "time runs faster"),
    bind(Context::Simulated, &[Key::char('<')], Command::Sim(Deed::Slower), "", "time runs slower"),
    bind(Context::Simulated, &[Key::char('F')], Command::Sim(Deed::Freeze), "", "freeze the selected node: its processes stop in their tracks"),
    bind(Context::Simulated, &[Key::char('U')], Command::Sim(Deed::Unplug), "", "pull the selected node's network cable"),
    bind(Context::Simulated, &[Key::char('+')], Command::Sim(Deed::Join), "", "a new machine joins as a controller"),
    bind(Context::Simulated, &[Key::char('t')], Command::Tour, "", "the next step of the tour; :tour shows or hides it"),
    bind(Context::Actions, &[Key::char('x')], Command::Work(work::Deed::Go), "run", "run the plan that is shown; answer what the run asks; go on with a run of the past"),
    bind(Context::Actions, &[Key::char('r')], Command::Work(work::Deed::Rehearse), "rehearse", "rehearse the plan that is shown, on a copy of the cluster; nothing is sent to it"),
    bind(Context::Actions, &[Key::char('P')], Command::Work(work::Deed::Pause), "", "pause the run before its next step, or go on"),
    bind(Context::Actions, &[Key::char('w')], Command::Work(work::Deed::StopWaiting), "", "do not wait for this step any longer"),
    bind(Context::Actions, &[Key::char('o')], Command::Work(work::Deed::Override), "", "let one closed gate pass, with a reason"),
    bind(Context::Actions, &[Key::char('A')], Command::Work(work::Deed::Abandon), "", "give the run up, with a reason"),
    bind(Context::Sheet, &[Key::of(Code::Enter)], Command::Open, "", "the log of the chosen pod"),
    bind(Context::Sheet, &[Key::char('/')], Command::OpenSearch, "search", "search for a text"),
    bind(Context::Sheet, &[Key::char('n')], Command::Find(Way::Down), "", "to the next line found"),
    bind(Context::Sheet, &[Key::char('N')], Command::Find(Way::Up), "", "to the line found before"),
    bind(Context::Sheet, &[Key::char('r')], Command::Look(Look::Again), "again", "read again; play a rehearsal again, on the cluster as it is now"),
    bind(Context::Sheet, &[Key::char('w')], Command::Look(Look::Wrap), "wrap", "wrap long lines, or cut them off"),
    bind(Context::Sheet, &[Key::char('f')], Command::Look(Look::Follow), "", "logs: follow what is written, or stay"),
    bind(Context::Sheet, &[Key::char('p')], Command::Look(Look::PreviousRun), "", "logs: the run before the last restart, or the present one"),
    bind(Context::Sheet, &[Key::char('o')], Command::Look(Look::NextContainer), "", "logs: the pod's next container"),
    bind(Context::Sheet, &[Key::char('m')], Command::Look(Look::ManagedFields), "", "YAML: with or without managedFields"),
    bind(Context::Sheet, &[Key::char('v')], Command::Show(Program::Pager), "pager", "the whole text in $PAGER; leaving that leads back"),
    bind(Context::Sheet, &[Key::char('V')], Command::Show(Program::Editor), "", "a copy of it in $VISUAL or $EDITOR; what is changed there is sent nowhere"),
    bind(Context::Sheet, &[Key::of(Code::Right)], Command::Move(Move::Right), "", "to the right, while lines are cut off"),
    bind(Context::Sheet, &[Key::of(Code::Left)], Command::Move(Move::Left), "", "to the left"),
    bind(Context::Sheet, &[Key::char('^')], Command::Move(Move::LineStart), "", "to the beginning of the lines"),
    bind(Context::Replay, &[Key::char(' ')], Command::Replay(replay::Deed::Pause), "play", "go on, or stand still"),
    bind(Context::Replay, &[Key::char('.')], Command::Replay(replay::Deed::Forward), "step", "one frame forward"),
    bind(Context::Replay, &[Key::char(',')], Command::Replay(replay::Deed::Back), "", "one frame back"),
    bind(Context::Replay, &[Key::char('n')], Command::Replay(replay::Deed::NextVerdict), "verdict", "to the next change of the verdict"),
    bind(Context::Replay, &[Key::char('N')], Command::Replay(replay::Deed::PreviousVerdict), "", "to the change of the verdict before"),
    bind(Context::Replay, &[Key::char('{')], Command::Replay(replay::Deed::Start), "", "to the beginning of the recording"),
    bind(Context::Replay, &[Key::char('}')], Command::Replay(replay::Deed::End), "", "to its end"),
    bind(Context::Replay, &[Key::char('>')], Command::Replay(replay::Deed::Faster), "faster", "faster"),
    bind(Context::Replay, &[Key::char('<')], Command::Replay(replay::Deed::Slower), "", "slower"),
    bind(Context::Replay, &[Key::char('f')], Command::Replay(replay::Deed::Follow), "", "show again what was on the screen, after looking around"),
    bind(Context::Prompt, &[Key::of(Code::Enter)], Command::Accept, "accept", "do it"),
    bind(Context::Prompt, &[Key::of(Code::Esc), Key::ctrl('c')], Command::Cancel, "cancel", "leave the line"),
    bind(Context::Prompt, &[Key::of(Code::Tab)], Command::Edit(Edit::NextOffer), "complete", "take the next offer"),
    bind(Context::Prompt, &[Key::of(Code::BackTab)], Command::Edit(Edit::PreviousOffer), "", "take the offer before"),
    bind(Context::Prompt, &[Key::of(Code::Down), Key::ctrl('n')], Command::Edit(Edit::Newer), "", "next offer; where nothing is typed, the next line of the history"),
    bind(Context::Prompt, &[Key::of(Code::Up), Key::ctrl('p')], Command::Edit(Edit::Older), "", "offer before; where nothing is typed, the line before in the history"),
    bind(Context::Prompt, &[Key::of(Code::Backspace), Key::ctrl('h')], Command::Edit(Edit::EraseCharacter), "", "erase a character"),
    bind(Context::Prompt, &[Key::ctrl('w')], Command::Edit(Edit::EraseWord), "", "erase a word"),
    bind(Context::Prompt, &[Key::ctrl('u')], Command::Edit(Edit::EraseLine), "", "erase the line"),
    bind(Context::Prompt, &[Key::ctrl('z')], Command::Suspend, "", "back to the shell for a while; its `fg` returns here"),
];

/// One line of a list of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Where: `anywhere`, `in lists`, …; `commands` for what is typed after `:`.
    pub context: String,
    /// The keys, such as `q, ctrl-c`, or the command, such as `:nodes [NODE]`.
    pub keys: String,
    /// What they do.
    pub help: String,
}

/// The whole table as text, and the commands after it, for `quorate keys`.
pub fn rows(map: &KeyMap) -> impl Iterator<Item = Row> {
    rows_of(map, true, true)
}

/// The same for the help, which keeps what exists on a simulated cluster or in a replay alone from all others.
pub fn rows_of(map: &KeyMap, is_simulated: bool, is_replay: bool) -> impl Iterator<Item = Row> {
    let exists = move |binding: &&Binding| match binding.context {
        Context::Simulated => is_simulated,
        Context::Replay => is_replay,
        _ => true,
    };
    let keys = TABLE.iter().filter(exists).map(|binding| Row {
        context: binding.context.word().to_owned(),
        keys: listed(&map.keys_of(binding)),
        help: binding.help.to_owned(),
    });
    let commands = commands::TABLE.iter().map(|entry| Row {
        context: "commands".to_owned(),
        keys: format!(":{}", entry.usage()),
        help: entry.help.to_owned(),
    });
    let simulated = sim::COMMANDS.iter().filter(move |_| is_simulated).map(|entry| Row {
        context: "commands on a simulated cluster".to_owned(),
        keys: format!(":{}", entry.usage()),
        help: entry.help.to_owned(),
    });
    let replayed = replay::COMMANDS.iter().filter(move |_| is_replay).map(|entry| Row {
        context: "commands in a replay".to_owned(),
        keys: format!(":{}", entry.usage()),
        help: entry.help.to_owned(),
    });
    keys.chain(commands).chain(simulated).chain(replayed)
}

/// Keys, such as `q, ctrl-c`.
fn listed(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    keys.join(", ")
}

/// The contexts that apply now, the nearest first.
pub fn contexts(state: &State) -> Vec<Context> {
    if state.prompt.is_some() {
        return vec![Context::Prompt];
    }
    let is_sheet = state.help.is_none() && !state.sheets.is_empty();
    let is_actions = state.help.is_none() && !is_sheet && state.screen == Screen::Actions;
    let contexts = [
        (is_sheet, Context::Sheet),
        (is_actions, Context::Actions),
        (state.replay.is_some(), Context::Replay),
        (!state.is_text(), Context::List),
        (state.is_text(), Context::Text),
        (sim::is_simulated(state), Context::Simulated),
        (true, Context::Anywhere),
    ];
    contexts
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, context)| context)
        .collect()
}

/// What a key means now.
pub fn lookup(state: &State, key: Key) -> Option<Command> {
    let key = if state.prompt.is_some() {
        key
    } else {
        state.keys.meant(key)
    };
    contexts(state)
        .into_iter()
        .flat_map(|context| TABLE.iter().filter(move |binding| binding.context == context))
        .find(|binding| binding.keys.contains(&key))
        .map(|binding| binding.command)
}

/// The key that shows a screen.
pub fn key_of(map: &KeyMap, screen: Screen) -> Option<Key> {
    let shows = |command| match command {
        Command::Go(to) => to == screen,
        Command::Work(work::Deed::Offer) => screen == Screen::Actions,
        _ => false,
    };
    let binding = TABLE.iter().find(|binding| shows(binding.command))?;
    map.keys_of(binding).first().copied()
}

/// Has a hint where there is room for all the others.
const LESS_NEEDED: [Command; 3] = [Command::Work(work::Deed::Rehearse), Command::Sort, Command::Mark];

/// What the footer says now: keys and words, what is needed most first.
pub fn hints(state: &State) -> impl Iterator<Item = (Key, &'static str)> {
    let contexts = contexts(state).into_iter();
    let bindings = contexts.flat_map(|context| TABLE.iter().filter(move |binding| binding.context == context));
    let hinted = bindings.filter(|binding| !binding.hint.is_empty());
    // What it would close has a hint of its own.
    let hinted = hinted.filter(|binding| binding.command != Command::Leave || !navigate::is_covered(state));
    let hinted = hinted.filter(|binding| useful::is_useful(state, binding.command));
    let (less, more): (Vec<_>, Vec<_>) = hinted.partition(|binding| LESS_NEEDED.contains(&binding.command));
    let hints = more.into_iter().chain(less);
    hints.filter_map(|binding| Some((*state.keys.keys_of(binding).first()?, binding.hint)))
}

#[cfg(test)]
mod tests;
