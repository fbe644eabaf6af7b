//! Pods as the API server returns them: built from a template, with its defaults filled in, and their statuses as a
//! kubelet writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::{list_at, set, set_condition, uid};
use super::store::{as_map, seconds, str_at};

/// The taint of a node whose kubelet says that it is not ready.
pub(super) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The taint of a node whose kubelet says nothing.
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// A pod of a template, as it is sent to the API server and stored: without a node, Pending.
pub(super) fn of_template(template: &Value, owner: Option<Value>, toleration_s: u32) -> Value {
    let mut pod = json!({
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec").cloned().unwrap_or_else(|| json!({})),
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    });
    if let Some(owner) = owner {
        set(&mut pod, &["metadata", "ownerReferences"], json!([owner]));
    }
    if let Some(spec) = pod.get_mut("spec") {
        fill_in(spec);
        add_default_tolerations(spec, toleration_s);
    }
    pod
}

/// What the API server fills into a pod's spec.
fn fill_in(spec: &mut Value) {
    let fields = as_map(spec);
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("serviceAccountName", json!("default")),
        ("serviceAccount", json!("default")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
        ("priority", json!(0)),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
    ] {
        fields.entry(field).or_insert(value);
    }
    if let Some(containers) = fields.get_mut("containers").and_then(Value::as_array_mut) {
        for container in containers {
            let own = as_map(container);
            own.entry("imagePullPolicy").or_insert_with(|| json!("IfNotPresent"));
            own.entry("terminationMessagePath")
                .or_insert_with(|| json!("/dev/termination-log"));
            own.entry("terminationMessagePolicy").or_insert_with(|| json!("File"));
            own.entry("resources").or_insert_with(|| json!({}));
        }
    }
}

/// The admission of `DefaultTolerationSeconds`: a pod that says nothing about a dead node tolerates it for so long.
pub fn add_default_tolerations(spec: &mut Value, seconds: u32) {
    for key in [NOT_READY, UNREACHABLE] {
        let says = list_at(spec, "/tolerations").iter().any(|own| {
            let of_key = str_at(own, "/key").unwrap_or_default();
            let effect = str_at(own, "/effect").unwrap_or_default();
            (of_key.is_empty() || of_key == key) && (effect.is_empty() || effect == "NoExecute")
        });
        if says {
            continue;
        }
        let toleration =
            json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": i64::from(seconds)});
        let all = as_map(spec).entry("tolerations").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(toleration);
        }
    }
}

/// Whether a toleration matches a taint.
pub(super) fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let field = |value: &'_ Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = field(toleration, "key");
    let effect = field(toleration, "effect");
    if !(effect.is_empty() || effect == field(taint, "effect")) {
        return false;
    }
    if !key.is_empty() && key != field(taint, "key") {
        return false;
    }
    match field(toleration, "operator").as_str() {
        "Exists" => true,
        _ => !key.is_empty() && field(toleration, "value") == field(taint, "value"),
    }
}

/// Whether a pod counts: neither finished nor asked to end.
pub(super) fn is_active(pod: &Value) -> bool {
    !super::read::is_deleting(pod) && !is_finished(pod)
}

/// Whether a pod's containers have ended for good.
pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(str_at(pod, "/status/phase"), Some("Succeeded" | "Failed"))
}

/// The node that a pod is bound to.
pub(super) fn node(pod: &Value) -> Option<&str> {
    str_at(pod, "/spec/nodeName").filter(|node| !node.is_empty())
}

/// The kubelet took the pod: its containers are being made.
pub(super) fn taken(pod: &mut Value, host_address: &str, at: Timestamp) {
    set_condition(pod, "PodReadyToStartContainers", "False", "", "", at);
    set_condition(pod, "Initialized", "True", "", "", at);
    unready(pod, at);
    set_condition(pod, "PodScheduled", "True", "", "", at);
    let containers = list_at(pod, "/spec/containers").iter();
    let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
    let statuses: Vec<Value> = containers
        .map(|own| container_status(own, 0, false, &waiting, None))
        .collect();
    let status = as_map(as_map(pod).entry("status").or_insert_with(|| json!({})));
    status.insert("phase".into(), "Pending".into());
    status.insert("startTime".into(), seconds(at).into());
    status.insert("hostIP".into(), host_address.into());
    status.insert("hostIPs".into(), json!([{"ip": host_address}]));
    status.insert("containerStatuses".into(), statuses.into());
}

/// The containers run.
pub(super) fn running(pod: &mut Value, address: &str, restarts: i64, is_ready: bool, at: Timestamp) {
    set_condition(pod, "PodReadyToStartContainers", "True", "", "", at);
    let id = uid(pod).replace('-', "");
    let state = json!({"running": {"startedAt": seconds(at)}});
    let containers = list_at(pod, "/spec/containers").iter().enumerate();
    let statuses: Vec<Value> = containers
        .map(|(n, own)| {
            let id = format!("containerd://{id}{:032x}", n + 1);
            container_status(own, restarts, is_ready, &state, Some(&id))
        })
        .collect();
    let status = as_map(as_map(pod).entry("status").or_insert_with(|| json!({})));
    status.insert("phase".into(), "Running".into());
    status.insert("podIP".into(), address.into());
    status.insert("podIPs".into(), json!([{"ip": address}]));
    status.insert("containerStatuses".into(), statuses.into());
    if is_ready {
        ready(pod, at);
    } else {
        unready(pod, at);
    }
}

/// The containers pass their probes.
pub(super) fn ready(pod: &mut Value, at: Timestamp) {
    set_condition(pod, "Ready", "True", "", "", at);
    set_condition(pod, "ContainersReady", "True", "", "", at);
    let statuses = pod
        .pointer_mut("/status/containerStatuses")
        .and_then(Value::as_array_mut);
    for status in statuses.into_iter().flatten() {
        set(status, &["ready"], true.into());
        set(status, &["started"], true.into());
    }
}

fn unready(pod: &mut Value, at: Timestamp) {
    let names: Vec<&str> = list_at(pod, "/spec/containers")
        .iter()
        .filter_map(|own| str_at(own, "/name"))
        .collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    for kind in ["Ready", "ContainersReady"] {
        set_condition(pod, kind, "False", "ContainersNotReady", &message, at);
    }
}

fn container_status(own: &Value, restarts: i64, is_ready: bool, state: &Value, id: Option<&str>) -> Value {
    let image = str_at(own, "/image").unwrap_or_default();
    let mut status = json!({
        "name": str_at(own, "/name"), "image": image, "imageID": "", "ready": is_ready, "restartCount": restarts,
        "started": is_ready, "state": state, "lastState": {},
    });
    if let Some(id) = id {
        set(&mut status, &["containerID"], id.into());
        set(
            &mut status,
            &["imageID"],
            format!("{image}@sha256:{:064x}", image.len()).into(),
        );
    }
    status
}

/// Marks a pod for its graceful end, as a DELETE does.
pub(super) fn mark_deleting(pod: &mut Value, at: Timestamp) {
    let grace = super::read::number_at(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    let end = at.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(at);
    set(pod, &["metadata", "deletionTimestamp"], seconds(end).into());
    set(pod, &["metadata", "deletionGracePeriodSeconds"], grace.into());
}
