//! The ways in, and the certificates that they show.

use super::{day, is_current};
use crate::base::Age;
use crate::check::look::{names as listed, plural};
use crate::model::entry::{Entry, EntryId, Presented, Service};
use crate::model::{FeedId, Snapshot};

fn ways(snapshot: &Snapshot) -> impl Iterator<Item = (EntryId, &Entry)> {
    let current = |id: EntryId| is_current(snapshot, FeedId::Entry(id));
    let ways = snapshot.entry.iter().map(|(id, entry)| (*id, entry));
    ways.filter(move |(id, _)| current(*id))
}

fn answer(entry: &Entry) -> String {
    let Entry { target, path, name, .. } = entry;
    format!("https://{target}{path} as {name}: {}", entry.last.words())
}

pub(super) fn users(snapshot: &Snapshot) -> Vec<String> {
    let served = ways(snapshot).filter(|(id, entry)| id.is_for_users() && entry.service() == Service::Served);
    served.map(|(_, entry)| answer(entry)).collect()
}

pub(super) fn balancer(snapshot: &Snapshot) -> Vec<String> {
    let Some(entry) = snapshot.entry.get(&EntryId::Balancer) else {
        return Vec::new();
    };
    let trial = entry.trial.map(|trial| {
        let all = plural(trial.served + trial.failed, "request");
        let ago = Age(snapshot.now.since(trial.until));
        format!(
            "while a node did not serve, up to {ago} ago: {} of the last {all} served",
            trial.served
        )
    });
    [answer(entry)].into_iter().chain(trial).collect()
}

pub(super) fn console(snapshot: &Snapshot) -> Vec<String> {
    let consoles = ways(snapshot).filter(|(id, _)| matches!(id, EntryId::Console(_)));
    let answering = consoles.filter(|(_, entry)| entry.last.status.is_some());
    let restricted = "whether it is restricted to administrators cannot be told from a node";
    answering
        .map(|(_, entry)| answer(entry))
        .chain([restricted.to_owned()])
        .collect()
}

/// Each certificate once, said in the same words by whoever shows it.
fn certificates(
    snapshot: &Snapshot,
    is_wanted: fn(EntryId) -> bool,
    said: impl Fn(&Presented) -> String,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (_, entry) in ways(snapshot).filter(|(id, _)| is_wanted(*id)) {
        let line = entry.last.certificate.as_ref().map(&said);
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines
}

pub(super) fn names(snapshot: &Snapshot) -> Vec<String> {
    certificates(snapshot, EntryId::is_for_users, |own| {
        format!("{} is made for {}", own.subject, listed(&own.names))
    })
}

pub(super) fn ends(snapshot: &Snapshot) -> Vec<String> {
    certificates(
        snapshot,
        |_| true,
        |own| format!("{}: valid until {}", own.subject, day(own.not_after)),
    )
}
