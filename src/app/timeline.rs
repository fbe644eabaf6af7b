//! What changed: since the console opened, worked out from successive snapshots; before that, as earlier sessions wrote it
//! down. What is not known changes nothing: a state is
//! compared with the last one known, and a source that is lost is one entry, not one for each of its rows. Start reading at
//! [`Timeline::note`].

mod entry;
mod facts;
mod returned;

pub use entry::{Entry, Topic};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{Age, Ring, Stamp, Text, WhyKind};
use crate::check::Severity;
use crate::model::{FeedId, FeedState, KubeKind, Policy, Snapshot};
use crate::plan::RunView;
use crate::plan::view::Ending;

use super::failover::{Failover, tell};
use super::state::Derived;
use facts::{Now, pods_moved};

/// How many entries are kept.
const MAX_ENTRIES: usize = 2_000;
/// How many objects that came back otherwise are told one by one.
const MAX_RETURNED: usize = 20;
/// Pods that come and go within so many milliseconds are one entry.
const PODS_TOGETHER_MS: u64 = 10_000;

/// Where a timeline stood: see [`Timeline::since`].
#[derive(Debug)]
pub struct Mark {
    next: i64,
    newest: Option<Entry>,
}

/// The newest entries, and the last known states that they are told from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    entries: Ring<Entry>,
    /// What earlier sessions wrote, the oldest first.
    #[serde(default)]
    past: Arc<Vec<Entry>>,
    next: i64,
    known: BTreeMap<Topic, BTreeMap<Text, Text>>,
    /// Whether some kind is, or was until the last snapshot, not told by the API.
    #[serde(default)]
    was_dark: bool,
    /// How much was otherwise than it was shown, since it is dark.
    #[serde(default)]
    returned: usize,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            entries: Ring::new(MAX_ENTRIES),
            past: Arc::default(),
            next: 0,
            known: BTreeMap::new(),
            was_dark: false,
            returned: 0,
        }
    }
}

impl Timeline {
    /// The entries, the newest first, those of earlier sessions last.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().chain(self.past.iter().rev())
    }

    /// One entry, while it is kept.
    pub fn entry(&self, number: i64) -> Option<&Entry> {
        if number < 0 {
            let back = usize::try_from(number.unsigned_abs()).ok()?;
            return self.past.get(self.past.len().checked_sub(back)?);
        }
        let first = self.entries.iter().next()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.iter().nth(index)
    }

    /// How many entries are of this session.
    pub fn own(&self) -> usize {
        self.entries.len()
    }

    /// Takes in what earlier sessions wrote, the oldest first; of too much only the newest.
    pub fn remember(&mut self, mut past: Vec<Entry>) {
        past.drain(..past.len().saturating_sub(MAX_ENTRIES));
        for (number, entry) in (1..).zip(past.iter_mut().rev()) {
            entry.number = -number;
        }
        self.past = Arc::new(past);
    }

    /// Where it stands.
    pub fn mark(&self) -> Mark {
        Mark {
            next: self.next,
            newest: self.entries.iter().next_back().cloned(),
        }
    }

    /// What was added or changed since then, the oldest first.
    pub fn since(&self, mark: &Mark) -> Vec<Entry> {
        let before = mark.newest.as_ref();
        let known = |entry: &&Entry| before.is_some_and(|own| own.number == entry.number && own == *entry);
        let newest = self.entries.iter().rev();
        let mut fresh: Vec<Entry> = newest
            .take_while(|entry| entry.number + 1 >= mark.next)
            .filter(|entry| !known(entry))
            .cloned()
            .collect();
        fresh.reverse();
        fresh
    }

    /// Takes note of a lost node that is made good, or came back.
    pub fn note_failover(&mut self, at: Stamp, failover: Failover) {
        let (text, severity) = (tell::summary(&failover), tell::severity(&failover));
        self.push(Entry {
            failover: Some(Arc::new(failover.clone())),
            ..Entry::new(at, Topic::Failover, failover.node, &text, severity)
        });
    }

    /// Takes note of how a run of this console stands.
    pub fn note_run(&mut self, at: Stamp, view: &RunView) {
        let subject = Text::from(format!("{} {}", view.run.0, view.plan.intent));
        let state = Text::from(view.standing());
        let severity = match view.ended {
            Some(Ending::Finished) => None,
            Some(Ending::Stopped { .. } | Ending::Abandoned { .. }) => Some(Severity::Warning),
            None => Some(Severity::Info),
        };
        let known = self.known.entry(Topic::Run).or_default();
        if known.insert(subject.clone(), state.clone()).as_ref() != Some(&state) {
            self.push(Entry::new(at, Topic::Run, subject, state.as_str(), severity));
        }
    }

    /// Takes note of what changed from one snapshot to the next.
    pub fn note(&mut self, before: &Snapshot, snapshot: &Snapshot, derived: &Derived, policy: &Policy) {
        let workloads_moved = !facts::same_workloads(before, snapshot) || !self.known.contains_key(&Topic::Workload);
        let untold = facts::untold(derived);
        for (topic, states, is_whole) in facts::states(snapshot, derived, policy, workloads_moved) {
            self.compare(snapshot.now, topic, states, is_whole, &untold);
        }
        self.note_return(before, snapshot);
        self.note_pauses(before, snapshot);
        if let Some((counts, names)) = pods_moved(before, snapshot) {
            self.note_pods(snapshot.now, counts, &names);
        }
    }

    /// What is otherwise than it was shown in the dark. A start whose API only took its time was no darkness.
    fn note_return(&mut self, before: &Snapshot, snapshot: &Snapshot) {
        if matches!(snapshot.feed(FeedId::Api), FeedState::Lost { .. }) {
            self.was_dark = true;
        }
        if !self.was_dark {
            return;
        }
        let mut found = returned::differences(before, snapshot);
        self.returned += found.len();
        let more = found.len().saturating_sub(MAX_RETURNED);
        found.truncate(MAX_RETURNED);
        for own in &found {
            let subject = Text::new(&format!("{} {}", own.kind.word(), own.key));
            let text = own.words();
            self.push(Entry::new(
                snapshot.now,
                Topic::Return,
                subject,
                &text,
                Some(Severity::Info),
            ));
        }
        if more > 0 {
            let text = format!("and {more} more are otherwise than they were shown");
            let severity = Some(Severity::Info);
            self.push(Entry::new(
                snapshot.now,
                Topic::Return,
                "objects".into(),
                &text,
                severity,
            ));
        }
        self.was_dark = !is_light(snapshot);
        if !self.was_dark {
            let text = match std::mem::take(&mut self.returned) {
                0 => "all told by the API again, and as they were shown".to_owned(),
                1 => "all told by the API again; 1 was otherwise than it was shown".to_owned(),
                some => format!("all told by the API again; {some} were otherwise than they were shown"),
            };
            self.push(Entry::new(snapshot.now, Topic::Return, "objects".into(), &text, None));
        }
    }

    /// Compares states with the last known ones. The first states of a topic are no change. Where `is_whole`, what is not
    /// among them is gone, but for findings of the checks that cannot tell: those stay as they were known.
    fn compare(&mut self, at: Stamp, topic: Topic, states: Vec<Now>, is_whole: bool, untold: &BTreeSet<String>) {
        let is_first = !self.known.contains_key(&topic);
        let mut known = self.known.remove(&topic).unwrap_or_default();
        let mut gone = if is_whole { known.clone() } else { BTreeMap::new() };
        if topic == Topic::Finding {
            gone.retain(|subject, _| !untold.contains(facts::check_of(subject)));
        }
        for Now {
            subject,
            state,
            detail,
            severity,
        } in states
        {
            gone.remove(&subject);
            let was = known.get(&subject);
            if was.is_some_and(|was| *was == state) {
                continue;
            }
            let text = match was {
                Some(was) => format!("{state}{detail} (was {was})"),
                None => format!("{state}{detail}"),
            };
            // That sources begin to answer is how every session begins.
            let is_start = topic == Topic::Feed && was.is_none() && severity.is_none();
            if !is_first && !is_start {
                self.push(Entry::new(at, topic, subject.clone(), &text, severity));
            }
            known.insert(subject, state);
        }
        for (subject, was) in gone {
            let (word, severity) = if topic == Topic::Finding {
                ("resolved", None)
            } else {
                ("gone", Some(Severity::Info))
            };
            let text = format!("{word} (was {was})");
            self.push(Entry::new(at, topic, subject.clone(), &text, severity));
            known.remove(&subject);
        }
        self.known.insert(topic, known);
    }

    /// Pods come and go by the dozen: what happens within a few seconds is one entry.
    fn note_pods(&mut self, at: Stamp, counts: [usize; 3], names: &str) {
        let mut total = counts;
        let newest = self.entries.iter().next_back();
        let together = newest.filter(|entry| {
            entry.topic == Topic::Pods && at.mono_ms.saturating_sub(entry.at.mono_ms) < PODS_TOGETHER_MS
        });
        if let Some(earlier) = together.and_then(|entry| entry.pods) {
            for (total, earlier) in total.iter_mut().zip(earlier) {
                *total += earlier;
            }
        }
        let said = total.into_iter().zip(["created", "told to go", "gone"]);
        let said: Vec<String> = said
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let text = format!("{}: {names}", said.join(", "));
        if together.is_some() {
            if let Some(entry) = self.entries.newest_mut() {
                (entry.text, entry.pods) = (Text::new(&text), Some(total));
            }
        } else {
            self.push(Entry {
                pods: Some(total),
                ..Entry::new(at, Topic::Pods, "pods".into(), &text, Some(Severity::Info))
            });
        }
    }

    /// Pauses of heartbeats that ended since the snapshot before.
    fn note_pauses(&mut self, before: &Snapshot, snapshot: &Snapshot) {
        for (node, pauses) in &snapshot.kube.pauses {
            let known = before.kube.pauses.get(node).and_then(|known| known.last());
            let fresh = pauses
                .iter()
                .filter(|pause| known.is_none_or(|known| pause.ended > known.ended));
            for pause in fresh {
                let text = format!("no heartbeat for {}, then it came again", Age(pause.lasted));
                self.push(Entry {
                    lasted: Some(pause.lasted),
                    ..Entry::new(pause.ended, Topic::Pause, node.clone(), &text, Some(Severity::Info))
                });
            }
        }
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push(Entry {
            number: self.next,
            ..entry
        });
        self.next += 1;
    }
}

/// Whether the API tells every kind that it lets us see.
fn is_light(snapshot: &Snapshot) -> bool {
    let is_told = |kind: &KubeKind| match snapshot.rows_of(*kind) {
        FeedState::Live { .. } | FeedState::Lagging { .. } | FeedState::Off { .. } => true,
        FeedState::Lost { why, .. } => why.kind == WhyKind::Forbidden,
        FeedState::Stored { .. } | FeedState::Syncing { .. } => false,
    };
    !matches!(snapshot.feed(FeedId::Api), FeedState::Lost { .. }) && KubeKind::ALL.iter().all(is_told)
}

#[cfg(test)]
mod tests;
