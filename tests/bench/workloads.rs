//! Pods that follow every rule that a forecast knows, beside those of NetBox Enterprise.

use serde_json::{Value, json};

/// Where they are.
pub const NAMESPACE: &str = "truth";
const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTS: [&str; 3] = ["nbe-1", "nbe-2", "nbe-3"];

/// As one list, to be applied.
pub fn all() -> Value {
    let mut items = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})];
    items.extend(spread());
    items.extend(crowded());
    for host in HOSTS {
        items.extend(pinned(host));
    }
    items.push(stateful_set());
    items.push(budget());
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Spread by host and by zone, hard and soft, with each policy; pods stay for 3, 10 or 18 s, or for ever.
fn spread() -> Vec<Value> {
    let constraint = |app: &str, key: &str, otherwise: &str| json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise, "labelSelector": {"matchLabels": {"app": app}}});
    let with = |mut constraint: Value, key: &str, value: Value| {
        constraint[key] = value;
        json!({ "topologySpreadConstraints": [constraint] })
    };
    let hard = |app: &str, key: &str| constraint(app, key, "DoNotSchedule");
    vec![
        deployment(
            "hard-host",
            3,
            Some(3),
            with(hard("hard-host", HOST), "maxSkew", 1.into()),
        ),
        deployment("hard-zone", 5, None, with(hard("hard-zone", ZONE), "maxSkew", 2.into())),
        deployment(
            "honors",
            3,
            Some(18),
            with(hard("honors", HOST), "nodeTaintsPolicy", "Honor".into()),
        ),
        deployment(
            "min-domains",
            2,
            None,
            with(hard("min-domains", ZONE), "minDomains", 3.into()),
        ),
        deployment(
            "soft",
            6,
            Some(3),
            with(constraint("soft", ZONE, "ScheduleAnyway"), "maxSkew", 1.into()),
        ),
        deployment(
            "guarded",
            3,
            Some(18),
            with(constraint("guarded", HOST, "ScheduleAnyway"), "maxSkew", 1.into()),
        ),
        deployment(
            "for-ever",
            3,
            None,
            json!({
                "topologySpreadConstraints": [hard("for-ever", HOST)],
                "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}],
            }),
        ),
    ]
}

/// What survivors have no room for, or keep away.
fn crowded() -> Vec<Value> {
    let apart = |apps: &[&str]| {
        let term = json!({"topologyKey": HOST, "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": apps}]}});
        json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    };
    let mut big = deployment("big", 3, Some(3), json!({}));
    *big.pointer_mut("/spec/template/spec/containers/0/resources/requests")
        .unwrap() = json!({"cpu": "3500m", "memory": "9Gi"});
    vec![
        big,
        deployment("hermit", 2, None, apart(&["hermit", "guest"])),
        deployment("guest", 1, None, json!({})),
    ]
}

/// What only one host can run: by a selector, by a volume, by who must be beside it; and a pod that nothing made.
fn pinned(host: &str) -> Vec<Value> {
    let name = |what: &str| format!("{what}-{host}");
    let selected = json!({"nodeSelector": {HOST: host}});
    let (volume, claim, follower) = (name("volume"), name("claim"), name("follower"));
    let beside = json!({"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": name("selected")}}});
    let bare = deployment(&name("bare"), 1, Some(3), selected.clone());
    let storage = json!({"storage": "1Gi"});
    vec![
        deployment(&name("selected"), 1, Some(18), selected),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
            "capacity": storage, "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand",
            "local": {"path": "/var/lib/by-hand"}, "claimRef": {"namespace": NAMESPACE, "name": claim},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": HOST, "operator": "In", "values": [host]}]}]}}}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim, "namespace": NAMESPACE}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand", "volumeName": volume, "resources": {"requests": storage}}}),
        deployment(
            &name("volume"),
            1,
            Some(18),
            json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}),
        ),
        deployment(
            &follower,
            1,
            Some(3),
            json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [beside]}}}),
        ),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name("bare"), "namespace": NAMESPACE},
            "spec": bare["spec"]["template"]["spec"]}),
    ]
}

fn stateful_set() -> Value {
    let mut set = deployment("ordered", 3, Some(3), json!({}));
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = "ordered".into();
    set["spec"]["podManagementPolicy"] = "Parallel".into();
    set
}

/// Forbids every eviction that asks; taints do not.
fn budget() -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guarded", "namespace": NAMESPACE},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "guarded"}}}})
}

/// Small pods with these rules, which leave a silent node after so many seconds, or as the lab's default is.
fn deployment(name: &str, replicas: u32, leaves_after: Option<u32>, mut rules: Value) -> Value {
    rules["containers"] = json!([{"name": "main", "image": "registry.example/main:1", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]);
    rules["automountServiceAccountToken"] = false.into();
    if let Some(seconds) = leaves_after {
        rules["tolerations"] = json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": seconds}]);
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": rules}}})
}
