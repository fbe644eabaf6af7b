//! The overlay between the nodes, as tries to reach pods show it: from another node's host, a pod's own address is reached
//! through it alone. A pod of one workload is tried on every node: what admits a host to one of them admits it to all. Pure.
//! Start reading at [`Snapshot::pods_to_try`].

use core::net::{IpAddr, SocketAddr};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::from::{FromController, Target};
use crate::base::Text;
use crate::model::fact::ObjectKey;
use crate::model::kube::{Node, Pod, Tri, WorkloadKind};
use crate::model::reach::Knock;
use crate::model::snapshot::Snapshot;

/// So many pods are tried at most, each on another node.
const MAX_PODS: usize = 64;

/// What has the same pods everywhere; a pod of its own stands for itself.
pub type Alike = (Option<WorkloadKind>, ObjectKey);

/// A pod that is ready and takes connections at an address of its own, on a node that is Ready.
#[derive(Clone, Copy)]
struct Listening<'a> {
    key: &'a ObjectKey,
    pod: &'a Pod,
    node: &'a Text,
    at: SocketAddr,
}

/// A try to reach a pod that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The pod.
    pub pod: ObjectKey,
    /// Its node.
    pub to: Text,
    /// Where it was tried.
    pub at: SocketAddr,
    /// What came of it.
    pub knock: Knock,
    /// Whose pod it is.
    pub alike: Alike,
}

impl Snapshot {
    /// Nodes that are Ready.
    pub fn ready_nodes(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.kube.nodes.values();
        nodes.filter(|node| node.ready.status == Tri::True)
    }

    fn listening(&self) -> impl Iterator<Item = Listening<'_>> {
        let ready: BTreeSet<&Text> = self.ready_nodes().map(|node| &node.name).collect();
        self.kube.pods.iter().filter_map(move |(key, fact)| {
            let pod = &fact.value;
            let (node, at) = (pod.node.as_ref()?, pod.listens?);
            let counts = pod.ready && pod.deleting.is_none() && ready.contains(node);
            counts.then_some(Listening { key, pod, node, at })
        })
    }

    fn alike(&self, own: Listening<'_>) -> Alike {
        let workload = self.workload_of(own.key, own.pod);
        workload.map_or_else(|| (None, own.key.clone()), |(kind, key)| (Some(kind), key))
    }

    /// Nodes on which a pod could be tried.
    pub fn nodes_to_try(&self) -> BTreeSet<&Text> {
        self.listening().map(|pod| pod.node).collect()
    }

    /// What a controller tries: one pod on every other node that is Ready, of the workload that has some on most nodes where it
    /// has one there. Nothing where the controller runs no pods itself: then it is no part of the overlay.
    pub fn pods_to_try(&self, from: IpAddr) -> Vec<Target> {
        let Some(own) = self.node_at(&from.to_string()) else {
            return Vec::new();
        };
        let all: Vec<(Alike, Listening<'_>)> = self.listening().map(|pod| (self.alike(pod), pod)).collect();
        let mut nodes_of: BTreeMap<&Alike, BTreeSet<&Text>> = BTreeMap::new();
        for (alike, pod) in &all {
            nodes_of.entry(alike).or_default().insert(pod.node);
        }
        let widest = nodes_of.iter().min_by_key(|(_, nodes)| Reverse(nodes.len()));
        let widest = widest.map(|(alike, _)| *alike);
        let mut chosen: BTreeMap<&Text, (bool, SocketAddr)> = BTreeMap::new();
        for (alike, pod) in all.iter().filter(|(_, pod)| *pod.node != own.name) {
            let found = (Some(alike) == widest, pod.at);
            let best = chosen.entry(pod.node).or_insert(found);
            if found.0 && !best.0 {
                *best = found;
            }
        }
        let targets = chosen
            .into_iter()
            .map(|(node, (_, at))| Target::Pod { node: node.clone(), at });
        targets.take(MAX_PODS).collect()
    }

    /// What came of it, for the pods that are still there.
    pub fn crossings(&self, seen: &FromController) -> Vec<Crossing> {
        let pods: BTreeMap<SocketAddr, Listening<'_>> = self.listening().map(|pod| (pod.at, pod)).collect();
        let tries = seen.ways.iter().filter_map(|way| match &way.target {
            Target::Pod { node, at } => Some((node, at, way.knock)),
            Target::Controller { .. } | Target::External { .. } => None,
        });
        let tries = tries.filter_map(|(node, at, knock)| {
            let pod = pods.get(at).filter(|pod| pod.node == node)?;
            Some(Crossing {
                pod: pod.key.clone(),
                to: node.clone(),
                at: *at,
                knock,
                alike: self.alike(*pod),
            })
        });
        tries.collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example::{self, Death, add_pod, address, name, pod};

    fn ip(n: u8) -> IpAddr {
        address(n).as_str().parse().unwrap()
    }

    fn tried(snapshot: &Snapshot, n: u8) -> Vec<String> {
        let targets = snapshot.pods_to_try(ip(n));
        targets.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_pod_of_the_widest_workload_is_tried_on_every_other_node_that_is_ready() {
        let mut snapshot = example::healthy();
        // First by name, and on one node only.
        let mut lone = pod(&name(2));
        lone.listens = Some(([10, 244, 2, 99], 53).into());
        add_pod(&mut snapshot.kube, "a", "a", lone);
        assert_eq!(tried(&snapshot, 1), ["10.244.2.7:8080", "10.244.3.7:8080"]);
        assert_eq!(tried(&snapshot, 3), ["10.244.1.7:8080", "10.244.2.7:8080"]);
        assert_eq!(tried(&example::node_lost(Death::Silent), 1), ["10.244.2.7:8080"]);
        let other = "10.99.0.1".parse().unwrap();
        assert!(snapshot.pods_to_try(other).is_empty(), "it is no node");
    }

    #[test]
    fn where_the_widest_has_none_another_pod_is_tried() {
        let mut snapshot = example::healthy();
        let web = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-2");
        example::change(&mut snapshot.kube.pods, &web, |pod| pod.ready = false);
        assert_eq!(tried(&snapshot, 1), ["10.244.3.7:8080"]);
        let mut dns = pod(&name(2));
        dns.listens = Some(([10, 244, 2, 8], 53).into());
        add_pod(&mut snapshot.kube, "kube-system", "dns", dns);
        assert_eq!(tried(&snapshot, 1), ["10.244.2.8:53", "10.244.3.7:8080"]);
    }

    #[test]
    fn a_pod_that_is_gone_tells_nothing_any_more() {
        let mut snapshot = example::healthy();
        let seen = snapshot.from.get(&ip(1)).unwrap().clone();
        let to = |snapshot: &Snapshot| -> Vec<Text> {
            let all = snapshot.crossings(&seen).into_iter();
            all.map(|own| own.to).collect()
        };
        assert_eq!(to(&snapshot), [name(2), name(3)]);
        let web = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-2");
        example::change(&mut snapshot.kube.pods, &web, |pod| {
            pod.listens = Some(([10, 244, 2, 44], 8080).into());
        });
        assert_eq!(to(&snapshot), [name(3)]);
    }
}
