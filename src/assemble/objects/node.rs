//! core/v1 Node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity::{millis, whole};
use super::{Row, label, labels, meta_key, text};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::kube::{Amounts, Condition, Machine, Node, Taint, Tri};
use crate::port::KubeObject;

/// Carried by every controller of k0s that is also a node.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Reads a Node.
pub fn node(raw: &core::Node) -> Result<Row, Why> {
    let meta = &raw.metadata;
    let key = meta_key(KubeKind::Nodes, meta)?;
    let spec = raw.spec.as_ref();
    let status = raw.status.as_ref();
    let info = status.and_then(|status| status.node_info.as_ref());
    let row = Node {
        name: key.name.clone(),
        uid: text(meta.uid.as_ref()),
        address: status.and_then(internal_ip),
        zone: label(meta, "topology.kubernetes.io/zone"),
        region: label(meta, "topology.kubernetes.io/region"),
        is_controller: label(meta, CONTROL_PLANE).is_some(),
        ready: ready(status),
        conditions: status
            .and_then(|status| status.conditions.as_ref())
            .into_iter()
            .flatten()
            .filter(|other| other.type_ != "Ready")
            .map(condition)
            .collect(),
        unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
        taints: spec
            .and_then(|spec| spec.taints.as_ref())
            .map_or_else(Vec::new, |all| all.iter().map(taint).collect()),
        machine: info.map_or_else(Machine::default, machine),
        disk_bytes: status
            .and_then(|status| status.capacity.as_ref())
            .and_then(|list| whole(&list.get("ephemeral-storage")?.0)),
        capacity: amounts(status.and_then(|status| status.capacity.as_ref())),
        allocatable: amounts(status.and_then(|status| status.allocatable.as_ref())),
        kubelet_version: Text::new(info.map_or("", |info| &info.kubelet_version)),
        labels: labels(meta),
    };
    Ok((key, KubeObject::Node(row)))
}

fn internal_ip(status: &core::NodeStatus) -> Option<Text> {
    let addresses = status.addresses.as_ref()?;
    let internal = addresses.iter().find(|address| address.type_ == "InternalIP")?;
    Some(Text::new(&internal.address))
}

fn machine(info: &core::NodeSystemInfo) -> Machine {
    let said = |raw: &str| (!raw.is_empty()).then(|| Text::new(raw));
    let swap = info.swap.as_ref().and_then(|swap| swap.capacity);
    Machine {
        machine_id: said(&info.machine_id),
        system_uuid: said(&info.system_uuid),
        boot_id: said(&info.boot_id),
        swap_bytes: swap.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

fn ready(status: Option<&core::NodeStatus>) -> Condition {
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = conditions.and_then(|all| all.iter().find(|condition| condition.type_ == "Ready"));
    ready.map_or_else(
        || Condition {
            kind: Text::new("Ready"),
            status: Tri::Unknown,
            reason: Text::default(),
            message: Text::default(),
            changed: None,
        },
        condition,
    )
}

fn condition(raw: &core::NodeCondition) -> Condition {
    Condition {
        kind: Text::new(&raw.type_),
        status: Tri::parse(&raw.status),
        reason: text(raw.reason.as_ref()),
        message: text(raw.message.as_ref()),
        changed: raw.last_transition_time.as_ref().map(|time| time.0),
    }
}

fn taint(raw: &core::Taint) -> Taint {
    Taint {
        key: Text::new(&raw.key),
        value: text(raw.value.as_ref()),
        effect: Text::new(&raw.effect),
        added: raw.time_added.as_ref().map(|time| time.0),
    }
}

/// CPU, memory and pods of a resource list; what is missing or no quantity counts as none.
pub(super) fn amounts(list: Option<&BTreeMap<String, Quantity>>) -> Amounts {
    let get = |name: &str| list.and_then(|list| list.get(name)).map(|quantity| quantity.0.as_str());
    Amounts {
        cpu_milli: get("cpu").and_then(millis).unwrap_or(0),
        memory_bytes: get("memory").and_then(whole).unwrap_or(0),
        pods: get("pods").and_then(whole).unwrap_or(0),
    }
}
