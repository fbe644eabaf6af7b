//! Whether a node takes a pod: the filters of kube-scheduler's default profile, in its order
//! (`pkg/scheduler/apis/config/v1/default_plugins.go`, `pkg/scheduler/framework/plugins`). Start reading at
//! [`Floor::obstacle`]; [`Floor::demand`] works out what is the same for every node.

use super::Obstacle;
use super::floor::{Fit, Floor, Row, needs};
use crate::base::Text;
use crate::model::kube::{Node, Spread, Taint, Tri};
use crate::model::scheduling::{PodTerm, Scheduling};

/// A hard spread constraint, counted.
struct Counted<'i> {
    domains: &'i [Option<usize>],
    counts: Vec<u32>,
    fewest: u32,
    /// 1 where the new pod counts itself.
    own: u32,
    max_skew: u32,
}

/// Where pods are that a term is about.
struct Where<'i> {
    domains: &'i [Option<usize>],
    is_there: Vec<bool>,
}

/// What a pod asks for, worked out against everybody who is there.
pub(super) struct Demand<'i> {
    fit: &'i Fit,
    spreads: Vec<Counted<'i>>,
    beside: Vec<Where<'i>>,
    apart: Vec<Where<'i>>,
    repelled: Vec<Where<'i>>,
}

impl<'i> Floor<'i> {
    /// Works out what a pod of a workload, given by its number, asks for. `without_lost`: as if the Nodes that are lost were
    /// deleted.
    pub(super) fn demand(&self, row: &Row<'_>, own: usize, without_lost: bool) -> Demand<'i> {
        let workload = &self.index.placements[own].workload;
        let (rules, concerned, fit) = (&workload.scheduling, &self.index.concerned[own], &self.index.fits[own]);
        let hard = || workload.spread.iter().enumerate().filter(|(_, spread)| spread.hard);
        let keys = hard().filter_map(|(_, own)| self.index.domains.get(&own.topology_key));
        let keys: Vec<&Vec<Option<usize>>> = keys.collect();
        let is_counted = |place: usize, spread: &Spread| {
            !(without_lost && self.is_lost[place])
                && keys.iter().all(|domains| domains[place].is_some())
                && (!spread.honors_affinity || fit.selects[place])
                && (!spread.honors_taints || self.tainted(place, fit).is_none())
        };
        let spreads = hard().filter_map(|(n, spread)| {
            let kins = concerned.spread.get(n)?;
            self.counted(row, spread, kins, |place| is_counted(place, spread))
        });
        let terms = |terms: &'i [PodTerm], kins: &[Vec<usize>]| -> Vec<Where<'i>> {
            let found = terms
                .iter()
                .zip(kins)
                .filter_map(|(term, kins)| self.places_of(&term.topology_key, kins, without_lost));
            found.collect()
        };
        Demand {
            fit,
            spreads: spreads.collect(),
            beside: terms(&rules.affinity, &concerned.affinity),
            apart: terms(&rules.anti_affinity, &concerned.anti_affinity),
            repelled: self.repelled(row, without_lost),
        }
    }

    /// `PodTopologySpread`: pods by domain, those being deleted left out.
    fn counted(
        &self,
        row: &Row<'_>,
        spread: &Spread,
        kins: &[usize],
        is_counted: impl Fn(usize) -> bool,
    ) -> Option<Counted<'i>> {
        let domains: &'i [Option<usize>] = self.index.domains.get(&spread.topology_key)?;
        let is_alike = |kin: &usize| {
            let labels = self.index.kins[*kin].labels;
            let keys = &spread.match_label_keys;
            keys.iter()
                .all(|key| labels.get(key.as_str()) == row.pod.labels.get(key.as_str()))
        };
        let kins: Vec<usize> = kins.iter().copied().filter(is_alike).collect();
        let mut counts: Vec<Option<u32>> = vec![None; domains.len()];
        for (place, domain) in domains.iter().enumerate() {
            if let Some(count) = domain
                .and_then(|domain| counts.get_mut(domain))
                .filter(|_| is_counted(place))
            {
                *count.get_or_insert(0) += kins.iter().map(|kin| self.live.at(*kin, place)).sum::<u32>();
            }
        }
        let eligible = counts.iter().flatten().count();
        let is_too_few = spread.min_domains.is_some_and(|least| eligible < least as usize);
        let fewest = counts.iter().flatten().copied().min().unwrap_or(0);
        Some(Counted {
            domains,
            counts: counts.into_iter().map(Option::unwrap_or_default).collect(),
            fewest: if is_too_few { 0 } else { fewest },
            own: u32::from(spread.selector.selects(&row.pod.labels)),
            max_skew: spread.max_skew,
        })
    }

    /// `InterPodAffinity`: the domains in which such pods are, also those being deleted.
    fn places_of(&self, key: &Text, kins: &[usize], without_lost: bool) -> Option<Where<'i>> {
        let domains: &'i [Option<usize>] = self.index.domains.get(key)?;
        let mut is_there = vec![false; domains.len()];
        for (place, domain) in domains.iter().enumerate() {
            if without_lost && self.is_lost[place] {
                continue;
            }
            if let Some(found) = domain.and_then(|domain| is_there.get_mut(domain)) {
                *found |= kins.iter().any(|kin| self.all.at(*kin, place) > 0);
            }
        }
        Some(Where { domains, is_there })
    }

    /// Anti-affinity of pods that run, against the one that comes.
    fn repelled(&self, row: &Row<'_>, without_lost: bool) -> Vec<Where<'i>> {
        let index = self.index;
        let found = index.repellers.iter().filter_map(|own| {
            let (n, rule) = own.rule;
            let other = &index.placements[n];
            let term = &other.workload.scheduling.anti_affinity[rule];
            let is_about = term.namespaces.covers(&row.key.namespace, &other.key.namespace)
                && term.selector.selects(&row.pod.labels);
            is_about.then(|| self.places_of(&term.topology_key, &own.kins, without_lost))?
        });
        found.collect()
    }

    /// The first rule that forbids a node to a pod.
    pub(super) fn obstacle(&self, row: &Row<'_>, demand: &Demand<'_>, place: usize) -> Option<Obstacle> {
        let node = self.index.nodes[place];
        let forbidden = |is_so: bool, obstacle| is_so.then_some(obstacle);
        self.tainted(place, demand.fit)
            .or_else(|| forbidden(!demand.fit.selects[place], Obstacle::NodeAffinity))
            .or_else(|| self.short_of(row, place).next())
            .or_else(|| forbidden(!self.index.volumes_allow(row, node), Obstacle::Volume))
            .or_else(|| demand.spreads.iter().find_map(|spread| spread.forbids(place)))
            .or_else(|| forbidden(demand.beside.iter().any(|own| !own.is_at(place)), Obstacle::Affinity))
            .or_else(|| forbidden(demand.apart.iter().any(|own| own.is_at(place)), Obstacle::AntiAffinity))
            .or_else(|| forbidden(demand.repelled.iter().any(|own| own.is_at(place)), Obstacle::Repelled))
    }

    /// `NodeResourcesFit`: what a node has too little of for a pod.
    pub(super) fn short_of(&self, row: &Row<'_>, place: usize) -> impl Iterator<Item = Obstacle> {
        let [cpu, memory, pods] = needs(row);
        let [cpu_left, memory_left, pods_left] = self.room[place];
        let all = [
            (pods > pods_left, Obstacle::TooManyPods),
            (cpu > cpu_left, Obstacle::Cpu),
            (memory > memory_left, Obstacle::Memory),
        ];
        all.into_iter().filter_map(|(is_short, of)| is_short.then_some(of))
    }

    /// `NodeUnschedulable` and `TaintToleration`. A lost node gets its taints with the loss.
    fn tainted(&self, place: usize, fit: &Fit) -> Option<Obstacle> {
        let by_loss = || (self.is_lost[place] && !fit.tolerates_loss).then_some(Obstacle::Taint);
        fit.tainted[place].or_else(by_loss)
    }
}

/// The taints that Kubernetes itself puts on nodes.
pub(super) struct OwnTaints {
    unschedulable: Taint,
    unreachable: [Taint; 2],
}

impl OwnTaints {
    pub(super) fn new() -> Self {
        let taint = |key: &str, effect: &str| Taint {
            key: key.into(),
            value: Text::default(),
            effect: effect.into(),
            added: None,
        };
        Self {
            unschedulable: taint("node.kubernetes.io/unschedulable", "NoSchedule"),
            unreachable: ["NoSchedule", "NoExecute"].map(|effect| taint("node.kubernetes.io/unreachable", effect)),
        }
    }

    /// Which nodes would take pods that follow these rules, whoever else is there.
    pub(super) fn fit(&self, rules: &Scheduling, nodes: &[&Node]) -> Fit {
        let forbids = |taint: &Taint| taint.effect != "PreferNoSchedule" && !rules.tolerates(taint);
        let tolerates_loss = !self.unreachable.iter().any(forbids);
        let tainted = |node: &&Node| {
            if node.unschedulable && forbids(&self.unschedulable) {
                return Some(Obstacle::Unschedulable);
            }
            let is_down = node.ready.status != Tri::True;
            let is_forbidden = node.taints.iter().any(forbids) || (is_down && !tolerates_loss);
            is_forbidden.then_some(Obstacle::Taint)
        };
        Fit {
            selects: nodes
                .iter()
                .map(|node| rules.selects_node(&node.name, &node.labels))
                .collect(),
            tainted: nodes.iter().map(tainted).collect(),
            tolerates_loss,
        }
    }
}

impl Counted<'_> {
    fn forbids(&self, place: usize) -> Option<Obstacle> {
        let Some(domain) = self.domains[place] else {
            return Some(Obstacle::SpreadLabel);
        };
        let here = self.counts.get(domain).copied().unwrap_or(0) + self.own;
        (here.saturating_sub(self.fewest) > self.max_skew).then_some(Obstacle::Spread)
    }
}

impl Where<'_> {
    fn is_at(&self, place: usize) -> bool {
        let domain = self.domains[place];
        domain.is_some_and(|domain| self.is_there.get(domain).copied().unwrap_or(false))
    }
}
