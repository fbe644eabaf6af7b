//! Objects as they lie in etcd: protobuf or JSON, and the same rows as from the API's own answers.

use k8s_openapi::api::{apps::v1 as apps, coordination::v1 as coordination, core::v1 as core, policy::v1 as policy};
use k8s_pb::api::apps::v1 as pb_apps;
use k8s_pb::api::coordination::v1 as pb_coordination;
use k8s_pb::api::core::v1 as pb_core;
use k8s_pb::api::policy::v1 as pb_policy;
use prost::Message;

use super::{
    Row, claim, daemon_set, deployment, disruption_budget, from_json, garbage, lease, node, pod, replica_set,
    stateful_set, volume,
};
use crate::base::{Why, WhyKind};
use crate::model::KubeKind;
use crate::pb::kubernetes::twin::Twin;
use crate::pb::kubernetes::{Sealed, Value};

/// Reads the value of one key. An error is a [`WhyKind::Denied`] where it is encrypted at rest, else a [`WhyKind::Garbage`].
pub fn from_stored(kind: KubeKind, value: &[u8]) -> Result<Row, Why> {
    match Value::open(value) {
        Value::Json(json) => {
            let object = serde_json::from_slice(json).map_err(|_| garbage(kind, "a stored value is no JSON"))?;
            from_json(kind, object)
        }
        Value::Protobuf(sealed) if sealed.kind == kind.word() => from_protobuf(kind, &sealed),
        Value::Protobuf(_) => Err(garbage(kind, "a stored object of another kind")),
        Value::Encrypted(provider) => Err(encrypted(kind, provider)),
        Value::Foreign => Err(garbage(
            kind,
            "a stored value that is neither JSON nor Kubernetes' protobuf",
        )),
    }
}

fn encrypted(kind: KubeKind, provider: &str) -> Why {
    let text = format!(
        "{} are encrypted at rest ({provider}): etcd cannot show them",
        kind.plural()
    );
    Why::new(WhyKind::Denied, text).hint("only an API server has the key: bring one back")
}

fn from_protobuf(kind: KubeKind, sealed: &Sealed) -> Result<Row, Why> {
    match kind {
        KubeKind::Nodes => typed::<pb_core::Node, core::Node>(kind, sealed, node),
        KubeKind::Pods => typed::<pb_core::Pod, core::Pod>(kind, sealed, pod),
        KubeKind::Claims => typed::<pb_core::PersistentVolumeClaim, core::PersistentVolumeClaim>(kind, sealed, claim),
        KubeKind::Volumes => typed::<pb_core::PersistentVolume, core::PersistentVolume>(kind, sealed, volume),
        KubeKind::Leases => typed::<pb_coordination::Lease, coordination::Lease>(kind, sealed, lease),
        KubeKind::Deployments => typed::<pb_apps::Deployment, apps::Deployment>(kind, sealed, deployment),
        KubeKind::ReplicaSets => typed::<pb_apps::ReplicaSet, apps::ReplicaSet>(kind, sealed, replica_set),
        KubeKind::StatefulSets => typed::<pb_apps::StatefulSet, apps::StatefulSet>(kind, sealed, stateful_set),
        KubeKind::DaemonSets => typed::<pb_apps::DaemonSet, apps::DaemonSet>(kind, sealed, daemon_set),
        KubeKind::DisruptionBudgets => {
            typed::<pb_policy::PodDisruptionBudget, policy::PodDisruptionBudget>(kind, sealed, disruption_budget)
        }
        KubeKind::EtcdMembers
        | KubeKind::ControlNodes
        | KubeKind::Upgrades
        | KubeKind::ClusterConfigs
        | KubeKind::Installations
        | KubeKind::NetBoxEnterprises => Err(garbage(kind, "a custom resource that is no JSON")),
    }
}

fn typed<M: Message + Default, T: Twin<M>>(
    kind: KubeKind,
    sealed: &Sealed,
    convert: fn(&T) -> Result<Row, Why>,
) -> Result<Row, Why> {
    let object = sealed.read::<M, T>();
    convert(&object.ok_or_else(|| garbage(kind, "a stored object of an unexpected shape"))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use k8s_openapi::api::coordination::v1::Lease;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::pb::kubernetes::seal;
    use crate::port::KubeObject;

    const NODE: &[u8] = include_bytes!("../../../tests/fixtures/k0s-1.37/registry-minions-node-1.bin");
    const LEASE: &[u8] = include_bytes!("../../../tests/fixtures/k0s-1.37/registry-lease-k0s-ctrl-nbe-1.bin");
    const MEMBER: &[u8] = include_bytes!("../../../tests/fixtures/k0s-1.37/registry-etcdmember-nbe-3.json");
    const LISTED: &str = include_str!("../../../tests/fixtures/k0s-1.37/leases.json");

    #[test]
    fn recorded_values_become_rows() {
        let (key, row) = from_stored(KubeKind::Nodes, NODE).unwrap();
        let KubeObject::Node(node) = row else { panic!("{row:?}") };
        assert_eq!(
            (key.to_string().as_str(), node.ready.kind.as_str()),
            ("node-1", "Ready")
        );
        assert!(
            node.capacity.cpu_milli > 0 && node.capacity.memory_bytes > 0,
            "{node:?}"
        );
        let (_, row) = from_stored(KubeKind::EtcdMembers, MEMBER).unwrap();
        assert!(matches!(row, KubeObject::EtcdMember(member) if member.leave));
    }

    /// The same lease, once from etcd and once from the API server, read at different times: only its renewal differs.
    #[test]
    fn a_recorded_lease_is_the_listed_one() {
        let (key, stored) = from_stored(KubeKind::Leases, LEASE).unwrap();
        let listed: Json = serde_json::from_str(LISTED).unwrap();
        let mut items = listed["items"].as_array().unwrap().iter();
        let own = items
            .find(|item| item["metadata"]["name"] == key.name.as_str())
            .unwrap();
        let (listed_key, listed) = from_json(KubeKind::Leases, own.clone()).unwrap();
        let (KubeObject::Lease(mut stored), KubeObject::Lease(listed)) = (stored, listed) else {
            panic!("no leases")
        };
        assert!(stored.renewed.is_some() && listed.renewed.is_some());
        stored.renewed = listed.renewed;
        assert_eq!((key, stored), (listed_key, listed));
    }

    #[test]
    fn encrypted_values_are_said_to_be() {
        let why = from_stored(KubeKind::Pods, b"k8s:enc:aescbc:v1:key1:\xff").unwrap_err();
        assert_eq!(why.kind, WhyKind::Denied);
        assert!(
            why.text.as_str().contains("pods are encrypted at rest (aescbc)"),
            "{why}"
        );
        assert!(why.hint.is_some());
    }

    #[test]
    fn another_kind_is_none_of_this_one() {
        let value = seal::<pb_coordination::Lease, _>("v1", "Lease", &Lease::default());
        assert_eq!(from_stored(KubeKind::Nodes, &value).unwrap_err().kind, WhyKind::Garbage);
        assert_eq!(
            from_stored(KubeKind::Installations, NODE).unwrap_err().kind,
            WhyKind::Garbage
        );
    }

    /// A pod with everything that a row is made of, in both forms.
    #[test]
    fn a_pod_in_both_forms_is_one_row() {
        let raw = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "creationTimestamp": "2026-11-24T10:00:00Z",
                "deletionTimestamp": "2026-11-24T11:00:30Z", "deletionGracePeriodSeconds": 30, "annotations": {"kubernetes.io/config.mirror": "h"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "v", "controller": true}]},
            "spec": {"nodeName": "nbe-1", "overhead": {"cpu": "10m"},
                "tolerations": [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
                    {"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
                "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}}],
                "containers": [{"name": "c", "resources": {"requests": {"cpu": "250m"}},
                    "volumeMounts": [{"name": "c", "mountPath": "/tmp"}, {"name": "d", "mountPath": "/media"}]}],
                "volumes": [{"name": "d", "hostPath": {"path": "/srv"}}, {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "b", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}, {"name": "c", "emptyDir": {}}]},
            "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]},
        });
        let typed: core::Pod = serde_json::from_value(raw.clone()).unwrap();
        let stored = from_stored(KubeKind::Pods, &seal::<pb_core::Pod, _>("v1", "Pod", &typed)).unwrap();
        assert_eq!(stored, from_json(KubeKind::Pods, raw).unwrap());
        let KubeObject::Pod(pod) = stored.1 else {
            panic!("no pod")
        };
        assert_eq!((pod.claims.len(), pod.scratch.len(), pod.on_node.len()), (2, 1, 2));
        let asked = "2026-11-24T11:00:00Z".parse().unwrap();
        assert_eq!(pod.deleting, Some(asked), "what stands there is the end of the grace");
        assert!(pod.is_static && pod.owner.is_some() && pod.waiting.is_some());
    }

    #[test]
    fn a_disruption_budget_in_both_forms_is_one_row() {
        let raw = json!({
            "metadata": {"name": "web", "namespace": "n", "uid": "u", "generation": 3},
            "spec": {"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "canary", "operator": "DoesNotExist"}]}},
            "status": {"observedGeneration": 3, "disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3},
        });
        let typed: policy::PodDisruptionBudget = serde_json::from_value(raw.clone()).unwrap();
        let value = seal::<pb_policy::PodDisruptionBudget, _>("policy/v1", "PodDisruptionBudget", &typed);
        let stored = from_stored(KubeKind::DisruptionBudgets, &value).unwrap();
        assert_eq!(stored, from_json(KubeKind::DisruptionBudgets, raw).unwrap());
        let KubeObject::DisruptionBudget(row) = stored.1 else {
            panic!("no budget")
        };
        assert_eq!((row.allowed, row.healthy, row.desired), (1, 3, 2));
        assert!(row.is_counted && row.spares_unready);
        let labels = |all: &[(&str, &str)]| {
            all.iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect()
        };
        assert!(row.pods.selects(&labels(&[("app", "web")])));
        assert!(!row.pods.selects(&labels(&[("app", "web"), ("canary", "yes")])) && !row.pods.selects(&labels(&[])));
    }

    #[test]
    fn a_deployment_in_both_forms_is_one_row() {
        let raw = json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u", "labels": {"app.kubernetes.io/component": "web"}},
            "spec": {"replicas": 3, "selector": {}, "template": {"metadata": {"labels": {"app": "d"}}, "spec": {
                "containers": [{"name": "c"}],
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [
                        {"key": "app", "operator": "In", "values": ["d"]}]}}]}},
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule", "minDomains": 3, "nodeTaintsPolicy": "Honor"}]}}},
            "status": {"readyReplicas": 2},
        });
        let typed: apps::Deployment = serde_json::from_value(raw.clone()).unwrap();
        let value = seal::<pb_apps::Deployment, _>("apps/v1", "Deployment", &typed);
        let stored = from_stored(KubeKind::Deployments, &value).unwrap();
        assert_eq!(stored, from_json(KubeKind::Deployments, raw).unwrap());
        let KubeObject::Deployment(row) = stored.1 else {
            panic!("no deployment")
        };
        assert!(row.hard_host_anti_affinity && row.spread[0].honors_taints, "{row:?}");
    }

    #[test]
    fn a_claim_and_its_volume_in_both_forms_are_one_row() {
        let claim = json!({
            "metadata": {"name": "data", "namespace": "n", "annotations": {"volume.kubernetes.io/selected-node": "nbe-2"}},
            "spec": {"volumeName": "pvc-1", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"},
        });
        let typed: core::PersistentVolumeClaim = serde_json::from_value(claim.clone()).unwrap();
        let value = seal::<pb_core::PersistentVolumeClaim, _>("v1", "PersistentVolumeClaim", &typed);
        assert_eq!(
            from_stored(KubeKind::Claims, &value).unwrap(),
            from_json(KubeKind::Claims, claim).unwrap()
        );
        let volume = json!({
            "metadata": {"name": "pvc-1"},
            "spec": {"persistentVolumeReclaimPolicy": "Delete", "local": {"path": "/x"}, "nodeAffinity": {"required": {
                "nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": ["nbe-2"]}]}]}}},
            "status": {"phase": "Bound"},
        });
        let typed: core::PersistentVolume = serde_json::from_value(volume.clone()).unwrap();
        let value = seal::<pb_core::PersistentVolume, _>("v1", "PersistentVolume", &typed);
        let stored = from_stored(KubeKind::Volumes, &value).unwrap();
        assert_eq!(stored, from_json(KubeKind::Volumes, volume).unwrap());
        let KubeObject::Volume(row) = stored.1 else {
            panic!("no volume")
        };
        assert_eq!(row.hosts, ["nbe-2"]);
    }

    proptest! {
        #[test]
        fn no_value_breaks_it(tail in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..2000_usize, flip in any::<u8>()) {
            let mut value = NODE.to_vec();
            let at = cut % value.len();
            value[at] ^= flip;
            value.truncate(at + 1);
            value.extend(tail);
            for kind in KubeKind::ALL {
                let _ = from_stored(kind, &value);
            }
        }
    }
}
