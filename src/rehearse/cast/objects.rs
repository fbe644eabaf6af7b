//! What the API servers hold, back in Kubernetes' words: the inverse of `assemble::objects`.

use serde_json::{Value, json};

use super::pods::amounts;
use super::rules::selector;
use super::workloads::{put, workloads};
use crate::base::Text;
use crate::model::k0s::{ClusterConfig, ControlNode, EtcdMemberObject};
use crate::model::kube::{Claim, Condition, DisruptionBudget, Lease, Node, Taint, Volume};
use crate::model::placement::HOSTNAME;
use crate::model::product::{Installation, NetBoxEnterprise};
use crate::model::{FeedState, KubeKind, ObjectKey, Snapshot, Table};
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;

/// Everything. Kinds that were not read are told.
pub(super) fn objects(snapshot: &Snapshot, notes: &mut Vec<Text>) -> Vec<(Key, Value)> {
    let kube = &snapshot.kube;
    let mut all = Vec::new();
    for kind in KubeKind::ALL {
        if let FeedState::Lost { why, .. } = snapshot.kind(kind) {
            notes.push(Text::from(format!("{}: {}", kind.plural(), why.text)));
        }
    }
    if let Some(uid) = kube.endpoint.as_ref().and_then(|endpoint| endpoint.cluster.as_ref()) {
        let body = json!({"metadata": {"uid": uid}, "status": {"phase": "Active"}});
        put(&mut all, Resource::Namespaces, &ObjectKey::new("", "kube-system"), body);
    }
    put_all(&mut all, Resource::Nodes, &kube.nodes, node);
    put_all(&mut all, Resource::Leases, &kube.leases, lease);
    put_all(&mut all, Resource::Claims, &kube.claims, claim);
    put_all(&mut all, Resource::Volumes, &kube.volumes, volume);
    put_all(&mut all, Resource::DisruptionBudgets, &kube.disruption_budgets, budget);
    put_all(&mut all, Resource::EtcdMembers, &kube.etcd_members, etcd_member);
    put_all(&mut all, Resource::ControlNodes, &kube.control_nodes, control_node);
    put_all(
        &mut all,
        Resource::Plans,
        &kube.upgrades,
        |own| json!({"status": {"state": own.state}}),
    );
    put_all(
        &mut all,
        Resource::ClusterConfigs,
        &kube.cluster_configs,
        cluster_config,
    );
    put_all(&mut all, Resource::Installations, &kube.installations, installation);
    put_all(&mut all, Resource::NetBoxEnterprises, &kube.netbox_enterprises, netbox);
    workloads(snapshot, &mut all, notes);
    all
}

fn put_all<T>(all: &mut Vec<(Key, Value)>, resource: Resource, rows: &Table<T>, words: impl Fn(&T) -> Value) {
    for (key, row) in rows.iter() {
        put(all, resource, key, words(&row.value));
    }
}

fn condition(own: &Condition) -> Value {
    json!({"type": own.kind, "status": own.status.word(), "reason": own.reason, "message": own.message,
        "lastTransitionTime": own.changed})
}

fn conditions(own: &[Condition]) -> Vec<Value> {
    own.iter().map(condition).collect()
}

fn taint(own: &Taint) -> Value {
    json!({"key": own.key, "value": (!own.value.is_empty()).then_some(&own.value), "effect": own.effect,
        "timeAdded": own.added})
}

fn node(own: &Node) -> Value {
    let mut capacity = amounts(&own.capacity);
    if let (Some(capacity), Some(bytes)) = (capacity.as_object_mut(), own.disk_bytes) {
        capacity.insert("ephemeral-storage".to_owned(), bytes.to_string().into());
    }
    let mut all = conditions(&own.conditions);
    all.push(condition(&own.ready));
    let address = own
        .address
        .as_ref()
        .map(|address| json!({"type": "InternalIP", "address": address}));
    let taints: Vec<Value> = own.taints.iter().map(taint).collect();
    let machine = &own.machine;
    json!({
        "metadata": {"uid": own.uid, "labels": own.labels},
        "spec": {"unschedulable": own.unschedulable.then_some(true), "taints": (!taints.is_empty()).then_some(taints)},
        "status": {
            "capacity": capacity, "allocatable": amounts(&own.allocatable), "conditions": all,
            "addresses": address.into_iter().collect::<Vec<_>>(),
            "nodeInfo": {
                "kubeletVersion": own.kubelet_version, "machineID": machine.machine_id.clone().unwrap_or_default(),
                "systemUUID": machine.system_uuid.clone().unwrap_or_default(), "architecture": "", "osImage": "",
                "bootID": machine.boot_id.clone().unwrap_or_default(), "operatingSystem": "linux", "kernelVersion": "",
                "containerRuntimeVersion": "", "kubeProxyVersion": "",
                "swap": machine.swap_bytes.map(|bytes| json!({"capacity": bytes})),
            },
        },
    })
}

fn lease(own: &Lease) -> Value {
    json!({
        "metadata": {"uid": (!own.uid.is_empty()).then_some(&own.uid)},
        "spec": {"holderIdentity": own.holder, "leaseDurationSeconds": own.duration_s,
            "renewTime": own.renewed.map(|at| format!("{at:.6}")), "leaseTransitions": own.transitions},
    })
}

fn claim(own: &Claim) -> Value {
    json!({
        "metadata": {"annotations": {"volume.kubernetes.io/storage-provisioner": own.provisioner,
            "volume.kubernetes.io/selected-node": own.node}},
        "spec": {"volumeName": own.volume}, "status": {"phase": own.phase},
    })
}

fn volume(own: &Volume) -> Value {
    let affinity = (!own.hosts.is_empty()).then(|| {
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [
            {"key": HOSTNAME, "operator": "In", "values": own.hosts}]}]}})
    });
    json!({"spec": {"persistentVolumeReclaimPolicy": own.reclaim, "nodeAffinity": affinity},
        "status": {"phase": own.phase}})
}

/// What it wants is known as a count only, whatever it says itself.
fn budget(own: &DisruptionBudget) -> Value {
    let policy = own.spares_unready.then_some("AlwaysAllow");
    json!({
        "metadata": {"generation": if own.is_counted { 1 } else { 2 }},
        "spec": {"minAvailable": own.desired, "selector": selector(&own.pods), "unhealthyPodEvictionPolicy": policy},
        "status": {"disruptionsAllowed": own.allowed, "currentHealthy": own.healthy, "desiredHealthy": own.desired,
            "expectedPods": own.healthy, "observedGeneration": 1},
    })
}

fn etcd_member(own: &EtcdMemberObject) -> Value {
    let labels = own
        .lease
        .as_ref()
        .map(|lease| json!({"k0s.k0sproject.io/controller-lease": lease}));
    json!({
        "metadata": {"uid": own.uid, "labels": labels}, "spec": {"leave": own.leave.then_some(true)},
        "status": {"memberID": own.member_id, "peerAddress": own.peer_address, "reconcileStatus": own.reconcile_status,
            "message": own.message, "conditions": own.joined.iter().map(condition).collect::<Vec<_>>()},
    })
}

fn control_node(own: &ControlNode) -> Value {
    let labels = own.node.as_ref().map(|node| json!({HOSTNAME: node}));
    let address = own
        .address
        .as_ref()
        .map(|address| json!({"address": address, "type": "InternalIP"}));
    json!({
        "metadata": {"uid": own.uid, "labels": labels},
        "status": {"k0sVersion": own.k0s_version, "addresses": address.into_iter().collect::<Vec<_>>()},
    })
}

fn cluster_config(own: &ClusterConfig) -> Value {
    json!({"spec": {
        "controllerManager": {"extraArgs": {"node-monitor-grace-period": own.grace_period,
            "node-monitor-period": own.monitor_period}},
        "network": {"provider": own.network_provider, "calico": {"wireguard": own.wireguard, "mode": if own.has_bgp { "bird" } else { "vxlan" }}},
    }})
}

fn installation(own: &Installation) -> Value {
    json!({
        "spec": {"highAvailability": own.high_availability, "airGap": own.air_gap, "config": {"version": own.version}},
        "status": {"state": own.state, "reason": own.reason, "conditions": conditions(&own.conditions)},
    })
}

fn netbox(own: &NetBoxEnterprise) -> Value {
    let external = |is: Option<bool>| is.map(|is| json!({"external": is}));
    json!({
        "metadata": {"generation": own.generation},
        "spec": {"postgresql": external(own.external_postgresql), "redis": external(own.external_redis),
            "diode": own.diode.map(|is| json!({"enabled": is})), "netbox": {"urls": own.urls}},
        "status": {"ready": own.ready, "message": own.message, "convergedGeneration": own.converged_generation,
            "conditions": conditions(&own.conditions)},
    })
}
