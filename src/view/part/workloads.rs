//! Where replicas run.

use crate::app::rows::placement;
use crate::app::state::stands_on_one_node;
use crate::app::{RowId, State};
use crate::model::kube::WorkloadKind;
use crate::model::placement::{Placement, Tally};
use crate::model::{FeedId, FeedState, KubeKind};
use crate::view::fresh;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::WORKLOADS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    found(state, rows).map(|own| row(state, theme, own)).collect()
}

/// The placements of the rows.
pub fn found<'a>(state: &'a State, rows: &'a [RowId]) -> impl Iterator<Item = &'a Placement> {
    rows.iter().filter_map(|row| {
        let RowId::Workload(kind, key) = row else { return None };
        placement(state, *kind, key)
    })
}

fn row(state: &State, theme: &Theme, placement: &Placement) -> Vec<Cell> {
    let workload = &placement.workload;
    let feed = fresh::of(state, FeedId::Kube(kind(workload.kind)));
    vec![
        cell(placement.key.name.to_string(), Role::Text),
        ready(theme, placement, &feed, " ready"),
        spread(theme, placement, &feed),
        fresh::dated(state, &feed),
        on_nodes(theme, placement),
        cell(placement.key.namespace.to_string(), Role::Dim),
        cell(workload.kind.word(), Role::Dim),
    ]
}

/// How many are ready of those wanted, and a word after it.
pub fn ready(theme: &Theme, placement: &Placement, feed: &FeedState, word: &str) -> Cell {
    let workload = &placement.workload;
    let (glyph, role) = match (workload.ready, workload.desired) {
        (ready, desired) if ready >= desired => (Glyph::Ok, Role::Ok),
        (0, _) => (Glyph::Critical, Role::Critical),
        _ => (Glyph::Warning, Role::Warning),
    };
    let text = format!("{}/{}{word}", workload.ready, workload.desired);
    fresh::mark(theme, feed, glyph, role, &text)
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
pub fn spread(theme: &Theme, placement: &Placement, feed: &FeedState) -> Cell {
    let hardness = if placement.is_hard_spread() { "hard" } else { "soft" };
    if stands_on_one_node(placement) {
        return fresh::mark(theme, feed, Glyph::Warning, Role::Warning, "on one node");
    }
    match placement.spread_ok {
        Some(true) => fresh::mark(theme, feed, Glyph::Ok, Role::Ok, &format!("{hardness}, even")),
        Some(false) if placement.is_hard_spread() => {
            fresh::mark(theme, feed, Glyph::Warning, Role::Warning, "hard, BROKEN")
        }
        // Only a wish of the workload's: nothing is broken.
        Some(false) => fresh::mark(theme, feed, Glyph::Info, Role::Info, "soft, uneven"),
        None => cell("-", Role::Dim),
    }
}

/// `1 pending, nbe-3 0/1, nbe-1, nbe-2×2`: what is not ready comes first, where it is not cut off.
fn on_nodes(theme: &Theme, placement: &Placement) -> Cell {
    let times = theme.glyph(Glyph::Times);
    let nodes = placement.nodes_in_order().into_iter();
    let (good, bad): (Vec<_>, Vec<_>) = nodes.partition(|(_, tally)| tally.ready >= tally.pods);
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
    let broken = state.derived.broken_spreads();
    let single = placements
        .iter()
        .filter(|placement| stands_on_one_node(placement))
        .count();
    let mut summary = Vec::new();
    if !placements.is_empty() {
        summary.push((words::count(placements.len(), "workload"), Role::Text));
    }
    for (number, what) in [
        (short, "not all ready"),
        (broken, "with a broken spread"),
        (single, "on one node"),
    ] {
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
