//! Pods: what each does, where, and for how long it would stay on a lost node.

use crate::app::rows::pod_state;
use crate::app::{RowId, State};
use crate::model::kube::{Pod, Tolerates};
use crate::model::{FeedState, KubeKind, ObjectKey};
use crate::view::fresh;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::PODS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let pods = rows.iter().filter_map(|row| {
        let RowId::Pod(key) = row else { return None };
        Some((key, state.snapshot.kube.pods.get(key)?))
    });
    pods.map(|(key, fact)| row(state, theme, key, &fact.value, &fresh::of(state, fact.feed)))
        .collect()
}

fn row(state: &State, theme: &Theme, key: &ObjectKey, pod: &Pod, feed: &FeedState) -> Vec<Cell> {
    let age = pod.created.map(|at| words::coarse_age(state.snapshot.wall_age(at)));
    let node = pod
        .node
        .as_ref()
        .map_or_else(|| cell("-", Role::Dim), |node| cell(node.to_string(), Role::Dim));
    let restarts = if pod.restarts == 0 { Role::Dim } else { Role::Text };
    vec![
        cell(key.name.to_string(), Role::Text),
        ready(theme, pod, feed),
        cell(
            pod_state(pod).to_owned(),
            if is_well(pod) { Role::Dim } else { Role::Warning },
        ),
        fresh::dated(state, feed),
        cell(pod.restarts.to_string(), restarts),
        cell(age.unwrap_or_else(|| "-".to_owned()), Role::Dim),
        node,
        cell(tolerates(pod.tolerates_unreachable), Role::Dim),
        cell(key.namespace.to_string(), Role::Dim),
    ]
}

/// Whether it does what it is there for, or has done it.
fn is_well(pod: &Pod) -> bool {
    pod.deleting.is_none() && (pod.ready || pod.phase == "Succeeded")
}

fn ready(theme: &Theme, pod: &Pod, feed: &FeedState) -> Cell {
    let (glyph, role, word) = match (pod.phase.as_str(), pod.ready) {
        ("Succeeded", _) => (Glyph::Off, Role::Dim, "done"),
        ("Failed", _) => (Glyph::Critical, Role::Critical, "failed"),
        (_, true) => (Glyph::Ok, Role::Ok, "ready"),
        (_, false) => (Glyph::Warning, Role::Warning, "not ready"),
    };
    fresh::mark(theme, feed, glyph, role, word)
}

/// How long it stays on a node that is gone.
pub fn tolerates(tolerates: Tolerates) -> String {
    match tolerates {
        Tolerates::Seconds(seconds) => format!("{seconds} s"),
        Tolerates::Forever => "for ever".to_owned(),
    }
}

/// Of what they are, how many, and how many are not as they should be.
pub fn heading(state: &State, rows: &[RowId]) -> Heading {
    let mut summary = Vec::new();
    if let Some(scope) = &state.scope {
        summary.push((format!("of {scope} (esc: back)"), Role::Accent));
    }
    if !rows.is_empty() {
        summary.push((words::count(rows.len(), "pod"), Role::Text));
    }
    let all = &state.snapshot.kube.pods;
    let unwell = if rows.len() == all.len() {
        // Thousands need no looking up.
        all.values().filter(|pod| !is_well(pod)).count()
    } else {
        let found = rows.iter().filter_map(|row| match row {
            RowId::Pod(key) => all.get(key),
            _ => None,
        });
        found.filter(|fact| !is_well(&fact.value)).count()
    };
    if unwell > 0 {
        summary.push((format!("{unwell} not ready"), Role::Warning));
    }
    summary.extend(fresh::note(state, &fresh::kind(state, KubeKind::Pods)));
    Heading {
        title: "Pods",
        summary,
        note: String::new(),
    }
}
