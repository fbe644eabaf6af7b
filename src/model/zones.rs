//! Nodes by zone: the fault domains that the HA document speaks of. Pure questions to a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::kube::Node;
use super::snapshot::Snapshot;
use crate::base::{Natural, Text};

impl Snapshot {
    /// Nodes by zone, each by name; nodes without a zone label stand last, under None.
    pub fn zones(&self) -> Vec<(Option<Text>, Vec<&Node>)> {
        let mut zones: BTreeMap<(bool, Option<Natural<&Text>>), Vec<&Node>> = BTreeMap::new();
        for node in self.kube.nodes.values() {
            let zone = (node.zone.is_none(), node.zone.as_ref().map(Natural));
            zones.entry(zone).or_default().push(node);
        }
        let zones = zones.into_iter();
        zones
            .map(|((_, zone), nodes)| (zone.map(|Natural(zone)| zone.clone()), nodes))
            .collect()
    }

    /// The zones that nodes are labeled with.
    pub fn zone_names(&self) -> BTreeSet<Text> {
        self.kube.nodes.values().filter_map(|node| node.zone.clone()).collect()
    }

    /// Nodes that carry the control-plane label.
    pub fn controllers(&self) -> impl Iterator<Item = &Node> {
        self.kube.nodes.values().filter(|node| node.is_controller)
    }
}
