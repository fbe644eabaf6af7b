//! What sessions tell together: who watched when, what changed, and when nobody watched. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::read::Told;
use crate::app::timeline::{Entry, Topic};
use crate::base::{Age, Stamp, Text};
use crate::check::Severity;
use crate::model::past::{Identity, Past, PastPause};

/// Two consoles see the same within this time.
const SAME: Duration = Duration::from_secs(15);
/// Spans that lie no further apart are one.
const SEAM: Duration = Duration::from_secs(1);
/// How far back pauses of heartbeats count.
const PAUSES: Duration = Duration::from_hours(7 * 24);
/// So many pauses of one node count, and of so many nodes.
const MAX_PAUSES: usize = 16;
const MAX_NODES: usize = 1_000;

/// A time in which somebody watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// Whether it goes on.
    pub is_open: bool,
}

/// All that is on record of one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Which cluster, by all its names that any session knew.
    pub identity: Identity,
    /// When it was watched, the oldest first; spans that touch are one.
    pub spans: Vec<Span>,
    /// What changed, the oldest first, and where nobody watched in between.
    pub entries: Vec<Entry>,
    /// How many lines could not be read.
    pub unread: usize,
}

impl History {
    /// Of one cluster. A session whose console is open goes on until `now`.
    pub fn of(sessions: &[Told], identity: &Identity, now: Timestamp) -> Self {
        let mut identity = identity.clone();
        let mut own: Vec<&Told> = Vec::new();
        for told in sessions.iter().rev() {
            if told.identity.is_same(&identity) {
                identity = identity.or(&told.identity);
                own.push(told);
            }
        }
        own.reverse();
        let spans = spans(&own, now);
        Self {
            identity,
            entries: with_gaps(merged(&own), &spans),
            spans,
            unread: own.iter().map(|told| told.unread).sum(),
        }
    }

    /// Every cluster that is on record, the one that was watched last at the end.
    pub fn all(sessions: &[Told], now: Timestamp) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for told in sessions.iter().rev() {
            let is_known = all.iter().any(|history| history.identity.is_same(&told.identity));
            if told.identity.is_known() && !is_known {
                all.push(Self::of(sessions, &told.identity, now));
            }
        }
        all.reverse();
        all
    }

    /// The same before a session that begins now, with a last entry that says so.
    #[must_use]
    pub fn before(mut self, began: Stamp) -> Self {
        let text = match self.spans.last() {
            None => "this session began; none before it is on record here".to_owned(),
            Some(last) if since(last.to, began.wall) <= SEAM => {
                "this session began; another console on this host watches, too".to_owned()
            }
            Some(last) => format!("this session began; {}", gap(last.to, began.wall)),
        };
        self.entries.push(mark(began.wall, &text));
        self
    }

    /// What a judgement needs of it, before a session that began then.
    pub fn past(&self, began: Timestamp) -> Past {
        let Some(first) = self.spans.first() else {
            return Past::default();
        };
        let earliest = began.checked_sub(PAUSES).unwrap_or(Timestamp::MIN);
        let from = first.from.max(earliest);
        let watched = self
            .spans
            .iter()
            .map(|span| since(span.from.max(from), span.to.min(began)));
        let mut pauses: BTreeMap<Text, Vec<PastPause>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.at.wall >= from) {
            let Some(lasted) = entry.lasted.filter(|_| entry.topic == Topic::Pause) else {
                continue;
            };
            if pauses.len() < MAX_NODES || pauses.contains_key(&entry.subject) {
                let own = pauses.entry(entry.subject.clone()).or_default();
                own.push(PastPause {
                    ended: entry.at.wall,
                    lasted,
                });
                own.drain(..own.len().saturating_sub(MAX_PAUSES));
            }
        }
        Past {
            since: Some(from),
            watched: watched.sum(),
            pauses,
        }
    }
}

/// How long after `from` `to` is; zero where it is not.
fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn spans(own: &[&Told], now: Timestamp) -> Vec<Span> {
    let each = own.iter().map(|told| Span {
        from: told.session.began,
        to: if told.is_open { now } else { told.until },
        is_open: told.is_open,
    });
    let mut each: Vec<Span> = each.filter(|span| span.to >= span.from).collect();
    each.sort_by_key(|span| span.from);
    let mut spans: Vec<Span> = Vec::new();
    for span in each {
        match spans.last_mut() {
            Some(last) if since(last.to, span.from) <= SEAM => {
                last.to = last.to.max(span.to);
                last.is_open |= span.is_open;
            }
            _ => spans.push(span),
        }
    }
    spans
}

/// Everything in the order of time, and once what two consoles saw.
fn merged(own: &[&Told]) -> Vec<Entry> {
    let sessions = own.iter().enumerate();
    let mut all: Vec<(usize, &Entry)> = sessions
        .flat_map(|(session, told)| told.entries.iter().map(move |entry| (session, entry)))
        .collect();
    all.sort_by_key(|(_, entry)| entry.at.wall);
    let mut seen: BTreeMap<(Topic, &Text, &Text), (usize, Timestamp)> = BTreeMap::new();
    let mut merged = Vec::with_capacity(all.len());
    for (session, entry) in all {
        let key = (entry.topic, &entry.subject, &entry.text);
        let is_same = |(other, at): &(usize, Timestamp)| *other != session && since(*at, entry.at.wall) <= SAME;
        if !seen.get(&key).is_some_and(is_same) {
            seen.insert(key, (session, entry.at.wall));
            merged.push(entry.clone());
        }
    }
    merged
}

fn with_gaps(mut entries: Vec<Entry>, spans: &[Span]) -> Vec<Entry> {
    let pairs = spans.iter().zip(spans.iter().skip(1));
    entries.extend(pairs.map(|(before, after)| mark(after.from, &gap(before.to, after.from))));
    entries.sort_by_key(|entry| entry.at.wall);
    entries
}

fn gap(from: Timestamp, to: Timestamp) -> String {
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    format!(
        "not watched from {} to {} ({})",
        time(from),
        time(to),
        Age(since(from, to))
    )
}

fn mark(wall: Timestamp, text: &str) -> Entry {
    let at = Stamp {
        mono_ms: 0,
        wall,
        ahead_ms: 0,
    };
    Entry::new(at, Topic::Session, "quorate".into(), text, Some(Severity::Info))
}
