//! k0s's own objects. They annotate etcd's member list and never replace it (see `quorum`).

use serde::{Deserialize, Serialize};

use super::etcd::MemberId;
use super::kube::Condition;
use crate::base::Text;

/// `etcd.k0sproject.io/v1beta1` EtcdMember. Written by each controller at its start; not deleted when a member goes, and
/// an old k0s leaves Joined=True (observed).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMemberObject {
    /// Unique over time.
    pub uid: Text,
    /// `status.memberID`.
    pub member_id: Option<MemberId>,
    /// `status.peerAddress`: an address or name without scheme and port.
    pub peer_address: Option<Text>,
    /// The Joined condition.
    pub joined: Option<Condition>,
    /// `status.reconcileStatus`: Success, Failed or empty.
    pub reconcile_status: Text,
    /// `status.message`.
    pub message: Text,
    /// `spec.leave`.
    pub leave: bool,
    /// Label `k0s.k0sproject.io/controller-lease`.
    pub lease: Option<Text>,
}

/// `autopilot.k0sproject.io/v1beta2` ControlNode. Written at controller start only; never removed by k0s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlNode {
    /// Unique over time.
    pub uid: Text,
    /// `status.addresses` of type InternalIP.
    pub address: Option<Text>,
    /// Label `kubernetes.io/hostname`: the Node's name.
    pub node: Option<Text>,
    /// `status.k0sVersion`.
    pub k0s_version: Option<Text>,
}

/// `autopilot.k0sproject.io/v1beta2` Plan: k0s replaces itself, controller by controller. Embedded Cluster upgrades with one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// `status.state`; empty before autopilot has looked at it.
    pub state: Text,
}

impl Upgrade {
    /// Whether controllers may still be restarted for it: `HasThePlanEnded` of Embedded Cluster (`pkg/autopilot`).
    pub fn is_under_way(&self) -> bool {
        matches!(self.state.as_str(), "" | "Schedulable" | "SchedulableWait")
    }
}

/// `k0s.k0sproject.io/v1beta1` ClusterConfig `kube-system/k0s`, the parts that concern failover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// `spec.controllerManager.extraArgs.node-monitor-grace-period`, such as `20s`.
    pub grace_period: Option<Text>,
    /// `spec.controllerManager.extraArgs.node-monitor-period`.
    pub monitor_period: Option<Text>,
    /// `spec.network.provider`: `calico`, `kuberouter` or `custom`.
    pub network_provider: Option<Text>,
    /// `spec.network.calico.mode` is `bird`: BGP in place of VXLAN (k0s `pkg/apis/k0s/v1beta1/calico.go`).
    #[serde(default)]
    pub has_bgp: bool,
    /// `spec.network.calico.wireguard`: the overlay is encrypted.
    pub wireguard: bool,
}
