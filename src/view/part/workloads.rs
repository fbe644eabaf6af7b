//! Where replicas run.

use crate::app::rows::placement;
use crate::app::state::stands_on_one_node;
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
    let nodes = match places {
        Places::Columns => nodes(state)
            .iter()
            .map(|node| {
                ladder::placed(
                    words::clip_middle(node.as_str(), 14, theme.glyph(Glyph::Ellipsis)),
                    2,
                    14,
                )
            })
            .collect(),
        Places::Words => vec![ladder::placed("on nodes".to_owned(), 2, 20)],
    };
    let after = columns.len() - 2;
    columns.splice(after..after, nodes);
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
    let found = rows.iter().filter_map(|row| match row {
        RowId::Workload(kind, key) => placement(state, *kind, key),
        RowId::Node(_) | RowId::Member(_) | RowId::Finding(..) | RowId::Untold(_) | RowId::Feed(_) => None,
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
    let pending = if placement.unscheduled > 0 {
        cell(format!("{} pending", placement.unscheduled), Role::Warning)
    } else {
        cell("", Role::Dim)
    };
    let mut cells = vec![
        cell(placement.key.name.to_string(), Role::Text),
        fresh::mark(theme, &feed, glyph, role, &ready),
        spread(state, theme, placement, &feed),
        fresh::dated(state, &feed),
        pending,
    ];
    match places {
        Places::Columns => cells.extend(nodes.iter().map(|node| tally(placement.nodes.get(node)))),
        Places::Words => cells.push(cell(on_nodes(theme, placement), Role::Dim)),
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
        Some(false) => fresh::mark(
            theme,
            feed,
            Glyph::Warning,
            Role::Warning,
            &format!("{hardness}, UNEVEN"),
        ),
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

/// `nbe-1, nbe-2×2, nbe-3 0/1`: the last one has a pod that is not ready.
fn on_nodes(theme: &Theme, placement: &Placement) -> String {
    let times = theme.glyph(Glyph::Times);
    let each = placement.nodes.iter().map(|(node, tally)| match tally {
        Tally { pods, ready } if ready < pods => format!("{node} {ready}/{pods}"),
        Tally { pods: 1, .. } => node.to_string(),
        Tally { pods, .. } => format!("{node}{times}{pods}"),
    });
    let text = each.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "-".to_owned() } else { text }
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
        .filter(|placement| placement.spread_ok(&state.snapshot) == Some(false))
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
