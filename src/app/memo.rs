//! Lists that were worked out before. They follow from the rest of the state, so they are no part of what it is: two states
//! are equal whatever they remember, and nothing here is recorded. A memo is asked with everything that it depends on, so
//! that it cannot be out of date.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::filter;
use super::rows::{RowId, Scope, all, work_out};
use super::screen::Screen;
use super::search::searched;
use super::sort::Sort;
use super::state::{Derived, State};
use crate::base::{Text, Why};
use crate::forecast::{Domain, Forecaster, Loss, Outlook, domains};

/// The rows of the screen shown, and what a filter looks into.
#[derive(Clone, Default)]
pub struct Memo {
    rows: Option<(Question, Arc<Vec<RowId>>)>,
    texts: Option<(Question, Arc<Vec<String>>)>,
    forecast: Option<(Asked, Foretold)>,
}

/// What each loss would do, or why that cannot be told.
pub type Foretold = Arc<Result<Vec<Arc<Told>>, Why>>;

/// What a loss would do, and after it each further one.
#[derive(Debug)]
pub struct Told {
    /// The loss.
    pub first: Outlook,
    /// A second loss, by node. Empty in clusters of many nodes, where nobody would read them.
    pub second: Vec<Outlook>,
}

/// Clusters of no more nodes are foretold two losses deep.
const FEW_NODES: usize = 6;

/// What a forecast depends on: the snapshot, by what was derived of it, and the nodes that are marked.
type Asked = (Arc<Derived>, Vec<Text>);

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

/// Whether the rows of a screen follow from the snapshot alone.
const fn is_kept(screen: Screen) -> bool {
    !matches!(screen, Screen::Actions | Screen::Forecast | Screen::Timeline)
}

/// The rows of a screen, filtered and sorted.
pub fn rows(state: &State, screen: Screen) -> Arc<Vec<RowId>> {
    // They follow from more than the snapshot, and are few.
    if !is_kept(screen) {
        return Arc::new(work_out(state, screen));
    }
    let filter = state.filters.get(&screen).map_or("", String::as_str);
    let question = question(state, screen, filter);
    known(state.memo.rows.as_ref(), &question).unwrap_or_else(|| Arc::new(work_out(state, screen)))
}

/// What the rows of a screen say, in lower case, in the order of [`all`].
pub fn texts(state: &State, screen: Screen) -> Arc<Vec<String>> {
    let known = known(state.memo.texts.as_ref(), &question(state, screen, ""));
    known.filter(|_| is_kept(screen)).unwrap_or_else(|| {
        let rows = all(state, screen);
        Arc::new(rows.iter().map(|row| searched(state, row).to_lowercase()).collect())
    })
}

/// What the loss of each fault domain would do, and of the marked nodes together.
pub fn forecast(state: &State) -> Foretold {
    let marked = marked_nodes(state);
    if let Some(((derived, of), known)) = &state.memo.forecast
        && Arc::ptr_eq(derived, &state.derived)
        && *of == marked
    {
        return Arc::clone(known);
    }
    let foretold = Forecaster::new(&state.snapshot).map(|forecaster| {
        let chosen = (marked.len() > 1).then(|| Loss::of(marked));
        let losses: Vec<Loss> = chosen.into_iter().chain(domains(&state.snapshot)).collect();
        let firsts = forecaster.each(&losses).into_iter();
        let told = firsts.map(|first| Told {
            second: seconds(state, &forecaster, &first.loss),
            first,
        });
        told.map(Arc::new).collect()
    });
    Arc::new(foretold)
}

/// What the loss of each other node that is there would do after a first one; nothing where the nodes are many.
fn seconds(state: &State, forecaster: &Forecaster<'_>, first: &Loss) -> Vec<Outlook> {
    let nodes = &state.snapshot.kube.nodes;
    let others = nodes
        .values()
        .map(|node| &node.name)
        .filter(|name| !first.nodes.contains(name));
    let others = others.filter(|name| nodes.len() <= FEW_NODES && state.snapshot.lost_since(name).is_none());
    let then = |name: &Text| forecaster.what_if(&[first.clone(), Loss::of([name.clone()])]).pop();
    others.filter_map(then).collect()
}

/// Nodes that are marked, as such or by what their loss would do.
fn marked_nodes(state: &State) -> Vec<Text> {
    let marked = state.marks.iter().filter_map(|row| match row {
        RowId::Node(name) | RowId::Loss(Domain::Node(name)) => Some(name.clone()),
        _ => None,
    });
    let marked: BTreeSet<Text> = marked.filter(|name| state.snapshot.node(name).is_some()).collect();
    marked.into_iter().collect()
}

/// Works out, where it is not known, what the next frame and the next key need.
pub fn remember(state: &mut State) {
    let screen = state.screen;
    if screen == Screen::Forecast {
        let foretold = forecast(state);
        state.memo.forecast = Some(((Arc::clone(&state.derived), marked_nodes(state)), foretold));
    }
    if filter::active(state, screen).is_some() {
        let texts = texts(state, screen);
        state.memo.texts = Some((question(state, screen, ""), texts));
    }
    let rows = rows(state, screen);
    state.memo.rows = Some((question(state, screen, state.filter()), rows));
}
