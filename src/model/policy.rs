//! What counts as wrong: thresholds that an operator may set. Facts are not here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// A learner older than this is stuck: k0s promotes about every 10 s.
    pub learner_stuck: Duration,
    /// A pod that stays Pending longer than this is a finding.
    pub pending_late: Duration,
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
            learner_stuck: Duration::from_mins(2),
            pending_late: Duration::from_mins(1),
        }
    }
}
