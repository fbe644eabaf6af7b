//! k0s's own objects (k0s `pkg/apis`). Their versions move, so they are read field by field.

use serde_json::Value;

use super::json::{bool_at, conditions, list_at, str_at, text_at};
use super::{Row, json_key};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::k0s::{ClusterConfig, ControlNode, EtcdMemberObject, Upgrade};
use crate::port::KubeObject;

/// etcd.k0sproject.io EtcdMember.
pub fn etcd_member(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::EtcdMembers, raw)?;
    let text = |path: &[&str]| text_at(raw, path).unwrap_or_default();
    let row = EtcdMemberObject {
        uid: text(&["metadata", "uid"]),
        member_id: str_at(raw, &["status", "memberID"]).and_then(|id| id.parse().ok()),
        peer_address: non_empty(text_at(raw, &["status", "peerAddress"])),
        joined: conditions(raw).into_iter().find(|condition| condition.kind == "Joined"),
        reconcile_status: text(&["status", "reconcileStatus"]),
        message: text(&["status", "message"]),
        leave: bool_at(raw, &["spec", "leave"]).unwrap_or(false),
        lease: text_at(raw, &["metadata", "labels", "k0s.k0sproject.io/controller-lease"]),
    };
    Ok((key, KubeObject::EtcdMember(row)))
}

/// autopilot.k0sproject.io ControlNode.
pub fn control_node(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::ControlNodes, raw)?;
    let internal = list_at(raw, &["status", "addresses"])
        .iter()
        .find(|entry| str_at(entry, &["type"]) == Some("InternalIP"));
    let row = ControlNode {
        uid: text_at(raw, &["metadata", "uid"]).unwrap_or_default(),
        address: non_empty(internal.and_then(|entry| text_at(entry, &["address"]))),
        node: text_at(raw, &["metadata", "labels", "kubernetes.io/hostname"]),
        k0s_version: non_empty(text_at(raw, &["status", "k0sVersion"])),
    };
    Ok((key, KubeObject::ControlNode(row)))
}

/// autopilot.k0sproject.io Plan.
pub fn upgrade(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::Upgrades, raw)?;
    let state = text_at(raw, &["status", "state"]).unwrap_or_default();
    Ok((key, KubeObject::Upgrade(Upgrade { state })))
}

/// k0s.k0sproject.io ClusterConfig.
pub fn cluster_config(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::ClusterConfigs, raw)?;
    let arg = |name: &str| text_at(raw, &["spec", "controllerManager", "extraArgs", name]);
    let row = ClusterConfig {
        grace_period: arg("node-monitor-grace-period"),
        monitor_period: arg("node-monitor-period"),
        network_provider: non_empty(text_at(raw, &["spec", "network", "provider"])),
        has_bgp: text_at(raw, &["spec", "network", "calico", "mode"]).is_some_and(|mode| mode == "bird"),
        wireguard: bool_at(raw, &["spec", "network", "calico", "wireguard"]).unwrap_or(false),
    };
    Ok((key, KubeObject::ClusterConfig(row)))
}

fn non_empty(text: Option<Text>) -> Option<Text> {
    text.filter(|text| !text.is_empty())
}
