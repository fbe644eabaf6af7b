//! What a screen is filtered by, in k9s's notation: `text`, `!text`, `-f text` or `~text`, `-l key=value,key!=value,key`; and
//! `-n namespace`, as kubectl has it.
//! Start reading at [`Filter::parse`].

use super::fuzzy::Ranking;
use super::navigate::follow_rows;
use super::rows::{RowId, all, name, placement};
use super::screen::Screen;
use super::state::State;
use crate::base::Text;
use crate::model::labels::Labels;

/// What rows must be to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Their text contains this, in lower case.
    Contains(String),
    /// Their text does not contain this, in lower case.
    Lacks(String),
    /// Their name has these letters in their order.
    Fuzzy(String),
    /// Their labels meet all of these.
    Labels(Vec<Requirement>),
    /// They are in this namespace.
    Namespace(String),
}

/// What a label must be, as in `kubectl get -l`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `key`
    Exists(String),
    /// `!key`
    Absent(String),
    /// `key=value` or `key==value`
    Is(String, String),
    /// `key!=value`; met, too, where there is no such label.
    IsNot(String, String),
}

impl Filter {
    /// Reads a filter. The error is a sentence for the operator.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let raw = raw.trim();
        if let Some(selector) = option(raw, "-l") {
            return requirements(selector).map(Filter::Labels);
        }
        if let Some(namespace) = option(raw, "-n") {
            return Ok(Filter::Namespace(namespace.to_owned()));
        }
        if let Some(text) = option(raw, "-f").or_else(|| raw.strip_prefix('~')) {
            return Ok(Filter::Fuzzy(text.trim().to_owned()));
        }
        Ok(match raw.strip_prefix('!') {
            Some(text) => Filter::Lacks(text.trim().to_lowercase()),
            None => Filter::Contains(raw.to_lowercase()),
        })
    }

    /// The rows that match, in their order. `texts` are what the rows say, in lower case.
    pub fn pick(&self, state: &State, rows: Vec<RowId>, texts: &[String]) -> Vec<RowId> {
        let with_text = |rows: Vec<RowId>, keep: &dyn Fn(&str) -> bool| {
            let pairs = rows.into_iter().zip(texts);
            pairs.filter(|(_, text)| keep(text)).map(|(row, _)| row).collect()
        };
        match self {
            Filter::Contains(wanted) => with_text(rows, &|text| text.contains(wanted)),
            Filter::Lacks(unwanted) => with_text(rows, &|text| unwanted.is_empty() || !text.contains(unwanted)),
            Filter::Fuzzy(wanted) => {
                let mut ranking = Ranking::new(wanted);
                let matches = |row: &RowId| ranking.score(&name(state, row)).is_some();
                let mut rows = rows;
                rows.retain(matches);
                rows
            }
            Filter::Labels(wanted) => {
                let meets = |row: &RowId| {
                    let labels = labels(state, row);
                    labels.is_some_and(|labels| wanted.iter().all(|requirement| requirement.is_met(labels)))
                };
                rows.into_iter().filter(meets).collect()
            }
            Filter::Namespace(wanted) => {
                let is_in = |row: &RowId| namespace(row).is_some_and(|own| wanted.is_empty() || own.as_str() == wanted);
                rows.into_iter().filter(is_in).collect()
            }
        }
    }
}

/// What follows an option that is a word of its own.
fn option<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let rest = raw.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
}

fn requirements(selector: &str) -> Result<Vec<Requirement>, String> {
    let parts = selector.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(requirement).collect()
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let owned = |key: &str, value: &str| (key.trim().to_owned(), value.trim().to_owned());
    let (key, requirement) = if let Some((key, value)) = part.split_once("!=") {
        let (key, value) = owned(key, value);
        (key.clone(), Requirement::IsNot(key, value))
    } else if let Some((key, value)) = part.split_once('=') {
        let (key, value) = owned(key, value.strip_prefix('=').unwrap_or(value));
        (key.clone(), Requirement::Is(key, value))
    } else if let Some(key) = part.strip_prefix('!') {
        (key.trim().to_owned(), Requirement::Absent(key.trim().to_owned()))
    } else {
        (part.to_owned(), Requirement::Exists(part.to_owned()))
    };
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(format!(
            "{part:?} is no label selector: write key=value, key!=value, key or !key, with commas between"
        ));
    }
    Ok(requirement)
}

impl Requirement {
    fn is_met(&self, labels: &Labels) -> bool {
        let label = |key: &String| labels.get(key).map(Text::as_str);
        match self {
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
            Requirement::Is(key, value) => label(key) == Some(value),
            Requirement::IsNot(key, value) => label(key) != Some(value),
        }
    }
}

/// The labels of what a row shows; None where its kind has none here.
fn labels<'a>(state: &'a State, row: &RowId) -> Option<&'a Labels> {
    match row {
        RowId::Node(name) => state.snapshot.node(name).map(|node| &node.labels),
        RowId::Workload(kind, key) => placement(state, *kind, key).map(|placement| &placement.workload.labels),
        RowId::Pod(key) => state.snapshot.kube.pods.get(key).map(|fact| &fact.value.labels),
        RowId::Member(_)
        | RowId::Finding(..)
        | RowId::Check(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(_)
        | RowId::Offer(_)
        | RowId::Run(_) => None,
    }
}

/// The namespace of what a row shows; None where its kind has none.
fn namespace(row: &RowId) -> Option<&Text> {
    match row {
        RowId::Workload(_, key) | RowId::Pod(key) => Some(&key.namespace),
        RowId::Node(_)
        | RowId::Member(_)
        | RowId::Finding(..)
        | RowId::Check(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(_)
        | RowId::Offer(_)
        | RowId::Run(_) => None,
    }
}

/// Begins with one namespace on the screens of workloads and pods; every other screen shows all, findings above all.
pub fn begin_in(state: &mut State, namespace: &Text) {
    for screen in [Screen::Placement, Screen::Pods] {
        set(state, screen, &format!("-n {namespace}"));
    }
}

/// Filters a screen; an empty text lifts the filter.
pub fn set(state: &mut State, screen: Screen, text: &str) {
    if text.is_empty() {
        state.filters.remove(&screen);
    } else {
        state.filters.insert(screen, text.to_owned());
    }
    follow_rows(state);
}

/// The filter of a screen, if it has one that can be applied.
pub fn active(state: &State, screen: Screen) -> Option<Filter> {
    let raw = state.filters.get(&screen).filter(|raw| !raw.trim().is_empty())?;
    Filter::parse(raw)
        .ok()
        .filter(|filter| meaningless(state, screen, filter).is_none())
}

/// Why the filter of the screen shown hides nothing, in a sentence for the operator.
pub fn problem(state: &State) -> Option<String> {
    match Filter::parse(state.filter()) {
        Err(why) => Some(why),
        Ok(filter) => meaningless(state, state.screen, &filter),
    }
}

/// A selector means nothing where no row has labels, and a namespace where no row is in one.
fn meaningless(state: &State, screen: Screen, filter: &Filter) -> Option<String> {
    let (has, problem): (&dyn Fn(&RowId) -> bool, _) = match filter {
        Filter::Labels(_) => (
            &|row| labels(state, row).is_some(),
            "have no labels; -l selects nodes, workloads and pods",
        ),
        Filter::Namespace(_) => (
            &|row| namespace(row).is_some(),
            "are in no namespace; -n selects workloads and pods",
        ),
        Filter::Contains(_) | Filter::Lacks(_) | Filter::Fuzzy(_) => return None,
    };
    let rows = all(state, screen);
    let none = !rows.is_empty() && !rows.iter().any(has);
    none.then(|| format!("rows of {} {problem}", screen.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_that_of_k9s() {
        assert_eq!(Filter::parse("NetBox"), Ok(Filter::Contains("netbox".into())));
        assert_eq!(Filter::parse("! Ready"), Ok(Filter::Lacks("ready".into())));
        assert_eq!(Filter::parse("-f nb3"), Ok(Filter::Fuzzy("nb3".into())));
        assert_eq!(Filter::parse("~nb3"), Filter::parse("-f nb3"));
        assert_eq!(Filter::parse("-n netbox"), Ok(Filter::Namespace("netbox".into())));
        assert_eq!(Filter::parse("-foo"), Ok(Filter::Contains("-foo".into())));
        let all = vec![
            Requirement::Is("a".into(), "b".into()),
            Requirement::IsNot("c".into(), "d".into()),
            Requirement::Exists("e/f".into()),
            Requirement::Absent("g".into()),
        ];
        assert_eq!(Filter::parse("-l a==b, c!=d,e/f,!g,"), Ok(Filter::Labels(all)));
        assert!(Filter::parse("-l =x").is_err());
        assert!(Filter::parse("-l two words").is_err());
    }
}
