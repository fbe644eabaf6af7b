//! core/v1 Pod.

use ::core::net::{IpAddr, SocketAddr};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::toleration::{self, NOT_READY, UNREACHABLE};
use super::{Row, annotation, controller, count, labels, meta_key, requests, text};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::kube::{Amounts, NodeFiles, Pod, Tolerates};
use crate::port::KubeObject;

/// On the API server's copy of a pod that a kubelet made from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// When the deletion was asked for: what stands there is when the grace that it was given is over.
fn deleting(meta: &ObjectMeta) -> Option<Timestamp> {
    let end = meta.deletion_timestamp.as_ref()?.0;
    let grace = SignedDuration::from_secs(meta.deletion_grace_period_seconds.unwrap_or(0));
    Some(end.checked_sub(grace).unwrap_or(end))
}

/// Reads a Pod.
pub fn pod(raw: &core::Pod) -> Result<Row, Why> {
    let meta = &raw.metadata;
    let key = meta_key(KubeKind::Pods, meta)?;
    let spec = raw.spec.as_ref();
    let status = raw.status.as_ref();
    let tolerates = |key| {
        let all = spec.and_then(|spec| spec.tolerations.as_deref());
        all.map_or(Tolerates::Seconds(0), |all| toleration::of(all, key))
    };
    let row = Pod {
        uid: text(meta.uid.as_ref()),
        node: spec
            .and_then(|spec| spec.node_name.as_deref())
            .filter(|node| !node.is_empty())
            .map(Text::new),
        phase: text(status.and_then(|status| status.phase.as_ref())),
        ready: status.is_some_and(|status| condition(status, "Ready").is_some_and(|ready| ready.status == "True")),
        deleting: deleting(meta),
        created: meta.creation_timestamp.as_ref().map(|time| time.0),
        owner: controller(meta),
        is_static: annotation(meta, MIRROR).is_some(),
        tolerates_unreachable: tolerates(UNREACHABLE),
        tolerates_not_ready: tolerates(NOT_READY),
        requests: spec.map_or_else(Amounts::default, requests::of),
        waiting: status.and_then(waiting),
        restarts: status.map_or(0, restarts),
        claims: spec.map_or_else(Vec::new, |spec| claims(spec, &key.name)),
        scratch: spec.map_or_else(Vec::new, scratch),
        on_node: spec.map_or_else(Vec::new, on_node),
        containers: spec.map_or_else(Vec::new, names),
        listens: spec.zip(status).and_then(|(spec, status)| listens(spec, status)),
        labels: labels(meta),
    };
    Ok((key, KubeObject::Pod(row)))
}

fn condition<'a>(status: &'a core::PodStatus, kind: &str) -> Option<&'a core::PodCondition> {
    status
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == kind)
}

/// Statuses in the order in which the containers start.
fn containers(status: &core::PodStatus) -> impl Iterator<Item = &core::ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

/// The scheduler's words while it finds no node, else those of the first container that waits.
fn waiting(status: &core::PodStatus) -> Option<Text> {
    if let Some(unscheduled) = condition(status, "PodScheduled").filter(|scheduled| scheduled.status == "False") {
        return sentence(unscheduled.reason.as_deref(), unscheduled.message.as_deref());
    }
    containers(status).find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        sentence(waiting.reason.as_deref(), waiting.message.as_deref())
    })
}

fn sentence(reason: Option<&str>, message: Option<&str>) -> Option<Text> {
    let given = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
    match (given(reason), given(message)) {
        (Some(reason), Some(message)) => Some(Text::from(format!("{reason}: {message}"))),
        (Some(only), None) | (None, Some(only)) => Some(Text::from(only)),
        (None, None) => None,
    }
}

fn restarts(status: &core::PodStatus) -> u32 {
    containers(status).fold(0, |sum, container| {
        sum.saturating_add(count(Some(container.restart_count)))
    })
}

fn names(spec: &core::PodSpec) -> Vec<Text> {
    let init = spec.init_containers.iter().flatten();
    let all = spec.containers.iter().chain(init);
    all.map(|container| Text::new(&container.name)).collect()
}

/// Where it takes connections at an address of its own.
fn listens(spec: &core::PodSpec, status: &core::PodStatus) -> Option<SocketAddr> {
    if spec.host_network == Some(true) {
        return None;
    }
    let mut ports = spec.containers.iter().flat_map(|own| own.ports.iter().flatten());
    // TCP is the default.
    let port = ports.find(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP")?;
    let address: IpAddr = status.pod_ip.as_ref()?.parse().ok()?;
    Some(SocketAddr::new(address, u16::try_from(port.container_port).ok()?))
}

/// Volumes that end with the pod.
fn scratch(spec: &core::PodSpec) -> Vec<Text> {
    let volumes = spec.volumes.iter().flatten();
    let own = volumes.filter(|volume| volume.empty_dir.is_some());
    own.map(|volume| Text::new(&volume.name)).collect()
}

/// Volumes on the node's own disk that a container sees.
fn on_node(spec: &core::PodSpec) -> Vec<NodeFiles> {
    let init = spec.init_containers.iter().flatten();
    let containers: Vec<&core::Container> = spec.containers.iter().chain(init).collect();
    let volumes = spec.volumes.iter().flatten();
    let own = volumes.filter(|volume| volume.host_path.is_some() || volume.empty_dir.is_some());
    let files = own.map(|volume| {
        let mounts = containers.iter().flat_map(|own| own.volume_mounts.iter().flatten());
        let mut seen_at: Vec<Text> = mounts
            .filter(|mount| mount.name == volume.name)
            .map(|mount| Text::new(&mount.mount_path))
            .collect();
        seen_at.sort();
        seen_at.dedup();
        NodeFiles {
            host_path: volume.host_path.as_ref().map(|host| Text::new(&host.path)),
            seen_at,
        }
    });
    files.filter(|files| !files.seen_at.is_empty()).collect()
}

/// Named claims, and those that Kubernetes makes for generic ephemeral volumes (`POD-VOLUME`).
fn claims(spec: &core::PodSpec, pod: &Text) -> Vec<Text> {
    let name = |volume: &core::Volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(Text::new(&claim.claim_name)),
        (None, Some(_)) => Some(Text::from(format!("{pod}-{}", volume.name))),
        (None, None) => None,
    };
    spec.volumes.iter().flatten().filter_map(name).collect()
}
