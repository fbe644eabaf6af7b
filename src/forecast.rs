//! What the loss of nodes would do: quorum, workloads, volumes, leaders, and when. Pure questions to a snapshot, by the rules
//! of kube-scheduler and of kube-controller-manager, with what is observed; never by a product page. Knows no check, no plan
//! and no screen. Start reading at [`Forecaster::what_if`], then [`floor`] for who is where and [`rules`] for who may go
//! where; [`tell`] says it in sentences.

mod floor;
mod rules;
pub mod tell;
mod times;
mod vote;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::resume_unwind;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::floor::{Floor, Index, Lost};
use crate::base::{Natural, Text, Why, WhyKind};
use crate::model::kube::{Tolerates, WorkloadKind};
use crate::model::quorum::Quorum;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

pub use times::{Band, COLD_START, Eviction, NEXT_TAINT, Times};
pub use vote::QuorumAfter;

/// What is lost at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Domain {
    /// One node.
    Node(Text),
    /// All nodes of a zone.
    Zone(Text),
    /// Nodes that somebody chose.
    Chosen,
}

/// The loss that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// What is lost.
    pub domain: Domain,
    /// Its nodes, in the order in which people count.
    pub nodes: Vec<Text>,
}

impl Loss {
    /// Nodes that somebody chose.
    pub fn of(nodes: impl IntoIterator<Item = Text>) -> Self {
        let mut nodes: Vec<Text> = nodes.into_iter().collect();
        nodes.sort_by(|a, b| Natural(a).cmp(&Natural(b)));
        nodes.dedup();
        match nodes.as_slice() {
            [only] => Self {
                domain: Domain::Node(only.clone()),
                nodes,
            },
            _ => Self {
                domain: Domain::Chosen,
                nodes,
            },
        }
    }

    /// What is lost, in words.
    pub fn name(&self) -> Text {
        match &self.domain {
            Domain::Node(name) => name.clone(),
            Domain::Zone(zone) => Text::from(format!("zone {zone}")),
            Domain::Chosen => {
                let names: Vec<&str> = self.nodes.iter().map(Text::as_str).collect();
                Text::from(names.join(" + "))
            }
        }
    }
}

/// Every fault domain: each node, and each zone that has several.
pub fn domains(snapshot: &Snapshot) -> Vec<Loss> {
    let nodes = snapshot.kube.nodes.values().map(|node| Loss::of([node.name.clone()]));
    let zones = snapshot.zones().into_iter().filter_map(|(zone, nodes)| {
        let zone = zone.filter(|_| nodes.len() > 1)?;
        let names = nodes.iter().map(|node| node.name.clone());
        Some(Loss {
            domain: Domain::Zone(zone),
            ..Loss::of(names)
        })
    });
    nodes.chain(zones).collect()
}

/// Why a node does not take a pod, in kube-scheduler's order: the first of its plugins that forbids it says all its reasons, the
/// others are not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// Cordoned.
    Unschedulable,
    /// It has a taint that the pod does not tolerate: it is lost, or somebody put one there.
    Taint,
    /// The pod's node selector or required node affinity names others.
    NodeAffinity,
    /// It has as many pods as it may have.
    TooManyPods,
    /// Not enough unrequested CPU.
    Cpu,
    /// Not enough unrequested memory.
    Memory,
    /// The pod's volume lies on another node.
    Volume,
    /// It lacks a label that a hard spread constraint counts by.
    SpreadLabel,
    /// A hard spread constraint would be broken.
    Spread,
    /// Required pod affinity wants another pod beside it.
    Affinity,
    /// The pod's own required anti-affinity keeps it from those there.
    AntiAffinity,
    /// Required anti-affinity of a pod which is there.
    Repelled,
}

impl Obstacle {
    /// In kube-scheduler's words (`pkg/scheduler/framework/plugins`), without taints' names.
    pub const fn words(self) -> &'static str {
        match self {
            Obstacle::Unschedulable => "node(s) were unschedulable",
            Obstacle::Taint => "node(s) had untolerated taint(s)",
            Obstacle::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Obstacle::TooManyPods => "Too many pods",
            Obstacle::Cpu => "Insufficient cpu",
            Obstacle::Memory => "Insufficient memory",
            Obstacle::Volume => "node(s) didn't match PersistentVolume's node affinity",
            Obstacle::SpreadLabel => "node(s) didn't match pod topology spread constraints (missing required label)",
            Obstacle::Spread => "node(s) didn't match pod topology spread constraints",
            Obstacle::Affinity => "node(s) didn't match pod affinity rules",
            Obstacle::AntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Obstacle::Repelled => "node(s) didn't satisfy existing pods anti-affinity rules",
        }
    }
}

/// What becomes of a pod whose node is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum Fate {
    /// Its replacement starts on one of these nodes.
    Moves {
        /// Every node that may take it.
        feasible: Vec<Text>,
        /// The one that the rest of the forecast counts with.
        likely: Text,
    },
    /// Its replacement stays Pending.
    Pending {
        /// Why, by node: each resource of which there is not enough, otherwise one rule.
        obstacles: Vec<(Text, Obstacle)>,
        /// It finds a place once the lost Nodes are deleted.
        until_deleted: bool,
    },
    /// A `StatefulSet` makes no second pod of that name while the old object is there, which only the kubelet, a returning
    /// node or the deletion of the Node ends.
    Held,
    /// It tolerates its node's silence for ever: nothing is made in its place.
    Stays,
    /// Nothing made it, so nothing makes it anew.
    Lost,
    /// What becomes of it is not judged here.
    Unknown {
        /// Why not.
        why: Why,
    },
}

/// A pod of a lost node, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Namespace and name.
    pub pod: ObjectKey,
    /// Where it ran.
    pub from: Text,
    /// Its workload.
    pub workload: Option<(WorkloadKind, ObjectKey)>,
    /// How long after the taint it is evicted.
    pub leaves: Tolerates,
    /// What becomes of it.
    pub fate: Fate,
}

/// A workload with pods on a lost node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadAfter {
    /// Which kind.
    pub kind: WorkloadKind,
    /// Namespace and name.
    pub key: ObjectKey,
    /// Replicas wanted.
    pub desired: u32,
    /// Ready now.
    pub ready: u32,
    /// Ready right after the loss, before anything is replaced.
    pub left: u32,
    /// Ready once all replacements that find a place have started; None where that is not judged.
    pub settled: Option<u32>,
    /// It is NetBox's web: what users see.
    pub is_web: bool,
    /// Where those that are left run; told of NetBox's web alone.
    pub on: Vec<Text>,
}

/// A claim whose data lie on a lost node's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimLost {
    /// Namespace and name.
    pub claim: ObjectKey,
    /// The node.
    pub node: Text,
}

/// A node of the loss that is lost already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostAlready {
    /// The node.
    pub node: Text,
    /// Its last heartbeat, by our clock; where that is not known, when it was called Unknown.
    pub since: Timestamp,
}

/// What a node that is left has unrequested once all replacements that find a place have started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLeft {
    /// The node.
    pub node: Text,
    /// CPU in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory.
    pub memory_bytes: u64,
    /// So many more pods may run there.
    pub pods: u64,
}

/// What a loss would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The loss.
    pub loss: Loss,
    /// What was lost before it.
    pub after: Vec<Text>,
    /// Those of its nodes that are lost already. What has become of them is no forecast.
    pub lost_already: Vec<LostAlready>,
    /// etcd's quorum.
    pub quorum: QuorumAfter,
    /// What was led from a lost node, in words.
    pub leaders: Vec<Text>,
    /// Pods that something else than their node put there, and what becomes of each. Empty without quorum: nothing moves.
    pub moves: Vec<Move>,
    /// Pods that belong to the nodes: of daemon sets, and static ones. They are gone with them.
    pub gone_with_nodes: usize,
    /// The workloads that lose pods.
    pub workloads: Vec<WorkloadAfter>,
    /// Data on the lost nodes' disks.
    pub claims: Vec<ClaimLost>,
    /// What is left on every other node that is Ready.
    pub room: Vec<RoomLeft>,
    /// When it happens. None without quorum, where all of it is lost already, and where it cannot be told: why is among
    /// `unsure`.
    pub times: Option<Times>,
    /// What this forecast does not know.
    pub unsure: Vec<Why>,
}

impl Outlook {
    /// Whether all of its nodes are lost already.
    pub fn is_lost_already(&self) -> bool {
        !self.lost_already.is_empty() && self.lost_already.len() == self.loss.nodes.len()
    }

    /// Replacements that stay Pending.
    pub fn pending(&self) -> impl Iterator<Item = &Move> {
        let is_pending = |own: &&Move| matches!(own.fate, Fate::Pending { .. });
        self.moves.iter().filter(is_pending)
    }

    /// Replacements that find a place.
    pub fn moving(&self) -> impl Iterator<Item = &Move> {
        let moves = |own: &&Move| matches!(own.fate, Fate::Moves { .. });
        self.moves.iter().filter(moves)
    }

    /// NetBox's web, where it loses replicas.
    pub fn web(&self) -> Option<&WorkloadAfter> {
        self.workloads.iter().find(|own| own.is_web)
    }
}

/// What every forecast of one snapshot shares.
pub struct Forecaster<'a> {
    snapshot: &'a Snapshot,
    quorum: Quorum,
    index: Index<'a>,
}

/// A thread is not begun for fewer losses.
const LEAST_SHARE: usize = 8;

/// The kinds without which nothing can be foretold.
const NEEDED: [KubeKind; 6] = [
    KubeKind::Nodes,
    KubeKind::Pods,
    KubeKind::Deployments,
    KubeKind::ReplicaSets,
    KubeKind::StatefulSets,
    KubeKind::DaemonSets,
];

impl<'a> Forecaster<'a> {
    /// Gets ready; fails where the sources of the forecast are not current.
    pub fn new(snapshot: &'a Snapshot) -> Result<Self, Why> {
        let feeds = std::iter::once(FeedId::Api).chain(NEEDED.map(FeedId::Kube));
        for feed in feeds {
            if !snapshot.feed(feed).is_current() {
                let text = format!("{feed} is not current: nothing is foretold from what may no longer be so");
                return Err(Why::new(WhyKind::Unavailable, text).hint("see the feeds screen, or quorate doctor"));
            }
        }
        Ok(Self {
            snapshot,
            quorum: snapshot.quorum(),
            index: Index::new(snapshot),
        })
    }

    /// What these losses would do, one after the other, each after all has moved that can.
    pub fn what_if(&self, losses: &[Loss]) -> Vec<Outlook> {
        let mut floor = Floor::new(&self.index);
        let mut before: Vec<Text> = Vec::new();
        let mut outlooks = Vec::new();
        for loss in losses {
            outlooks.push(self.outlook(&mut floor, loss, &before));
            before.extend(loss.nodes.iter().cloned());
        }
        outlooks
    }

    /// What each of these losses would do, were it the only one. Many are shared among threads: none knows of another.
    pub fn each(&self, losses: &[Loss]) -> Vec<Outlook> {
        let floor = Floor::new(&self.index);
        let alone = |loss: &Loss| self.outlook(&mut floor.clone(), loss, &[]);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = losses.len().div_ceil(threads).max(LEAST_SHARE);
        if losses.len() <= share {
            return losses.iter().map(alone).collect();
        }
        std::thread::scope(|scope| {
            let shares = losses.chunks(share);
            let work = |share: &'_ [Loss]| share.iter().map(alone).collect::<Vec<_>>();
            let threads: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            joined.flatten().collect()
        })
    }

    /// What is foretold of a loss that is followed: also times that are past, which stand beside what was seen.
    pub fn of_a_failover(&self, loss: &Loss) -> Outlook {
        self.outlook_with_past(&mut Floor::new(&self.index), loss, &[])
    }

    fn outlook(&self, floor: &mut Floor<'_>, loss: &Loss, before: &[Text]) -> Outlook {
        let mut outlook = self.outlook_with_past(floor, loss, before);
        if outlook.is_lost_already() {
            outlook.times = None;
        }
        outlook
    }

    fn lost_already(&self, loss: &Loss) -> Vec<LostAlready> {
        let known = loss.nodes.iter().filter_map(|node| {
            Some(LostAlready {
                node: node.clone(),
                since: self.snapshot.lost_since(node)?,
            })
        });
        known.collect()
    }

    fn outlook_with_past(&self, floor: &mut Floor<'_>, loss: &Loss, before: &[Text]) -> Outlook {
        let all: BTreeSet<&Text> = before.iter().chain(&loss.nodes).collect();
        let quorum = vote::after(self.snapshot, &self.quorum, &all);
        let before_it = floor.ready.clone();
        let effect = floor.lose(&loss.nodes, quorum.is_lost());
        let workloads = self.workloads(&before_it, &effect, &floor.ready);
        let Lost {
            moves, gone_with_nodes, ..
        } = effect;
        let web = workloads.iter().find(|own| own.is_web).map(|own| &own.key);
        let (times, unsure) = times::of(self.snapshot, loss, &moves, &quorum, web);
        Outlook {
            loss: loss.clone(),
            after: before.to_vec(),
            lost_already: self.lost_already(loss),
            leaders: vote::leaders(self.snapshot, &self.quorum, &loss.nodes, &quorum),
            gone_with_nodes,
            workloads,
            claims: self.index.claims_on(&loss.nodes),
            room: floor.room_left(),
            moves,
            quorum,
            times,
            unsure: unsure.into_iter().chain(self.index.not_judged(&loss.nodes)).collect(),
        }
    }

    /// The workloads that lose replicas: what is ready before, right after, and in the end.
    fn workloads(&self, before: &[u32], lost: &Lost, after: &[u32]) -> Vec<WorkloadAfter> {
        let unknown = lost.moves.iter().filter(|own| matches!(own.fate, Fate::Unknown { .. }));
        let unknown: BTreeSet<_> = unknown.filter_map(|own| own.workload.as_ref()).collect();
        let rows = self.index.placements.iter().enumerate();
        let rows = rows.zip(before).zip(&lost.left).zip(after);
        let rows = rows.filter(|(((_, before), left), _)| left < before);
        rows.map(|((((n, own), before), left), after)| WorkloadAfter {
            kind: own.workload.kind,
            key: own.key.clone(),
            desired: own.workload.desired,
            ready: *before,
            left: *left,
            settled: (!unknown.contains(&(own.workload.kind, own.key.clone()))).then_some(*after),
            is_web: self.index.is_web(own),
            on: served_on(lost, n),
        })
        .collect()
    }
}

/// The nodes on which a workload serves right after a loss, in the order in which people count.
fn served_on(lost: &Lost, workload: usize) -> Vec<Text> {
    let own = lost.served.iter().filter(|(own, _)| *own == workload);
    let mut nodes: Vec<Text> = own.map(|(_, node)| node.clone()).collect();
    nodes.sort_by(|a, b| Natural(a).cmp(&Natural(b)));
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests;
