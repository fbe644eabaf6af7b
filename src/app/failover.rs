//! What happens when a node is lost, step by step, beside what was foretold of it: its last heartbeat, Unknown, taint,
//! eviction of each pod, replacements, everything ready again. Folded from successive snapshots; what no source tells now is
//! not folded. Start reading at [`Failovers::note`]; [`tell`] says it in sentences.

pub mod tell;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{Text, Why, WhyKind};
use crate::forecast::{Fate, Forecaster, Loss, Outlook, Times};
use crate::model::kube::{Node, Pod, Tolerates, Tri, WorkloadKind};
use crate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot, leader};

/// So many losses are followed at once, and so many pods of each.
const MAX_OPEN: usize = 8;
const MAX_PODS: usize = 256;
/// A loss that was not seen to begin is followed where it is no older than this.
const YOUNG: Duration = Duration::from_mins(15);
/// A loss is followed for no longer than this.
const LONGEST: Duration = Duration::from_hours(2);
/// Replacements that only wait are left alone after this.
const PATIENCE: Duration = Duration::from_mins(1);

/// The losses that go on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Failovers {
    /// By the order in which they were noticed.
    open: Vec<Failover>,
    /// The last snapshot of current sources: what is foretold is foretold from here.
    #[serde(skip)]
    good: Option<Arc<Snapshot>>,
}

/// What is foretold from is no part of what is told.
impl PartialEq for Failovers {
    fn eq(&self, other: &Self) -> bool {
        self.open == other.open
    }
}

/// One loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// The node.
    pub node: Text,
    /// Its last heartbeat, by our clock.
    pub began: Timestamp,
    /// From what the foretold times count: the last heartbeat, or where kube-controller-manager was lost, too, the last renewal
    /// of its lease.
    pub counted_from: Timestamp,
    /// What was foretold at the last good moment, or why nothing was.
    pub foretold: Result<Times, Why>,
    /// When it was looked at first, where nobody watched it begin: what was so by then happened before.
    #[serde(default)]
    pub first_look: Option<Timestamp>,
    /// When it was seen to be called Unknown.
    pub unknown: Option<Timestamp>,
    /// When it was seen to be tainted.
    pub tainted: Option<Timestamp>,
    /// Pods that something else than the node put there.
    pub pods: Vec<Leaving>,
    /// Workloads that lost replicas.
    pub workloads: Vec<Refilled>,
    /// Who leads kube-controller-manager, where that changed since.
    pub new_leader: Option<Text>,
    /// Whether users are served meanwhile; None where nobody probed since.
    #[serde(default)]
    pub users: Option<Users>,
    /// Since when all that can be done is done, and something waits.
    pub stuck_since: Option<Timestamp>,
    /// How it ended.
    pub end: Option<(Timestamp, End)>,
}

/// A pod of a lost node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// Namespace and name.
    pub pod: ObjectKey,
    /// Unique over time.
    pub uid: Text,
    /// How long after the taint it is evicted.
    pub leaves: Tolerates,
    /// When it was seen to be told to go, or to be gone.
    pub evicted: Option<Timestamp>,
}

/// A workload that lost replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refilled {
    /// Which kind.
    pub kind: WorkloadKind,
    /// Namespace and name.
    pub key: ObjectKey,
    /// Ready before the loss.
    pub before: u32,
    /// How many were foretold to be ready in the end.
    pub foretold: Option<u32>,
    /// Ready on other nodes now.
    pub elsewhere: u32,
    /// New pods that run on other nodes and are not ready.
    pub starting: u32,
    /// New pods without a node.
    pub pending: u32,
    /// Why a new pod waits, in the scheduler's or a container's words.
    pub waits: Option<Text>,
    /// When all replicas were seen to be ready again.
    pub full: Option<Timestamp>,
}

/// How a loss ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The node came back.
    Returned,
    /// Everything that it carried is ready elsewhere.
    MadeGood,
    /// What can start elsewhere has started, and the rest waits.
    Waits,
    /// Its Node was deleted.
    Deleted,
    /// It takes too long to be followed.
    Unfinished,
}

/// How far a loss is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Stage {
    Silent,
    Unknown,
    Tainted,
    Evicting,
    Replacing,
}

impl Stage {
    /// It in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Silent => "silent",
            Stage::Unknown => "unknown",
            Stage::Tainted => "tainted",
            Stage::Evicting => "evicting",
            Stage::Replacing => "replacing",
        }
    }
}

impl Failovers {
    /// The losses that go on, in the order in which they were noticed.
    pub fn open(&self) -> &[Failover] {
        &self.open
    }

    /// The one of a node.
    pub fn of(&self, node: &Text) -> Option<&Failover> {
        self.open.iter().find(|own| own.node == *node)
    }

    /// From what losses are foretold.
    pub const fn good(&self) -> Option<&Arc<Snapshot>> {
        self.good.as_ref()
    }

    /// Losses are foretold from this one.
    pub fn foretell_from(&mut self, good: Arc<Snapshot>) {
        self.good = Some(good);
    }

    /// Takes in what is known now. Returns the losses that ended.
    pub fn note(&mut self, snapshot: &Arc<Snapshot>, policy: &Policy) -> Vec<Failover> {
        if !is_current(snapshot) {
            return Vec::new();
        }
        self.begin(snapshot, policy);
        for own in &mut self.open {
            own.follow(snapshot, policy);
        }
        self.good = Some(Arc::clone(snapshot));
        self.open.extract_if(.., |own| own.end.is_some()).collect()
    }

    fn begin(&mut self, snapshot: &Snapshot, policy: &Policy) {
        let good = self.good.as_deref();
        let known = |node: &Text| good.is_some_and(|good| !is_late(good, node, policy) && good.node(node).is_some());
        let nodes = snapshot.kube.nodes.values().map(|node| &node.name);
        let late = nodes.filter(|node| is_late(snapshot, node, policy) && self.of(node).is_none());
        let is_young = |node: &Text| {
            snapshot
                .heartbeat_age(node.as_str())
                .is_some_and(|beat| beat.age <= YOUNG)
        };
        let late = late.filter(|node| known(node) || is_young(node) && good.is_none());
        let late: Vec<Text> = late.take(MAX_OPEN - self.open.len().min(MAX_OPEN)).cloned().collect();
        if late.is_empty() {
            return;
        }
        let outlook = match good {
            Some(good) => foretell(good, &late),
            None => Err(Why::new(WhyKind::NotYet, "quorate did not watch when it was lost")),
        };
        let before = good.unwrap_or(snapshot);
        let begun = late
            .iter()
            .map(|node| Failover::begin(node, before, snapshot, &outlook));
        self.open.extend(begun);
    }
}

/// The losses that go on, as one look tells them: what was so before it is dated by whoever wrote it, and what is foretold is
/// foretold from what is left. None where the sources do not tell what is so now.
pub fn at_one_look(snapshot: &Snapshot, policy: &Policy) -> Option<Vec<Failover>> {
    is_current(snapshot).then_some(())?;
    let mut all = Failovers::default();
    all.begin(snapshot, policy);
    for own in &mut all.open {
        own.follow(snapshot, policy);
    }
    all.open.retain(|own| own.end.is_none());
    if all.open.is_empty() {
        return Some(all.open);
    }
    let late: Vec<Text> = all.open.iter().map(|own| own.node.clone()).collect();
    let outlook = foretell(snapshot, &late);
    let foretold = times(&outlook);
    for own in &mut all.open {
        if let Ok(outlook) = &outlook {
            own.stay_short(outlook);
        }
        own.counted_from = counted_from(&own.node, own.began, (snapshot, snapshot), &foretold);
        own.foretold.clone_from(&foretold);
    }
    Some(all.open)
}

fn foretell(good: &Snapshot, late: &[Text]) -> Result<Outlook, Why> {
    let loss = Loss::of(late.iter().cloned());
    Ok(Forecaster::new(good)?.of_a_failover(&loss))
}

/// Whether the sources that tell of a loss tell what is so now.
fn is_current(snapshot: &Snapshot) -> bool {
    let kinds = [KubeKind::Nodes, KubeKind::Leases, KubeKind::Pods].map(FeedId::Kube);
    let mut feeds = std::iter::once(FeedId::Api).chain(kinds);
    feeds.all(|feed| snapshot.feed(feed).is_current())
}

fn is_late(snapshot: &Snapshot, node: &Text, policy: &Policy) -> bool {
    let beat = snapshot.heartbeat_age(node.as_str());
    beat.is_some_and(|beat| beat.age > policy.heartbeat_late)
}

/// What is foretold of when what happens, or why nothing is.
fn times(outlook: &Result<Outlook, Why>) -> Result<Times, Why> {
    let outlook = outlook.as_ref().map_err(Why::clone)?;
    let why = || {
        let why = outlook.unsure.first().cloned();
        why.unwrap_or_else(|| Why::new(WhyKind::Unavailable, "without quorum nothing is rescheduled"))
    };
    outlook.times.clone().ok_or_else(why)
}

/// From what the foretold times count, by snapshots from before the loss and of now.
fn counted_from(
    node: &Text,
    began: Timestamp,
    (before, now): (&Snapshot, &Snapshot),
    foretold: &Result<Times, Why>,
) -> Timestamp {
    let is_led_from_there = foretold.as_ref().is_ok_and(|times| times.is_led_from_there);
    let lease = || {
        let still = now.leader_of(leader::CONTROLLER_MANAGER);
        let of = if still.is_some_and(|own| own.host == *node) {
            now
        } else {
            before
        };
        of.lease_renewed("kube-system", leader::CONTROLLER_MANAGER)
    };
    is_led_from_there.then(lease).flatten().unwrap_or(began)
}

fn no_execute(node: &Node) -> Option<&crate::model::kube::Taint> {
    let unreachable = |key: &str| key == "node.kubernetes.io/unreachable" || key == "node.kubernetes.io/not-ready";
    let mut taints = node.taints.iter();
    taints.find(|taint| taint.effect == "NoExecute" && unreachable(taint.key.as_str()))
}

impl Failover {
    fn begin(node: &Text, before: &Snapshot, snapshot: &Snapshot, outlook: &Result<Outlook, Why>) -> Self {
        let began = snapshot.lease_renewed("kube-node-lease", node.as_str());
        let began = began.unwrap_or(snapshot.now.wall);
        let lost: Vec<_> = before
            .pods_on(node)
            .filter(|(_, pod)| !pod.is_static && pod.tolerates_unreachable != Tolerates::Forever)
            .take(MAX_PODS)
            .collect();
        let pods = lost.iter().map(|(key, pod)| Leaving {
            pod: ObjectKey::clone(key),
            uid: pod.uid.clone(),
            leaves: pod.tolerates_unreachable,
            evicted: None,
        });
        let mut workloads: Vec<Refilled> = Vec::new();
        for (kind, key) in lost.iter().filter_map(|(key, pod)| before.workload_of(key, pod)) {
            if kind != WorkloadKind::DaemonSet && !workloads.iter().any(|own| (own.kind, &own.key) == (kind, &key)) {
                workloads.push(Refilled::new(kind, key));
            }
        }
        if let Ok(outlook) = outlook {
            for own in &mut workloads {
                let told = outlook
                    .workloads
                    .iter()
                    .find(|told| (told.kind, &told.key) == (own.kind, &own.key));
                own.foretold = told.and_then(|told| told.settled);
            }
            each_pod(before, &mut workloads, |own, pod| own.before += u32::from(pod.ready));
        } else {
            for own in &mut workloads {
                own.before = desired(before, own.kind, &own.key).unwrap_or(0);
            }
        }
        let foretold = times(outlook);
        Self {
            counted_from: counted_from(node, began, (before, snapshot), &foretold),
            node: node.clone(),
            began,
            foretold,
            first_look: outlook.is_err().then_some(snapshot.now.wall),
            unknown: None,
            tainted: None,
            pods: pods.collect(),
            workloads,
            new_leader: None,
            users: None,
            stuck_since: None,
            end: None,
        }
    }

    /// Takes in what is known now.
    fn follow(&mut self, snapshot: &Snapshot, policy: &Policy) {
        let now = snapshot.now.wall;
        self.follow_users(snapshot);
        let Some(node) = snapshot.node(&self.node) else {
            self.end = Some((now, End::Deleted));
            return;
        };
        if !is_late(snapshot, &self.node, policy) && node.ready.status == Tri::True {
            self.end = Some((now, End::Returned));
            return;
        }
        // What was so before we looked is dated by whoever wrote it.
        let seen = |written: Option<Timestamp>| written.filter(|_| self.foretold.is_err()).unwrap_or(now);
        if node.ready.status != Tri::True {
            self.unknown.get_or_insert(seen(node.ready.changed));
        }
        if let Some(taint) = no_execute(node) {
            self.tainted.get_or_insert(seen(taint.added));
        }
        self.follow_pods(snapshot);
        if let Some(led) = snapshot.leader_of(leader::CONTROLLER_MANAGER)
            && led.is_valid
            && self.foretold.as_ref().is_ok_and(|times| times.is_led_from_there)
            && led.host != self.node
        {
            self.new_leader.get_or_insert(led.host);
        }
        self.end = self.ended(now).map(|end| (now, end));
    }

    fn follow_pods(&mut self, snapshot: &Snapshot) {
        let now = snapshot.now.wall;
        for own in self.pods.iter_mut().filter(|own| own.evicted.is_none()) {
            let pod = snapshot.kube.pods.get(&own.pod).map(|fact| &fact.value);
            let stays = pod.is_some_and(|pod| pod.uid == own.uid && pod.deleting.is_none());
            let asked = pod.and_then(|pod| pod.deleting).filter(|_| self.foretold.is_err());
            own.evicted = (!stays).then_some(asked.unwrap_or(now));
        }
        for own in &mut self.workloads {
            (own.elsewhere, own.starting, own.pending, own.waits) = (0, 0, 0, None);
        }
        let (node, began) = (self.node.clone(), self.began);
        each_pod(snapshot, &mut self.workloads, |own, pod| {
            let is_new = pod.created.is_some_and(|at| at >= began);
            match &pod.node {
                Some(on) if *on == node => return,
                Some(_) if pod.ready => own.elsewhere += 1,
                Some(_) if is_new => own.starting += 1,
                None if is_new => own.pending += 1,
                Some(_) | None => return,
            }
            if is_new && !pod.ready && own.waits.is_none() {
                own.waits.clone_from(&pod.waiting);
            }
        });
        for own in self.workloads.iter_mut().filter(|own| own.elsewhere >= own.before) {
            own.full.get_or_insert(now);
        }
    }

    fn ended(&mut self, now: Timestamp) -> Option<End> {
        let has_left = |own: &Leaving| own.evicted.is_some();
        let is_full = |own: &Refilled| own.elsewhere >= own.before;
        if self.pods.iter().all(has_left) && self.workloads.iter().all(is_full) && self.tainted.is_some() {
            return Some(End::MadeGood);
        }
        let moves = self.workloads.iter().any(|own| own.starting > 0);
        if moves || !self.pods.iter().all(has_left) {
            self.stuck_since = None;
        } else if after(*self.stuck_since.get_or_insert(now), now) > PATIENCE {
            return Some(End::Waits);
        }
        (after(self.began, now) > LONGEST).then_some(End::Unfinished)
    }

    /// Takes over which of the pods that are still to go find no place elsewhere.
    fn stay_short(&mut self, outlook: &Outlook) {
        for own in &mut self.workloads {
            let of = (own.kind, own.key.clone());
            let moves = outlook
                .moves
                .iter()
                .filter(|pod| pod.from == self.node && pod.workload.as_ref() == Some(&of));
            let short = moves
                .filter(|pod| matches!(pod.fate, Fate::Pending { .. } | Fate::Held))
                .count();
            let short = u32::try_from(short).unwrap_or(u32::MAX);
            own.foretold = (short > 0).then(|| own.before.saturating_sub(short));
        }
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        match (self.unknown, self.tainted) {
            _ if !self.pods.is_empty() && self.evicted() == self.pods.len() => Stage::Replacing,
            _ if self.evicted() > 0 => Stage::Evicting,
            (_, Some(_)) => Stage::Tainted,
            (Some(_), None) => Stage::Unknown,
            (None, None) => Stage::Silent,
        }
    }

    /// How many pods were evicted.
    pub fn evicted(&self) -> usize {
        self.pods.iter().filter(|own| own.evicted.is_some()).count()
    }
}

impl Refilled {
    /// Whether not all of its replicas are to be ready elsewhere: it was foretold so, or, where nothing was, some found no place
    /// or are held.
    pub fn is_to_stay_short(&self) -> bool {
        match self.foretold {
            Some(settled) => settled < self.before,
            None => self.elsewhere < self.before && (self.pending > 0 && self.waits.is_some() || self.is_held()),
        }
    }

    /// Whether a replica has no new pod while the old one is there.
    fn is_held(&self) -> bool {
        self.kind == WorkloadKind::StatefulSet && self.elsewhere < self.before && self.starting + self.pending == 0
    }

    const fn new(kind: WorkloadKind, key: ObjectKey) -> Self {
        Self {
            kind,
            key,
            before: 0,
            foretold: None,
            elsewhere: 0,
            starting: 0,
            pending: 0,
            waits: None,
            full: None,
        }
    }
}

/// How long after `from` `to` is; zero where it is not.
fn after(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Acts for each pod of these workloads that does not go.
fn each_pod(snapshot: &Snapshot, workloads: &mut [Refilled], mut act: impl FnMut(&mut Refilled, &Pod)) {
    let numbered = workloads.iter().enumerate();
    let index: BTreeMap<(WorkloadKind, ObjectKey), usize> = numbered
        .map(|(number, own)| ((own.kind, own.key.clone()), number))
        .collect();
    for (key, fact) in snapshot.kube.pods.iter() {
        let pod = &fact.value;
        let of = snapshot.workload_of(key, pod).and_then(|of| index.get(&of));
        let own = of.and_then(|number| workloads.get_mut(*number));
        if let Some(own) = own.filter(|_| pod.deleting.is_none() && !pod.is_finished()) {
            act(own, pod);
        }
    }
}

/// Replicas that a workload wants.
fn desired(snapshot: &Snapshot, kind: WorkloadKind, key: &ObjectKey) -> Option<u32> {
    let table = match kind {
        WorkloadKind::Deployment => &snapshot.kube.deployments,
        WorkloadKind::StatefulSet => &snapshot.kube.stateful_sets,
        WorkloadKind::DaemonSet => &snapshot.kube.daemon_sets,
    };
    table.get(key).map(|fact| fact.value.desired)
}

pub use users::{Unserved, Users};

#[cfg(test)]
mod tests;
