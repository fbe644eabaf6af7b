//! Who leads the parts of the control plane of which one works at a time, by their leases in `kube-system`.

use std::time::Duration;

use super::fact::ObjectKey;
use super::snapshot::Snapshot;
use crate::base::Text;

/// Counts heartbeats, taints nodes, evicts pods.
pub const CONTROLLER_MANAGER: &str = "kube-controller-manager";
/// Finds nodes for pods.
pub const SCHEDULER: &str = "kube-scheduler";
/// Leases that lead something in every cluster.
pub const OFFICES: [&str; 2] = [CONTROLLER_MANAGER, SCHEDULER];

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// The host that it runs on.
    pub host: Text,
    /// Whether its lease still counts.
    pub is_valid: bool,
}

impl Snapshot {
    /// Who holds an office: a holder is `HOST_UUID` (client-go `leaderelection`). None where nobody is named.
    pub fn leader_of(&self, office: &str) -> Option<Leader> {
        let key = ObjectKey::new("kube-system", office);
        let lease = &self.kube.leases.get(&key)?.value;
        let (host, _) = lease.holder.as_ref()?.as_str().rsplit_once('_')?;
        let valid = Duration::from_secs(u64::from(lease.duration_s));
        let age = self.lease_age("kube-system", office);
        Some(Leader {
            host: Text::new(host),
            is_valid: age.is_none_or(|age| age.age <= valid),
        })
    }
}
