//! Kinds of which little is kept: Lease, ReplicaSet, PersistentVolumeClaim, PersistentVolume, PodDisruptionBudget.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::coordination::v1 as coordination;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1 as policy;

use super::{Row, annotation, controller, count, meta_key, scheduling, text};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::kube::{Claim, DisruptionBudget, Lease, ReplicaSet, Volume};
use crate::port::KubeObject;

/// Reads a Lease.
pub fn lease(raw: &coordination::Lease) -> Result<Row, Why> {
    let key = meta_key(KubeKind::Leases, &raw.metadata)?;
    let spec = raw.spec.as_ref();
    let row = Lease {
        uid: text(raw.metadata.uid.as_ref()),
        holder: spec.and_then(|spec| spec.holder_identity.as_deref()).map(Text::new),
        duration_s: count(spec.and_then(|spec| spec.lease_duration_seconds)),
        renewed: spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0),
        transitions: count(spec.and_then(|spec| spec.lease_transitions)),
    };
    Ok((key, KubeObject::Lease(row)))
}

/// Reads a ReplicaSet.
pub fn replica_set(raw: &apps::ReplicaSet) -> Result<Row, Why> {
    let key = meta_key(KubeKind::ReplicaSets, &raw.metadata)?;
    let row = ReplicaSet {
        owner: controller(&raw.metadata),
    };
    Ok((key, KubeObject::ReplicaSet(row)))
}

/// Reads a PersistentVolumeClaim.
pub fn claim(raw: &core::PersistentVolumeClaim) -> Result<Row, Why> {
    let meta = &raw.metadata;
    let key = meta_key(KubeKind::Claims, meta)?;
    let provisioner = annotation(meta, "volume.kubernetes.io/storage-provisioner");
    let row = Claim {
        phase: text(raw.status.as_ref().and_then(|status| status.phase.as_ref())),
        provisioner: provisioner.or_else(|| annotation(meta, "volume.beta.kubernetes.io/storage-provisioner")),
        node: annotation(meta, "volume.kubernetes.io/selected-node"),
        volume: raw
            .spec
            .as_ref()
            .and_then(|spec| spec.volume_name.as_deref())
            .filter(|name| !name.is_empty())
            .map(Text::new),
    };
    Ok((key, KubeObject::Claim(row)))
}

/// Reads a PersistentVolume.
pub fn volume(raw: &core::PersistentVolume) -> Result<Row, Why> {
    let key = meta_key(KubeKind::Volumes, &raw.metadata)?;
    let spec = raw.spec.as_ref();
    let affinity = spec.and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    let terms = affinity.into_iter().flat_map(|required| &required.node_selector_terms);
    let expressions = terms.flat_map(|term| term.match_expressions.iter().flatten());
    let hosts = expressions.filter(|own| own.key == "kubernetes.io/hostname" && own.operator == "In");
    let row = Volume {
        phase: text(raw.status.as_ref().and_then(|status| status.phase.as_ref())),
        hosts: hosts
            .flat_map(|own| own.values.iter().flatten())
            .map(|host| Text::new(host))
            .collect(),
        reclaim: text(spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_ref())),
    };
    Ok((key, KubeObject::Volume(row)))
}

/// Reads a PodDisruptionBudget.
pub fn disruption_budget(raw: &policy::PodDisruptionBudget) -> Result<Row, Why> {
    let meta = &raw.metadata;
    let key = meta_key(KubeKind::DisruptionBudgets, meta)?;
    let (spec, status) = (raw.spec.as_ref(), raw.status.as_ref());
    let of = |count_of: fn(&policy::PodDisruptionBudgetStatus) -> i32| count(status.map(count_of));
    let observed = status.and_then(|status| status.observed_generation).unwrap_or(0);
    let row = DisruptionBudget {
        pods: scheduling::selector(spec.and_then(|spec| spec.selector.as_ref())),
        allowed: of(|status| status.disruptions_allowed),
        healthy: of(|status| status.current_healthy),
        desired: of(|status| status.desired_healthy),
        is_counted: observed >= meta.generation.unwrap_or(0),
        spares_unready: spec.and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref()) == Some("AlwaysAllow"),
    };
    Ok((key, KubeObject::DisruptionBudget(row)))
}
