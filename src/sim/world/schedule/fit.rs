//! Whether a pod fits on a node (filters of kube-scheduler, in its order and with its words), and how well.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::pod;
use super::super::read::{bytes, cpu_milli, holds, is_deleting, label, list_at, number_at, selects};
use super::super::store::{Object, str_at};
use super::size;

/// Why a node is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reason {
    pub words: &'static str,
    /// Nothing changes by evicting somebody there.
    pub is_final: bool,
}

fn finally(words: &'static str) -> Vec<Reason> {
    vec![Reason { words, is_final: true }]
}

fn perhaps(words: &'static str) -> Vec<Reason> {
    vec![Reason { words, is_final: false }]
}

/// A node and what runs on it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub name: String,
    node: Object,
    pods: Vec<(String, Object)>,
    cpu: u64,
    memory: u64,
}

impl Place {
    pub fn new(name: &str, node: Object) -> Self {
        Self {
            name: name.to_owned(),
            node,
            pods: Vec::new(),
            cpu: 0,
            memory: 0,
        }
    }

    pub fn add(&mut self, namespace: &str, pod: Object) {
        let (cpu, memory) = size(&pod);
        self.cpu += cpu;
        self.memory += memory;
        self.pods.push((namespace.to_owned(), pod));
    }

    fn room(&self, resource: &str) -> &str {
        let all = self
            .node
            .pointer("/status/allocatable")
            .and_then(|all| all.get(resource));
        all.and_then(Value::as_str).unwrap_or("0")
    }

    /// Otherwise why not: each resource of which there is not enough, or one rule.
    pub fn fits(&self, namespace: &str, pod: &Value, places: &[Place], volumes: &[Object]) -> Result<(), Vec<Reason>> {
        let tolerates = |taint: &Value| {
            list_at(pod, "/spec/tolerations")
                .iter()
                .any(|own| pod::tolerates(own, taint))
        };
        let mut taints = list_at(&self.node, "/spec/taints").iter();
        let cordon = taints
            .clone()
            .any(|taint| str_at(taint, "/key") == Some("node.kubernetes.io/unschedulable") && !tolerates(taint));
        if cordon {
            return Err(finally("node(s) were unschedulable"));
        }
        if taints.any(|taint| str_at(taint, "/effect") != Some("PreferNoSchedule") && !tolerates(taint)) {
            return Err(finally("node(s) had untolerated taint(s)"));
        }
        if !self.is_selected(pod) {
            return Err(finally("node(s) didn't match Pod's node affinity/selector"));
        }
        let (cpu, memory) = pod.get("spec").map_or((0, 0), super::super::read::requests);
        let most = self.room("pods").parse::<usize>().unwrap_or(0);
        let short_of = [
            (self.pods.len() + 1 > most, "Too many pods"),
            (self.cpu + cpu > cpu_milli(self.room("cpu")), "Insufficient cpu"),
            (self.memory + memory > bytes(self.room("memory")), "Insufficient memory"),
        ];
        if short_of.iter().any(|(is_short, _)| *is_short) {
            let short_of = short_of.into_iter().filter(|(is_short, _)| *is_short);
            return Err(short_of.flat_map(|(_, words)| perhaps(words)).collect());
        }
        let required = "/spec/nodeAffinity/required";
        if !volumes.iter().all(|volume| {
            volume
                .pointer(required)
                .is_none_or(|required| matches_terms(required, &self.name, &self.node))
        }) {
            return Err(finally("node(s) didn't match PersistentVolume's node affinity"));
        }
        for constraint in constraints(pod, "DoNotSchedule") {
            self.keeps(constraint, namespace, pod, places)?;
        }
        self.keeps_apart(namespace, pod, places)
    }

    fn is_selected(&self, pod: &Value) -> bool {
        selects_node(pod, &self.name, &self.node)
    }

    /// `PodTopologySpread` with `DoNotSchedule`.
    fn keeps(&self, constraint: &Value, namespace: &str, pod: &Value, places: &[Place]) -> Result<(), Vec<Reason>> {
        let key = str_at(constraint, "/topologyKey").unwrap_or_default();
        let Some(own) = label(&self.node, key) else {
            return Err(finally(
                "node(s) didn't match pod topology spread constraints (missing required label)",
            ));
        };
        let counts = count(constraint, namespace, pod, places);
        let fewest = counts.values().min().copied().unwrap_or(0);
        let domains = number_at(constraint, "/minDomains").and_then(|least| usize::try_from(least).ok());
        let fewest = if domains.is_some_and(|least| counts.len() < least) {
            0
        } else {
            fewest
        };
        let is_own = usize::from(selects(constraint.get("labelSelector"), pod));
        let here = counts.get(own).copied().unwrap_or(0) + is_own;
        let most = usize::try_from(number_at(constraint, "/maxSkew").unwrap_or(1)).unwrap_or(1);
        if here.saturating_sub(fewest) > most {
            return Err(perhaps("node(s) didn't match pod topology spread constraints"));
        }
        Ok(())
    }

    /// Required anti-affinity, of the pod and of those that run already.
    fn keeps_apart(&self, namespace: &str, pod: &Value, places: &[Place]) -> Result<(), Vec<Reason>> {
        for term in list_at(pod, REPELLED) {
            let key = str_at(term, "/topologyKey").unwrap_or_default();
            let is_here = |place: &&Place| {
                let own = label(&self.node, key);
                own.is_some() && label(&place.node, key) == own
            };
            let mut others = places.iter().filter(is_here).flat_map(|place| &place.pods);
            if others.any(|(space, other)| space == namespace && selects(term.get("labelSelector"), other)) {
                return Err(perhaps("node(s) didn't match pod anti-affinity rules"));
            }
        }
        let existing = places
            .iter()
            .flat_map(|place| place.pods.iter().map(move |(space, other)| (place, space, other)));
        for (place, space, other) in existing {
            let repels = list_at(other, REPELLED).iter().any(|term| {
                let key = str_at(term, "/topologyKey").unwrap_or_default();
                let is_same = label(&place.node, key).is_some() && label(&place.node, key) == label(&self.node, key);
                is_same && space == namespace && selects(term.get("labelSelector"), pod)
            });
            if repels {
                return Err(perhaps("node(s) didn't satisfy existing pods anti-affinity rules"));
            }
        }
        Ok(())
    }

    /// Higher is better: soft spread first, then preferred anti-affinity, then the emptier node.
    pub fn score(&self, namespace: &str, pod: &Value, places: &[Place]) -> i64 {
        let crowd: usize = constraints(pod, "ScheduleAnyway")
            .map(|constraint| {
                let key = str_at(constraint, "/topologyKey").unwrap_or_default();
                let counts = count(constraint, namespace, pod, places);
                label(&self.node, key)
                    .and_then(|own| counts.get(own).copied())
                    .unwrap_or(0)
            })
            .sum();
        let preferred = "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution";
        let repelled = list_at(pod, preferred).iter().filter(|term| {
            let selector = term.pointer("/podAffinityTerm/labelSelector");
            self.pods
                .iter()
                .any(|(space, other)| space == namespace && selects(selector, other))
        });
        let used = self.cpu * 1_000 / cpu_milli(self.room("cpu")).max(1)
            + self.memory / (bytes(self.room("memory")) / 1_000).max(1);
        let worse = (crowd + repelled.count()) as u64 * 10_000 + used;
        -i64::try_from(worse).unwrap_or(i64::MAX)
    }
}

const REPELLED: &str = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";

fn constraints<'a>(pod: &'a Value, otherwise: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = list_at(pod, "/spec/topologySpreadConstraints").iter();
    all.filter(move |own| str_at(own, "/whenUnsatisfiable").unwrap_or("DoNotSchedule") == otherwise)
}

/// Matching pods per domain, over the nodes that count: those that carry every topology key, that the pod's selector and
/// affinity allow, and, where the constraint says Honor, whose taints it tolerates. Terminating pods do not count.
fn count<'a>(constraint: &Value, namespace: &str, pod: &Value, places: &'a [Place]) -> BTreeMap<&'a str, usize> {
    let key = str_at(constraint, "/topologyKey").unwrap_or_default();
    let keys: BTreeSet<&str> = list_at(pod, "/spec/topologySpreadConstraints")
        .iter()
        .filter_map(|own| {
            str_at(own, "/topologyKey").filter(|_| own.get("whenUnsatisfiable") == constraint.get("whenUnsatisfiable"))
        })
        .collect();
    let honors_taints = str_at(constraint, "/nodeTaintsPolicy") == Some("Honor");
    let honors_affinity = str_at(constraint, "/nodeAffinityPolicy") != Some("Ignore");
    let mut counts = BTreeMap::new();
    for place in places {
        let has_keys = keys.iter().all(|key| label(&place.node, key).is_some());
        let is_tolerated = list_at(&place.node, "/spec/taints").iter().all(|taint| {
            str_at(taint, "/effect") == Some("PreferNoSchedule")
                || list_at(pod, "/spec/tolerations")
                    .iter()
                    .any(|own| pod::tolerates(own, taint))
        });
        if !has_keys || (honors_taints && !is_tolerated) || (honors_affinity && !place.is_selected(pod)) {
            continue;
        }
        let Some(domain) = label(&place.node, key) else {
            continue;
        };
        let is_alike = |other: &Value| {
            let mut keys = list_at(constraint, "/matchLabelKeys").iter().filter_map(Value::as_str);
            keys.all(|key| label(pod, key).is_none() || label(other, key) == label(pod, key))
        };
        let matching = place.pods.iter().filter(|(space, other)| {
            let is_meant = space == namespace && !is_deleting(other);
            is_meant && selects(constraint.get("labelSelector"), other) && is_alike(other)
        });
        *counts.entry(domain).or_insert(0) += matching.count();
    }
    counts
}

/// Whether the node selector and the required node affinity of a pod, or of a template, let it onto a node.
pub(in crate::sim::world) fn selects_node(pod: &Value, name: &str, node: &Value) -> bool {
    let selector = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let mut selector = selector.into_iter().flatten();
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    selector.all(|(key, value)| label(node, key) == value.as_str())
        && pod
            .pointer(required)
            .is_none_or(|required| matches_terms(required, name, node))
}

/// Whether a node matches one of a node selector's terms.
fn matches_terms(required: &Value, name: &str, node: &Value) -> bool {
    list_at(required, "/nodeSelectorTerms").iter().any(|term| {
        let mut fields = list_at(term, "/matchFields").iter();
        let by_name = fields.all(|rule| {
            let listed = list_at(rule, "/values").iter().any(|own| own == name);
            listed == (str_at(rule, "/operator") == Some("In"))
        });
        by_name && list_at(term, "/matchExpressions").iter().all(|rule| holds(rule, node))
    })
}
