//! Kubernetes objects in their two forms: typed as the API's JSON gives them (k8s-openapi), and as the protobuf messages that
//! lie in etcd (k8s-pb). One table per message says which fields go over, for both directions: those that quorate reads. Start
//! reading at [`Twin`], then the tables below.
//!
//! Go has no absent string: a message carries `""` where JSON leaves the field out. Whoever reads an object takes both for
//! the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as apps, coordination::v1 as coordination, core::v1 as core, policy::v1 as policy};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_pb::api::apps::v1 as pb_apps;
use k8s_pb::api::coordination::v1 as pb_coordination;
use k8s_pb::api::core::v1 as pb_core;
use k8s_pb::api::policy::v1 as pb_policy;
use k8s_pb::apimachinery::pkg::api::resource as pb_resource;
use k8s_pb::apimachinery::pkg::apis::meta::v1 as pb_meta;

/// A value that has another form `M` as part of a protobuf message.
pub trait Twin<M>: Sized {
    /// From the message; None where it holds nothing.
    fn read(message: &M) -> Option<Self>;
    /// As a message.
    fn write(&self) -> M;
}

/// The same in both forms.
macro_rules! same {
    ($($scalar:ty),*) => { $(
        impl Twin<$scalar> for $scalar {
            fn read(message: &$scalar) -> Option<Self> {
                Some(message.clone())
            }
            fn write(&self) -> $scalar {
                self.clone()
            }
        }
        required!($scalar, $scalar);
    )* };
}

/// What JSON requires and a message may leave out.
macro_rules! required {
    ($typed:ty, $message:ty) => {
        impl Twin<Option<$message>> for $typed {
            fn read(message: &Option<$message>) -> Option<Self> {
                Some(message.as_ref().and_then(Twin::read).unwrap_or_default())
            }
            fn write(&self) -> Option<$message> {
                Some(Twin::<$message>::write(self))
            }
        }
    };
}

/// The fields of a message, by their typed names, and the message's own where it differs. The others are left out.
macro_rules! twins {
    ($($typed:path = $message:path { $($field:ident $(/ $other:ident)?),* $(,)? })*) => { $(
        impl Twin<$message> for $typed {
            #[allow(clippy::needless_update)] // some have no other fields
            fn read(message: &$message) -> Option<Self> {
                Some(Self {
                    $($field: Twin::read(&twins!(@ message $field $($other)?)).unwrap_or_default(),)*
                    ..Self::default()
                })
            }
            #[allow(clippy::field_reassign_with_default)] // a macro cannot rename a field in place
            fn write(&self) -> $message {
                let mut message = <$message>::default();
                $(twins!(@ message $field $($other)?) = self.$field.write();)*
                message
            }
        }
        required!($typed, $message);
    )* };
    (@ $message:ident $field:ident) => { $message.$field };
    (@ $message:ident $field:ident $other:ident) => { $message.$other };
}

same!(String, i32, i64, bool);

impl<T: Twin<M>, M> Twin<Option<M>> for Option<T> {
    fn read(message: &Option<M>) -> Option<Self> {
        message.as_ref().map(T::read)
    }
    fn write(&self) -> Option<M> {
        self.as_ref().map(T::write)
    }
}

impl<T: Twin<M>, M> Twin<Vec<M>> for Vec<T> {
    fn read(message: &Vec<M>) -> Option<Self> {
        Some(message.iter().filter_map(T::read).collect())
    }
    fn write(&self) -> Vec<M> {
        self.iter().map(T::write).collect()
    }
}

/// An empty list is left out of JSON.
impl<T: Twin<M>, M> Twin<Vec<M>> for Option<Vec<T>> {
    fn read(message: &Vec<M>) -> Option<Self> {
        (!message.is_empty()).then(|| Twin::read(message))
    }
    fn write(&self) -> Vec<M> {
        self.iter().flatten().map(T::write).collect()
    }
}

impl<T: Twin<M>, M> Twin<BTreeMap<String, M>> for Option<BTreeMap<String, T>> {
    fn read(message: &BTreeMap<String, M>) -> Option<Self> {
        let read = |(key, value)| Some((String::clone(key), T::read(value)?));
        (!message.is_empty()).then(|| Some(message.iter().filter_map(read).collect()))
    }
    fn write(&self) -> BTreeMap<String, M> {
        let all = self.iter().flatten();
        all.map(|(key, value)| (key.clone(), value.write())).collect()
    }
}

impl Twin<pb_resource::Quantity> for Quantity {
    fn read(message: &pb_resource::Quantity) -> Option<Self> {
        message.string.clone().map(Quantity)
    }
    fn write(&self) -> pb_resource::Quantity {
        pb_resource::Quantity {
            string: Some(self.0.clone()),
        }
    }
}

/// A time; the zero time is an empty message (`Time.MarshalTo`, apimachinery).
macro_rules! times {
    ($($typed:path = $message:path),*) => { $(
        impl Twin<$message> for $typed {
            fn read(message: &$message) -> Option<Self> {
                let at = Timestamp::new(message.seconds?, message.nanos.unwrap_or(0));
                at.ok().map($typed)
            }
            fn write(&self) -> $message {
                $message {
                    seconds: Some(self.0.as_second()),
                    nanos: Some(self.0.subsec_nanosecond()),
                }
            }
        }
    )* };
}

times!(meta::Time = pb_meta::Time, meta::MicroTime = pb_meta::MicroTime);

twins! {
    meta::ObjectMeta = pb_meta::ObjectMeta {
        name, namespace, uid, generation, creation_timestamp, deletion_timestamp, deletion_grace_period_seconds, labels,
        annotations, owner_references,
    }
    meta::OwnerReference = pb_meta::OwnerReference { api_version, kind, name, uid, controller }
    meta::LabelSelector = pb_meta::LabelSelector { match_labels, match_expressions }
    meta::LabelSelectorRequirement = pb_meta::LabelSelectorRequirement { key, operator, values }
    core::Node = pb_core::Node { metadata, spec, status }
    core::NodeSpec = pb_core::NodeSpec { unschedulable, taints }
    core::Taint = pb_core::Taint { key, value, effect, time_added }
    core::NodeStatus = pb_core::NodeStatus { capacity, allocatable, conditions, addresses, node_info }
    core::NodeCondition = pb_core::NodeCondition {
        type_ / r#type, status, last_heartbeat_time, last_transition_time, reason, message,
    }
    core::NodeAddress = pb_core::NodeAddress { type_ / r#type, address }
    core::NodeSystemInfo = pb_core::NodeSystemInfo { kubelet_version, machine_id, system_uuid, boot_id, swap }
    core::NodeSwapStatus = pb_core::NodeSwapStatus { capacity }
    core::Pod = pb_core::Pod { metadata, spec, status }
    core::PodSpec = pb_core::PodSpec {
        node_name, containers, init_containers, volumes, tolerations, affinity, topology_spread_constraints, overhead, resources,
        node_selector, host_network, resource_claims,
    }
    core::PodResourceClaim = pb_core::PodResourceClaim { name }
    core::Container = pb_core::Container { name, restart_policy, resources, ports, volume_mounts }
    core::VolumeMount = pb_core::VolumeMount { name, mount_path }
    core::HostPathVolumeSource = pb_core::HostPathVolumeSource { path }
    core::ContainerPort = pb_core::ContainerPort { container_port, host_port, protocol }
    core::ResourceRequirements = pb_core::ResourceRequirements { requests }
    core::Toleration = pb_core::Toleration { key, operator, value, effect, toleration_seconds }
    core::PersistentVolumeClaimVolumeSource = pb_core::PersistentVolumeClaimVolumeSource { claim_name }
    core::EmptyDirVolumeSource = pb_core::EmptyDirVolumeSource { medium }
    core::EphemeralVolumeSource = pb_core::EphemeralVolumeSource { volume_claim_template }
    core::PersistentVolumeClaimTemplate = pb_core::PersistentVolumeClaimTemplate { metadata }
    core::Affinity = pb_core::Affinity { node_affinity, pod_affinity, pod_anti_affinity }
    core::NodeAffinity = pb_core::NodeAffinity { required_during_scheduling_ignored_during_execution }
    core::NodeSelector = pb_core::NodeSelector { node_selector_terms }
    core::NodeSelectorTerm = pb_core::NodeSelectorTerm { match_expressions, match_fields }
    core::NodeSelectorRequirement = pb_core::NodeSelectorRequirement { key, operator, values }
    core::PodAffinity = pb_core::PodAffinity { required_during_scheduling_ignored_during_execution }
    core::PodAntiAffinity = pb_core::PodAntiAffinity {
        required_during_scheduling_ignored_during_execution, preferred_during_scheduling_ignored_during_execution,
    }
    core::WeightedPodAffinityTerm = pb_core::WeightedPodAffinityTerm { weight, pod_affinity_term }
    core::PodAffinityTerm = pb_core::PodAffinityTerm {
        label_selector, namespaces, topology_key, namespace_selector, match_label_keys, mismatch_label_keys,
    }
    core::TopologySpreadConstraint = pb_core::TopologySpreadConstraint {
        max_skew, topology_key, when_unsatisfiable, label_selector, min_domains, node_affinity_policy, node_taints_policy,
        match_label_keys,
    }
    core::PodStatus = pb_core::PodStatus { phase, conditions, init_container_statuses, container_statuses, pod_ip }
    core::PodCondition = pb_core::PodCondition { type_ / r#type, status, reason, message, last_transition_time }
    core::ContainerStatus = pb_core::ContainerStatus { name, state, ready, restart_count }
    core::ContainerState = pb_core::ContainerState { waiting }
    core::ContainerStateWaiting = pb_core::ContainerStateWaiting { reason, message }
    core::PodTemplateSpec = pb_core::PodTemplateSpec { metadata, spec }
    core::PersistentVolumeClaim = pb_core::PersistentVolumeClaim { metadata, spec, status }
    core::PersistentVolumeClaimSpec = pb_core::PersistentVolumeClaimSpec { volume_name }
    core::PersistentVolumeClaimStatus = pb_core::PersistentVolumeClaimStatus { phase }
    core::PersistentVolume = pb_core::PersistentVolume { metadata, spec, status }
    core::PersistentVolumeSpec = pb_core::PersistentVolumeSpec { node_affinity, persistent_volume_reclaim_policy }
    core::VolumeNodeAffinity = pb_core::VolumeNodeAffinity { required }
    core::PersistentVolumeStatus = pb_core::PersistentVolumeStatus { phase }
    coordination::Lease = pb_coordination::Lease { metadata, spec }
    coordination::LeaseSpec = pb_coordination::LeaseSpec {
        holder_identity, lease_duration_seconds, acquire_time, renew_time, lease_transitions,
    }
    policy::PodDisruptionBudget = pb_policy::PodDisruptionBudget { metadata, spec, status }
    policy::PodDisruptionBudgetSpec = pb_policy::PodDisruptionBudgetSpec { selector, unhealthy_pod_eviction_policy }
    policy::PodDisruptionBudgetStatus = pb_policy::PodDisruptionBudgetStatus {
        observed_generation, disruptions_allowed, current_healthy, desired_healthy,
    }
    apps::Deployment = pb_apps::Deployment { metadata, spec, status }
    apps::DeploymentSpec = pb_apps::DeploymentSpec { replicas, template }
    apps::DeploymentStatus = pb_apps::DeploymentStatus { ready_replicas }
    apps::ReplicaSet = pb_apps::ReplicaSet { metadata }
    apps::StatefulSet = pb_apps::StatefulSet { metadata, spec, status }
    apps::StatefulSetSpec = pb_apps::StatefulSetSpec { replicas, template }
    apps::StatefulSetStatus = pb_apps::StatefulSetStatus { ready_replicas }
    apps::DaemonSet = pb_apps::DaemonSet { metadata, spec, status }
    apps::DaemonSetSpec = pb_apps::DaemonSetSpec { template }
    apps::DaemonSetStatus = pb_apps::DaemonSetStatus { desired_number_scheduled, number_ready }
}

/// The message keeps the source in a part of its own.
impl Twin<pb_core::Volume> for core::Volume {
    fn read(message: &pb_core::Volume) -> Option<Self> {
        let source = message.volume_source.clone().unwrap_or_default();
        Some(Self {
            name: message.name.clone().unwrap_or_default(),
            persistent_volume_claim: Twin::read(&source.persistent_volume_claim).flatten(),
            ephemeral: Twin::read(&source.ephemeral).flatten(),
            empty_dir: Twin::read(&source.empty_dir).flatten(),
            host_path: Twin::read(&source.host_path).flatten(),
            ..Self::default()
        })
    }
    fn write(&self) -> pb_core::Volume {
        pb_core::Volume {
            name: self.name.write(),
            volume_source: Some(pb_core::VolumeSource {
                persistent_volume_claim: self.persistent_volume_claim.write(),
                ephemeral: self.ephemeral.write(),
                empty_dir: self.empty_dir.write(),
                host_path: self.host_path.write(),
                ..pb_core::VolumeSource::default()
            }),
        }
    }
}
