//! kube-scheduler: finds a node for each pod that has none, or says why there is none, in the real one's words. Spread
//! constraints are judged here and nowhere else; what runs already is never moved. Start reading at
//! [`World::run_scheduler`].

mod fit;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(super) use self::fit::selects_node;
use self::fit::{Place, Reason};
use super::World;
use super::event::About;
use super::lease::Office;
use super::pod;
use super::read::{is_deleting, requests, set, set_condition};
use super::resource::Resource;
use super::store::{Key, Object, str_at};
use super::workload::claims_of;

impl World {
    /// Lets the scheduler look at all pods without a node, if anything changed since it looked last.
    pub(super) fn run_scheduler(&mut self) {
        if !self.lifecycle.is_stirred || self.in_office(Office::Scheduler).is_none() {
            return;
        }
        let waiting: Vec<(Key, Object)> = self
            .store
            .list(Resource::Pods, None)
            .filter(|(_, pod)| pod::node(pod).is_none() && !is_deleting(pod) && !pod::is_finished(pod))
            .map(|(key, pod)| (key.clone(), pod.clone()))
            .collect();
        if waiting.is_empty() {
            return;
        }
        let mut places = self.places();
        for (key, pod) in waiting {
            self.schedule(&key, &pod, &mut places);
        }
    }

    /// All nodes with what runs on them.
    fn places(&self) -> Vec<Place> {
        let nodes = self.store.list(Resource::Nodes, None);
        let mut places: Vec<Place> = nodes.map(|(key, node)| Place::new(&key.name, node.clone())).collect();
        for (key, pod) in self.store.list(Resource::Pods, None) {
            let place = pod::node(pod).and_then(|node| places.iter_mut().find(|place| place.name == node));
            if let Some(place) = place.filter(|_| !pod::is_finished(pod)) {
                place.add(&key.namespace, pod.clone());
            }
        }
        places
    }

    fn schedule(&mut self, key: &Key, pod: &Object, places: &mut [Place]) {
        let volumes = self.volumes_of(key, pod);
        let fits: Vec<Result<(), Vec<Reason>>> = places
            .iter()
            .map(|place| place.fits(&key.namespace, pod, places, &volumes))
            .collect();
        let scored = places.iter().zip(&fits).enumerate().filter(|(_, (_, fit))| fit.is_ok());
        let best = scored
            .map(|(n, (place, _))| (place.score(&key.namespace, pod, places), n))
            .max_by_key(|(score, n)| (*score, std::cmp::Reverse(*n)))
            .map(|(_, n)| n);
        let Some(place) = best.and_then(|n| places.get_mut(n)) else {
            self.find_no_place(key, &fits);
            return;
        };
        let node = place.name.clone();
        let at = self.wall();
        if let Some(host) = self.host_named(&node) {
            for claim in claims_of(key, pod) {
                let claim_object = self.store.get(&claim);
                let is_unbound = claim_object.is_some_and(|own| str_at(own, "/spec/volumeName").is_none());
                if is_unbound {
                    self.provision(&claim, host, at);
                }
            }
        }
        let bound = self.store.change(key, |pod| {
            set(pod, &["spec", "nodeName"], node.clone().into());
            set_condition(pod, "PodScheduled", "True", "", "", at);
        });
        let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
        self.record(key, About::normal("Scheduled", &message, "default-scheduler"));
        if let (Some(bound), Some(place)) = (bound, best.and_then(|n| places.get_mut(n))) {
            place.add(&key.namespace, bound);
        }
    }

    /// The volumes that a pod's claims are bound to.
    fn volumes_of(&self, key: &Key, pod: &Object) -> Vec<Object> {
        let claims = claims_of(key, pod).into_iter();
        claims
            .filter_map(|claim| {
                let volume = str_at(self.store.get(&claim)?, "/spec/volumeName")?.to_owned();
                self.store.get(&Key::new(Resource::Volumes, "", volume)).cloned()
            })
            .collect()
    }

    fn find_no_place(&mut self, key: &Key, fits: &[Result<(), Vec<Reason>>]) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut hopeless = 0;
        for reasons in fits.iter().filter_map(|fit| fit.as_ref().err()) {
            for reason in reasons {
                *counts.entry(reason.words).or_default() += 1;
            }
            hopeless += usize::from(reasons.iter().any(|reason| reason.is_final));
        }
        let mut reasons: Vec<String> = counts
            .into_iter()
            .map(|(words, count)| format!("{count} {words}"))
            .collect();
        reasons.sort();
        let all = fits.len();
        let mut preempts = Vec::new();
        if all > hopeless {
            preempts.push(format!(
                "{} No preemption victims found for incoming pod",
                all - hopeless
            ));
        }
        if hopeless > 0 {
            preempts.push(format!("{hopeless} Preemption is not helpful for scheduling"));
        }
        preempts.sort();
        let message = format!(
            "0/{all} nodes are available: {}. preemption: 0/{all} nodes are available: {}.",
            reasons.join(", "),
            preempts.join(", ")
        );
        let message = if all == 0 {
            "no nodes available to schedule pods".to_owned()
        } else {
            message
        };
        let at = self.wall();
        let before = self.store.get(key).cloned();
        let after = self.store.change(key, |pod| {
            set_condition(pod, "PodScheduled", "False", "Unschedulable", &message, at);
        });
        if before != after {
            self.record(key, About::warning("FailedScheduling", &message, "default-scheduler"));
        }
    }
}

/// What a pod needs of a node.
fn size(pod: &Object) -> (u64, u64) {
    pod.get("spec").map_or((0, 0), requests)
}
