//! Recorded objects, hand-made odd ones, and garbage.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::WhyKind;
use crate::model::etcd::MemberId;
use crate::model::kube::{Amounts, NodeFiles, Tolerates, Tri};
use crate::model::product::{Bucket, SecretRef, Services};

fn read(kind: KubeKind, raw: Value) -> KubeObject {
    from_json(kind, raw).unwrap().1
}

macro_rules! row {
    ($variant:ident, $kind:ident, $raw:expr) => {
        match read(KubeKind::$kind, $raw) {
            KubeObject::$variant(row) => row,
            other => panic!("{other:?}"),
        }
    };
}

fn fixture(raw: &str, kind: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(raw).unwrap();
    let items = list["items"].as_array().unwrap();
    items.iter().filter(|item| item["kind"] == kind).cloned().collect()
}

const MEMBERS: &str = include_str!("../../../tests/fixtures/k0s-1.37/etcdmembers-and-controlnodes.json");
const LEASES: &str = include_str!("../../../tests/fixtures/k0s-1.37/leases.json");
const LEFT: &str = include_str!("../../../tests/fixtures/k0s-1.37/registry-etcdmember-nbe-3.json");

#[test]
fn recorded_etcd_members() {
    let members = fixture(MEMBERS, "EtcdMember");
    assert_eq!(members.len(), 3);
    let third = row!(EtcdMember, EtcdMembers, members[2].clone());
    assert_eq!(third.member_id, Some(MemberId(0x1a0c_4a9f_e222_2d3b)));
    assert_eq!(third.peer_address, Some("10.77.0.13".into()));
    assert_eq!(third.lease, Some("k0s-ctrl-nbe-3".into()));
    let joined = third.joined.unwrap();
    assert_eq!((joined.status, joined.reason.as_str()), (Tri::True, ""));
    assert!(!third.leave);

    let left = row!(EtcdMember, EtcdMembers, serde_json::from_str(LEFT).unwrap());
    assert!(left.leave);
    assert_eq!(left.joined.unwrap().status, Tri::False);
    assert_eq!(left.reconcile_status, "Success");
    assert_eq!(left.message, "No such member ID");
}

#[test]
fn recorded_control_nodes_and_leases() {
    let nodes = fixture(MEMBERS, "ControlNode");
    let first = row!(ControlNode, ControlNodes, nodes[0].clone());
    assert_eq!(first.address, Some("10.77.0.11".into()));
    assert_eq!(first.node, Some("nbe-1".into()));
    assert_eq!(first.k0s_version, Some("v1.37.2+k0s.0".into()));

    let rows: Vec<Row> = fixture(LEASES, "Lease")
        .into_iter()
        .map(|raw| from_json(KubeKind::Leases, raw).unwrap())
        .collect();
    let wanted = rows.iter().filter(|(key, row)| is_wanted(key, row)).count();
    assert_eq!((rows.len(), wanted), (11, 10), "k0s-autopilot's lease is not kept");
    let (_, KubeObject::Lease(lease)) = &rows[1] else {
        panic!("{:?}", rows[1]);
    };
    assert_eq!(lease.duration_s, 60);
    assert_eq!(lease.renewed.unwrap().to_string(), "2026-11-22T23:29:43.927938Z");
}

#[test]
fn of_other_leases_only_the_operators_are_kept() {
    let kept = |namespace: &str, holder: Value| {
        let raw = json!({"metadata": {"name": "l", "namespace": namespace}, "spec": {"holderIdentity": holder}});
        let (key, row) = from_json(KubeKind::Leases, raw).unwrap();
        is_wanted(&key, &row)
    };
    assert!(kept("kube-system", json!("anybody")));
    assert!(kept("kotsadm", json!("netbox-nbe-operator-6d5f8-x2x4z_0f3c2a51")));
    assert!(kept("kotsadm", Value::Null), "who leads may have given it back");
    assert!(!kept("kotsadm", json!("other-operator-6d5f8-x2x4z_0f3c2a51")));
    assert!(!kept("kotsadm", json!("nbe-operator")));
}

fn node_json() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "nbe-1", "uid": "u1", "managedFields": "not even a list",
            "labels": {"node-role.kubernetes.io/control-plane": "true", "topology.kubernetes.io/zone": "a\u{202e}b"},
        },
        "spec": {"taints": [{"key": "k", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}], "unschedulable": true},
        "status": {
            "addresses": [{"type": "Hostname", "address": "nbe-1"}, {"type": "InternalIP", "address": "10.77.0.11"}],
            "conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "silent"}],
            "nodeInfo": {"machineID": "m1", "systemUUID": "", "bootID": "b1", "swap": {"capacity": 1024}},
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"},
            "allocatable": {"cpu": "3920m", "memory": "x", "pods": "110"},
        },
    })
}

#[test]
fn a_node() {
    let node = row!(Node, Nodes, node_json());
    assert!(node.is_controller && node.unschedulable);
    assert_eq!(node.zone.unwrap(), "a\\u{202e}b");
    assert_eq!(node.address.unwrap(), "10.77.0.11");
    assert_eq!(
        (node.ready.status, node.ready.message.as_str()),
        (Tri::Unknown, "silent")
    );
    let machine = &node.machine;
    assert_eq!(
        (machine.machine_id.as_ref(), machine.boot_id.as_ref()),
        (Some(&"m1".into()), Some(&"b1".into()))
    );
    assert_eq!(
        (&machine.system_uuid, machine.swap_bytes, node.disk_bytes),
        (&None, Some(1024), Some(100 << 30))
    );
    assert_eq!(node.capacity.memory_bytes, 8 << 30);
    assert_eq!((node.allocatable.cpu_milli, node.allocatable.memory_bytes), (3920, 0));
    assert_eq!(node.taints[0].added.unwrap().to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn a_node_of_which_only_the_name_is_known() {
    let node = row!(Node, Nodes, json!({"metadata": {"name": "n"}}));
    assert_eq!((node.ready.kind.as_str(), node.ready.status), ("Ready", Tri::Unknown));
    assert_eq!(node.address, None);
    assert!(!node.is_controller);
}

#[test]
fn an_object_without_a_name_or_of_no_shape_is_garbage() {
    for kind in KubeKind::ALL {
        for raw in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({"metadata": {"name": ""}}),
        ] {
            assert_eq!(
                from_json(kind, raw.clone()).unwrap_err().kind,
                WhyKind::Garbage,
                "{kind:?} {raw}"
            );
        }
    }
    let odd =
        json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"name": "c", "env": "s3cret"}]}});
    let why = from_json(KubeKind::Pods, odd).unwrap_err();
    assert!(
        why.text.as_str().contains("n/p") && !why.text.as_str().contains("s3cret"),
        "{why}"
    );
}

fn pod_json() -> Value {
    let requests = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    json!({
        "metadata": {
            "name": "web-1", "namespace": "kotsadm",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "1"},
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "2", "controller": true},
            ],
        },
        "spec": {
            "nodeName": "nbe-2",
            "containers": [
                {"name": "a", "resources": requests("500m", "1Gi"), "volumeMounts": [
                    {"name": "files", "mountPath": "/opt/netbox/netbox/media"}, {"name": "data", "mountPath": "/data"}]},
                {"name": "b", "resources": requests("250m", "512Mi"),
                 "volumeMounts": [{"name": "files", "mountPath": "/opt/netbox/netbox/media"}]},
            ],
            "initContainers": [
                {"name": "sidecar", "restartPolicy": "Always", "resources": requests("100m", "64Mi")},
                {"name": "migrate", "resources": requests("2", "128Mi")},
            ],
            "overhead": {"cpu": "10m"},
            "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
                             "tolerationSeconds": 30}],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "media"}},
                {"name": "scratch", "ephemeral": {}},
                {"name": "none", "emptyDir": {}},
                {"name": "files", "hostPath": {"path": "/srv/media"}},
            ],
        },
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
            "containerStatuses": [
                {"name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 2, "state": {"running": {}}},
                {"name": "b", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                 "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}},
            ],
        },
    })
}

#[test]
fn a_pod() {
    let pod = row!(Pod, Pods, pod_json());
    assert_eq!(pod.owner.unwrap().name, "web");
    assert_eq!(pod.tolerates_unreachable, Tolerates::Seconds(30));
    assert_eq!(pod.tolerates_not_ready, Tolerates::Seconds(0));
    assert_eq!(pod.waiting.unwrap(), "CrashLoopBackOff: back-off 5m0s");
    assert_eq!(pod.restarts, 5);
    assert_eq!(pod.claims, ["media", "web-1-scratch"]);
    let files = NodeFiles {
        host_path: Some("/srv/media".into()),
        seen_at: vec!["/opt/netbox/netbox/media".into()],
    };
    assert_eq!(pod.on_node, [files], "not what nobody mounts");
    assert!(!pod.ready && !pod.is_static);
    // CPU: the init container beside the sidecar, 2100m, is more than 850m; memory: the running containers are more.
    let expected = Amounts {
        cpu_milli: 2110,
        memory_bytes: (1024 + 512 + 64) << 20,
        pods: 0,
    };
    assert_eq!(pod.requests, expected);
}

#[test]
fn pod_level_requests_replace_the_sum_one_by_one() {
    let mut raw = pod_json();
    raw["spec"]["resources"] = json!({"requests": {"cpu": "1"}});
    let pod = row!(Pod, Pods, raw);
    assert_eq!((pod.requests.cpu_milli, pod.requests.memory_bytes), (1010, 1600 << 20));
}

#[test]
fn the_scheduler_speaks_before_the_containers() {
    let mut raw = pod_json();
    raw["status"]["conditions"][0] = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"
    });
    raw["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let pod = row!(Pod, Pods, raw);
    assert_eq!(pod.waiting.unwrap(), "Unschedulable: 0/3 nodes are available");
    assert!(pod.is_static);
}

fn deployment_json(term: &Value) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "kotsadm", "labels": {"app.kubernetes.io/component": "netbox"}},
        "spec": {
            "selector": {},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "netbox"}],
                    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
                    "topologySpreadConstraints": [{
                        "topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule",
                        "minDomains": 3, "nodeTaintsPolicy": "Honor",
                    }],
                },
            },
        },
        "status": {"readyReplicas": 2},
    })
}

#[test]
fn a_deployment() {
    let own = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}});
    let web = row!(Deployment, Deployments, deployment_json(&own));
    assert_eq!((web.desired, web.ready), (1, 2));
    assert!(web.hard_host_anti_affinity);
    assert_eq!(web.component.unwrap(), "netbox");
    assert_eq!(web.containers, ["netbox"]);
    let spread = &web.spread[0];
    assert!(spread.hard && spread.honors_taints);
    assert_eq!((spread.max_skew, spread.min_domains), (1, Some(3)));
}

#[test]
fn anti_affinity_counts_only_between_own_pods_on_hosts() {
    let foreign = [
        json!({"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "web"}}}),
        json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}),
        json!({"topologyKey": "kubernetes.io/hostname"}),
        json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, "namespaces": ["other"]}),
        json!({"topologyKey": "kubernetes.io/hostname",
               "labelSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}}),
    ];
    for term in foreign {
        let web = row!(Deployment, Deployments, deployment_json(&term));
        assert!(!web.hard_host_anti_affinity, "{term}");
    }
    let own = json!({"topologyKey": "kubernetes.io/hostname", "namespaceSelector": {},
                     "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}});
    assert!(row!(Deployment, Deployments, deployment_json(&own)).hard_host_anti_affinity);
}

#[test]
fn a_daemon_set_wants_what_its_status_says() {
    let raw = json!({
        "metadata": {"name": "calico", "namespace": "kube-system"},
        "status": {"desiredNumberScheduled": 3, "numberReady": 2, "currentNumberScheduled": 3, "numberMisscheduled": 0},
    });
    let set = row!(DaemonSet, DaemonSets, raw);
    assert_eq!((set.desired, set.ready), (3, 2));
}

#[test]
fn the_products_objects_with_odd_fields() {
    let raw = json!({
        "apiVersion": "netboxlabs.com/v1alpha1",
        "metadata": {"name": "netbox", "namespace": "kotsadm", "generation": "seven"},
        "spec": {"postgresql": {"external": true}, "redis": "odd", "diode": {"enabled": false}},
        "status": {"ready": false, "convergedGeneration": 6, "message": "waiting",
                   "conditions": [{"type": "HighAvailability", "status": "False"}, {"status": "True"}, 7]},
    });
    let nbe = row!(NetBoxEnterprise, NetBoxEnterprises, raw);
    assert_eq!(
        (nbe.ready, nbe.generation, nbe.converged_generation),
        (Some(false), None, Some(6))
    );
    assert_eq!((nbe.external_postgresql, nbe.external_redis), (Some(true), None));
    assert_eq!(nbe.diode, Some(false));
    assert_eq!(nbe.conditions.len(), 1);
    assert_eq!(nbe.services, Services::default());

    let raw =
        json!({"metadata": {"name": "20260101000000"}, "spec": {"highAvailability": true, "config": {"version": 2}}});
    let installation = row!(Installation, Installations, raw);
    assert!(installation.high_availability);
    assert_eq!((installation.version, installation.state.as_str()), (None, ""));

    let raw = json!({"metadata": {"name": "k0s", "namespace": "kube-system"},
        "spec": {"controllerManager": {"extraArgs": {"node-monitor-grace-period": "20s", "node-monitor-period": 5}}}});
    let config = row!(ClusterConfig, ClusterConfigs, raw);
    assert_eq!((config.grace_period, config.monitor_period), (Some("20s".into()), None));
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "metadata",
        "name",
        "namespace",
        "labels",
        "spec",
        "status",
        "conditions",
        "type",
        "addresses",
        "memberID",
        "containers",
        "tolerations",
        "replicas",
        "template",
        "items",
        "config",
        "version",
        "capacity",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn garbage_is_survived(raw in any_json(), name in "[a-z]{1,5}") {
        let mut named = raw.clone();
        if let Some(object) = named.as_object_mut() {
            object.insert("metadata".into(), json!({"name": name}));
        }
        for kind in KubeKind::ALL {
            let _ = from_json(kind, raw.clone());
            if let Ok((key, object)) = from_json(kind, named.clone()) {
                prop_assert_eq!(key.name.as_str(), name.as_str());
                prop_assert_eq!(object.kind(), kind);
            }
        }
    }
}

#[test]
fn the_product_says_where_its_services_are() {
    let services = |spec: Value| {
        let raw = json!({"metadata": {"name": "netbox", "namespace": "kotsadm"}, "spec": spec});
        row!(NetBoxEnterprise, NetBoxEnterprises, raw).services
    };
    let mut spec = json!({
        "postgresql": {"external": true}, "redis": {"external": true},
        "postgresqlProfiles": {"main": {"host": "db.example.com", "port": 6432}},
        "netbox": {"config": {
            "postgres": {"database": "nb", "user": "ops", "password": {"name": "db", "key": "password"}},
            "redis": {"host": "fd00::7", "port": 6380, "username": "nb", "password": {"name": "r", "key": "p"}},
            "storage": {"s3": {"enabled": true, "bucketName": "media", "regionName": "eu-west-1",
                               "secretAccessKey": {"name": "s3", "key": "secret"}}},
        }},
    });
    let secret = |name: &str, key: &str| {
        Some(SecretRef {
            namespace: "kotsadm".into(),
            name: name.into(),
            key: key.into(),
        })
    };
    let bucket = |endpoint: &str| Bucket {
        endpoint: endpoint.into(),
        name: "media".into(),
        region: Some("eu-west-1".into()),
        access_key: None,
        secret_key: secret("s3", "secret"),
    };
    let told = services(spec.clone());
    assert_eq!(told.postgresql_password, secret("db", "password"));
    assert_eq!(told.redis_password, secret("r", "p"));
    assert_eq!(told.postgresql, Some("postgresql://ops@db.example.com:6432/nb".into()));
    assert_eq!(told.redis, Some("redis://nb@[fd00::7]:6380".into()));
    assert_eq!(told.s3, Some(bucket("https://s3.eu-west-1.amazonaws.com")));

    let config = &mut spec["netbox"]["config"];
    config["postgres"]["host"] = "db-1".into();
    config["redis"]["tlsConfig"] = json!({"caCertificate": "ours"});
    config["storage"]["s3"]["endpointUrl"] = "https://minio.example.com:9000".into();
    let told = services(spec.clone());
    assert_eq!(told.postgresql, Some("postgresql://ops@db-1/nb".into()));
    assert_eq!(told.redis, Some("rediss://nb@[fd00::7]:6380".into()));
    assert_eq!(told.s3, Some(bucket("https://minio.example.com:9000")));

    spec["netbox"]["config"]["redis"]["password"]["name"] = "../configmaps/r?watch=1".into();
    assert_eq!(services(spec.clone()).redis_password, None, "no name of an object");

    spec["postgresql"]["external"] = false.into();
    spec["redis"]["external"] = false.into();
    spec["netbox"]["config"]["storage"]["s3"]["enabled"] = false.into();
    assert_eq!(
        services(spec),
        Services::default(),
        "what runs inside is nobody's to ask"
    );
}
