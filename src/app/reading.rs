//! What keys do to sheets: open them, move in them, search, copy. Start reading at [`read`].

use super::Effect;
use super::keys::{Command, Copied, Look, Move, Program, Reading, Way};
use super::navigate::moved;
use super::paper::Line;
use super::rows::{RowId, rows};
use super::screen::Screen;
use super::sheet::{Body, Log, MOST_SHEETS, Sheet};
use super::state::State;
use super::subject::{object, pods, subject};
use super::work;
use crate::base::Text;
use crate::check::Severity;
use crate::model::question::{LogRef, ObjectRef, QuestionId};
use crate::model::recovery::Kind;
use crate::model::{KubeKind, ObjectKey};

/// The most that is copied, in bytes. Terminals and what lies between take no more (xterm, tmux: about 100 kB of base64).
pub const MOST_COPIED_BYTES: usize = 64 * 1024;
/// How many columns a step to the side goes.
const SIDE_STEP: usize = 8;

fn say(state: &mut State, severity: Severity, text: impl AsRef<str>) {
    state.say(severity, text);
}

/// The object that the operator looks at: the sheet's, or the selected row's.
pub fn focus(state: &State) -> Option<ObjectRef> {
    let Some(sheet) = state.sheets.last() else {
        return subject(state, &selected(state)?);
    };
    match &sheet.body {
        Body::Yaml { of, .. } => Some(of.clone()),
        Body::Events { of, .. } => of.clone(),
        Body::Log(log) => object(state, KubeKind::Pods, log.of.pod.clone()),
        Body::Pods { pods, .. } => object(state, KubeKind::Pods, pods.get(sheet.top)?.clone()),
        Body::Rehearsal(_) => None,
    }
}

fn selected(state: &State) -> Option<RowId> {
    rows(state).get(state.cursor().index).cloned()
}

/// Opens what is asked for of the object that the operator looks at.
pub fn read(state: &mut State, what: Reading) {
    let shown = state.sheets.last().map(|sheet| &sheet.body);
    if state.help.is_none() && shown.is_some_and(|body| is_it(body, what)) {
        state.sheets.pop();
        return;
    }
    let Some(of) = focus(state) else {
        say(
            state,
            Severity::Info,
            "what is selected is no object of Kubernetes that is there",
        );
        return;
    };
    match what {
        Reading::Logs => logs(state, &of),
        Reading::Events => lay(state, events_of(Some(of))),
        Reading::Yaml => {
            let (managed_fields, lines) = (false, Vec::new());
            lay(
                state,
                Body::Yaml {
                    of,
                    managed_fields,
                    lines,
                },
            );
        }
    }
}

/// A sheet of events.
pub const fn events_of(of: Option<ObjectRef>) -> Body {
    Body::Events {
        of,
        events: Vec::new(),
        more: 0,
    }
}

/// Whether a sheet is what a key opens: then the key closes it.
const fn is_it(body: &Body, what: Reading) -> bool {
    match what {
        Reading::Yaml => matches!(body, Body::Yaml { .. }),
        Reading::Events => matches!(body, Body::Events { .. }),
        Reading::Logs => matches!(body, Body::Log(_)),
    }
}

/// Opens the log of the only pod, or lets the operator choose.
fn logs(state: &mut State, of: &ObjectRef) {
    let mut found = pods(state, of);
    match (found.pop(), found.is_empty()) {
        (None, _) => {
            say(
                state,
                Severity::Info,
                format!("{of} has no pod whose log could be read"),
            );
        }
        (Some(only), true) => open_log(state, only),
        (Some(last), false) => {
            found.push(last);
            let of = of.to_string();
            lay(state, Body::Pods { of, pods: found });
        }
    }
}

fn open_log(state: &mut State, pod: ObjectKey) {
    let known = state.snapshot.kube.pods.get(&pod);
    let containers = known.map(|fact| fact.value.containers.clone()).unwrap_or_default();
    let of = LogRef {
        pod,
        container: containers.first().cloned(),
        previous: false,
    };
    lay(state, Body::Log(Log::new(of, containers)));
}

/// Lays a sheet on the others and asks for what it shows.
pub fn lay(state: &mut State, body: Body) {
    let mut sheet = Sheet::new(body);
    sheet.ask(next_id(state));
    // The same thing again is read again, not laid on itself.
    if state.sheets.last().is_some_and(|top| is_same(&top.body, &sheet.body)) {
        state.sheets.pop();
    }
    state.sheets.push(sheet);
    if state.sheets.len() > MOST_SHEETS {
        state.sheets.remove(0);
    }
}

fn is_same(a: &Body, b: &Body) -> bool {
    match (a, b) {
        (Body::Yaml { of: a, .. }, Body::Yaml { of: b, .. }) => a == b,
        (Body::Events { of: a, .. }, Body::Events { of: b, .. }) => a == b,
        (Body::Log(a), Body::Log(b)) => a.of == b.of,
        (Body::Pods { of: a, .. }, Body::Pods { of: b, .. }) => a == b,
        (Body::Rehearsal(a), Body::Rehearsal(b)) => (&a.plan, &a.script) == (&b.plan, &b.script),
        _ => false,
    }
}

const fn next_id(state: &mut State) -> QuestionId {
    state.questions += 1;
    QuestionId(state.questions)
}

/// `enter` on a sheet: the log of the chosen pod.
pub fn open(state: &mut State) {
    let chosen = state.sheets.last().and_then(|sheet| match &sheet.body {
        Body::Pods { pods, .. } => pods.get(sheet.top).cloned(),
        Body::Yaml { .. } | Body::Events { .. } | Body::Log(_) | Body::Rehearsal(_) => None,
    });
    match chosen {
        Some(pod) => open_log(state, pod),
        None => say(state, Severity::Info, "there is nothing to choose here; esc closes"),
    }
}

/// Moves in the uppermost sheet.
pub fn step(state: &mut State, by: Move) {
    let geometry = state.geometry;
    let Some(sheet) = state.sheets.last_mut() else { return };
    let last = match &mut sheet.body {
        Body::Pods { pods, .. } => pods.len().saturating_sub(1),
        Body::Log(log) => {
            match by {
                Move::Up | Move::PageUp | Move::Top => log.follow = false,
                // As at the end of a tail: what comes is seen.
                Move::Bottom => log.follow = true,
                Move::Down | Move::PageDown | Move::Left | Move::Right | Move::LineStart => {}
            }
            geometry.text_lines.saturating_sub(geometry.text_rows)
        }
        Body::Yaml { .. } | Body::Events { .. } | Body::Rehearsal(_) => {
            geometry.text_lines.saturating_sub(geometry.text_rows)
        }
    };
    match by {
        Move::Left => sheet.column = sheet.column.saturating_sub(SIDE_STEP),
        Move::Right if !sheet.wrap => sheet.column = (sheet.column + SIDE_STEP).min(geometry.text_columns),
        Move::Right => {
            let wrap = state.key_of(Command::Look(Look::Wrap));
            let text = format!("lines are wrapped, so there is nothing to the side; {wrap} changes that");
            say(state, Severity::Info, &text);
        }
        Move::LineStart => sheet.column = 0,
        Move::Up | Move::Down | Move::PageUp | Move::PageDown | Move::Top | Move::Bottom => {
            sheet.top = moved(sheet.top, by, geometry.text_rows, last);
        }
    }
}

/// Changes how the uppermost sheet shows what it shows, or what it asks for.
pub fn look(state: &mut State, how: Look) -> Vec<Effect> {
    let id = next_id(state);
    let [logs, yaml] = [Reading::Logs, Reading::Yaml].map(|what| state.key_of(Command::Read(what)));
    let Some(sheet) = state.sheets.last_mut() else {
        return Vec::new();
    };
    let told = match (how, &mut sheet.body) {
        (Look::Wrap, _) => {
            sheet.wrap = !sheet.wrap;
            sheet.column = 0;
            if sheet.wrap {
                "long lines are wrapped"
            } else {
                "long lines are cut off"
            }
        }
        (Look::Again, Body::Pods { .. }) => "this is always of now",
        (Look::Again, Body::Rehearsal(_)) => {
            sheet.ask(id);
            state.say(Severity::Info, "playing again");
            return work::play(state);
        }
        (Look::Again, _) => {
            sheet.ask(id);
            "reading again"
        }
        (Look::Follow, Body::Log(log)) => {
            log.follow = !log.follow;
            if log.follow {
                "following the log"
            } else {
                "not following the log"
            }
        }
        (Look::PreviousRun, Body::Log(log)) => {
            log.of.previous = !log.of.previous;
            let is_previous = log.of.previous;
            sheet.ask(id);
            if is_previous {
                "the run before the last restart"
            } else {
                "the present run"
            }
        }
        (Look::NextContainer, Body::Log(log)) => {
            let at = log
                .containers
                .iter()
                .position(|name| Some(name) == log.of.container.as_ref());
            let next = at
                .and_then(|at| log.containers.get(at + 1))
                .or(log.containers.first())
                .cloned();
            if next == log.of.container {
                "the pod has no other container"
            } else {
                log.of.container = next;
                sheet.ask(id);
                "another container"
            }
        }
        (Look::ManagedFields, Body::Yaml { managed_fields, .. }) => {
            *managed_fields = !*managed_fields;
            let are_shown = *managed_fields;
            sheet.ask(id);
            if are_shown {
                "with managedFields"
            } else {
                "without managedFields"
            }
        }
        (Look::Follow | Look::PreviousRun | Look::NextContainer, _) => {
            &format!("that key is for logs: {logs} opens one")
        }
        (Look::ManagedFields, _) => &format!("that key is for YAML: {yaml} opens it"),
    };
    say(state, Severity::Info, told);
    Vec::new()
}

/// Searches the uppermost sheet for a text.
pub fn search(state: &mut State, wanted: String) {
    let Some(sheet) = state.sheets.last_mut() else { return };
    sheet.search = wanted;
    sheet.found = None;
    find(state, Way::Down);
}

/// Goes to the next line that contains what is searched for, around the end.
pub fn find(state: &mut State, way: Way) {
    let width = usize::from(state.size.0);
    let Some(sheet) = state.sheets.last() else { return };
    let wanted = sheet.search.to_lowercase();
    if wanted.is_empty() {
        say(state, Severity::Info, "nothing is searched for; / searches");
        return;
    }
    let lines: Vec<String> = sheet
        .lines(state)
        .iter()
        .map(|line| line.text().to_lowercase())
        .collect();
    let hits: Vec<usize> = (0..)
        .zip(&lines)
        .filter(|(_, line)| line.contains(&wanted))
        .map(|(at, _)| at)
        .collect();
    let from = sheet.found;
    let next = match (way, from) {
        (Way::Down, None) => hits.iter().position(|at| *at >= sheet.top).or(Some(0)),
        (Way::Down, Some(from)) => hits.iter().position(|at| *at > from).or(Some(0)),
        (Way::Up, from) => {
            let from = from.unwrap_or(sheet.top);
            hits.iter().rposition(|at| *at < from).or(hits.len().checked_sub(1))
        }
    };
    let Some((nth, line)) = next.and_then(|nth| Some((nth, *hits.get(nth)?))) else {
        let text = format!("{} is not found", sheet.search);
        say(state, Severity::Warning, text);
        return;
    };
    let at = lines.get(line).and_then(|line| line.find(&wanted)).unwrap_or(0);
    if let Some(sheet) = state.sheets.last_mut() {
        sheet.found = Some(line);
        sheet.top = line;
        if let Body::Log(log) = &mut sheet.body {
            log.follow = false;
        }
        let is_in_sight = sheet.column <= at && at + wanted.len() <= sheet.column + width;
        if !sheet.wrap && !is_in_sight {
            sheet.column = (at + wanted.len()).saturating_sub(width / 2);
        }
    }
    let text = format!("line {}: {} of {} lines found", line + 1, nth + 1, hits.len());
    say(state, Severity::Info, text);
}

/// Copies what the operator looks at, and says what that was.
pub fn copy(state: &mut State, what: Copied) -> Vec<Effect> {
    let text = state
        .sheets
        .last()
        .filter(|sheet| !matches!(sheet.body, Body::Pods { .. }));
    let Some(sheet) = text else {
        let is_recovery = state.sheets.is_empty() && state.screen == Screen::Recovery;
        return match (what, is_recovery) {
            (Copied::All, true) => copy_commands(state),
            (Copied::All, false) => copy_name(state),
            (Copied::InSight, true) => copy_page(state),
            (Copied::InSight, false) if state.sheets.is_empty() && state.detail.is_some() && state.help.is_none() => {
                say(
                    state,
                    Severity::Info,
                    "copied this page, if the terminal permits it (OSC 52)",
                );
                vec![Effect::CopyPage]
            }
            (Copied::InSight, false) => {
                let text = "lines of YAML, events, logs and reports, details and the recovery page can be copied; here the name can";
                say(state, Severity::Info, text);
                Vec::new()
            }
        };
    };
    let lines: Vec<String> = sheet.lines(state).iter().map(Line::text).collect();
    let (shown, called) = match what {
        Copied::All => (lines.as_slice(), "the whole text"),
        Copied::InSight => {
            let from = state.geometry.text_top.min(lines.len());
            let to = (from + state.geometry.text_rows).min(lines.len());
            (lines.get(from..to).unwrap_or_default(), "the lines in sight")
        }
    };
    copy_lines(state, shown, called)
}

/// Copies lines, of too many the first, and says what they are.
fn copy_lines(state: &mut State, lines: &[String], called: &str) -> Vec<Effect> {
    let mut text = String::new();
    let mut copied = 0;
    for line in lines {
        if text.len() + line.len() + 1 > MOST_COPIED_BYTES {
            break;
        }
        text.push_str(line);
        text.push('\n');
        copied += 1;
    }
    let called = if copied < lines.len() {
        format!("the first {copied} of {} lines", lines.len())
    } else {
        called.to_owned()
    };
    say_copied(state, &called, &text);
    vec![Effect::Copy(text)]
}

/// Gives the text that is read to a program of the operator's.
pub fn show(state: &mut State, program: Program) -> Vec<Effect> {
    let lines = match state.sheets.last() {
        Some(sheet) if !matches!(sheet.body, Body::Pods { .. }) => sheet.lines(state),
        _ => {
            say(state, Severity::Info, "there is no text to show: y, e or l opens one");
            return Vec::new();
        }
    };
    let text = lines.iter().map(|line| line.text() + "\n").collect();
    vec![Effect::Show(program, text)]
}

/// The whole recovery page, each line as long as it is.
fn copy_page(state: &mut State) -> Vec<Effect> {
    let sections = state.derived.recovery.sections.iter();
    let lines = sections.flat_map(|section| {
        let lines = section.lines.iter().map(|line| {
            let sign = match line.kind {
                Kind::Say => "  ",
                Kind::Command => "$ ",
                Kind::Never => "- ",
            };
            format!("  {sign}{}", line.text)
        });
        std::iter::once(section.title.to_string()).chain(lines)
    });
    let lines: Vec<String> = lines.collect();
    copy_lines(state, &lines, "the whole page")
}

/// The commands of the recovery page, one in a line, for a text editor rather than for a shell.
fn copy_commands(state: &mut State) -> Vec<Effect> {
    let lines = state
        .derived
        .recovery
        .sections
        .iter()
        .flat_map(|section| &section.lines);
    let commands = lines.filter(|line| line.kind == Kind::Command);
    let lines: Vec<String> = commands.map(|line| format!("# {}", line.text)).collect();
    let text = lines.join("\n") + "\n";
    say_copied(state, "the commands of this page, each behind a #", &text);
    vec![Effect::Copy(text)]
}

fn copy_name(state: &mut State) -> Vec<Effect> {
    if state.sheets.is_empty() && state.mark_count() > 0 {
        return copy_marked(state);
    }
    let name = if state.sheets.is_empty() {
        selected(state).map(|row| name(state, &row))
    } else {
        focus(state).map(|of| of.key.name)
    };
    let Some(name) = name else {
        say(state, Severity::Info, "there is no row to copy");
        return Vec::new();
    };
    say_copied(state, name.as_str(), name.as_str());
    vec![Effect::Copy(name.to_string())]
}

/// The names of the marked rows of the screen, one in a line.
fn copy_marked(state: &mut State) -> Vec<Effect> {
    let marked = state.marked();
    let names: Vec<String> = marked.iter().map(|row| name(state, row).to_string()).collect();
    copy_lines(state, &names, &format!("the names of {} marked rows", names.len()))
}

/// The name of a row, as other programs take it.
fn name(state: &State, row: &RowId) -> Text {
    match row {
        RowId::Node(name) => name.clone(),
        RowId::Workload(_, key) | RowId::Pod(key) => key.name.clone(),
        RowId::Member(id) => {
            let member = state.derived.quorum.member(*id).map(|of| &of.member);
            let name = member
                .filter(|member| member.has_started())
                .map(|member| member.name.clone());
            name.unwrap_or_else(|| Text::from(id.to_string()))
        }
        RowId::Change(_) | RowId::Loss(_) | RowId::Offer(_) | RowId::Run(_) => {
            Text::from(super::rows::name(state, row))
        }
        RowId::Finding(check, subject) => Text::from(format!("{check} {subject}")),
        RowId::Check(check) => Text::from(check.name()),
        RowId::Untold(feed) | RowId::Feed(feed) => Text::from(feed.to_string()),
    }
}

/// Nobody tells whether a terminal took it, so that is said, too.
fn say_copied(state: &mut State, what: &str, text: &str) {
    let text = format!(
        "copied {what} ({} bytes), if the terminal permits it (OSC 52)",
        text.len()
    );
    say(state, Severity::Info, text);
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
