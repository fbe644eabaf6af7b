//! Which replicas run on which node: a column for each node. It goes down a ladder until it fits: node names in full, then
//! short ones, then fewer nodes with one column that sums up the others, so that none is hidden silently. Start reading at
//! [`Matrix::fit`].

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr;

use crate::app::state::Sight;
use crate::app::{RowId, State};
use crate::base::Text;
use crate::model::kube::{Node, Tri};
use crate::model::placement::{Placement, Tally};
use crate::model::{FeedId, FeedState, KubeKind};
use crate::view::fresh;
use crate::view::ladder::{self, Column};
use crate::view::part::table::{Cell, GAP, MARGIN, cell};
use crate::view::part::workloads::{self, kind};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// Below so many columns, a list says more.
const NARROWEST: usize = 80;
/// With fewer nodes in sight, a list says more.
const FEWEST: usize = 3;
/// Widths to which names of nodes and zones are cut, one after the other.
const NAMES: [usize; 4] = [40, 14, 8, 5];
/// What a workload's name is left with, at least.
const WORKLOAD: usize = 16;
/// The widest word for a spread: `▲ hard, BROKEN`.
const SPREAD: usize = 14;
/// Columns of the ladder behind those of the nodes: the first to go.
const LAST: usize = 3;

/// A node's column.
#[derive(Debug, Clone)]
struct Place {
    node: Text,
    zone: String,
    /// What is to be known of it before anything else.
    mark: Cell,
    /// How wide its widest cell is.
    cells: usize,
}

/// The matrix as it fits.
#[derive(Debug)]
pub struct Matrix {
    places: Vec<Place>,
    /// The width to which names are cut.
    names: usize,
    sight: Sight,
}

impl Matrix {
    /// Finds the form that fits into `width` columns; None where a list says more.
    pub fn fit(state: &State, theme: &Theme, width: usize) -> Option<Self> {
        let places = places(state, theme);
        let total = places.len();
        if width < NARROWEST || total == 0 {
            return None;
        }
        let room = width.checked_sub(others(state))?;
        let ellipsis = theme.glyph(Glyph::Ellipsis);
        let unique = |names: &usize| {
            let short: BTreeSet<String> = places
                .iter()
                .map(|own| shorten(own.node.as_str(), *names, ellipsis))
                .collect();
            short.len() == total
        };
        let mut least = None;
        for names in NAMES.into_iter().filter(unique) {
            let columns = places.iter().map(|own| GAP + own.width(names, ellipsis));
            if columns.sum::<usize>() <= room {
                let sight = Sight {
                    first: 0,
                    shown: total,
                    total,
                };
                return Some(Self { places, names, sight });
            }
            least = Some(names);
        }
        let names = least?;
        let widths: Vec<usize> = places.iter().map(|own| GAP + own.width(names, ellipsis)).collect();
        let room = room.checked_sub(GAP + rest_width(&places, theme))?;
        let sight = window(&widths, state.first_node, room);
        (sight.shown >= FEWEST).then_some(Self { places, names, sight })
    }

    /// Which nodes are in sight.
    pub const fn sight(&self) -> Sight {
        self.sight
    }

    /// `nodes 1-12 of 60, more by [ ]`, where not all are in sight.
    pub fn note(&self) -> Option<String> {
        let Sight { first, shown, total } = self.sight;
        (shown < total).then(|| format!("nodes {}-{} of {total}, more by [ ]", first + 1, first + shown))
    }

    fn seen(&self) -> &[Place] {
        let Sight { first, shown, .. } = self.sight;
        self.places.get(first..first + shown).unwrap_or_default()
    }

    fn hidden(&self) -> impl Iterator<Item = &Place> {
        let Sight { first, shown, .. } = self.sight;
        let places = self.places.iter().enumerate();
        places
            .filter(move |(n, _)| *n < first || *n >= first + shown)
            .map(|(_, own)| own)
    }

    fn has_hidden(&self) -> bool {
        self.sight.shown < self.sight.total
    }

    /// The columns.
    pub fn columns(&self, theme: &Theme) -> Vec<Column> {
        let ellipsis = theme.glyph(Glyph::Ellipsis);
        let nodes = self.seen().iter().map(|own| {
            let title = shorten(own.node.as_str(), self.names, ellipsis);
            ladder::placed(title, columns_of(own.width(self.names, ellipsis)))
        });
        let rest = self.has_hidden().then(|| {
            let title = format!("{} more", self.sight.total - self.sight.shown);
            ladder::placed(title, columns_of(rest_width(&self.places, theme)))
        });
        let mut columns = ladder::MATRIX.to_vec();
        let at = columns.len() - LAST;
        columns.splice(at..at, nodes.chain(rest));
        columns
    }

    /// The lines above the names of the nodes: their zones, and what is to be known of them; each where there is any.
    pub fn above(&self, theme: &Theme) -> Vec<Vec<Cell>> {
        let ellipsis = theme.glyph(Glyph::Ellipsis);
        let zones = self.seen().iter().map(|own| {
            let zone = shorten(&own.zone, self.names, ellipsis);
            cell(zone, Role::Dim)
        });
        let marks = self.seen().iter().map(|own| own.mark.clone());
        let bad = self.hidden().filter(|own| own.is_bad()).count();
        let rest = [cell("", Role::Dim), bad_ones(theme, bad)].map(|cell| self.has_hidden().then_some(cell));
        let [rest_zone, rest_mark] = rest;
        let before = || vec![cell("", Role::Dim); ladder::MATRIX.len() - LAST];
        let zones: Vec<Cell> = before().into_iter().chain(zones).chain(rest_zone).collect();
        let marks: Vec<Cell> = before().into_iter().chain(marks).chain(rest_mark).collect();
        let has_text = |line: &Vec<Cell>| line.iter().any(|cell| !cell.text.is_empty());
        [zones, marks].into_iter().filter(has_text).collect()
    }

    /// The cells of the rows, in the order of [`Matrix::columns`].
    pub fn render(&self, state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
        let found = workloads::found(state, rows);
        found.map(|placement| self.row(state, theme, placement)).collect()
    }

    fn row(&self, state: &State, theme: &Theme, placement: &Placement) -> Vec<Cell> {
        let workload = &placement.workload;
        let feed = fresh::of(state, FeedId::Kube(kind(workload.kind)));
        let pods = fresh::kind(state, KubeKind::Pods);
        let pending = match placement.unscheduled {
            0 => cell("", Role::Dim),
            pending => fresh::mark(theme, &pods, Glyph::Warning, Role::Warning, &pending.to_string()),
        };
        let mut cells = vec![
            cell(placement.key.name.to_string(), Role::Text),
            workloads::ready(theme, placement, &feed, ""),
            workloads::spread(theme, placement, &feed),
            pending,
        ];
        let on = |own: &Place| placement.nodes.get(&own.node).copied().unwrap_or_default();
        cells.extend(self.seen().iter().map(|own| tally(theme, &pods, on(own))));
        if self.has_hidden() {
            let seen = self.seen().iter().map(on).fold(Tally::default(), sum);
            let all = placement.nodes.values().copied().fold(Tally::default(), sum);
            let rest = Tally {
                pods: all.pods - seen.pods,
                ready: all.ready - seen.ready,
            };
            cells.push(tally(theme, &pods, rest));
        }
        cells.extend([
            fresh::dated(state, &feed),
            cell(placement.key.namespace.to_string(), Role::Dim),
            cell(workload.kind.word(), Role::Dim),
        ]);
        cells
    }
}

impl Place {
    /// How wide its column is while names are cut to `names`.
    fn width(&self, names: usize, ellipsis: &str) -> usize {
        let name = shorten(self.node.as_str(), names, ellipsis).width();
        let zone = shorten(&self.zone, names, ellipsis).width();
        name.max(zone).max(self.mark.text.width()).max(self.cells)
    }

    fn is_bad(&self) -> bool {
        matches!(self.mark.role, Role::Critical | Role::Warning)
    }
}

fn sum(a: Tally, b: Tally) -> Tally {
    Tally {
        pods: a.pods + b.pods,
        ready: a.ready + b.ready,
    }
}

fn columns_of(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// The nodes that there are, by zone, and after them those that only replicas name.
fn places(state: &State, theme: &Theme) -> Vec<Place> {
    let mut widths: BTreeMap<&Text, usize> = BTreeMap::new();
    for (node, tally) in state.derived.placements.iter().flat_map(|own| &own.nodes) {
        let sign = if tally.ready < tally.pods { 2 } else { 0 };
        let width = sign + digits(tally.ready) + 1 + digits(tally.pods);
        let widest = widths.entry(node).or_default();
        *widest = width.max(*widest);
    }
    let local = state.derived.quorum.members.iter().find(|own| own.is_local);
    let local = local.and_then(|own| state.snapshot.node_at(own.member.peer_address()?));
    let zones = state.snapshot.zones();
    let nodes = zones.iter().flat_map(|(_, nodes)| nodes);
    let mut places: Vec<Place> = nodes
        .map(|node| Place {
            node: node.name.clone(),
            zone: node.zone.as_ref().map(ToString::to_string).unwrap_or_default(),
            mark: mark(state, theme, node, local.is_some_and(|local| local.name == node.name)),
            cells: widths.remove(&node.name).unwrap_or(0),
        })
        .collect();
    let feed = fresh::kind(state, KubeKind::Nodes);
    places.extend(widths.into_iter().map(|(node, cells)| Place {
        node: node.clone(),
        zone: String::new(),
        mark: match feed.as_of() {
            Some(_) => fresh::mark(theme, &feed, Glyph::Warning, Role::Warning, "no Node"),
            None => cell("", Role::Dim),
        },
        cells,
    }));
    places
}

/// What keeps a node from running replicas, or that it is the one that this runs on.
fn mark(state: &State, theme: &Theme, node: &Node, is_here: bool) -> Cell {
    let feed = fresh::kind(state, KubeKind::Nodes);
    let leases = fresh::kind(state, KubeKind::Leases);
    let is_silent = || {
        let beat = state.snapshot.heartbeat_age(node.name.as_str());
        !fresh::is_stale(&leases) && beat.is_some_and(|beat| beat.age > state.policy.heartbeat_late)
    };
    let here = if is_here { ", here" } else { "" };
    let (glyph, role, word) = if node.ready.status != Tri::True {
        (Glyph::Critical, Role::Critical, "NotReady")
    } else if is_silent() {
        (Glyph::Critical, Role::Critical, "silent")
    } else if node.unschedulable {
        (Glyph::Warning, Role::Warning, "cordoned")
    } else {
        return cell(if is_here { "here" } else { "" }, Role::Accent);
    };
    fresh::mark(theme, &feed, glyph, role, &format!("{word}{here}"))
}

/// One node's replicas of a workload: `1/1`, or nothing where there is none.
fn tally(theme: &Theme, feed: &FeedState, Tally { pods, ready }: Tally) -> Cell {
    if feed.as_of().is_none() {
        return cell(words::blank(theme, feed), Role::Dim);
    }
    let text = format!("{ready}/{pods}");
    match (pods, ready) {
        (0, _) => cell("", Role::Dim),
        (pods, ready) if ready < pods => fresh::mark(theme, feed, Glyph::Warning, Role::Warning, &text),
        _ if fresh::is_stale(feed) => cell(text, Role::Dim),
        _ => cell(text, Role::Text),
    }
}

/// How many of the nodes out of sight have a mark.
fn bad_ones(theme: &Theme, count: usize) -> Cell {
    if count == 0 {
        return cell("", Role::Dim);
    }
    cell(format!("{} {count} marked", theme.glyph(Glyph::Warning)), Role::Warning)
}

/// The width of the column for what is out of sight, however many that are.
fn rest_width(places: &[Place], theme: &Theme) -> usize {
    let bad = places.iter().filter(|own| own.is_bad()).count();
    let mark = bad_ones(theme, bad).text.width();
    let widest = places.iter().map(|own| own.cells).max().unwrap_or(0);
    // A sum may have two digits more on either side than its parts.
    format!("{} more", places.len()).width().max(mark).max(widest + 4)
}

/// What the columns need that stay beside those of the nodes.
fn others(state: &State) -> usize {
    let placements = &state.derived.placements;
    let names = placements.iter().map(|own| own.key.name.as_str().width());
    let name = names.max().unwrap_or(0).clamp("workload".len(), WORKLOAD);
    let most = placements
        .iter()
        .map(|own| own.workload.desired.max(own.workload.ready));
    let ready = (3 + 2 * digits(most.max().unwrap_or(0))).max("ready".len() + 1);
    let pending = if placements.iter().any(|own| own.unscheduled > 0) {
        GAP + "pending".len()
    } else {
        0
    };
    MARGIN + name + GAP + ready + GAP + SPREAD + pending
}

fn digits(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// As many columns as fit into `room`, from `first` on; at the end of the line, also some before it.
fn window(widths: &[usize], first: usize, room: usize) -> Sight {
    let total = widths.len();
    let mut first = first.min(total.saturating_sub(1));
    let mut left = room;
    let mut shown = 0;
    for width in widths.iter().skip(first) {
        let Some(less) = left.checked_sub(*width) else { break };
        left = less;
        shown += 1;
    }
    if first + shown == total {
        let before = widths.get(..first).unwrap_or_default();
        for width in before.iter().rev() {
            let Some(less) = left.checked_sub(*width) else { break };
            left = less;
            first -= 1;
            shown += 1;
        }
    }
    Sight { first, shown, total }
}

/// A name in `width` columns: without its domain, then by its end, where names of one family differ.
fn shorten(name: &str, width: usize, ellipsis: &str) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let name = name.split('.').next().unwrap_or(name);
    if name.width() <= width || width >= 8 {
        return words::clip_middle(name, width, ellipsis);
    }
    let mut used = ellipsis.width();
    let end = name.char_indices().rev().take_while(|(_, c)| {
        used += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
        used <= width
    });
    let start = end.last().map_or(name.len(), |(at, _)| at);
    let end = name.get(start..).unwrap_or_default();
    let part = end.split_once('-').map_or(end, |(_, part)| part);
    format!("{ellipsis}{}", if part.is_empty() { end } else { part })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_names_keep_what_tells_them_apart() {
        let short = |name, width| shorten(name, width, "…");
        assert_eq!(short("nbe-1", 5), "nbe-1");
        assert_eq!(short("node-07.example.com", 8), "node-07");
        assert_eq!(short("node-07", 5), "…07");
        assert_eq!(short("controller7", 5), "…ler7");
        assert_eq!(short("ends-with-", 5), "…ith-");
    }

    proptest! {
        #[test]
        fn a_window_fits_and_leaves_no_room(
            widths in prop::collection::vec(1usize..12, 0..70),
            first in 0usize..80,
            room in 0usize..200,
        ) {
            let Sight { first, shown, total } = window(&widths, first, room);
            prop_assert!(first + shown <= total && total == widths.len());
            let used: usize = widths[first..first + shown].iter().sum();
            prop_assert!(used <= room);
            if first + shown < total {
                prop_assert!(used + widths[first + shown] > room);
            } else if first > 0 && shown > 0 {
                prop_assert!(used + widths[first - 1] > room);
            }
        }
    }
}
