//! Where replicas run.

use crate::app::rows::placement;
use crate::app::state::{breaks_spread, stands_on_one_node};
use crate::app::{RowId, State};
use crate::base::Text;
use crate::model::kube::WorkloadKind;
use crate::model::placement::{Placement, Tally};
use crate::model::{FeedId, FeedState, KubeKind};
use crate::view::fresh;
use crate::view::ladder::{self, Column};
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// How the nodes of a replica are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// A column for each node.
    Columns,
    /// All in one cell: for narrow terminals, and where no heading names the columns.
    Words,
}

/// The columns, with those of the nodes.
pub fn columns(state: &State, theme: &Theme, places: Places) -> Vec<Column> {
    let mut columns = ladder::WORKLOADS.to_vec();
    let titles = match places {
        Places::Words => vec!["on nodes".to_owned()],
        Places::Columns => {
            let ellipsis = theme.glyph(Glyph::Ellipsis);
            let nodes = nodes(state).into_iter();
            let names = nodes.map(|node| words::clip_middle(node.as_str(), 14, ellipsis));
            std::iter::once("pending".to_owned()).chain(names).collect()
        }
    };
    let cap = match places {
        Places::Words => 24,
        Places::Columns => 14,
    };
    let after = columns.len() - 2;
    columns.splice(
        after..after,
        titles.into_iter().map(|title| ladder::placed(title, 2, cap)),
    );
    columns
}

/// The nodes that there are, and those that only replicas name.
fn nodes(state: &State) -> Vec<Text> {
    let placed = state
        .derived
        .placements
        .iter()
        .flat_map(|placement| placement.nodes.keys().cloned());
    let known = state.snapshot.kube.nodes.values().map(|node| node.name.clone());
    let mut nodes: Vec<Text> = known.chain(placed).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// The cells of the rows, in the order of [`columns`].
pub fn render(state: &State, theme: &Theme, rows: &[RowId], places: Places) -> Vec<Vec<Cell>> {
    let found = rows.iter().filter_map(|row| {
        let RowId::Workload(kind, key) = row else { return None };
        placement(state, *kind, key)
    });
    let nodes = nodes(state);
    found
        .map(|placement| row(state, theme, placement, places, &nodes))
        .collect()
}

fn row(state: &State, theme: &Theme, placement: &Placement, places: Places, nodes: &[Text]) -> Vec<Cell> {
    let workload = &placement.workload;
    let feed = fresh::of(state, FeedId::Kube(kind(workload.kind)));
    let ready = format!("{}/{} ready", workload.ready, workload.desired);
    let (glyph, role) = match (workload.ready, workload.desired) {
        (ready, desired) if ready >= desired => (Glyph::Ok, Role::Ok),
        (0, _) => (Glyph::Critical, Role::Critical),
        _ => (Glyph::Warning, Role::Warning),
    };
    let mut cells = vec![
        cell(placement.key.name.to_string(), Role::Text),
        fresh::mark(theme, &feed, glyph, role, &ready),
        spread(state, theme, placement, &feed),
        fresh::dated(state, &feed),
    ];
    match places {
        Places::Words => cells.push(on_nodes(theme, placement)),
        Places::Columns => {
            cells.push(cell(pending(placement).unwrap_or_default(), Role::Warning));
            cells.extend(nodes.iter().map(|node| tally(placement.nodes.get(node))));
        }
    }
    cells.push(cell(placement.key.namespace.to_string(), Role::Dim));
    cells.push(cell(workload.kind.word(), Role::Dim));
    cells
}

/// The watch of a workload's kind.
pub const fn kind(kind: WorkloadKind) -> KubeKind {
    match kind {
        WorkloadKind::Deployment => KubeKind::Deployments,
        WorkloadKind::StatefulSet => KubeKind::StatefulSets,
        WorkloadKind::DaemonSet => KubeKind::DaemonSets,
    }
}

/// Whether its replicas would survive the loss of a place, and whether they lie as asked.
fn spread(state: &State, theme: &Theme, placement: &Placement, feed: &FeedState) -> Cell {
    let hardness = if placement.is_hard_spread() { "hard" } else { "soft" };
    let verdict = placement.spread_ok(&state.snapshot);
    if stands_on_one_node(placement) {
        return fresh::mark(theme, feed, Glyph::Warning, Role::Warning, "ONE NODE");
    }
    match verdict {
        Some(true) => fresh::mark(theme, feed, Glyph::Ok, Role::Ok, &format!("{hardness}, even")),
        Some(false) if placement.is_hard_spread() => {
            fresh::mark(theme, feed, Glyph::Warning, Role::Warning, "hard, UNEVEN")
        }
        // Only a wish of the workload's: nothing is broken.
        Some(false) => fresh::mark(theme, feed, Glyph::Info, Role::Info, "soft, uneven"),
        None => cell("-", Role::Dim),
    }
}

fn tally(tally: Option<&Tally>) -> Cell {
    match tally {
        None => cell("-", Role::Dim),
        Some(tally) if tally.ready == tally.pods => cell(tally.pods.to_string(), Role::Text),
        Some(tally) => cell(format!("{}/{} ready", tally.ready, tally.pods), Role::Warning),
    }
}

/// `1 pending, nbe-3 0/1, nbe-1, nbe-2×2`: what is not ready comes first, where it is not cut off.
fn on_nodes(theme: &Theme, placement: &Placement) -> Cell {
    let times = theme.glyph(Glyph::Times);
    let (good, bad): (Vec<_>, Vec<_>) = placement.nodes.iter().partition(|(_, tally)| tally.ready >= tally.pods);
    let is_whole = bad.is_empty() && placement.unscheduled == 0;
    let bad = bad
        .into_iter()
        .map(|(node, Tally { pods, ready })| format!("{node} {ready}/{pods}"));
    let good = good.into_iter().map(|(node, tally)| match tally.pods {
        1 => node.to_string(),
        pods => format!("{node}{times}{pods}"),
    });
    let text: Vec<String> = pending(placement).into_iter().chain(bad).chain(good).collect();
    if text.is_empty() {
        return cell("-", Role::Dim);
    }
    cell(text.join(", "), if is_whole { Role::Dim } else { Role::Warning })
}

fn pending(placement: &Placement) -> Option<String> {
    (placement.unscheduled > 0).then(|| format!("{} pending", placement.unscheduled))
}

/// What the placement says in short.
pub fn heading(state: &State) -> Heading {
    let placements = &state.derived.placements;
    let short = placements
        .iter()
        .filter(|placement| placement.workload.ready < placement.workload.desired)
        .count();
    let uneven = placements
        .iter()
        .filter(|placement| breaks_spread(placement, &state.snapshot))
        .count();
    let single = placements
        .iter()
        .filter(|placement| stands_on_one_node(placement))
        .count();
    let mut summary = Vec::new();
    if !placements.is_empty() {
        summary.push((words::count(placements.len(), "workload"), Role::Text));
    }
    for (number, what) in [(short, "not all ready"), (uneven, "uneven"), (single, "on one node")] {
        if number > 0 {
            summary.push((format!("{number} {what}"), Role::Warning));
        }
    }
    summary.extend(fresh::note(state, &fresh::kind(state, KubeKind::Deployments)));
    Heading {
        title: "Placement",
        summary,
        note: String::new(),
    }
}
