//! Sorting lists by a column. Without it, a list stands in the order of what needs attention first.

use serde::{Deserialize, Serialize};

use super::keys::Command;
use super::navigate::follow_rows;
use super::rows::{RowId, placement, ready_word};
use super::screen::Screen;
use super::state::State;
use crate::base::Natural;
use crate::check::Severity;
use crate::model::kube::{Pod, Tolerates};

/// By what a list is sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The column's heading.
    pub column: String,
    /// From the last to the first.
    pub is_descending: bool,
}

/// The columns by which a screen can be sorted, as their headings call them.
pub const fn columns(screen: Screen) -> &'static [&'static str] {
    match screen {
        Screen::Nodes => &["zone", "node", "state", "heartbeat", "pods", "role", "version"],
        Screen::Etcd => &["member", "health", "role", "rtt"],
        Screen::Placement => &["workload", "ready", "namespace", "kind"],
        Screen::Pods => &["pod", "state", "restarts", "age", "node", "tolerates", "namespace"],
        Screen::Findings => &["severity", "subject", "check"],
        Screen::Feeds => &["feed", "state"],
        Screen::Readiness => &["group", "state", "check"],
        Screen::Timeline => &["time", "what", "subject"],
        Screen::Overview | Screen::Log | Screen::Forecast | Screen::Actions | Screen::Recovery => &[],
    }
}

/// What a row is sorted by. Rows without it stand last, in either direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(Natural<String>),
}

/// Sorts rows; equal ones keep their order.
pub fn apply(state: &State, sort: &Sort, rows: &mut Vec<RowId>) {
    let keyed = std::mem::take(rows)
        .into_iter()
        .map(|row| (key(state, &row, &sort.column), row));
    let (mut keyed, last): (Vec<_>, Vec<_>) = keyed.partition(|(key, _)| key.is_some());
    if sort.is_descending {
        keyed.sort_by(|(a, _), (b, _)| b.cmp(a));
    } else {
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    rows.extend(keyed.into_iter().chain(last).map(|(_, row)| row));
}

fn number<T: TryInto<i64>>(value: T) -> Option<Key> {
    value.try_into().ok().map(Key::Number)
}

fn text(value: &(impl ToString + ?Sized)) -> Option<Key> {
    let text = value.to_string();
    (!text.is_empty()).then_some(Key::Text(Natural(text)))
}

fn key(state: &State, row: &RowId, column: &str) -> Option<Key> {
    match row {
        RowId::Node(name) => node(state, name, column),
        RowId::Member(id) => member(state, *id, column),
        RowId::Workload(kind, key) => {
            let placement = placement(state, *kind, key)?;
            let workload = &placement.workload;
            match column {
                "workload" => text(&key.name),
                "namespace" => text(&key.namespace),
                "kind" => text(kind.word()),
                // By what is missing.
                "ready" => number(i64::from(workload.ready) - i64::from(workload.desired)),
                _ => None,
            }
        }
        RowId::Pod(key) => {
            let pod = &state.snapshot.kube.pods.get(key)?.value;
            match column {
                "pod" => text(&key.name),
                "namespace" => text(&key.namespace),
                _ => of_pod(state, pod, column),
            }
        }
        RowId::Finding(check, subject) => match column {
            "severity" => number(super::rows::finding(state, *check, subject)?.severity as i64),
            "subject" => text(subject),
            "check" => text(check),
            _ => None,
        },
        RowId::Check(check) => match column {
            "group" => number(crate::check::find(*check)?.group as i64),
            "state" => number(match super::rows::check_word(state, *check) {
                "critical" => 5,
                "warning" => 4,
                "info" => 3,
                "cannot tell" => 2,
                "acknowledged" => 1,
                _ => 0,
            }),
            "check" => text(check),
            _ => None,
        },
        // Worse than worth knowing, but nothing that is wrong.
        RowId::Untold(feed) => match column {
            "severity" => number(Severity::Info as i64 - 1),
            "subject" => text(&format!("feed/{feed}")),
            _ => None,
        },
        RowId::Change(number) => {
            let entry = state.timeline.entry(*number)?;
            match column {
                "time" => Some(Key::Number(entry.number)),
                "what" => text(entry.topic.word()),
                "subject" => text(&entry.subject),
                _ => None,
            }
        }
        RowId::Loss(_) | RowId::Offer(_) | RowId::Run(_) => None,
        RowId::Feed(id) => match column {
            "feed" => text(&super::rows::feed_name(state, *id)),
            "state" => text(state.snapshot.feed(*id).word()),
            _ => None,
        },
    }
}

fn node(state: &State, name: &crate::base::Text, column: &str) -> Option<Key> {
    let node = state.snapshot.node(name)?;
    match column {
        "zone" => text(node.zone.as_ref()?),
        "node" => text(&node.name),
        "state" => text(ready_word(node)),
        "heartbeat" => number(state.snapshot.heartbeat_age(name.as_str())?.age.as_millis()),
        "pods" => number(state.derived.pods_on(name)),
        "role" => text(if node.is_controller { "controller" } else { "worker" }),
        "version" => text(&node.kubelet_version),
        _ => None,
    }
}

fn member(state: &State, id: crate::model::etcd::MemberId, column: &str) -> Option<Key> {
    let member = state.derived.quorum.member(id)?;
    match column {
        "member" => text(&member.member.name),
        "health" => text(member.health.word()),
        "role" => text(member.role.word()),
        "rtt" => number(state.snapshot.etcd.peers.get(&id)?.rtt_us?),
        _ => None,
    }
}

fn of_pod(state: &State, pod: &Pod, column: &str) -> Option<Key> {
    match column {
        "state" => text(super::rows::pod_state(pod)),
        "restarts" => number(pod.restarts),
        "age" => number(state.snapshot.wall_age(pod.created?).as_millis()),
        "node" => text(pod.node.as_ref()?),
        "tolerates" => match pod.tolerates_unreachable {
            Tolerates::Seconds(seconds) => number(seconds),
            Tolerates::Forever => number(i64::MAX),
        },
        _ => None,
    }
}

/// Sorts the screen shown by its next column; after the last, by what needs attention first.
pub fn next(state: &mut State) -> Result<(), String> {
    let columns = sortable(state)?;
    let here = state
        .sort()
        .and_then(|sort| columns.iter().position(|column| **column == sort.column));
    let column = columns.get(here.map_or(0, |here| here + 1)).copied();
    set(state, column, false);
    Ok(())
}

/// Turns the order around.
pub fn turn(state: &mut State) -> Result<(), String> {
    sortable(state)?;
    let Some(sort) = state.sort().cloned() else {
        let [sort, turn] = [Command::Sort, Command::TurnSort].map(|command| state.key_of(command));
        return Err(format!(
            "what needs attention comes first: {sort} sorts by a column, then {turn} turns it around"
        ));
    };
    set(state, Some(&sort.column), !sort.is_descending);
    Ok(())
}

/// Sorts by a named column; empty for what needs attention first. Naming the same again turns it around.
pub fn by_name(state: &mut State, wanted: &str) -> Result<(), String> {
    let columns = sortable(state)?;
    if wanted.is_empty() {
        set(state, None, false);
        return Ok(());
    }
    let Some(column) = columns.iter().find(|column| column.starts_with(wanted)) else {
        let columns = columns.join(", ");
        return Err(format!(
            "{} has no column {wanted} to sort by; it has {columns}",
            state.screen.name()
        ));
    };
    let again = state.sort().filter(|sort| sort.column == *column);
    let is_descending = again.is_some_and(|sort| !sort.is_descending);
    set(state, Some(column), is_descending);
    Ok(())
}

fn sortable(state: &State) -> Result<&'static [&'static str], String> {
    let columns = columns(state.screen);
    if columns.is_empty() {
        return Err(format!("{} has one order only", state.screen.name()));
    }
    Ok(columns)
}

fn set(state: &mut State, column: Option<&str>, is_descending: bool) {
    match column {
        None => {
            state.sorts.remove(&state.screen);
        }
        Some(column) => {
            let sort = Sort {
                column: column.to_owned(),
                is_descending,
            };
            state.sorts.insert(state.screen, sort);
        }
    }
    follow_rows(state);
}
