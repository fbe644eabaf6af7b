//! A loss, foretold and then suffered: who is evicted and when, who stays Pending and why, where each new pod lands, what is
//! left of etcd. `tests/it` looks at the simulated cluster, `tests/bench` at real servers. Start reading at [`Trial`].

#![allow(dead_code)] // shared by two test binaries; each uses a part

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use quorate::base::Text;
use quorate::forecast::{Band, Fate, Forecaster, Loss, Move, Outlook, QuorumAfter, Times, tell};
use quorate::model::kube::{Lease, Pod, Tolerates, Tri, WorkloadKind};
use quorate::model::{ObjectKey, Snapshot};
use serde::{Deserialize, Serialize};

/// A band is no wider than two looks at the nodes and this.
pub const REST: Duration = Duration::from_secs(5);

/// What stands for a taint that came a turn later than its band.
pub const MISSED: &str = "it is tainted, its turn missed";

type Name = (WorkloadKind, ObjectKey);

/// One thing, as it was foretold and as it was.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub what: String,
    /// As it was.
    pub actual: String,
    /// As it was foretold.
    pub foretold: String,
    /// Whether that is the same.
    pub is_so: bool,
}

/// The loss of a node, watched from another.
pub struct Trial {
    before: Snapshot,
    node: Text,
    /// What was foretold.
    pub told: Outlook,
    from: Option<Timestamp>,
    unknown: Option<Timestamp>,
    tainted: Option<Timestamp>,
    /// Every pod of the node that was told to go or is gone, and when that was seen first.
    evicted: BTreeMap<ObjectKey, Timestamp>,
}

/// What becomes of the replacements of a workload's pods.
#[derive(Default)]
struct Replaced {
    /// The scheduler's reasons for each that waits.
    waiting: Vec<BTreeSet<String>>,
    /// Where each other may go, or went.
    nodes: Vec<Vec<Text>>,
    /// Those of which the forecast says that it cannot tell.
    open: usize,
}

impl Trial {
    /// Foretells the loss of a node.
    pub fn of(before: &Snapshot, node: &Text) -> Self {
        let told = Forecaster::new(before).unwrap().what_if(&[Loss::of([node.clone()])]);
        Self {
            told: told.into_iter().next().unwrap(),
            before: before.clone(),
            node: node.clone(),
            from: None,
            unknown: None,
            tainted: None,
            evicted: BTreeMap::new(),
        }
    }

    fn times(&self) -> &Times {
        self.told.times.as_ref().unwrap()
    }

    /// Takes in what is seen at a moment after the loss.
    pub fn see(&mut self, snapshot: &Snapshot, at: Timestamp) {
        let (then, now) = (self.lease(&self.before), self.lease(snapshot));
        if then.holder == now.holder {
            self.from = now.renewed;
        }
        let row = snapshot.node(&self.node).unwrap();
        if row.ready.status == Tri::Unknown {
            self.unknown.get_or_insert(at);
        }
        if row.taints.iter().any(|taint| taint.effect == "NoExecute") {
            self.tainted.get_or_insert(at);
        }
        for (key, _) in self.before.pods_on(&self.node) {
            let pod = snapshot.kube.pods.get(key);
            if pod.is_none_or(|pod| pod.value.deleting.is_some()) {
                self.evicted.entry(key.clone()).or_insert(at);
            }
        }
    }

    /// Whose last renewal all times count from.
    fn lease<'a>(&self, snapshot: &'a Snapshot) -> &'a Lease {
        let key = if self.times().is_led_from_there {
            ObjectKey::new("kube-system", "kube-controller-manager")
        } else {
            ObjectKey::new("kube-node-lease", self.node.clone())
        };
        &snapshot.kube.leases.get(&key).unwrap().value
    }

    /// Foretold and actual, now that all is over. `look`: how much later than it happens something is seen, and how inexact
    /// stamps are. `rarely`: how much later a taint may come now and then.
    pub fn lines(&self, after: &Snapshot, look: Duration, rarely: Duration) -> Vec<Line> {
        let times = self.times_as_they_came(look, rarely);
        let mut lines = self.moments(&times, look);
        lines.push(self.width());
        lines.extend(self.evictions(&times, look));
        lines.extend(self.replacements(after));
        lines.push(quorum(&self.told.quorum, after));
        lines
    }

    /// The foretold ones, all from the taint on later where it missed its turn.
    fn times_as_they_came(&self, look: Duration, rarely: Duration) -> Times {
        let mut times = self.times().clone();
        let tainted = self.tainted.map(|at| after(self.from.unwrap(), at));
        if tainted.is_some_and(|passed| passed > times.tainted.to + look) {
            let evicted = times.evicted.iter_mut().map(|own| &mut own.at);
            for band in std::iter::once(&mut times.tainted).chain(evicted) {
                *band = Band {
                    from: band.from + rarely,
                    to: band.to + rarely,
                };
            }
        }
        times
    }

    fn moments(&self, times: &Times, look: Duration) -> Vec<Line> {
        let from = self.from.unwrap();
        let unknown = format!("{} is Unknown, after {}", self.node, times.counted_from);
        let tainted = if times.tainted == self.times().tainted {
            "it is tainted"
        } else {
            MISSED
        };
        vec![
            moment(&unknown, self.unknown, from, times.unknown, look),
            moment(tainted, self.tainted, from, times.tainted, look),
        ]
    }

    fn width(&self) -> Line {
        let widest = widest(self.times());
        let most = self.before.monitor_period() * 2 + REST;
        Line {
            what: "the widest of the bands".to_owned(),
            actual: seconds(widest),
            foretold: format!("<= {}", seconds(most)),
            is_so: widest <= most,
        }
    }

    /// Each pod of the node: told to go within its band, or not at all.
    fn evictions(&self, times: &Times, look: Duration) -> Vec<Line> {
        let from = self.from.unwrap();
        let leaves = self.told.moves.iter().filter_map(|own| match own.leaves {
            Tolerates::Seconds(delay) => Some((&own.pod, Duration::from_secs(delay))),
            Tolerates::Forever => None,
        });
        let delays: BTreeMap<&ObjectKey, Duration> = leaves.collect();
        let line = |(key, _): (&ObjectKey, &Pod)| {
            let at = self.evicted.get(key).copied();
            let Some(delay) = delays.get(key) else {
                return Line {
                    what: format!("{key} stays"),
                    actual: at.map_or("stays".to_owned(), |at| seconds(after(from, at))),
                    foretold: "stays".to_owned(),
                    is_so: at.is_none(),
                };
            };
            let band = times.evicted.iter().find(|own| own.delay == *delay).unwrap();
            moment(&format!("{key} is evicted"), at, from, band.at, look)
        };
        self.before.pods_on(&self.node).map(line).collect()
    }

    fn replacements(&self, after: &Snapshot) -> Vec<Line> {
        let (mut told, mut seen) = (self.foretold(), self.new_pods(after));
        let names: BTreeSet<Name> = told.keys().chain(seen.keys()).cloned().collect();
        let line = |name: Name| {
            let (told, seen) = (
                told.remove(&name).unwrap_or_default(),
                seen.remove(&name).unwrap_or_default(),
            );
            Line {
                what: format!("{} {} anew", name.0.word(), name.1),
                actual: seen.words(),
                foretold: told.words(),
                is_so: told.allows(&seen),
            }
        };
        names.into_iter().map(line).collect()
    }

    fn foretold(&self) -> BTreeMap<Name, Replaced> {
        let mut told: BTreeMap<Name, Replaced> = BTreeMap::new();
        for own in &self.told.moves {
            let Some(name) = own.workload.clone() else { continue };
            let entry = told.entry(name).or_default();
            match &own.fate {
                Fate::Pending { obstacles, .. } => entry.waiting.push(reasons(&tell::reasons(obstacles))),
                Fate::Moves { feasible, .. } => entry.nodes.push(feasible.clone()),
                Fate::Unknown { .. } => entry.open += 1,
                Fate::Held | Fate::Stays | Fate::Lost => {}
            }
        }
        sorted(told)
    }

    fn new_pods(&self, after: &Snapshot) -> BTreeMap<Name, Replaced> {
        let mut seen: BTreeMap<Name, Replaced> = BTreeMap::new();
        for (key, fact) in after.kube.pods.iter() {
            let pod = &fact.value;
            let known = self.before.kube.pods.get(key);
            let Some(name) = after.workload_of(key, pod) else {
                continue;
            };
            if known.is_some_and(|known| known.value.uid == pod.uid) {
                continue;
            }
            let entry = seen.entry(name).or_default();
            match &pod.node {
                Some(node) => entry.nodes.push(vec![node.clone()]),
                None => entry
                    .waiting
                    .push(reasons(pod.waiting.as_ref().map_or("", Text::as_str))),
            }
        }
        sorted(seen)
    }

    /// Whether all that was foretold has been seen.
    pub fn is_over(&self, now: &Snapshot) -> bool {
        let leaves = |own: &&Move| own.leaves != Tolerates::Forever;
        let are_gone = self
            .told
            .moves
            .iter()
            .filter(leaves)
            .all(|own| self.evicted.contains_key(&own.pod));
        let count = |all: &BTreeMap<Name, Replaced>| all.values().map(Replaced::count).sum::<usize>();
        let new = self.new_pods(now);
        let are_judged = new
            .values()
            .flat_map(|own| &own.waiting)
            .all(|reasons| !reasons.is_empty());
        are_gone && are_judged && count(&new) >= count(&self.foretold())
    }
}

impl Replaced {
    fn count(&self) -> usize {
        self.waiting.len() + self.nodes.len() + self.open
    }

    /// Whether this, which was foretold, became that. What the forecast cannot tell may wait, or be anywhere.
    fn allows(&self, seen: &Self) -> bool {
        let anywhere = || seen.nodes.concat();
        let sets: Vec<Vec<Text>> = self
            .nodes
            .iter()
            .cloned()
            .chain((0..self.open).map(|_| anywhere()))
            .collect();
        let are_waiting = self.waiting == seen.waiting || (self.open > 0 && self.waiting.is_empty());
        self.count() == seen.count()
            && are_waiting
            && self.nodes.len() <= seen.nodes.len()
            && find_places(&seen.nodes.concat(), &sets)
    }

    fn words(&self) -> String {
        let waiting = self.waiting.iter().map(|reasons| {
            let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
            format!("Pending: {}", reasons.join(", "))
        });
        let placed = self.nodes.iter().map(|nodes| {
            let nodes: Vec<&str> = nodes.iter().map(Text::as_str).collect();
            format!("on {}", nodes.join(" or "))
        });
        let open = (0..self.open).map(|_| "cannot tell".to_owned());
        let words: Vec<String> = waiting.chain(placed).chain(open).collect();
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join("; ")
        }
    }
}

/// The width of the widest of the bands.
pub fn widest(times: &Times) -> Duration {
    let evicted = times.evicted.iter().map(|own| own.at);
    let bands = [times.unknown, times.tainted].into_iter().chain(evicted);
    bands.map(|band| band.to.saturating_sub(band.from)).max().unwrap()
}

fn sorted(mut all: BTreeMap<Name, Replaced>) -> BTreeMap<Name, Replaced> {
    for own in all.values_mut() {
        own.waiting.sort();
        own.nodes.sort();
    }
    all
}

/// Whether each pod can have been one of those that were foretold.
fn find_places(nodes: &[Text], sets: &[Vec<Text>]) -> bool {
    let Some((first, rest)) = nodes.split_first() else {
        return true;
    };
    let others = |n: usize| -> Vec<Vec<Text>> { [&sets[..n], &sets[n + 1..]].concat() };
    (0..sets.len()).any(|n| sets[n].contains(first) && find_places(rest, &others(n)))
}

/// The reasons by node in the scheduler's message, or in the forecast's, without what it says of preemption.
fn reasons(words: &str) -> BTreeSet<String> {
    let all = words.split_once("nodes are available: ").map_or(words, |(_, all)| all);
    let all = all.split_once(". ").map_or(all, |(all, _)| all).trim_end_matches('.');
    all.split(", ")
        .filter(|reason| !reason.is_empty())
        .map(str::to_owned)
        .collect()
}

fn moment(what: &str, at: Option<Timestamp>, from: Timestamp, band: Band, look: Duration) -> Line {
    let passed = at.map(|at| after(from, at));
    Line {
        what: what.to_owned(),
        actual: passed.map_or("never".to_owned(), seconds),
        foretold: format!("{} to {}", seconds(band.from), seconds(band.to)),
        is_so: passed.is_some_and(|passed| band.from <= passed + look && passed <= band.to + look),
    }
}

fn after(from: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(from)).unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn quorum(told: &QuorumAfter, after: &Snapshot) -> Line {
    let quorum = after.quorum();
    let is_so = matches!(told, QuorumAfter::Held { healthy, spare, .. }
        if *healthy == quorum.healthy && quorum.spare() == Some(*spare));
    Line {
        what: "etcd's quorum".to_owned(),
        actual: quorum.spare().map_or("cannot tell".to_owned(), |spare| {
            format!("{} of {}, spare {spare}", quorum.healthy, quorum.voters)
        }),
        foretold: tell::quorum_short(told),
        is_so,
    }
}
