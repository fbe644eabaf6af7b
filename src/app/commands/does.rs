//! What commands do that no key does, and what their arguments may be.

use crate::app::Effect;
use crate::app::navigate::{go, reveal};
use crate::app::prompt::nearest;
use crate::app::rows::{RowId, all, name};
use crate::app::screen::Screen;
use crate::app::state::State;
use crate::app::{filter, reading};

/// How many names an error lists.
const MAX_NAMES: usize = 5;

/// Names of nodes.
pub fn nodes(state: &State) -> Vec<String> {
    names(state, Screen::Nodes)
}

/// Names of etcd's members.
pub fn members(state: &State) -> Vec<String> {
    names(state, Screen::Etcd)
}

/// Names of workloads, with their namespaces.
pub fn workloads(state: &State) -> Vec<String> {
    names(state, Screen::Placement)
}

/// Names of pods, with their namespaces.
pub fn pods(state: &State) -> Vec<String> {
    names(state, Screen::Pods)
}

/// What ends a recording; a file of that name is `./stop`.
const STOP: &str = "stop";

/// Writes down what the flight recorder holds, and what follows; or ends that.
#[allow(clippy::unnecessary_wraps)] // as every command
pub fn record(_: &mut State, file: &str) -> Result<Vec<Effect>, String> {
    Ok(vec![match file {
        STOP => Effect::EndRecord,
        file => Effect::Record(file.to_owned()),
    }])
}

/// What can be offered after `record`.
pub fn stop(_: &State) -> Vec<String> {
    vec![STOP.to_owned()]
}

/// The columns by which the screen shown can be sorted.
pub fn columns(state: &State) -> Vec<String> {
    let columns = crate::app::sort::columns(state.screen).iter();
    columns.map(|column| (*column).to_owned()).collect()
}

/// Sorts the screen shown.
pub fn sort(state: &mut State, column: &str) -> Result<Vec<Effect>, String> {
    crate::app::sort::by_name(state, column).map(|()| Vec::new())
}

/// The rows of a screen, whatever it is filtered by and of whatever it is.
fn listed(state: &State, screen: Screen) -> Vec<RowId> {
    if screen == Screen::Pods {
        let pods = state.snapshot.kube.pods.iter();
        return pods.map(|(key, _)| RowId::Pod(key.clone())).collect();
    }
    all(state, screen)
}

/// Names of themes.
pub fn themes(state: &State) -> Vec<String> {
    state.themes.clone()
}

/// Chooses a theme; the loop around the core reads it.
pub fn theme(state: &mut State, name: &str) -> Result<Vec<Effect>, String> {
    if state.themes.is_empty() {
        return Err("a theme has no effect here: lines are told without colours".to_owned());
    }
    if !state.themes.iter().any(|known| known == name) {
        let advice = nearest(name, state.themes.iter().map(String::as_str)).map_or_else(
            || format!("there are {}", state.themes.join(", ")),
            |near| format!("did you mean {near}?"),
        );
        return Err(format!("there is no theme {name}; {advice}"));
    }
    state.theme = Some(name.to_owned());
    Ok(Vec::new())
}

fn names(state: &State, screen: Screen) -> Vec<String> {
    listed(state, screen).iter().map(|row| name(state, row)).collect()
}

/// Shows a screen and, where one is named, its row in full.
pub fn show(state: &mut State, screen: Screen, wanted: &str) -> Result<Vec<Effect>, String> {
    if wanted.is_empty() {
        go(state, screen);
        return Ok(Vec::new());
    }
    let row = find_row(state, screen, wanted)?;
    go(state, screen);
    reveal(state, &row);
    state.detail = Some(0);
    Ok(Vec::new())
}

/// The row of a screen that is named, in full, by its last part, or by the beginning of only one.
fn find_row(state: &State, screen: Screen, wanted: &str) -> Result<RowId, String> {
    let rows: Vec<(String, RowId)> = all(state, screen)
        .into_iter()
        .map(|row| (name(state, &row), row))
        .collect();
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let tests: [&dyn Fn(&str) -> bool; 3] = [&|name| name == wanted, &|name| last(name) == wanted, &|name| {
        name.starts_with(wanted) || last(name).starts_with(wanted)
    }];
    for test in tests {
        let mut found = rows.iter().filter(|(name, _)| test(name));
        if let (Some((_, row)), None) = (found.next(), found.next()) {
            return Ok(row.clone());
        }
    }
    let names = || rows.iter().map(|(name, _)| name.as_str());
    let similar: Vec<&str> = names().filter(|name| name.contains(wanted)).take(MAX_NAMES).collect();
    let advice = match (similar.as_slice(), nearest(wanted, names())) {
        ([], Some(near)) => format!("did you mean {near}?"),
        ([], None) => "tab shows what there is".to_owned(),
        (similar, _) => format!("there is {}", similar.join(", ")),
    };
    Err(format!("nothing on {} is called {wanted}; {advice}", screen.name()))
}

/// Filters the screen shown.
pub fn filter(state: &mut State, text: &str) -> Result<Vec<Effect>, String> {
    if !state.screen.is_list() {
        return Err(format!("{} has no rows to filter", state.screen.name()));
    }
    filter::set(state, state.screen, text);
    Ok(Vec::new())
}

/// Shows keys and commands.
#[allow(clippy::unnecessary_wraps)] // what the table holds
pub const fn help(state: &mut State, _: &str) -> Result<Vec<Effect>, String> {
    state.help = Some(0);
    Ok(Vec::new())
}

/// Opens every warning of the cluster.
#[allow(clippy::unnecessary_wraps)] // what the table holds
pub fn events(state: &mut State, _: &str) -> Result<Vec<Effect>, String> {
    reading::lay(state, reading::events_of(None));
    Ok(Vec::new())
}
