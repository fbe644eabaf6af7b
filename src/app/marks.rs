//! Marked rows: what the next command is about, when it can be about several.

use super::keys::Move;
use super::navigate::step;
use super::rows::{RowId, all, rows};
use super::state::State;

/// Marks the selected row, or takes its mark away, and goes on to the next.
pub fn toggle(state: &mut State) -> Result<(), String> {
    let rows = rows(state);
    let row = rows.get(state.cursor().index).ok_or("there is no row to mark")?;
    if !state.marks.remove(row) {
        state.marks.insert(row.clone());
    }
    step(state, Move::Down);
    Ok(())
}

/// Marks every row shown; where all of them are marked, takes every mark away.
pub fn toggle_all(state: &mut State) {
    let rows = rows(state);
    if rows.iter().all(|row| state.marks.contains(row)) {
        for row in rows.iter() {
            state.marks.remove(row);
        }
    } else {
        state.marks.extend(rows.iter().cloned());
    }
}

/// Drops marks of rows that are gone.
pub fn prune(state: &mut State) {
    if state.marks.is_empty() {
        return;
    }
    let mut marks = std::mem::take(&mut state.marks);
    marks.retain(|row| row.exists(state));
    state.marks = marks;
}

impl State {
    /// The marked rows of the screen shown, in their order, also those that a filter hides; without a mark, the selected row.
    pub fn marked(&self) -> Vec<RowId> {
        let marked: Vec<RowId> = if self.marks.is_empty() {
            Vec::new()
        } else {
            let rows = all(self, self.screen).into_iter();
            rows.filter(|row| self.marks.contains(row)).collect()
        };
        if marked.is_empty() {
            return rows(self).get(self.cursor().index).cloned().into_iter().collect();
        }
        marked
    }

    /// How many rows of the screen shown are marked.
    pub fn mark_count(&self) -> usize {
        if self.marks.is_empty() {
            return 0;
        }
        all(self, self.screen)
            .iter()
            .filter(|row| self.marks.contains(row))
            .count()
    }
}
