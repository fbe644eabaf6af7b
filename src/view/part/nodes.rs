//! Nodes by zone.

use crate::app::rows::ready_word;
use crate::app::{RowId, State};
use crate::base::WhyKind;
use crate::check::{CheckId, Outcome, Severity};
use crate::model::entry::EntryId;
use crate::model::kube::{Node, Tri};
use crate::model::quorum::Health;
use crate::model::{FeedId, FeedState, KubeKind, ObjectKey};
use crate::view::fresh;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::NODES`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let names = rows.iter().filter_map(|row| {
        let RowId::Node(name) = row else { return None };
        Some(name)
    });
    names
        .filter_map(|name| state.snapshot.node(name))
        .map(|node| row(state, theme, node))
        .collect()
}

fn row(state: &State, theme: &Theme, node: &Node) -> Vec<Cell> {
    let feed = source(state, node);
    let or_none = |text: Option<String>, role| text.map_or_else(|| cell("-", Role::Dim), |text| cell(text, role));
    let zone = node.zone.as_ref().map_or_else(
        || cell("no zone", Role::Warning),
        |zone| cell(zone.to_string(), Role::Text),
    );
    let role = if node.is_controller { "controller" } else { "worker" };
    let taints: Vec<String> = node
        .taints
        .iter()
        .map(|taint| format!("{}:{}", taint.key, taint.effect))
        .collect();
    vec![
        zone,
        cell(node.name.to_string(), Role::Text),
        ready(state, theme, node, &feed),
        fresh::dated(state, &feed),
        heartbeat(state, theme, node),
        etcd(state, theme, node),
        pods(state, theme, node),
        cell(role, Role::Dim),
        or_none(node.address.as_ref().map(ToString::to_string), Role::Dim),
        cell(node.kubelet_version.to_string(), Role::Dim),
        or_none((!taints.is_empty()).then(|| taints.join(" ")), Role::Warning),
    ]
}

/// The freshness of the source that told of this node.
fn source(state: &State, node: &Node) -> FeedState {
    let fact = state.snapshot.kube.nodes.get(&ObjectKey::new("", node.name.clone()));
    fresh::of(state, fact.map_or(FeedId::Kube(KubeKind::Nodes), |fact| fact.feed))
}

fn ready(state: &State, theme: &Theme, node: &Node, feed: &FeedState) -> Cell {
    let word = ready_word(node);
    let since = || {
        let changed = node.ready.changed.map(|at| words::age(state.snapshot.wall_age(at)));
        changed.map(|age| format!(" {age}")).unwrap_or_default()
    };
    match node.ready.status {
        Tri::True if node.unschedulable => fresh::mark(theme, feed, Glyph::Warning, Role::Warning, "Ready, cordoned"),
        Tri::True => fresh::mark(theme, feed, Glyph::Ok, Role::Ok, word),
        Tri::False | Tri::Unknown => fresh::mark(
            theme,
            feed,
            Glyph::Critical,
            Role::Critical,
            &format!("{word}{}", since()),
        ),
    }
}

/// Whether the kubelet renews its lease. Only a live watch can tell silence from not hearing.
pub fn heartbeat(state: &State, theme: &Theme, node: &Node) -> Cell {
    let feed = fresh::kind(state, KubeKind::Leases);
    if fresh::is_stale(&feed) {
        return cell("not heard", Role::Unknown);
    }
    match state.snapshot.heartbeat_age(node.name.as_str()) {
        None => cell(words::blank(theme, &feed), Role::Dim),
        Some(beat) if beat.age <= state.policy.heartbeat_late => cell("on time", Role::Ok),
        // Until we saw a renewal ourselves, the age compares two clocks.
        Some(beat) => {
            let doubt = if beat.seen { "" } else { "?" };
            cell(format!("silent {}{doubt}", words::age(beat.age)), Role::Critical)
        }
    }
}

fn etcd(state: &State, theme: &Theme, node: &Node) -> Cell {
    let member = node
        .address
        .as_ref()
        .and_then(|address| state.derived.quorum.member_at(address.as_str()));
    member.map_or_else(|| cell("-", Role::Dim), |member| health(theme, &member.health))
}

/// A member's health in sign and word.
pub fn health(theme: &Theme, health: &Health) -> Cell {
    let (glyph, word, role) = match health {
        Health::Healthy { .. } => (Glyph::Ok, "healthy", Role::Ok),
        Health::Dead { .. } => (Glyph::Critical, "DEAD", Role::Critical),
        Health::Unknown { .. } => (Glyph::Unknown, "unknown", Role::Unknown),
    };
    cell(format!("{} {word}", theme.glyph(glyph)), role)
}

fn pods(state: &State, theme: &Theme, node: &Node) -> Cell {
    let feed = fresh::kind(state, KubeKind::Pods);
    if feed.as_of().is_none() {
        return cell(words::blank(theme, &feed), Role::Dim);
    }
    cell(words::count(state.derived.pods_on(&node.name), "pod"), Role::Dim)
}

/// What the nodes say in short: how many are Ready, and through which API server that is known.
pub fn heading(state: &State, theme: &Theme) -> Heading {
    let feed = fresh::kind(state, KubeKind::Nodes);
    let nodes = &state.snapshot.kube.nodes;
    let ready = nodes.values().filter(|node| node.ready.status == Tri::True).count();
    let mut summary = Vec::new();
    if !nodes.is_empty() {
        let role = if ready == nodes.len() {
            Role::Text
        } else {
            Role::Critical
        };
        let zones = words::count(state.snapshot.zone_names().len(), "zone");
        summary.push((format!("{ready} of {} Ready, {zones}", nodes.len()), role));
    }
    summary.extend(users(state));
    match fresh::note(state, &feed) {
        Some(note) => summary.push(note),
        None => summary.extend(api(state, theme)),
    }
    Heading {
        title: "Nodes",
        summary,
        note: String::new(),
    }
}

/// While a host is lost: whether users get in all the same, and the last time that they did not.
fn users(state: &State) -> Option<(String, Role)> {
    if !state.snapshot.is_host_lost() {
        return None;
    }
    let mut outcomes = state.derived.report.outcomes.iter();
    let (_, outcome) = outcomes.find(|(check, _)| *check == CheckId::EntryUsers)?;
    match outcome {
        Outcome::Holds => {
            let entry = state.snapshot.entry.get(&EntryId::Balancer);
            let gap = entry.and_then(|entry| entry.gap).filter(|gap| gap.until.is_some());
            let gap = gap.map(|gap| format!(", gap of {}", words::age(gap.length(state.snapshot.now))));
            Some((format!("users served{}", gap.unwrap_or_default()), Role::Ok))
        }
        Outcome::Broken { findings, .. } => {
            let is_critical = findings.iter().any(|own| own.severity == Severity::Critical);
            Some(if is_critical {
                ("users NOT served".to_owned(), Role::Critical)
            } else {
                ("users served in part".to_owned(), Role::Warning)
            })
        }
        Outcome::CannotTell { why, .. } if !matches!(why.kind, WhyKind::Config | WhyKind::Disabled) => {
            Some(("users: cannot tell".to_owned(), Role::Unknown))
        }
        // Where nobody wants it probed, nothing is missed.
        Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => None,
    }
}

/// Which API server is used, and whether it is not the preferred one.
fn api(state: &State, theme: &Theme) -> Option<(String, Role)> {
    let endpoint = state.snapshot.kube.endpoint.as_ref()?;
    let server = endpoint.server.as_str();
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let feed = state.snapshot.feed(FeedId::Api);
    if !feed.is_live() {
        return Some((format!("API {server} {}", words::feed(theme, &feed).0), Role::Stale));
    }
    Some(if endpoint.is_preferred {
        (format!("API {server}"), Role::Dim)
    } else {
        (format!("API {server} (fallback)"), Role::Warning)
    })
}
