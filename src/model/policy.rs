//! What counts as wrong: thresholds that an operator may set. Facts are not here.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::Text;

/// Thresholds of the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A certificate that ends within this time is a warning.
    pub certificate_warning: Duration,
    /// A certificate that ends within this time is critical.
    pub certificate_critical: Duration,
    /// A kubelet heartbeat older than this is late. Kubelets renew every 10 s (`kubernetes` nodelease: a quarter of 40 s).
    pub heartbeat_late: Duration,
    /// A grace period above this detects a dead node slowly. The HA document promises "up to ~28 seconds", which
    /// with a monitor period of 5 s needs about 20 s.
    pub detection_slow: Duration,
    /// A toleration above this evicts slowly. The HA document promises "~30 seconds".
    pub eviction_slow: Duration,
    /// Detection and eviction together above this are not "about one minute" any more.
    pub recovery_slow: Duration,
    /// A learner older than this is stuck: k0s promotes about every 10 s.
    pub learner_stuck: Duration,
    /// A pod that stays Pending longer than this is a finding.
    pub pending_late: Duration,
    /// Where the nodes stand.
    pub site: Site,
    /// What a node must have, with the tolerance that usable sizes need: a machine sold as 24 GB shows less.
    pub node_size: NodeSize,
    /// A round trip to another member above this is a finding. The HA document calls about 1 to 5 ms typical between zones.
    pub latency_high: Duration,
    /// A round trip above this is that of a distant region, which the HA document does not support.
    pub latency_far: Duration,
    /// The slowest interface that the HA document recommends, in Mbit/s.
    pub link_mbit: u64,
    /// Zones that an operator wrote down: node name to zone. A suggestion for `label-zones`, and for who replaces a node.
    pub zones: BTreeMap<Text, Text>,
    /// Findings that an operator knows and accepts for a while.
    pub acknowledged: Vec<Acknowledgement>,
}

/// Where the nodes stand: the placement options of the HA document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// As the zone labels say.
    #[default]
    Auto,
    /// All in one location.
    SingleLocation,
    /// One in each of three zones.
    MultiZone,
}

/// The least that a node must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSize {
    /// Cores.
    pub cpus: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Disk in bytes.
    pub disk_bytes: u64,
}

/// A finding that an operator knows and accepts for a while. It stays visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The check's name.
    pub check: Text,
    /// The finding's subject; None for all of the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Text>,
    /// Why it is accepted.
    pub reason: Text,
    /// From then on it counts again.
    pub until: Timestamp,
}

impl Acknowledgement {
    /// Whether it is about this finding.
    pub fn covers(&self, check: &str, subject: &Text) -> bool {
        self.check == check && self.subject.as_ref().is_none_or(|own| own == subject)
    }
}

impl Default for Policy {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            certificate_warning: Duration::from_secs(30 * DAY),
            certificate_critical: Duration::from_secs(7 * DAY),
            heartbeat_late: Duration::from_secs(15),
            detection_slow: Duration::from_secs(25),
            eviction_slow: Duration::from_mins(1),
            recovery_slow: Duration::from_secs(75),
            learner_stuck: Duration::from_mins(2),
            pending_late: Duration::from_mins(1),
            site: Site::Auto,
            node_size: NodeSize {
                cpus: 8,
                memory_bytes: 22_000_000_000,
                disk_bytes: 90_000_000_000,
            },
            latency_high: Duration::from_millis(5),
            latency_far: Duration::from_millis(20),
            link_mbit: 1_000,
            zones: BTreeMap::new(),
            acknowledged: Vec::new(),
        }
    }
}
