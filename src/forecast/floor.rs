//! Who is where, and what a loss moves. [`Index`] is what a snapshot says, worked out once; [`Floor`] is the part of it that a
//! loss changes. Start reading at [`Floor::lose`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rules::OwnTaints;
use super::{ClaimLost, Fate, Move, Obstacle, RoomLeft};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::{Node, Pod, Tolerates, Tri, WorkloadKind};
use crate::model::labels::{Labels, Selector};
use crate::model::placement::{Placement, PodsByWorkload};
use crate::model::scheduling::PodTerm;
use crate::model::{ObjectKey, Snapshot};

/// CPU in thousandths, memory in bytes, pods.
pub(super) type Room = [u64; 3];

/// A pod that holds something of a node.
pub(super) struct Row<'a> {
    pub key: &'a ObjectKey,
    pub pod: &'a Pod,
    place: usize,
    pub kin: usize,
    pub workload: Option<usize>,
}

/// Pods that no rule tells apart: of one namespace and workload, with the same labels.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kin<'a> {
    /// First, because it tells most of them apart.
    pub workload: Option<usize>,
    pub namespace: &'a Text,
    pub labels: &'a Labels,
}

/// The pods that the rules of a workload's template are about, as numbers of [`Index::kins`].
#[derive(Default)]
pub(super) struct Concerned {
    pub spread: Vec<Vec<usize>>,
    pub affinity: Vec<Vec<usize>>,
    pub anti_affinity: Vec<Vec<usize>>,
}

/// A required anti-affinity of a workload's pods.
pub(super) struct Repeller {
    /// The number of the workload, and of its rule.
    pub rule: (usize, usize),
    /// Its pods, as numbers of [`Index::kins`].
    pub kins: Vec<usize>,
}

/// Which nodes would take the pods of a workload, whoever else is there.
pub(super) struct Fit {
    /// By node: whether its node selector and affinity let it.
    pub selects: Vec<bool>,
    /// By node: what its taints forbid.
    pub tainted: Vec<Option<Obstacle>>,
    /// Whether it may also go to a node that is lost.
    pub tolerates_loss: bool,
}

/// What a snapshot says, worked out once.
pub(super) struct Index<'a> {
    pub nodes: Vec<&'a Node>,
    /// In the order of [`Snapshot::placements`].
    pub placements: Vec<Placement>,
    pub concerned: Vec<Concerned>,
    pub repellers: Vec<Repeller>,
    pub fits: Vec<Fit>,
    pub kins: Vec<Kin<'a>>,
    rows: Vec<Row<'a>>,
    /// How sure it is which workload is NetBox's web.
    web_likeness: u8,
    /// Its pods, as numbers of rows.
    web: Vec<usize>,
    /// By topology key: the domain of each node, as a number.
    pub domains: BTreeMap<Text, Vec<Option<usize>>>,
    /// By claim: the node on whose disk its data are.
    local: BTreeMap<&'a ObjectKey, &'a Text>,
}

impl<'a> Index<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let nodes: Vec<&Node> = snapshot.kube.nodes.values().collect();
        let by_owner = snapshot.pods_by_workload();
        let placements = snapshot.placements_of(&by_owner);
        let (kins, rows) = rows(snapshot, &nodes, &placements, &by_owner);
        let concerned = placements.iter().map(|own| concerned(own, &kins)).collect();
        let local = snapshot.kube.claims.iter();
        let taints = OwnTaints::new();
        let fits = placements
            .iter()
            .map(|own| taints.fit(&own.workload.scheduling, &nodes));
        let web_likeness = placements.iter().map(Placement::web_likeness).max().unwrap_or(0);
        let mut index = Self {
            web_likeness,
            web: Vec::new(),
            concerned,
            repellers: repellers(&placements, &kins),
            fits: fits.collect(),
            domains: BTreeMap::new(),
            local: local
                .filter_map(|(key, _)| Some((key, snapshot.kube.pinned(key)?)))
                .collect(),
            nodes,
            placements,
            kins,
            rows,
        };
        index.domains = index.number_domains();
        let of_web = |row: &Row<'_>| {
            row.workload
                .is_some_and(|own| index.placements.get(own).is_some_and(|own| index.is_web(own)))
        };
        let rows = index.rows.iter().enumerate();
        index.web = rows.filter(|(_, row)| of_web(row)).map(|(n, _)| n).collect();
        index
    }

    /// Whether a workload is NetBox's web.
    pub fn is_web(&self, own: &Placement) -> bool {
        self.web_likeness > 0 && own.web_likeness() == self.web_likeness
    }

    /// Numbers the values of every label that a rule counts by.
    fn number_domains(&self) -> BTreeMap<Text, Vec<Option<usize>>> {
        let mut keys: BTreeSet<&Text> = BTreeSet::new();
        for own in &self.placements {
            let rules = &own.workload.scheduling;
            keys.extend(own.workload.spread.iter().map(|spread| &spread.topology_key));
            keys.extend(
                rules
                    .affinity
                    .iter()
                    .chain(&rules.anti_affinity)
                    .map(|term| &term.topology_key),
            );
        }
        let number = |key: &Text| {
            let mut known: BTreeMap<&Text, usize> = BTreeMap::new();
            let of_node = |node: &&'a Node| {
                let next = known.len();
                let value = node.labels.get(key.as_str())?;
                Some(*known.entry(value).or_insert(next))
            };
            self.nodes.iter().map(of_node).collect()
        };
        keys.into_iter().map(|key| (key.clone(), number(key))).collect()
    }

    /// Whether a pod's volumes let it run on a node.
    pub fn volumes_allow(&self, row: &Row<'_>, node: &Node) -> bool {
        row.pod.claims.iter().all(|claim| {
            let key = ObjectKey::new(row.key.namespace.clone(), claim.clone());
            self.local.get(&key).is_none_or(|at| **at == node.name)
        })
    }

    /// Claims whose data lie on the disks of these nodes.
    pub fn claims_on(&self, nodes: &[Text]) -> Vec<ClaimLost> {
        let lost = self.local.iter().filter(|(_, node)| nodes.contains(node));
        lost.map(|(claim, node)| ClaimLost {
            claim: (*claim).clone(),
            node: (*node).clone(),
        })
        .collect()
    }

    /// Rules of workloads on these nodes that no forecast knows.
    pub fn not_judged(&self, nodes: &[Text]) -> Vec<Why> {
        let concerned = self.placements.iter().filter(|own| {
            let is_followed = own.workload.kind == WorkloadKind::Deployment;
            is_followed
                && !own.workload.scheduling.not_judged.is_empty()
                && nodes.iter().any(|node| own.nodes.contains_key(node))
        });
        let unknown = concerned.flat_map(|own| own.workload.scheduling.not_judged.iter().map(move |rule| (own, rule)));
        unknown
            .map(|(own, rule)| Why::new(WhyKind::Disabled, format!("{}: {rule} are not looked at", own.key)))
            .collect()
    }
}

fn rows<'a>(
    snapshot: &'a Snapshot,
    nodes: &[&'a Node],
    placements: &[Placement],
    by_owner: &PodsByWorkload<'a>,
) -> (Vec<Kin<'a>>, Vec<Row<'a>>) {
    let places: BTreeMap<&Text, usize> = nodes.iter().enumerate().map(|(n, node)| (&node.name, n)).collect();
    let mut workloads: HashMap<&ObjectKey, usize> = HashMap::new();
    for (n, own) in placements.iter().enumerate() {
        let pods = by_owner.get(&(own.workload.kind, own.key.clone()));
        workloads.extend(pods.into_iter().flatten().map(|(key, _)| (*key, n)));
    }
    let mut numbers: BTreeMap<Kin<'a>, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for (key, fact) in snapshot.kube.pods.iter() {
        let pod = &fact.value;
        let Some(place) = pod.node.as_ref().and_then(|node| places.get(node)) else {
            continue;
        };
        if pod.is_finished() {
            continue;
        }
        let workload = workloads.get(key).copied();
        let next = numbers.len();
        let kin = Kin {
            workload,
            namespace: &key.namespace,
            labels: &pod.labels,
        };
        rows.push(Row {
            key,
            pod,
            place: *place,
            kin: *numbers.entry(kin).or_insert(next),
            workload,
        });
    }
    let mut kins: Vec<(Kin<'a>, usize)> = numbers.into_iter().collect();
    kins.sort_by_key(|(_, n)| *n);
    (kins.into_iter().map(|(kin, _)| kin).collect(), rows)
}

fn repellers(placements: &[Placement], kins: &[Kin<'_>]) -> Vec<Repeller> {
    let of = |(n, own): (usize, &Placement)| {
        let pods = kins.iter().enumerate().filter(|(_, kin)| kin.workload == Some(n));
        let pods: Vec<usize> = pods.map(|(n, _)| n).collect();
        let rules = 0..own.workload.scheduling.anti_affinity.len();
        let each = rules.map(move |rule| Repeller {
            rule: (n, rule),
            kins: pods.clone(),
        });
        each.collect::<Vec<_>>()
    };
    let repels = |(_, own): &(usize, &Placement)| !own.workload.scheduling.anti_affinity.is_empty();
    placements.iter().enumerate().filter(repels).flat_map(of).collect()
}

fn concerned(own: &Placement, kins: &[Kin<'_>]) -> Concerned {
    let selected = |selector: &Selector, is_there: &dyn Fn(&Text) -> bool| -> Vec<usize> {
        let chosen = |(_, kin): &(usize, &Kin<'_>)| is_there(kin.namespace) && selector.selects(kin.labels);
        kins.iter().enumerate().filter(chosen).map(|(n, _)| n).collect()
    };
    let namespace = &own.key.namespace;
    let terms = |terms: &[PodTerm]| {
        let of = |term: &PodTerm| selected(&term.selector, &|other| term.namespaces.covers(other, namespace));
        terms.iter().map(of).collect()
    };
    let spread = own.workload.spread.iter();
    Concerned {
        spread: spread
            .map(|spread| selected(&spread.selector, &|other| other == namespace))
            .collect(),
        affinity: terms(&own.workload.scheduling.affinity),
        anti_affinity: terms(&own.workload.scheduling.anti_affinity),
    }
}

/// Pods by kin and node, in one piece: a loss begins with a copy of it.
#[derive(Clone)]
pub(super) struct Counts {
    places: usize,
    counts: Vec<u32>,
}

impl Counts {
    fn none(kins: usize, places: usize) -> Self {
        Self {
            places,
            counts: vec![0; kins * places],
        }
    }

    pub fn at(&self, kin: usize, place: usize) -> u32 {
        self.counts.get(kin * self.places + place).copied().unwrap_or(0)
    }

    fn add(&mut self, kin: usize, place: usize, by: i32) {
        if let Some(count) = self.counts.get_mut(kin * self.places + place) {
            *count = count.saturating_add_signed(by);
        }
    }
}

/// What a loss changes.
#[derive(Clone)]
pub(super) struct Floor<'i> {
    pub index: &'i Index<'i>,
    /// What each node has left.
    pub room: Vec<Room>,
    /// Lost nodes.
    pub is_lost: Vec<bool>,
    /// By kin and node: pods that are not being deleted.
    pub live: Counts,
    /// By kin and node: all pods, also those that a dead node keeps.
    pub all: Counts,
    /// By row: where the pod, or what replaced it, runs now. None once nothing runs in its place.
    at: Vec<Option<usize>>,
    /// By row: whether it serves.
    serves: Vec<bool>,
    /// By workload: replicas that serve.
    pub ready: Vec<u32>,
}

/// What a loss did.
pub(super) struct Lost {
    pub moves: Vec<Move>,
    /// Replicas that serve, by workload, before anything was replaced.
    pub left: Vec<u32>,
    /// Where NetBox's web serves then: workload and node of each replica.
    pub served: Vec<(usize, Text)>,
    pub gone_with_nodes: usize,
}

impl<'i> Floor<'i> {
    pub fn new(index: &'i Index<'i>) -> Self {
        let places = index.nodes.len();
        let mut floor = Self {
            room: index
                .nodes
                .iter()
                .map(|node| {
                    let has = &node.allocatable;
                    [has.cpu_milli, has.memory_bytes, has.pods]
                })
                .collect(),
            is_lost: vec![false; places],
            live: Counts::none(index.kins.len(), places),
            all: Counts::none(index.kins.len(), places),
            at: index.rows.iter().map(|row| Some(row.place)).collect(),
            serves: index
                .rows
                .iter()
                .map(|row| row.pod.ready && row.pod.deleting.is_none())
                .collect(),
            ready: vec![0; index.placements.len()],
            index,
        };
        for (n, row) in index.rows.iter().enumerate() {
            floor.take(row, row.place);
            if row.pod.deleting.is_none() {
                floor.live.add(row.kin, row.place, 1);
            }
            if let Some(ready) = row.workload.and_then(|own| floor.ready.get_mut(own)) {
                *ready += u32::from(floor.serves[n]);
            }
        }
        floor
    }

    /// What each node that is left and Ready has unrequested.
    pub fn room_left(&self) -> Vec<RoomLeft> {
        let nodes = self.index.nodes.iter().zip(&self.room).zip(&self.is_lost);
        let left = nodes.filter(|((node, _), is_lost)| !**is_lost && node.ready.status == Tri::True);
        left.map(|((node, room), _)| {
            let [cpu_milli, memory_bytes, pods] = *room;
            RoomLeft {
                node: node.name.clone(),
                cpu_milli,
                memory_bytes,
                pods,
            }
        })
        .collect()
    }

    /// A pod takes its room on a node.
    fn take(&mut self, row: &Row<'_>, place: usize) {
        let needs = needs(row);
        if let Some(room) = self.room.get_mut(place) {
            *room = std::array::from_fn(|part| room[part].saturating_sub(needs[part]));
        }
        self.all.add(row.kin, place, 1);
    }

    /// Loses nodes: what is evicted when its time has come, in the order of these times, and what becomes of it. Where
    /// nothing is written any more, nothing moves.
    pub fn lose(&mut self, nodes: &[Text], nothing_moves: bool) -> Lost {
        let falls = self.index.nodes.iter().map(|node| nodes.contains(&node.name));
        let falls: Vec<bool> = falls.collect();
        for (is_lost, falls) in self.is_lost.iter_mut().zip(&falls) {
            *is_lost |= falls;
        }
        let (evicted, gone_with_nodes) = self.fall_silent(&falls);
        let left = self.ready.clone();
        let served = self.served_by_web();
        let mut moves = Vec::new();
        if !nothing_moves {
            for (delay, rows) in evicted {
                moves.extend(self.evict(delay, &rows));
            }
        }
        Lost {
            moves,
            left,
            served,
            gone_with_nodes,
        }
    }

    fn served_by_web(&self) -> Vec<(usize, Text)> {
        let rows = self.index.web.iter().filter(|row| self.serves[**row]);
        let at = rows.filter_map(|row| Some((self.index.rows[*row].workload?, self.at[*row]?)));
        at.map(|(own, place)| (own, self.index.nodes[place].name.clone()))
            .collect()
    }

    /// What runs on nodes that fall serves nobody any more. By delay, what taints will move; and how much goes with the nodes.
    fn fall_silent(&mut self, falls: &[bool]) -> (BTreeMap<Tolerates, Vec<usize>>, usize) {
        let mut evicted: BTreeMap<Tolerates, Vec<usize>> = BTreeMap::new();
        let mut gone_with_nodes = 0;
        for (n, row) in self.index.rows.iter().enumerate() {
            let Some(place) = self.at[n].filter(|place| falls[*place]) else {
                continue;
            };
            if let Some(ready) = row.workload.and_then(|own| self.ready.get_mut(own)) {
                *ready -= u32::from(self.serves[n]);
            }
            self.serves[n] = false;
            if row.pod.is_static || row.pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet") {
                gone_with_nodes += 1;
            } else if row.pod.deleting.is_none() {
                // What replaced a pod of an earlier loss stays as long as that one did.
                debug_assert!(self.is_lost[place]);
                evicted.entry(row.pod.tolerates_unreachable).or_default().push(n);
            }
        }
        (evicted, gone_with_nodes)
    }

    fn evict(&mut self, delay: Tolerates, rows: &[usize]) -> Vec<Move> {
        let early = self.early(rows);
        let mut from = Vec::new();
        for n in rows {
            let row = &self.index.rows[*n];
            let place = self.at[*n].unwrap_or(row.place);
            from.push(self.index.nodes[place].name.clone());
            if delay != Tolerates::Forever {
                self.live.add(row.kin, place, -1);
            }
        }
        let moves = rows.iter().zip(from).map(|(n, from)| self.replace(*n, from, delay));
        let mut moves: Vec<Move> = moves.collect();
        for (own, early) in early {
            let is_own = |n: usize| self.index.rows[n].workload == Some(own);
            let own = rows.iter().zip(&mut moves).filter(|(n, _)| is_own(**n));
            may_come_early(own.map(|(_, own)| &mut own.fate).collect(), early);
        }
        moves
    }

    /// Pods that leave together do not leave in the same instant: what replaces the first may be placed while the others
    /// still count where they were. By workload with a hard spread and several such pods: where that may be.
    fn early(&mut self, rows: &[usize]) -> BTreeMap<usize, BTreeSet<Text>> {
        let mut by_workload: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for n in rows {
            if let Some(own) = self.index.rows[*n].workload {
                by_workload.entry(own).or_default().push(*n);
            }
        }
        let is_hard = |own: usize| {
            self.index.placements[own]
                .workload
                .spread
                .iter()
                .any(|spread| spread.hard)
        };
        by_workload.retain(|own, rows| rows.len() > 1 && is_hard(*own));
        let mut early = BTreeMap::new();
        for (own, rows) in by_workload {
            let row = &self.index.rows[rows[0]];
            let from = self.at[rows[0]].unwrap_or(row.place);
            self.live.add(row.kin, from, -1);
            let demand = self.demand(row, own, false);
            let all = 0..self.index.nodes.len();
            let feasible = all.filter(|place| self.obstacle(row, &demand, *place).is_none());
            early.insert(
                own,
                feasible.map(|place| self.index.nodes[place].name.clone()).collect(),
            );
            self.live.add(row.kin, from, 1);
        }
        early
    }

    fn replace(&mut self, n: usize, from: Text, leaves: Tolerates) -> Move {
        let index = self.index;
        let row = &index.rows[n];
        let own = row.workload.and_then(|n| Some((n, index.placements.get(n)?)));
        let fate = match (own, &row.pod.owner) {
            _ if leaves == Tolerates::Forever => Fate::Stays,
            (_, None) => Fate::Lost,
            (Some((_, own)), _) if own.workload.kind == WorkloadKind::StatefulSet => Fate::Held,
            (Some((own, _)), _) => self.find_place(n, row, own),
            (None, Some(owner)) => Fate::Unknown {
                why: Why::new(
                    WhyKind::Disabled,
                    format!("what {} {} does is not followed", owner.kind, owner.name),
                ),
            },
        };
        if !matches!(fate, Fate::Moves { .. } | Fate::Stays) {
            self.at[n] = None;
        }
        Move {
            pod: row.key.clone(),
            from,
            workload: own.map(|(_, own)| (own.workload.kind, own.key.clone())),
            leaves,
            fate,
        }
    }

    /// Lets the replacement of a pod look for a node, and puts it on the likeliest.
    fn find_place(&mut self, n: usize, row: &Row<'_>, own: usize) -> Fate {
        let demand = self.demand(row, own, false);
        let looked: Vec<_> = (0..self.index.nodes.len())
            .map(|place| self.obstacle(row, &demand, place))
            .collect();
        let feasible: Vec<usize> = looked
            .iter()
            .enumerate()
            .filter(|(_, found)| found.is_none())
            .map(|(n, _)| n)
            .collect();
        let name = |place: usize| self.index.nodes[place].name.clone();
        // Only a guess: the real scheduler weighs more. Fewest of its kind first, then most room.
        let likely = feasible.iter().copied().min_by_key(|place| {
            let room = self.room[*place];
            (self.live.at(row.kin, *place), std::cmp::Reverse(room))
        });
        let Some(likely) = likely else {
            let without = self.demand(row, own, true);
            let survivors = (0..self.index.nodes.len()).filter(|place| !self.is_lost[*place]);
            let until_deleted = survivors
                .clone()
                .any(|place| self.obstacle(row, &without, place).is_none());
            let found = looked.iter().enumerate();
            let obstacles = found.flat_map(|(place, found)| {
                let all = match *found {
                    Some(Obstacle::TooManyPods | Obstacle::Cpu | Obstacle::Memory) => {
                        self.short_of(row, place).collect()
                    }
                    one => Vec::from_iter(one),
                };
                all.into_iter().map(move |obstacle| (name(place), obstacle))
            });
            return Fate::Pending {
                obstacles: obstacles.collect(),
                until_deleted,
            };
        };
        let fate = Fate::Moves {
            feasible: feasible.into_iter().map(name).collect(),
            likely: name(likely),
        };
        self.take(row, likely);
        self.live.add(row.kin, likely, 1);
        (self.at[n], self.serves[n]) = (Some(likely), true);
        if let Some(ready) = row.workload.and_then(|own| self.ready.get_mut(own)) {
            *ready += 1;
        }
        fate
    }
}

/// What becomes of pods of a workload, where a replacement may be placed on these nodes if it comes before others have left.
fn may_come_early(fates: Vec<&mut Fate>, mut early: BTreeSet<Text>) {
    for fate in &fates {
        if let Fate::Moves { feasible, .. } = &**fate {
            early.retain(|node| !feasible.contains(node));
        }
    }
    for fate in fates.into_iter().filter(|_| !early.is_empty()) {
        match fate {
            Fate::Moves { feasible, .. } => feasible.extend(early.iter().cloned()),
            Fate::Pending { .. } => {
                let text = "it finds a place only if it comes while another that leaves still counts where it was";
                *fate = Fate::Unknown {
                    why: Why::new(WhyKind::NotYet, text),
                };
            }
            Fate::Held | Fate::Stays | Fate::Lost | Fate::Unknown { .. } => {}
        }
    }
}

/// What a pod takes of a node.
pub(super) const fn needs(row: &Row<'_>) -> Room {
    let requests = &row.pod.requests;
    [requests.cpu_milli, requests.memory_bytes, 1]
}
