//! Objects as an API server stores them in etcd: the built-in kinds that quorate reads as protobuf, with the fields that it
//! reads; custom resources as JSON. Neither form has a resourceVersion: that is the key's own revision. Start reading at
//! [`value`].

use k8s_openapi::api::{apps::v1 as apps, coordination::v1 as coordination, core::v1 as core, policy::v1 as policy};
use k8s_pb::api::apps::v1 as pb_apps;
use k8s_pb::api::coordination::v1 as pb_coordination;
use k8s_pb::api::core::v1 as pb_core;
use k8s_pb::api::policy::v1 as pb_policy;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::pb::kubernetes::seal;
use crate::pb::kubernetes::twin::Twin;
use crate::sim::world::resource::Resource;
use crate::sim::world::store::as_map;

/// The value in etcd; None where the form of this kind is not simulated.
pub fn value(resource: Resource, object: &Value) -> Option<Vec<u8>> {
    match resource {
        Resource::Nodes => protobuf::<pb_core::Node, core::Node>(resource, object),
        Resource::Pods => protobuf::<pb_core::Pod, core::Pod>(resource, object),
        Resource::Claims => protobuf::<pb_core::PersistentVolumeClaim, core::PersistentVolumeClaim>(resource, object),
        Resource::Volumes => protobuf::<pb_core::PersistentVolume, core::PersistentVolume>(resource, object),
        Resource::Leases => protobuf::<pb_coordination::Lease, coordination::Lease>(resource, object),
        Resource::Deployments => protobuf::<pb_apps::Deployment, apps::Deployment>(resource, object),
        Resource::ReplicaSets => protobuf::<pb_apps::ReplicaSet, apps::ReplicaSet>(resource, object),
        Resource::StatefulSets => protobuf::<pb_apps::StatefulSet, apps::StatefulSet>(resource, object),
        Resource::DaemonSets => protobuf::<pb_apps::DaemonSet, apps::DaemonSet>(resource, object),
        Resource::DisruptionBudgets => {
            protobuf::<pb_policy::PodDisruptionBudget, policy::PodDisruptionBudget>(resource, object)
        }
        Resource::EtcdMembers
        | Resource::ControlNodes
        | Resource::Plans
        | Resource::ClusterConfigs
        | Resource::Installations
        | Resource::NetBoxEnterprises => Some(json(object)),
        Resource::Namespaces
        | Resource::Events
        | Resource::Services
        | Resource::Endpoints
        | Resource::ConfigMaps
        | Resource::Secrets => None,
    }
}

fn protobuf<M: Message, T: Twin<M> + DeserializeOwned>(resource: Resource, object: &Value) -> Option<Vec<u8>> {
    let typed: T = serde_json::from_value(object.clone()).ok()?;
    Some(seal(&resource.api_version(), resource.info().kind, &typed))
}

fn json(object: &Value) -> Vec<u8> {
    let mut stored = object.clone();
    if let Some(meta) = stored.get_mut("metadata") {
        as_map(meta).remove("resourceVersion");
    }
    stored.to_string().into_bytes()
}
