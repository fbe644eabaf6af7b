//! Lists that were worked out before. They follow from the rest of the state, so they are no part of what it is: two states
//! are equal whatever they remember, and nothing here is recorded. A memo is asked with everything that it depends on, so
//! that it cannot be out of date.

use std::fmt;
use std::sync::Arc;

use super::filter;
use super::rows::{RowId, Scope, all, work_out};
use super::screen::Screen;
use super::search::searched;
use super::sort::Sort;
use super::state::{Derived, State};

/// The rows of the screen shown, and what a filter looks into.
#[derive(Clone, Default)]
pub struct Memo {
    rows: Option<(Question, Arc<Vec<RowId>>)>,
    texts: Option<(Question, Arc<Vec<String>>)>,
}

/// What a list depends on.
#[derive(Clone)]
struct Question {
    derived: Arc<Derived>,
    screen: Screen,
    scope: Option<Scope>,
    sort: Option<Sort>,
    filter: String,
    is_small: bool,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.derived, &other.derived)
            && (self.screen, &self.scope, &self.sort) == (other.screen, &other.scope, &other.sort)
            && (&self.filter, self.is_small) == (&other.filter, other.is_small)
    }
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

fn question(state: &State, screen: Screen, filter: &str) -> Question {
    Question {
        derived: Arc::clone(&state.derived),
        screen,
        scope: state.scope.clone(),
        sort: state.sorts.get(&screen).cloned(),
        filter: filter.to_owned(),
        is_small: state.is_small(),
    }
}

fn known<T>(memo: Option<&(Question, Arc<T>)>, question: &Question) -> Option<Arc<T>> {
    memo.filter(|(known, _)| known == question)
        .map(|(_, answer)| Arc::clone(answer))
}

/// The rows of a screen, filtered and sorted.
pub fn rows(state: &State, screen: Screen) -> Arc<Vec<RowId>> {
    // They follow from more than the snapshot, and are few.
    if screen == Screen::Actions {
        return Arc::new(work_out(state, screen));
    }
    let filter = state.filters.get(&screen).map_or("", String::as_str);
    let question = question(state, screen, filter);
    known(state.memo.rows.as_ref(), &question).unwrap_or_else(|| Arc::new(work_out(state, screen)))
}

/// What the rows of a screen say, in lower case, in the order of [`all`].
pub fn texts(state: &State, screen: Screen) -> Arc<Vec<String>> {
    let known = known(state.memo.texts.as_ref(), &question(state, screen, ""));
    known.filter(|_| screen != Screen::Actions).unwrap_or_else(|| {
        let rows = all(state, screen);
        Arc::new(rows.iter().map(|row| searched(state, row).to_lowercase()).collect())
    })
}

/// Works out, where it is not known, what the next frame and the next key need.
pub fn remember(state: &mut State) {
    let screen = state.screen;
    if filter::active(state, screen).is_some() {
        let texts = texts(state, screen);
        state.memo.texts = Some((question(state, screen, ""), texts));
    }
    let rows = rows(state, screen);
    state.memo.rows = Some((question(state, screen, state.filter()), rows));
}
