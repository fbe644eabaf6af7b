//! Deployments, StatefulSets and DaemonSets: what they want, and how their pods are told to keep apart.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::scheduling;
use super::selector::selects;
use super::{Row, count, label, labels, meta_key, text};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::kube::{Spread, Workload, WorkloadKind};
use crate::model::placement::HOSTNAME;
use crate::model::scheduling::Scheduling;
use crate::port::KubeObject;

const COMPONENT: &str = "app.kubernetes.io/component";

/// Reads a Deployment.
pub fn deployment(raw: &apps::Deployment) -> Result<Row, Why> {
    let key = meta_key(KubeKind::Deployments, &raw.metadata)?;
    let spec = raw.spec.as_ref();
    let mut row = workload(WorkloadKind::Deployment, &raw.metadata, spec.map(|spec| &spec.template));
    row.desired = desired(spec.and_then(|spec| spec.replicas));
    row.ready = count(raw.status.as_ref().and_then(|status| status.ready_replicas));
    Ok((key, KubeObject::Deployment(row)))
}

/// Reads a StatefulSet.
pub fn stateful_set(raw: &apps::StatefulSet) -> Result<Row, Why> {
    let key = meta_key(KubeKind::StatefulSets, &raw.metadata)?;
    let spec = raw.spec.as_ref();
    let mut row = workload(
        WorkloadKind::StatefulSet,
        &raw.metadata,
        spec.map(|spec| &spec.template),
    );
    row.desired = desired(spec.and_then(|spec| spec.replicas));
    row.ready = count(raw.status.as_ref().and_then(|status| status.ready_replicas));
    Ok((key, KubeObject::StatefulSet(row)))
}

/// Reads a DaemonSet; it wants one pod per matching node.
pub fn daemon_set(raw: &apps::DaemonSet) -> Result<Row, Why> {
    let key = meta_key(KubeKind::DaemonSets, &raw.metadata)?;
    let template = raw.spec.as_ref().map(|spec| &spec.template);
    let mut row = workload(WorkloadKind::DaemonSet, &raw.metadata, template);
    let status = raw.status.as_ref();
    row.desired = count(status.map(|status| status.desired_number_scheduled));
    row.ready = count(status.map(|status| status.number_ready));
    Ok((key, KubeObject::DaemonSet(row)))
}

/// The API server fills in 1 where nothing is written.
fn desired(replicas: Option<i32>) -> u32 {
    count(Some(replicas.unwrap_or(1)))
}

fn workload(kind: WorkloadKind, meta: &ObjectMeta, template: Option<&core::PodTemplateSpec>) -> Workload {
    let spec = template.and_then(|template| template.spec.as_ref());
    let pod_meta = template.and_then(|template| template.metadata.as_ref());
    let spread = spec.and_then(|spec| spec.topology_spread_constraints.as_ref());
    Workload {
        kind,
        uid: text(meta.uid.as_ref()),
        desired: 0,
        ready: 0,
        spread: spread.map_or_else(Vec::new, |all| all.iter().map(constraint).collect()),
        hard_host_anti_affinity: spec.is_some_and(|spec| keeps_off_own_host(spec, meta, pod_meta)),
        soft_anti_affinity: spec.is_some_and(prefers_apart),
        scheduling: spec.map_or_else(Scheduling::default, scheduling::of),
        component: label(meta, COMPONENT).or_else(|| label(pod_meta?, COMPONENT)),
        containers: spec.map_or_else(Vec::new, |spec| {
            spec.containers.iter().map(|own| Text::new(&own.name)).collect()
        }),
        labels: labels(meta),
    }
}

fn constraint(raw: &core::TopologySpreadConstraint) -> Spread {
    Spread {
        topology_key: Text::new(&raw.topology_key),
        max_skew: count(Some(raw.max_skew)),
        hard: raw.when_unsatisfiable == "DoNotSchedule",
        min_domains: raw.min_domains.and_then(|domains| u32::try_from(domains).ok()),
        honors_taints: raw.node_taints_policy.as_deref() == Some("Honor"),
        honors_affinity: raw.node_affinity_policy.as_deref() != Some("Ignore"),
        selector: scheduling::selector(raw.label_selector.as_ref()),
        match_label_keys: raw
            .match_label_keys
            .iter()
            .flatten()
            .map(|key| Text::new(key))
            .collect(),
    }
}

/// Whether pods are asked to keep apart if possible. Which ones is not looked into: it decides nothing but a hint.
fn prefers_apart(spec: &core::PodSpec) -> bool {
    let affinity = spec.affinity.as_ref();
    let anti = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let terms = anti.and_then(|anti| anti.preferred_during_scheduling_ignored_during_execution.as_ref());
    terms.is_some_and(|terms| !terms.is_empty())
}

/// Whether required anti-affinity over host names concerns the workload's own pods: only then are they kept apart.
fn keeps_off_own_host(spec: &core::PodSpec, meta: &ObjectMeta, pod_meta: Option<&ObjectMeta>) -> bool {
    let anti = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let terms = anti.and_then(|anti| anti.required_during_scheduling_ignored_during_execution.as_ref());
    let none = BTreeMap::new();
    let labels = pod_meta.and_then(|meta| meta.labels.as_ref()).unwrap_or(&none);
    terms.into_iter().flatten().any(|term| {
        term.topology_key == HOSTNAME
            && selects(term.label_selector.as_ref(), labels)
            && term.mismatch_label_keys.as_ref().is_none_or(Vec::is_empty)
            && covers_namespace(term, meta.namespace.as_deref().unwrap_or_default())
    })
}

/// A term names namespaces, selects them by labels (an empty selector means all), or means its pod's own.
fn covers_namespace(term: &core::PodAffinityTerm, own: &str) -> bool {
    let named = term.namespaces.as_deref().unwrap_or_default();
    match &term.namespace_selector {
        None => named.is_empty() || named.iter().any(|name| name == own),
        // Namespaces' labels are not known here; each carries at least its own name.
        Some(selector) => {
            let labels = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), own.to_owned())]);
            selects(Some(selector), &labels) || named.iter().any(|name| name == own)
        }
    }
}
