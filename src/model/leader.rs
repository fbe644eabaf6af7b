//! Who leads where one of several works at a time, by leases: the control plane's parts, and the product's operator.

use std::time::Duration;

use super::fact::ObjectKey;
use super::kube::Workload;
use super::snapshot::{HeartbeatAge, Snapshot};
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

/// NetBox Enterprise's operator: the end of its Deployment's name, before which a release's name may stand.
const OPERATOR: &str = "nbe-operator";

/// The lease by which the operator's replicas elect their leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorLease<'a> {
    /// Namespace and name.
    pub key: &'a ObjectKey,
    /// The pod that holds it.
    pub pod: &'a str,
    /// Its node, where the pod is there still.
    pub node: Option<&'a Text>,
    /// How long ago it was renewed; None where that cannot be told.
    pub age: Option<HeartbeatAge>,
    /// How long it counts after a renewal.
    pub valid: Duration,
}

/// Whether the holder of a lease is a pod of the operator's: `POD_UUID` (controller-runtime `leaderelection`).
pub fn is_operator(holder: &str) -> bool {
    let pod = pod_of(holder);
    pod.is_some_and(|pod| pod.contains(&format!("{OPERATOR}-")))
}

fn pod_of(holder: &str) -> Option<&str> {
    holder.rsplit_once('_').map(|(pod, _)| pod)
}

impl Snapshot {
    /// The operator's Deployment.
    pub fn operator(&self) -> Option<(&ObjectKey, &Workload)> {
        let mut deployments = self.kube.deployments.iter();
        let (key, fact) = deployments.find(|(key, _)| key.name.as_str().ends_with(OPERATOR))?;
        Some((key, &fact.value))
    }

    /// The lease that a pod of the operator holds or held last.
    pub fn operator_lease(&self) -> Option<OperatorLease<'_>> {
        let (own, _) = self.operator()?;
        let leases = self.kube.leases.iter();
        let held = leases.filter_map(|(key, fact)| {
            let pod = pod_of(fact.value.holder.as_ref()?.as_str())?;
            let is_own = pod
                .strip_prefix(own.name.as_str())
                .is_some_and(|rest| rest.starts_with('-'));
            (key.namespace == own.namespace && is_own).then_some((key, pod, &fact.value))
        });
        let (key, pod, lease) = held.max_by_key(|(_, _, lease)| lease.renewed)?;
        let row = self.kube.pods.get(&ObjectKey::new(key.namespace.as_str(), pod));
        Some(OperatorLease {
            key,
            pod,
            node: row.and_then(|row| row.value.node.as_ref()),
            age: self.lease_age(key.namespace.as_str(), key.name.as_str()),
            valid: Duration::from_secs(u64::from(lease.duration_s)),
        })
    }

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
