//! The one place where the state changes.

use std::sync::Arc;

use super::keys::{self, Command};
use super::navigate::{back, follow_rows, go, open, select, step};
use super::prompt::PromptKind;
use super::replay::Wish;
use super::screen::Screen;
use super::state::{Derived, State};
use super::{Effect, Key, Msg, marks, memo, navigate, reading, sheet, sim, sort, tour, typing, work};
use crate::check::Severity;
use crate::model::Snapshot;

/// Takes in one fact.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let before = sheet::standing(state);
    let mark = state.timeline.mark();
    let mut effects = take(state, msg);
    let fresh = state.timeline.since(&mark);
    if !fresh.is_empty() {
        effects.push(Effect::Keep(fresh));
    }
    // What is open says what is asked, so no question is forgotten and none stays when its sheet goes.
    let mut now = sheet::standing(state);
    for (id, question) in before {
        if now.remove(&id).as_ref() != Some(&question) {
            effects.push(Effect::Cancel(id));
        }
    }
    effects.extend(now.into_iter().map(|(id, question)| Effect::Ask(id, question)));
    memo::remember(state);
    effects
}

fn take(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => press(state, key),
        Msg::Select(index) => {
            select(state, index);
            Vec::new()
        }
        Msg::Paste(text) => {
            if let Some(prompt) = &mut state.prompt {
                prompt.insert(&text);
                typing::edited(state);
            }
            Vec::new()
        }
        Msg::Resize(columns, lines) => {
            state.size = (columns, lines);
            follow_rows(state);
            Vec::new()
        }
        Msg::Snapshot(snapshot) => {
            take_snapshot(state, snapshot);
            Vec::new()
        }
        Msg::Geometry(geometry) => {
            state.geometry = geometry;
            // A frame without rows (a row in full, the help) knows nothing about the list behind it.
            if geometry.rows > 0 {
                state.cursors.entry(state.screen).or_default().offset = geometry.offset;
            }
            // A sheet that follows what is written was drawn at its end.
            if let Some(sheet) = state.sheets.last_mut().filter(|sheet| sheet.is_following()) {
                sheet.top = geometry.text_top;
            }
            Vec::new()
        }
        Msg::Answer(answer) => {
            sheet::take(state, answer);
            Vec::new()
        }
        Msg::Work(news) => {
            work::take(state, news);
            Vec::new()
        }
        Msg::Past(entries) => {
            state.timeline.remember(entries);
            follow_rows(state);
            Vec::new()
        }
        Msg::Notice(message) => {
            state.message = Some(message);
            Vec::new()
        }
    }
}

fn take_snapshot(state: &mut State, snapshot: Arc<Snapshot>) {
    state.derived = Arc::new(Derived::of(&snapshot, &state.policy));
    let before = Arc::clone(&state.snapshot);
    state.timeline.note(&before, &snapshot, &state.derived, &state.policy);
    let now = snapshot.now;
    for ended in state.failovers.note(&snapshot, &state.policy) {
        state.timeline.note_failover(now, ended);
    }
    state.snapshot = snapshot;
    marks::prune(state);
    work::refresh(state);
    follow_rows(state);
    tour::follow(state);
}

fn press(state: &mut State, key: Key) -> Vec<Effect> {
    state.message = None;
    if let Some(command) = keys::lookup(state, key) {
        return run(state, command);
    }
    match (&mut state.prompt, key.typed()) {
        (Some(prompt), Some(typed)) => {
            prompt.insert(typed.encode_utf8(&mut [0; 4]));
            typing::edited(state);
        }
        (Some(_), None) => {}
        (None, _) => {
            let help = state.key_of(Command::Help);
            state.say(
                Severity::Info,
                format!("{key} does nothing here; {help} shows the keys"),
            );
        }
    }
    Vec::new()
}

/// Does what a command means.
pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Leave if navigate::is_covered(state) => back(state),
        Command::Quit | Command::Leave => return work::quit(state),
        Command::Suspend => return vec![Effect::Suspend],
        Command::Redraw => return vec![Effect::Redraw],
        Command::Back => back(state),
        Command::Help => state.help = if state.help.is_some() { None } else { Some(0) },
        Command::OpenCommandLine => typing::open(state, PromptKind::Command),
        Command::OpenFilter => typing::open(state, PromptKind::Filter),
        Command::Go(screen) => go(state, screen),
        Command::NextScreen => go(state, state.turned(1)),
        Command::PreviousScreen => go(state, state.turned(Screen::ALL.len() - 1)),
        Command::Open => open(state),
        Command::Describe => navigate::describe(state),
        Command::Pods => tell(state, navigate::pods),
        Command::Jump => tell(state, navigate::jump),
        Command::Sort => tell(state, sort::next),
        Command::TurnSort => tell(state, sort::turn),
        Command::Mark => tell(state, marks::toggle),
        Command::MarkAll => marks::toggle_all(state),
        Command::Sim(deed) => match sim::press(state, deed) {
            Ok(effects) => return effects,
            Err(why) => state.say(Severity::Info, why),
        },
        Command::Replay(deed) => return vec![Effect::Replay(Wish::Deed(deed))],
        Command::Work(deed) => match work::press(state, deed) {
            Ok(effects) => return effects,
            Err(why) => state.say(Severity::Info, why),
        },
        Command::Tour => tour::next(state),
        Command::Read(what) => reading::read(state, what),
        Command::Look(how) => return reading::look(state, how),
        Command::OpenSearch => typing::open(state, PromptKind::Search),
        Command::Find(way) => reading::find(state, way),
        Command::Copy(what) => return reading::copy(state, what),
        Command::Show(program) => return reading::show(state, program),
        Command::Accept => return typing::accept(state),
        Command::Cancel => typing::cancel(state),
        Command::Edit(change) => typing::edit(state, change),
        Command::Move(by) => return step(state, by),
    }
    Vec::new()
}

/// Does it, or says why not.
fn tell(state: &mut State, act: impl FnOnce(&mut State) -> Result<(), String>) {
    if let Err(why) = act(state) {
        state.say(Severity::Info, why);
    }
}
