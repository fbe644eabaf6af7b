//! Moving about: between screens, through rows and lines, into a row and back out.

use super::keys::Move;
use super::rows::{RowId, Scope, rows, rows_of};
use super::screen::Screen;
use super::state::{MAX_BACK, Sight, State};
use super::{Effect, LogMove, memo, reading, subject, work};
use crate::check::Severity;

/// Closes the nearest open thing; with nothing open, returns to the screen before.
pub fn back(state: &mut State) {
    if state.help.is_some() {
        state.help = None;
    } else if !state.sheets.is_empty() {
        state.sheets.pop();
    } else if state.detail.is_some() {
        state.detail = None;
    } else if !state.filter().is_empty() {
        state.filters.remove(&state.screen);
        follow_rows(state);
    } else {
        let (screen, scope) = state.back.pop().unwrap_or_default();
        enter(state, screen, scope);
    }
}

/// Whether something lies over the screen: the help, a sheet, a row in full.
pub const fn is_covered(state: &State) -> bool {
    state.help.is_some() || !state.sheets.is_empty() || state.detail.is_some()
}

/// Shows a screen; `esc` returns to the one before.
pub fn go(state: &mut State, screen: Screen) {
    go_to(state, screen, None);
}

fn go_to(state: &mut State, screen: Screen, scope: Option<Scope>) {
    state.help = None;
    state.sheets.clear();
    state.detail = None;
    if screen == state.screen && scope == state.scope {
        return;
    }
    state.back.push((state.screen, state.scope.clone()));
    if state.back.len() > MAX_BACK {
        state.back.remove(0);
    }
    enter(state, screen, scope);
}

fn enter(state: &mut State, screen: Screen, scope: Option<Scope>) {
    if scope != state.scope {
        // Another list: place and filter of the old one mean nothing in it.
        state.cursors.remove(&Screen::Pods);
        state.filters.remove(&Screen::Pods);
    }
    state.screen = screen;
    state.scope = scope;
    if screen == Screen::Actions {
        work::refresh(state);
    }
}

/// Lists the pods of the selected row.
pub fn pods(state: &mut State) -> Result<(), String> {
    let rows = rows(state);
    let row = rows.get(state.cursor().index);
    let scope = row.and_then(|row| row.scope(state));
    let scope = scope.ok_or("select a node, a member or a workload to see its pods")?;
    go_to(state, Screen::Pods, Some(scope));
    Ok(())
}

/// Drills down: from the overview to the row's own screen, from there to the row in full.
pub fn open(state: &mut State) {
    if !state.sheets.is_empty() {
        reading::open(state);
        return;
    }
    let rows = rows(state);
    let Some(row) = rows.get(state.cursor().index).cloned() else {
        state.say(Severity::Info, "there is no row to open");
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

/// Shows in full what the operator looks at, from a list or from what lies over it; closes it where it is shown.
pub fn describe(state: &mut State) {
    if state.detail.is_some() && state.sheets.is_empty() && state.help.is_none() {
        state.detail = None;
        return;
    }
    let row = match state.sheets.last() {
        Some(_) => reading::focus(state).and_then(|of| subject::row(state, &of)),
        None => rows(state).get(state.cursor().index).cloned(),
    };
    let Some(row) = row else {
        state.say(Severity::Info, "there is nothing here to describe");
        return;
    };
    let home = row.home();
    let is_listed = home == state.screen && rows(state).contains(&row);
    if is_listed {
        // Where only some pods are listed, these stay the ones.
        state.help = None;
        state.sheets.clear();
    } else {
        go(state, home);
    }
    reveal(state, &row);
    state.detail.get_or_insert(0);
}

/// Goes to what the selected finding, check or change is about.
pub fn jump(state: &mut State) -> Result<(), String> {
    let rows = rows(state);
    let row = rows.get(state.cursor().index);
    let about = row.and_then(|row| subject::about(state, row));
    let about = about
        .filter(|row| row.exists(state))
        .ok_or("select a finding, a check or a change that is about a node, a member, a workload, a pod or a feed")?;
    go(state, about.home());
    reveal(state, &about);
    Ok(())
}

/// Selects a row of the screen shown, lifting a filter that hides it.
pub fn reveal(state: &mut State, row: &RowId) {
    if !rows(state).contains(row) {
        state.filters.remove(&state.screen);
    }
    if let Some(index) = rows(state).iter().position(|other| other == row) {
        select(state, index);
    }
}

/// Selects a row of the screen shown by its number.
pub fn select(state: &mut State, index: usize) {
    let rows = rows(state);
    state.cursors.entry(state.screen).or_default().select(index, &rows);
}

/// Moves through rows, a text, or the log.
pub fn step(state: &mut State, by: Move) -> Vec<Effect> {
    let geometry = state.geometry;
    if state.help.is_none() && !state.sheets.is_empty() {
        reading::step(state, by);
    } else if let Some(scroll) = state.help.as_mut().or(state.detail.as_mut()) {
        let last = geometry.text_lines.saturating_sub(geometry.text_rows);
        *scroll = moved(*scroll, by, geometry.text_rows, last);
    } else if state.screen == Screen::Recovery {
        let last = geometry.text_lines.saturating_sub(geometry.text_rows);
        state.recovery_top = moved(state.recovery_top.min(last), by, geometry.text_rows, last);
    } else if state.screen.is_list() && matches!(by, Move::Left | Move::Right) {
        scroll_nodes(state, by);
    } else if state.screen.is_list() {
        let last = rows(state).len().saturating_sub(1);
        let index = moved(state.cursor().index, by, geometry.rows, last);
        select(state, index);
    } else {
        return vec![Effect::Log(match by {
            Move::Up | Move::PageUp | Move::Top | Move::Left | Move::LineStart => LogMove::Older,
            Move::Down | Move::PageDown | Move::Right => LogMove::Newer,
            Move::Bottom => LogMove::Newest,
        })];
    }
    Vec::new()
}

/// Moves sideways by half of the nodes in sight, so that what was at the edge is seen again.
fn scroll_nodes(state: &mut State, by: Move) {
    let Sight { shown, total, .. } = state.geometry.nodes;
    if total == 0 {
        state.say(Severity::Info, "no column per node here: see the column on nodes");
        return;
    }
    if shown >= total {
        state.say(Severity::Info, "no column is out of sight");
        return;
    }
    // Several keys may come before the next frame.
    let first = state.first_node.min(total - shown);
    let by_columns = (shown / 2).max(1);
    state.first_node = match by {
        Move::Left => first.saturating_sub(by_columns),
        _ => (first + by_columns).min(total - shown),
    };
}

/// A position after a move, bounded by `last`.
pub fn moved(from: usize, by: Move, page: usize, last: usize) -> usize {
    let page = page.saturating_sub(1).max(1);
    let to = match by {
        Move::Up => from.saturating_sub(1),
        Move::Down => from + 1,
        Move::PageUp => from.saturating_sub(page),
        Move::PageDown => from + page,
        Move::Top => 0,
        Move::Bottom => last,
        Move::Left | Move::Right | Move::LineStart => from,
    };
    to.min(last)
}

/// Keeps every selection on its row after rows came or went.
pub fn follow_rows(state: &mut State) {
    memo::remember(state);
    for screen in Screen::ALL {
        if state.cursors.contains_key(&screen) {
            let rows = rows_of(state, screen);
            state.cursors.entry(screen).or_default().follow(&rows);
        }
    }
}
