//! What changed since the console opened, worked out from successive snapshots. What is not known changes nothing: a state is
//! compared with the last one known, and a source that is lost is one entry, not one for each of its rows. Start reading at
//! [`Timeline::note`].

mod facts;
mod returned;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::{Ring, Stamp, Text, WhyKind};
use crate::check::Severity;
use crate::model::{FeedId, FeedState, KubeKind, Policy, Snapshot};

use super::state::Derived;
use facts::{Now, pods_moved};

/// How many entries are kept.
const MAX_ENTRIES: usize = 2_000;
/// How many objects that came back otherwise are told one by one.
const MAX_RETURNED: usize = 20;
/// Pods that come and go within so many milliseconds are one entry.
const PODS_TOGETHER_MS: u64 = 10_000;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Topic {
    Feed,
    Endpoint,
    Node,
    Heartbeat,
    Member,
    Health,
    Leader,
    Spare,
    Workload,
    Pods,
    Finding,
    Return,
}

impl Topic {
    /// The topic in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Topic::Feed => "feed",
            Topic::Endpoint => "API server",
            Topic::Node => "node",
            Topic::Heartbeat => "heartbeat",
            Topic::Member => "member",
            Topic::Health => "health",
            Topic::Leader => "leader",
            Topic::Spare => "spare",
            Topic::Workload => "workload",
            Topic::Pods => "pods",
            Topic::Finding => "finding",
            Topic::Return => "came back",
        }
    }
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up from 0.
    pub number: u64,
    /// When it was noticed.
    pub at: Stamp,
    /// What it is about.
    pub topic: Topic,
    /// Which one.
    pub subject: Text,
    /// What it is now, and what it was.
    pub text: Text,
    /// How bad it is now; None where it is good.
    pub severity: Option<Severity>,
    /// Pods created, told to go, and gone, where it is about pods.
    pub pods: Option<[usize; 3]>,
}

/// The newest entries, and the last known states that they are told from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    entries: Ring<Entry>,
    next: u64,
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
            next: 0,
            known: BTreeMap::new(),
            was_dark: false,
            returned: 0,
        }
    }
}

impl Timeline {
    /// The entries, the newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// One entry, while it is kept.
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        let first = self.entries.iter().next()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.iter().nth(index)
    }

    /// Takes note of what changed from one snapshot to the next.
    pub fn note(&mut self, before: &Snapshot, snapshot: &Snapshot, derived: &Derived, policy: &Policy) {
        let workloads_moved = !facts::same_workloads(before, snapshot) || !self.known.contains_key(&Topic::Workload);
        let untold = facts::untold(derived);
        for (topic, states, is_whole) in facts::states(snapshot, derived, policy, workloads_moved) {
            self.compare(snapshot.now, topic, states, is_whole, &untold);
        }
        self.note_return(before, snapshot);
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
            self.push(
                snapshot.now,
                Topic::Return,
                subject,
                &own.words(),
                Some(Severity::Info),
                None,
            );
        }
        if more > 0 {
            let text = format!("and {more} more are otherwise than they were shown");
            self.push(
                snapshot.now,
                Topic::Return,
                "objects".into(),
                &text,
                Some(Severity::Info),
                None,
            );
        }
        self.was_dark = !is_light(snapshot);
        if !self.was_dark {
            let text = match std::mem::take(&mut self.returned) {
                0 => "all told by the API again, and as they were shown".to_owned(),
                1 => "all told by the API again; 1 was otherwise than it was shown".to_owned(),
                some => format!("all told by the API again; {some} were otherwise than they were shown"),
            };
            self.push(snapshot.now, Topic::Return, "objects".into(), &text, None, None);
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
            if !is_first {
                self.push(at, topic, subject.clone(), &text, severity, None);
            }
            known.insert(subject, state);
        }
        for (subject, was) in gone {
            let (word, severity) = if topic == Topic::Finding {
                ("resolved", None)
            } else {
                ("gone", Some(Severity::Info))
            };
            self.push(
                at,
                topic,
                subject.clone(),
                &format!("{word} (was {was})"),
                severity,
                None,
            );
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
            self.push(at, Topic::Pods, "pods".into(), &text, Some(Severity::Info), Some(total));
        }
    }

    fn push(
        &mut self,
        at: Stamp,
        topic: Topic,
        subject: Text,
        text: &str,
        severity: Option<Severity>,
        pods: Option<[usize; 3]>,
    ) {
        self.entries.push(Entry {
            number: self.next,
            at,
            topic,
            subject,
            text: Text::new(text),
            severity,
            pods,
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
mod tests {
    use super::*;
    use crate::model::example::{self, Death};

    fn told(snapshots: &[Snapshot]) -> Vec<String> {
        let policy = Policy::default();
        let mut timeline = Timeline::default();
        let mut before: Option<&Snapshot> = None;
        for snapshot in snapshots {
            let derived = Derived::of(snapshot, &policy);
            timeline.note(before.unwrap_or(snapshot), snapshot, &derived, &policy);
            before = Some(snapshot);
        }
        let entries = timeline.entries();
        entries
            .map(|entry| format!("{} {} {}", entry.topic.word(), entry.subject, entry.text))
            .collect()
    }

    #[test]
    fn the_first_look_is_no_change() {
        assert_eq!(told(&[example::healthy(), example::healthy()]), [""; 0]);
    }

    #[test]
    fn the_loss_of_a_node_is_told_and_its_return() {
        let healthy = example::healthy;
        let lost = told(&[healthy(), example::node_lost(Death::Refused)]);
        for needed in [
            "node nbe-3 NotReady (was Ready)",
            "health nbe-3 DEAD (was healthy)",
            "spare etcd 0 to spare (was 1 to spare)",
            "workload kotsadm/netbox-netbox 2/3 ready (was 3/3 ready)",
        ] {
            assert!(
                lost.iter().any(|entry| entry.starts_with(needed)),
                "{needed}: {lost:#?}"
            );
        }
        assert!(
            lost.iter().any(|entry| entry.starts_with("pods pods 1 created, ")),
            "{lost:#?}"
        );
        let back = told(&[healthy(), example::node_lost(Death::Refused), healthy()]);
        assert!(back.iter().any(|entry| entry.contains("resolved (was ")), "{back:#?}");
        assert!(
            back.contains(&"node nbe-3 Ready (was NotReady)".to_owned()),
            "{back:#?}"
        );
    }

    #[test]
    fn a_finding_is_not_resolved_by_losing_its_source() {
        let pending = "finding placement.pending deployment/kotsadm/netbox-netbox";
        let of = |told: &[String]| -> Vec<String> {
            let own = told.iter().filter(|entry| entry.starts_with(pending));
            own.cloned().collect()
        };
        let lost = example::node_lost(Death::Refused);
        let mut unheard = lost.clone();
        example::lose_feed(&mut unheard, FeedId::Kube(KubeKind::Pods));
        let healthy = example::healthy;
        let appears = format!("{pending} warning: 1 pod of netbox-netbox pending");
        let unsaid = told(&[healthy(), lost.clone(), unheard.clone()]);
        assert_eq!(of(&unsaid), std::slice::from_ref(&appears));
        let same = told(&[healthy(), lost.clone(), unheard.clone(), lost.clone()]);
        assert_eq!(
            of(&same),
            std::slice::from_ref(&appears),
            "it is known again, and the same"
        );
        let resolved = format!("{pending} resolved (was warning)");
        assert_eq!(of(&told(&[healthy(), lost, unheard, healthy()])), [resolved, appears]);
    }

    #[test]
    fn what_happened_in_the_dark_is_told_when_the_light_returns() {
        let told = told(&[
            example::healthy(),
            example::quorum_lost(),
            example::node_lost(Death::Refused),
        ]);
        let node = "came back Node nbe-3 NotReady (was Ready)";
        assert!(told.iter().any(|entry| entry == node), "{told:#?}");
    }

    /// As sources return one after the other, each difference is told once, and at last how many there were.
    #[test]
    fn the_list_of_differences_is_closed_when_all_is_told_again() {
        let returns = |snapshots: &[Snapshot]| -> Vec<String> {
            let mut told = told(snapshots);
            told.retain(|entry| entry.starts_with("came back"));
            told.reverse();
            told
        };
        let (dark, light) = (example::quorum_lost(), example::node_lost(Death::Refused));
        let mut dawn = light.clone();
        example::lose_feed(&mut dawn, FeedId::Kube(KubeKind::Pods));
        dawn.kube.pods = dark.kube.pods.clone();
        let slowly = returns(&[example::healthy(), dark.clone(), dawn, light.clone(), light.clone()]);
        let mut at_once = returns(&[example::healthy(), dark.clone(), light]);
        assert!(slowly.len() > 3, "{slowly:#?}");
        let (before, last) = slowly.split_at(slowly.len() - 1);
        assert_eq!(
            last,
            [format!(
                "came back objects all told by the API again; {} were otherwise than they were shown",
                before.len()
            )]
        );
        let mut sorted = slowly.clone();
        sorted.sort();
        at_once.sort();
        assert_eq!(sorted, at_once, "each once, however they come");
        assert_eq!(
            returns(&[example::healthy(), dark, example::healthy()]),
            ["came back objects all told by the API again, and as they were shown"]
        );
    }

    #[test]
    fn a_lost_source_is_one_entry_and_its_rows_none() {
        let told = told(&[example::healthy(), example::quorum_lost()]);
        let of = |word: &str| told.iter().filter(|entry| entry.starts_with(word)).count();
        assert_eq!((of("feed api lost"), of("feed kube")), (1, 0), "{told:#?}");
        assert_eq!(
            (of("node "), of("workload "), of("pods "), of("heartbeat ")),
            (0, 0, 0, 0),
            "{told:#?}"
        );
    }
}
