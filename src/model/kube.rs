//! The parts of Kubernetes objects that answer quorate's questions. Built by `assemble` from whatever source.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::admission::Admission;
use super::detection::minor;
use super::fact::{Fact, ObjectKey, Table};
use super::k0s::{ClusterConfig, ControlNode, EtcdMemberObject, Upgrade};
use super::labels::{Labels, Selector};
use super::placement::{HOSTNAME, ZONE};
use super::product::{Installation, NetBoxEnterprise};
use super::scheduling::Scheduling;
use super::stored::Stored;
use crate::base::{Stamp, Text};

/// True, False or Unknown, as Kubernetes writes a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tri {
    /// "True"
    True,
    /// "False"
    False,
    /// "Unknown", and everything else
    Unknown,
}

impl Tri {
    /// Reads a condition's status.
    pub fn parse(raw: &str) -> Self {
        match raw {
            "True" => Tri::True,
            "False" => Tri::False,
            _ => Tri::Unknown,
        }
    }

    /// As Kubernetes writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Tri::True => "True",
            Tri::False => "False",
            Tri::Unknown => "Unknown",
        }
    }
}

/// A condition of any object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Its type, such as `Ready`.
    pub kind: Text,
    /// Its status.
    pub status: Tri,
    /// One word for programs.
    pub reason: Text,
    /// A sentence for people.
    pub message: Text,
    /// When the status last changed, by the writer's clock.
    pub changed: Option<Timestamp>,
}

/// What a taint does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: Text,
    /// Its value.
    pub value: Text,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Text,
    /// When it was put there.
    pub added: Option<Timestamp>,
}

/// Amounts of what a node has or a pod asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Pods (a node's limit); 0 on a pod's request.
    pub pods: u64,
}

/// What a kubelet reports about its machine (`status.nodeInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `/etc/machine-id`: made at installation, the same on clones of an image.
    pub machine_id: Option<Text>,
    /// The firmware's UUID of the machine.
    pub system_uuid: Option<Text>,
    /// New at every boot of the kernel.
    pub boot_id: Option<Text>,
    /// `swap.capacity`; what its absence means: [`Node::swap_bytes`].
    pub swap_bytes: Option<u64>,
}

/// A core/v1 Node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: Text,
    /// Unique over time: a re-created node has a new one.
    pub uid: Text,
    /// The first InternalIP.
    pub address: Option<Text>,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: Option<Text>,
    /// Label `topology.kubernetes.io/region`.
    pub region: Option<Text>,
    /// Carries the label `node-role.kubernetes.io/control-plane`.
    pub is_controller: bool,
    /// The Ready condition; Unknown when there is none.
    pub ready: Condition,
    /// The other conditions, such as `MemoryPressure`.
    pub conditions: Vec<Condition>,
    /// Cordoned.
    pub unschedulable: bool,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// Which machine it is.
    pub machine: Machine,
    /// What the machine has.
    pub capacity: Amounts,
    /// Size of the kubelet's file system (`ephemeral-storage`); None where it is not reported.
    pub disk_bytes: Option<u64>,
    /// What pods may use.
    pub allocatable: Amounts,
    /// Such as `v1.37.2+k0s.0`.
    pub kubelet_version: Text,
    /// All labels.
    pub labels: Labels,
}

impl Node {
    /// How much swap its machine has; None where its kubelet would not say so. A kubelet reports swap only where there is
    /// some (`pkg/kubelet/nodestatus/setters.go`), and always since 1.34, which locked the gate NodeSwap on.
    pub fn swap_bytes(&self) -> Option<u64> {
        let tells = || minor(self.kubelet_version.as_str()).is_some_and(|minor| minor >= 34);
        self.machine.swap_bytes.or_else(|| tells().then_some(0))
    }
}

/// A coordination.k8s.io/v1 Lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Unique over time.
    #[serde(default)]
    pub uid: Text,
    /// Who holds it; None or empty when released.
    pub holder: Option<Text>,
    /// Seconds of validity after a renewal.
    pub duration_s: u32,
    /// The holder's clock at its last renewal.
    pub renewed: Option<Timestamp>,
    /// How often it changed hands.
    pub transitions: u32,
}

/// A pause between two renewals of a kubelet's lease that we saw, by the kubelet's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When we saw it end.
    pub ended: Stamp,
    /// How long it lasted.
    pub lasted: Duration,
}

/// The controller of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Such as `ReplicaSet`.
    pub kind: Text,
    /// Its name, in the same namespace.
    pub name: Text,
}

/// How long a pod stays on a node after the node was tainted not-ready or unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerates {
    /// So many seconds; 0 where it has no matching toleration.
    Seconds(u64),
    /// For ever: daemon sets, static pods.
    Forever,
}

/// A core/v1 Pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Unique over time.
    pub uid: Text,
    /// Where it runs, once scheduled.
    pub node: Option<Text>,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: Text,
    /// Its Ready condition is True.
    pub ready: bool,
    /// When its deletion was asked for.
    pub deleting: Option<Timestamp>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its controller.
    pub owner: Option<Owner>,
    /// Made by a kubelet from a file; the API only mirrors it.
    pub is_static: bool,
    /// For the taint `node.kubernetes.io/unreachable:NoExecute`.
    pub tolerates_unreachable: Tolerates,
    /// For the taint `node.kubernetes.io/not-ready:NoExecute`.
    pub tolerates_not_ready: Tolerates,
    /// What it asks for.
    pub requests: Amounts,
    /// Why it is not scheduled or not running: the scheduler's or a container's words.
    pub waiting: Option<Text>,
    /// Container restarts.
    pub restarts: u32,
    /// Names of the claims that it mounts.
    pub claims: Vec<Text>,
    /// Names of its emptyDir volumes: what it keeps there goes with it.
    #[serde(default)]
    pub scratch: Vec<Text>,
    /// Directories of its node, and emptyDir volumes, that its containers see.
    #[serde(default)]
    pub on_node: Vec<NodeFiles>,
    /// Names of its containers, those that only prepare it last.
    pub containers: Vec<Text>,
    /// An address of its own and the first TCP port that it declares; None where it shares its node's address, or declares none.
    #[serde(default)]
    pub listens: Option<SocketAddr>,
    /// All labels.
    pub labels: Labels,
}

/// A volume of a pod that is its node's own disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFiles {
    /// The node's directory (hostPath); None of an emptyDir, which ends with the pod.
    pub host_path: Option<Text>,
    /// Where containers see it.
    pub seen_at: Vec<Text>,
}

impl Pod {
    /// Whether it is done and holds nothing any more.
    pub fn is_finished(&self) -> bool {
        self.phase == "Succeeded" || self.phase == "Failed"
    }
}

/// The kinds of workload that place replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// apps/v1 Deployment
    Deployment,
    /// apps/v1 `StatefulSet`
    StatefulSet,
    /// apps/v1 `DaemonSet`
    DaemonSet,
}

impl WorkloadKind {
    /// The kind as Kubernetes writes it.
    pub const fn word(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
        }
    }
}

/// One topology spread constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The node label whose values are the domains.
    pub topology_key: Text,
    /// The largest difference allowed.
    pub max_skew: u32,
    /// `DoNotSchedule`: the scheduler obeys it. Otherwise it only prefers.
    pub hard: bool,
    /// Fewer domains than this count as an empty one.
    pub min_domains: Option<u32>,
    /// `nodeTaintsPolicy: Honor`: tainted nodes are no domains.
    pub honors_taints: bool,
    /// `nodeAffinityPolicy: Honor`, the default: nodes that the pod may not run on are no domains.
    pub honors_affinity: bool,
    /// The pods that are counted, those of its own namespace.
    pub selector: Selector,
    /// Of those, the pods that have these labels as the new one has them (`matchLabelKeys`).
    pub match_label_keys: Vec<Text>,
}

impl Spread {
    /// Whether its domains are nodes or zones: others say nothing of machines.
    pub fn is_over_machines(&self) -> bool {
        self.topology_key == HOSTNAME || self.topology_key == ZONE
    }
}

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Which kind.
    pub kind: WorkloadKind,
    /// Unique over time.
    pub uid: Text,
    /// Replicas wanted.
    pub desired: u32,
    /// Replicas ready, as its controller last wrote it.
    pub ready: u32,
    /// Its topology spread constraints.
    pub spread: Vec<Spread>,
    /// Required pod anti-affinity over host names: a hard spread by another name.
    pub hard_host_anti_affinity: bool,
    /// Preferred pod anti-affinity, over whatever domain: a soft spread by another name.
    pub soft_anti_affinity: bool,
    /// What else its pods ask of a node.
    pub scheduling: Scheduling,
    /// Label `app.kubernetes.io/component`.
    pub component: Option<Text>,
    /// Names of the containers.
    pub containers: Vec<Text>,
    /// Its own labels; its pods may carry others.
    pub labels: Labels,
}

/// A `ReplicaSet`, only to find a pod's Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSet {
    /// Its Deployment.
    pub owner: Option<Owner>,
}

/// A core/v1 `PersistentVolumeClaim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Pending, Bound or Lost.
    pub phase: Text,
    /// Annotation `volume.kubernetes.io/storage-provisioner`.
    pub provisioner: Option<Text>,
    /// Annotation `volume.kubernetes.io/selected-node`.
    pub node: Option<Text>,
    /// The volume that it is bound to.
    #[serde(default)]
    pub volume: Option<Text>,
}

/// A core/v1 `PersistentVolume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Available, Bound, Released or Failed.
    pub phase: Text,
    /// Where alone it can be mounted: hosts by their label `kubernetes.io/hostname`, by which local provisioners pin a volume.
    /// Empty where its node affinity does not name any.
    pub hosts: Vec<Text>,
    /// What becomes of it with its claim: Delete, Retain.
    pub reclaim: Text,
}

/// A policy/v1 `PodDisruptionBudget`, as its controller last counted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisruptionBudget {
    /// Which pods of its namespace it guards.
    pub pods: Selector,
    /// How many may be evicted now (`status.disruptionsAllowed`).
    pub allowed: u32,
    /// How many are healthy.
    pub healthy: u32,
    /// How many must stay healthy.
    pub desired: u32,
    /// Whether the counts are of its newest spec; before, nothing is evicted.
    pub is_counted: bool,
    /// `unhealthyPodEvictionPolicy: AlwaysAllow`: pods that are not ready may always go.
    pub spares_unready: bool,
}

impl DisruptionBudget {
    /// Whether it lets this pod be evicted now (Kubernetes, `pkg/registry/core/pod/storage/eviction.go`).
    pub const fn allows(&self, pod: &Pod) -> bool {
        let is_guarded = self.healthy < self.desired || self.desired == 0;
        if !pod.ready && (self.spares_unready || !is_guarded) {
            return true;
        }
        self.is_counted && self.allowed > 0
    }
}

/// The API server in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Such as `https://10.77.0.12:6443`.
    pub server: Text,
    /// Counts changes of endpoint: what an older epoch says is dropped.
    pub epoch: u64,
    /// Whether it is the one that the kubeconfig names.
    pub is_preferred: bool,
    /// When it was chosen.
    pub since: Stamp,
    /// Kubernetes version, once told.
    pub version: Option<Text>,
    /// The uid of the namespace `kube-system`, once told: it lives as long as the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Text>,
}

/// What an API server says about itself: `/livez` and `/readyz`, check by check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiHealth {
    /// Whether it should be started anew.
    pub livez: Checked,
    /// Whether it should be sent requests.
    pub readyz: Checked,
}

/// The answer of one health endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// How many of its checks passed.
    pub passed: usize,
    /// Those that failed, by name: `etcd`, `etcd-readiness`, `informer-sync` …
    pub failed: Vec<Text>,
    /// Where it did not answer with checks at all: the HTTP status that it refused us with, such as 429 or 503.
    pub refused: Option<u16>,
}

/// Everything known from Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KubeFacts {
    /// The API server in use, or last used.
    pub endpoint: Option<Endpoint>,
    /// Set while rows are from etcd's store, for want of an API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// What the API server on this host says about itself.
    #[serde(default)]
    pub local: Option<Fact<ApiHealth>>,
    /// What the API servers give to new pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Admission>,
    /// Nodes by name.
    pub nodes: Table<Node>,
    /// Pods.
    pub pods: Table<Pod>,
    /// Leases of kube-node-lease and kube-system.
    pub leases: Table<Lease>,
    /// Long pauses of kubelets' heartbeats, by node, the newest last.
    #[serde(default)]
    pub pauses: BTreeMap<Text, Vec<Pause>>,
    /// Deployments.
    pub deployments: Table<Workload>,
    /// ReplicaSets.
    pub replica_sets: Table<ReplicaSet>,
    /// StatefulSets.
    pub stateful_sets: Table<Workload>,
    /// DaemonSets.
    pub daemon_sets: Table<Workload>,
    /// PersistentVolumeClaims.
    pub claims: Table<Claim>,
    /// PersistentVolumes.
    #[serde(default)]
    pub volumes: Table<Volume>,
    /// PodDisruptionBudgets.
    #[serde(default)]
    pub disruption_budgets: Table<DisruptionBudget>,
    /// k0s's annotations of etcd members.
    pub etcd_members: Table<EtcdMemberObject>,
    /// k0s's annotations of controllers.
    pub control_nodes: Table<ControlNode>,
    /// Upgrades that k0s's autopilot carries out, controller by controller.
    #[serde(default)]
    pub upgrades: Table<Upgrade>,
    /// k0s's configuration.
    pub cluster_configs: Table<ClusterConfig>,
    /// Embedded Cluster's record of itself, one object per upgrade.
    pub installations: Table<Installation>,
    /// NetBox Enterprise.
    pub netbox_enterprises: Table<NetBoxEnterprise>,
}

impl KubeFacts {
    /// The node on whose disk alone the data of a claim are. Its volume tells; where that was not read, the claim does, if a
    /// local provisioner made it.
    pub fn pinned(&self, claim: &ObjectKey) -> Option<&Text> {
        let claim = &self.claims.get(claim)?.value;
        let key = claim.volume.as_ref().map(|volume| ObjectKey::new("", volume.clone()));
        if let Some(volume) = key.and_then(|key| self.volumes.get(&key)) {
            let hosts = &volume.value.hosts;
            return hosts.first().filter(|_| hosts.len() == 1);
        }
        let is_local = |own: &Text| own.as_str().contains("local");
        let is_local = claim.provisioner.as_ref().is_some_and(is_local);
        claim.node.as_ref().filter(|_| is_local)
    }
}
