//! etcd members.

use std::collections::BTreeSet;

use crate::app::{RowId, State};
use crate::model::etcd::{Member, MemberId, Vantage};
use crate::model::quorum::{Health, MemberState, Role as Part, Standing};
use crate::model::{FeedId, FeedState};
use crate::view::part::nodes;
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::MEMBERS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let ids = rows.iter().filter_map(|row| {
        let RowId::Member(id) = row else { return None };
        Some(*id)
    });
    ids.filter_map(|id| state.derived.quorum.member(id))
        .map(|member| row(state, theme, member))
        .collect()
}

fn row(state: &State, theme: &Theme, of: &MemberState) -> Vec<Cell> {
    let member = &of.member;
    let feed = state.snapshot.feed(FeedId::EtcdPeer(member.id));
    let facts = state.snapshot.etcd.peers.get(&member.id);
    // What a silent member once told of itself says nothing about now.
    let is_healthy = matches!(of.health, Health::Healthy { .. });
    let blank = |feed: &FeedState| cell(words::blank(theme, feed), Role::Dim);
    let told = |text: Option<String>| match text.filter(|_| is_healthy) {
        Some(text) => cell(text, Role::Text),
        None if is_healthy => blank(&feed),
        None => cell("n/a", Role::Dim),
    };
    let version = facts.and_then(|facts| facts.version.as_ref());
    vec![
        cell(name(of), Role::Text),
        health(state, theme, of),
        part(of.role),
        told(facts.and_then(|facts| facts.rtt_us).map(words::rtt)),
        cell(why(&of.health), Role::Dim),
        cell(member.peer_authority().unwrap_or("-").to_owned(), Role::Dim),
        own_view(state, of).unwrap_or_else(|| told(None)),
        told(facts.and_then(|facts| facts.clock_skew_ms).map(words::skew)),
        version.map_or_else(|| blank(&feed), |version| cell(version.to_string(), Role::Dim)),
        cell(member.id.to_string(), Role::Dim),
    ]
}

/// A member's part. A voter that is not seen serving, or without a known leader, may be either.
pub fn part(part: Part) -> Cell {
    match part {
        Part::Leader => cell("leader", Role::Accent),
        Part::Follower => cell("follower", Role::Text),
        Part::Learner => cell("learner", Role::Warning),
        Part::Unknown => cell("voter", Role::Text),
    }
}

/// A member's name, with a word where it runs on this host.
pub fn name(of: &MemberState) -> String {
    let name = if of.member.has_started() {
        of.member.name.as_str()
    } else {
        "(never started)"
    };
    let here = if of.is_local { " (here)" } else { "" };
    format!("{name}{here}")
}

fn health(state: &State, theme: &Theme, of: &MemberState) -> Cell {
    let mut cell = nodes::health(theme, &of.health);
    let age = |at| words::age(state.snapshot.now.since(at));
    if let Health::Dead { last_seen, .. } = &of.health {
        let seen = match (last_seen, state.snapshot.etcd.peers.get(&of.member.id)) {
            (Some(at), _) => format!(", seen {} ago", age(*at)),
            // Dead before we came: for how long it was, nobody here knows.
            (None, Some(peer)) => format!(", no answer in {}", age(peer.history.since)),
            (None, None) => ", no answer".to_owned(),
        };
        cell.text.to_mut().push_str(&seen);
    }
    cell
}

fn why(health: &Health) -> String {
    match health {
        Health::Healthy { .. } => String::new(),
        Health::Dead { why, .. } | Health::Unknown { why } => words::short(why).to_owned(),
    }
}

/// Whether the member sees the same members as the list in use.
fn own_view(state: &State, of: &MemberState) -> Option<Cell> {
    let views = &state.snapshot.etcd.views;
    let vantage = if of.is_local && !views.contains_key(&Vantage::Peer(of.member.id)) {
        Vantage::LocalSerializable
    } else {
        Vantage::Peer(of.member.id)
    };
    let view = views
        .get(&vantage)
        .filter(|_| matches!(of.health, Health::Healthy { .. }))?;
    let ids = |members: &[Member]| -> BTreeSet<MemberId> { members.iter().map(|member| member.id).collect() };
    Some(
        if ids(&view.value.members) == ids(&state.derived.quorum.membership.members) {
            cell("agrees", Role::Ok)
        } else {
            cell("DIFFERS", Role::Critical)
        },
    )
}

/// What etcd's arithmetic says in short.
pub fn heading(state: &State) -> Heading {
    Heading {
        title: "etcd",
        summary: vec![standing(state)],
        note: String::new(),
    }
}

/// Quorum in one line.
pub fn standing(state: &State) -> (String, Role) {
    let quorum = &state.derived.quorum;
    let votes = format!("{} of {} healthy", quorum.healthy, quorum.voters);
    match &quorum.standing {
        Standing::Held { .. } if quorum.voters == 0 => ("quorum held, members not known".into(), Role::Unknown),
        Standing::Held { .. } => {
            let role = if quorum.spare_range.is_some_and(|(low, _)| low > 0) {
                Role::Text
            } else {
                Role::Warning
            };
            (format!("quorum held, {votes}, {}", spare(quorum.spare_range)), role)
        }
        Standing::Lost => (
            format!("QUORUM LOST: {votes}, {} needed", quorum.needed),
            Role::Critical,
        ),
        Standing::Alone { unplugged: true } => ("unknown: this host's links are down".into(), Role::Unknown),
        Standing::Alone { unplugged: false } => {
            ("unknown: nobody answers this host; it may be us".into(), Role::Unknown)
        }
        Standing::Unproven { why } => (format!("quorum not proven: {}", why.text), Role::Unknown),
    }
}

/// How many more voters may be lost, in words.
pub fn spare(range: Option<(i64, i64)>) -> String {
    match range {
        None => "spare not known".to_owned(),
        Some((low, high)) if low != high => format!("{} to {} more may be lost", low.max(0), high.max(0)),
        Some((..=-1, _)) => "too many are lost".to_owned(),
        Some((0, _)) => "NO MORE may be lost".to_owned(),
        Some((spare, _)) => format!("{spare} more may be lost"),
    }
}
