//! Where every replica runs, and whether that keeps the spread's promise. Pure questions to a snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::{ObjectKey, Table};
use super::kube::{Pod, Spread, Workload, WorkloadKind};
use super::snapshot::Snapshot;
use crate::base::{Natural, Text};

/// Label of a node's own name.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// Label of a node's zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// One workload and its replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The workload.
    pub workload: Workload,
    /// Its unfinished pods that are bound to a node and not being deleted, by node.
    pub nodes: BTreeMap<Text, Tally>,
    /// Pods that no node has taken yet.
    pub unscheduled: u32,
    /// Whether the replicas lie as evenly as its constraints ask for, over the nodes or zones there are now. None where it
    /// has no constraint. A constraint over another label is not judged.
    pub spread_ok: Option<bool>,
    /// See [`Placement::is_hard_spread`].
    #[serde(default)]
    is_hard: bool,
}

/// Pods in one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub pods: u32,
    /// How many of them are ready.
    pub ready: u32,
}

impl Placement {
    /// Whether the scheduler is told to keep its replicas on different nodes. A spread over zones does, where there are
    /// several; over any other label it may put them all on one node.
    pub const fn is_hard_spread(&self) -> bool {
        self.is_hard
    }

    /// Works that out; `zones` is how many zones there are.
    fn keeps_apart(&self, zones: usize) -> bool {
        let mut hard = self.workload.spread.iter().filter(|spread| spread.hard);
        let counts = |spread: &Spread| spread.topology_key == HOSTNAME || (spread.topology_key == ZONE && zones > 1);
        self.workload.hard_host_anti_affinity || hard.any(counts)
    }

    /// Replicas that are ready now, by its pods.
    pub fn ready(&self) -> u32 {
        self.nodes.values().map(|tally| tally.ready).sum()
    }

    /// Whether it is NetBox's web, by the best sign that any Deployment has: its component label, its name on NetBox
    /// Enterprise 2.x, its container. 0: it is not.
    pub fn web_likeness(&self) -> u8 {
        if self.workload.kind != WorkloadKind::Deployment {
            return 0;
        }
        let name = self.key.name.as_str();
        let has_container = self.workload.containers.iter().any(|container| container == "netbox");
        match &self.workload.component {
            Some(component) if component == "netbox" => 3,
            _ if name == "netbox-netbox" => 2,
            None if has_container && !name.contains("worker") => 1,
            Some(_) | None => 0,
        }
    }

    /// Its nodes in the order in which people look for them.
    pub fn nodes_in_order(&self) -> Vec<(&Text, Tally)> {
        let mut nodes: Vec<(&Text, Tally)> = self.nodes.iter().map(|(node, tally)| (node, *tally)).collect();
        nodes.sort_by_key(|(node, _)| Natural(*node));
        nodes
    }

    /// Whether a ready replica is left whichever one node is lost. A daemon set has one per node by its nature.
    pub fn survives_any_loss(&self) -> bool {
        let ready = self.ready();
        ready > 0 && self.nodes.values().all(|tally| tally.ready < ready)
    }

    /// Replicas by zone; nodes without a zone label are not counted.
    pub fn zones(&self, snapshot: &Snapshot) -> BTreeMap<Text, Tally> {
        let mut zones: BTreeMap<Text, Tally> = BTreeMap::new();
        for (node, tally) in &self.nodes {
            let Some(zone) = snapshot.node(node).and_then(|node| node.zone.clone()) else {
                continue;
            };
            let total = zones.entry(zone).or_default();
            total.pods += tally.pods;
            total.ready += tally.ready;
        }
        zones
    }

    /// Judges its spread; `zones` is how many zones there are.
    fn judged(&self, snapshot: &Snapshot, zones: usize) -> Option<bool> {
        let over_hosts = || skew(self.nodes.values().copied(), snapshot.kube.nodes.len());
        let mut verdicts = self
            .workload
            .spread
            .iter()
            .filter_map(|spread| match spread.topology_key.as_str() {
                HOSTNAME => Some(over_hosts() <= spread.max_skew),
                ZONE => (zones > 0).then(|| skew(self.zones(snapshot).into_values(), zones) <= spread.max_skew),
                _ => None,
            });
        let first = verdicts.next();
        let anti = self
            .workload
            .hard_host_anti_affinity
            .then(|| self.nodes.values().all(|tally| tally.pods <= 1));
        match (first, anti) {
            (None, anti) => anti,
            (Some(ok), anti) => Some(ok && verdicts.all(|ok| ok) && anti.unwrap_or(true)),
        }
    }

    /// What would have to move for the replicas to lie evenly: as its constraints ask for, and where it has none, over the
    /// nodes.
    pub fn surplus(&self, snapshot: &Snapshot) -> Surplus {
        let mut own: Vec<(&str, u32)> = self
            .workload
            .spread
            .iter()
            .map(|spread| (spread.topology_key.as_str(), spread.max_skew))
            .collect();
        if own.is_empty() || self.workload.hard_host_anti_affinity {
            own.push((HOSTNAME, 1));
        }
        let all = own.into_iter().map(|(label, max_skew)| {
            let places = self.places(snapshot, label);
            let counts: Vec<u32> = places.values().map(|place| place.values().sum()).collect();
            let moves = moves(counts, max_skew);
            let fullest = places.into_values().max_by_key(|place| place.values().sum::<u32>());
            Surplus {
                moves,
                nodes: fullest.filter(|_| moves > 0).map_or_else(Vec::new, most_of),
            }
        });
        // Of equals the first, as the constraints are written.
        all.rev().max_by_key(|surplus| surplus.moves).unwrap_or_default()
    }

    /// How many pods each node of each host or zone has, those without a pod too. A constraint over another label is not
    /// judged.
    fn places<'a>(&self, snapshot: &'a Snapshot, label: &str) -> BTreeMap<&'a Text, BTreeMap<&'a Text, u32>> {
        let mut places: BTreeMap<&Text, BTreeMap<&Text, u32>> = BTreeMap::new();
        for node in snapshot.kube.nodes.values() {
            let place = match label {
                HOSTNAME => Some(&node.name),
                ZONE => node.zone.as_ref(),
                _ => None,
            };
            if let Some(place) = place {
                let pods = self.nodes.get(&node.name).map_or(0, |tally| tally.pods);
                places.entry(place).or_default().insert(&node.name, pods);
            }
        }
        places
    }
}

/// Replicas that lie where there are too many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surplus {
    /// How many have to move.
    pub moves: u32,
    /// From which nodes the next one goes: any of these.
    pub nodes: Vec<Text>,
}

/// The nodes with the most pods.
fn most_of(place: BTreeMap<&Text, u32>) -> Vec<Text> {
    let most = place.values().copied().max();
    let full = place.into_iter().filter(|(_, pods)| Some(*pods) == most);
    full.map(|(node, _)| node.clone()).collect()
}

/// How many pods must go from the fullest to the emptiest place until the difference is small enough.
fn moves(mut counts: Vec<u32>, max_skew: u32) -> u32 {
    let mut moves = 0;
    loop {
        counts.sort_unstable();
        let [least, .., most] = counts.as_mut_slice() else {
            return moves;
        };
        if *most - *least <= max_skew.max(1) {
            return moves;
        }
        *most -= 1;
        *least += 1;
        moves += 1;
    }
}

/// Largest minus smallest number of pods over `domains` places, of which those without a pod are not in `tallies`.
fn skew(tallies: impl Iterator<Item = Tally>, domains: usize) -> u32 {
    let counts: Vec<u32> = tallies.map(|tally| tally.pods).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let least = if counts.len() < domains {
        0
    } else {
        counts.iter().copied().min().unwrap_or(0)
    };
    most - least
}

/// The pods of each workload that has some, in order of their names.
pub type PodsByWorkload<'a> = BTreeMap<(WorkloadKind, ObjectKey), Vec<(&'a ObjectKey, &'a Pod)>>;

impl Snapshot {
    /// Every workload with its replicas, by namespace and name.
    pub fn placements(&self) -> Vec<Placement> {
        self.placements_of(&self.pods_by_workload())
    }

    /// The same where the pods of each workload are known.
    pub fn placements_of(&self, by_owner: &PodsByWorkload) -> Vec<Placement> {
        let zones = self.zone_names().len();
        let tables = [&self.kube.deployments, &self.kube.stateful_sets, &self.kube.daemon_sets];
        let mut placements: Vec<Placement> = tables
            .into_iter()
            .flat_map(Table::iter)
            .map(|(key, fact)| {
                let pods = by_owner.get(&(fact.value.kind, key.clone()));
                let placement = place(key, &fact.value, pods.map(Vec::as_slice).unwrap_or_default());
                Placement {
                    spread_ok: placement.judged(self, zones),
                    is_hard: placement.keeps_apart(zones),
                    ..placement
                }
            })
            .collect();
        placements.sort_by(|a, b| (&a.key, a.workload.kind).cmp(&(&b.key, b.workload.kind)));
        placements
    }

    /// Which pods belong to which workload.
    pub fn pods_by_workload(&self) -> PodsByWorkload<'_> {
        let mut pods = PodsByWorkload::new();
        for (key, fact) in self.kube.pods.iter() {
            if let Some(workload) = self.workload_of(key, &fact.value) {
                pods.entry(workload).or_default().push((key, &fact.value));
            }
        }
        pods
    }

    /// The pods that hold something of a node: bound to it and not finished.
    pub fn pods_on<'a>(&'a self, node: &'a Text) -> impl Iterator<Item = (&'a ObjectKey, &'a Pod)> {
        let all = self.kube.pods.iter().map(|(key, fact)| (key, &fact.value));
        all.filter(|(_, pod)| pod.node.as_ref() == Some(node) && !pod.is_finished())
    }

    /// The workload that a pod belongs to: its owner, or its `ReplicaSet`'s owner.
    pub fn workload_of(&self, key: &ObjectKey, pod: &Pod) -> Option<(WorkloadKind, ObjectKey)> {
        let owner = pod.owner.as_ref()?;
        let named = |name: &Text| ObjectKey::new(key.namespace.clone(), name.clone());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = self.kube.replica_sets.get(&named(&owner.name))?;
                let deployment = set.value.owner.as_ref()?;
                Some((WorkloadKind::Deployment, named(&deployment.name)))
            }
            "StatefulSet" => Some((WorkloadKind::StatefulSet, named(&owner.name))),
            "DaemonSet" => Some((WorkloadKind::DaemonSet, named(&owner.name))),
            _ => None,
        }
    }
}

fn place(key: &ObjectKey, workload: &Workload, pods: &[(&ObjectKey, &Pod)]) -> Placement {
    let mut nodes: BTreeMap<Text, Tally> = BTreeMap::new();
    let mut unscheduled = 0;
    let pods = pods.iter().map(|(_, pod)| *pod);
    for pod in pods.filter(|pod| !pod.is_finished() && pod.deleting.is_none()) {
        let Some(node) = &pod.node else {
            unscheduled += 1;
            continue;
        };
        let tally = nodes.entry(node.clone()).or_default();
        tally.pods += 1;
        tally.ready += u32::from(pod.ready);
    }
    Placement {
        key: key.clone(),
        workload: workload.clone(),
        nodes,
        unscheduled,
        spread_ok: None,
        is_hard: false,
    }
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
