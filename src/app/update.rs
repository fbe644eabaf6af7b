//! The one place where the state changes.

use std::sync::Arc;

use super::keys::{self, Command, Edit, Move};
use super::prompt::{self, Line, Prompt, PromptKind};
use super::rows::{RowId, rows, rows_of};
use super::screen::Screen;
use super::state::{Derived, MAX_BACK, Message, State};
use super::{Effect, Key, LogMove, Msg};
use crate::check::Severity;
use crate::model::Snapshot;

/// Takes in one fact.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => press(state, key),
        Msg::Paste(text) => {
            if let Some(prompt) = &mut state.prompt {
                prompt.insert(&text);
                apply_filter(state);
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
    state.snapshot = snapshot;
    follow_rows(state);
}

/// Keeps every selection on its row after rows came or went.
fn follow_rows(state: &mut State) {
    for screen in Screen::ALL {
        if state.cursors.contains_key(&screen) {
            let rows = rows_of(state, screen);
            state.cursors.entry(screen).or_default().follow(&rows);
        }
    }
}

fn press(state: &mut State, key: Key) -> Vec<Effect> {
    state.message = None;
    if let Some(command) = keys::lookup(state, key) {
        return run(state, command);
    }
    match (&mut state.prompt, key.typed()) {
        (Some(prompt), Some(typed)) => {
            prompt.insert(typed.encode_utf8(&mut [0; 4]));
            apply_filter(state);
        }
        (Some(_), None) => {}
        (None, _) => say(
            state,
            Severity::Info,
            &format!("{key} does nothing here; ? shows the keys"),
        ),
    }
    Vec::new()
}

fn say(state: &mut State, severity: Severity, text: &str) {
    state.message = Some(Message::new(severity, text));
}

fn run(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Quit => return vec![Effect::Quit],
        Command::Redraw => return vec![Effect::Redraw],
        Command::Back => back(state),
        Command::Help => state.help = if state.help.is_some() { None } else { Some(0) },
        Command::OpenCommandLine => state.prompt = Some(Prompt::new(PromptKind::Command)),
        Command::OpenFilter => {
            let mut prompt = Prompt::new(PromptKind::Filter);
            prompt.insert(state.filter());
            state.prompt = Some(prompt);
        }
        Command::Go(screen) => go(state, screen),
        Command::NextScreen => go(state, state.screen.turn(1)),
        Command::PreviousScreen => go(state, state.screen.turn(Screen::ALL.len() - 1)),
        Command::Open => open(state),
        Command::Accept => return accept(state),
        Command::Cancel => cancel(state),
        Command::Edit(change) => edit(state, change),
        Command::Move(by) => return step(state, by),
    }
    Vec::new()
}

/// Closes the nearest open thing; with nothing open, returns to the screen before.
fn back(state: &mut State) {
    if state.help.is_some() {
        state.help = None;
    } else if state.detail.is_some() {
        state.detail = None;
    } else if !state.filter().is_empty() {
        state.filters.remove(&state.screen);
        follow_rows(state);
    } else {
        state.screen = state.back.pop().unwrap_or_default();
    }
}

fn go(state: &mut State, screen: Screen) {
    state.help = None;
    state.detail = None;
    if screen == state.screen {
        return;
    }
    state.back.push(state.screen);
    if state.back.len() > MAX_BACK {
        state.back.remove(0);
    }
    state.screen = screen;
}

/// Drills down: from the overview to the row's own screen, from there to the row in full.
fn open(state: &mut State) {
    let rows = rows(state);
    let Some(row) = rows.get(state.cursor().index).cloned() else {
        say(state, Severity::Info, "there is no row to open");
        return;
    };
    let home = row.home();
    if home == state.screen {
        select(state, state.cursor().index);
        state.detail = Some(0);
        return;
    }
    go(state, home);
    reveal(state, &row);
}

/// Selects a row of the screen shown, lifting a filter that hides it.
fn reveal(state: &mut State, row: &RowId) {
    if !rows(state).contains(row) {
        state.filters.remove(&state.screen);
    }
    if let Some(index) = rows(state).iter().position(|other| other == row) {
        select(state, index);
    }
}

fn select(state: &mut State, index: usize) {
    let rows = rows(state);
    state.cursors.entry(state.screen).or_default().select(index, &rows);
}

fn step(state: &mut State, by: Move) -> Vec<Effect> {
    let geometry = state.geometry;
    if let Some(scroll) = state.help.as_mut().or(state.detail.as_mut()) {
        let last = geometry.text_lines.saturating_sub(geometry.text_rows);
        *scroll = moved(*scroll, by, geometry.text_rows, last);
    } else if state.screen.is_list() {
        let last = rows(state).len().saturating_sub(1);
        let index = moved(state.cursor().index, by, geometry.rows, last);
        select(state, index);
    } else {
        return vec![Effect::Log(match by {
            Move::Up | Move::PageUp | Move::Top => LogMove::Older,
            Move::Down | Move::PageDown => LogMove::Newer,
            Move::Bottom => LogMove::Newest,
        })];
    }
    Vec::new()
}

/// A position after a move, bounded by `last`.
fn moved(from: usize, by: Move, page: usize, last: usize) -> usize {
    let page = page.saturating_sub(1).max(1);
    let to = match by {
        Move::Up => from.saturating_sub(1),
        Move::Down => from + 1,
        Move::PageUp => from.saturating_sub(page),
        Move::PageDown => from + page,
        Move::Top => 0,
        Move::Bottom => last,
    };
    to.min(last)
}

fn edit(state: &mut State, change: Edit) {
    let Some(prompt) = &mut state.prompt else { return };
    match change {
        Edit::Complete => prompt.complete(),
        Edit::EraseWord => prompt.erase_word(),
        Edit::EraseLine => prompt.text.clear(),
        Edit::EraseCharacter => {
            if prompt.text.pop().is_none() {
                // Erasing on an empty line leaves it.
                state.prompt = None;
            }
        }
    }
    apply_filter(state);
}

/// A filter works while it is typed.
fn apply_filter(state: &mut State) {
    let typed = state.prompt.as_ref().filter(|prompt| prompt.kind == PromptKind::Filter);
    let Some(text) = typed.map(|prompt| prompt.text.clone()) else {
        return;
    };
    if text.is_empty() {
        state.filters.remove(&state.screen);
    } else {
        state.filters.insert(state.screen, text);
    }
    follow_rows(state);
}

fn cancel(state: &mut State) {
    let prompt = state.prompt.take();
    if prompt.is_some_and(|prompt| prompt.kind == PromptKind::Filter) {
        state.filters.remove(&state.screen);
        follow_rows(state);
    }
}

fn accept(state: &mut State) -> Vec<Effect> {
    let Some(prompt) = state.prompt.take() else {
        return Vec::new();
    };
    if prompt.kind == PromptKind::Filter || prompt.text.trim().is_empty() {
        return Vec::new();
    }
    match prompt::read_line(&prompt.text) {
        Ok(Line::Go(screen)) => go(state, screen),
        Ok(Line::Help) => state.help = Some(0),
        Ok(Line::Quit) => return vec![Effect::Quit],
        Err(why) => say(state, Severity::Warning, &why),
    }
    Vec::new()
}
