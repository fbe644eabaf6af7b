//! The example's workloads: what NetBox Enterprise 2.2 and Embedded Cluster run on three controllers.

use core::net::SocketAddr;

use super::{name, put, wall_ago};
use crate::base::Text;
use crate::model::kube::{
    Amounts, Claim, KubeFacts, Owner, Pod, ReplicaSet, Spread, Tolerates, Volume, Workload, WorkloadKind,
};
use crate::model::labels::{Labels, Selector};
use crate::model::placement::HOSTNAME;
use crate::model::scheduling::{Namespaces, PodTerm, Scheduling};
use crate::model::{KubeKind, ObjectKey};

const DAY: u64 = 24 * 3_600;
const COMPONENT: &str = "app.kubernetes.io/component";

/// A workload with `replicas` replicas, all ready, and no spread constraint.
pub fn workload(kind: WorkloadKind, replicas: u32) -> Workload {
    Workload {
        kind,
        uid: Text::default(),
        desired: replicas,
        ready: replicas,
        spread: Vec::new(),
        hard_host_anti_affinity: false,
        soft_anti_affinity: false,
        scheduling: Scheduling::default(),
        component: None,
        containers: Vec::new(),
        labels: Labels::default(),
    }
}

/// The web's hard spread over nodes. A tainted node is no domain, so that a lost replica finds a place.
pub fn spread_hard() -> Spread {
    Spread {
        topology_key: "kubernetes.io/hostname".into(),
        max_skew: 1,
        hard: true,
        min_domains: None,
        honors_taints: true,
        honors_affinity: true,
        selector: Selector::default(),
        match_label_keys: Vec::new(),
    }
}

/// A ready pod that is evicted after 30 s, without an owner.
pub fn pod(node: &Text) -> Pod {
    Pod {
        uid: Text::default(),
        node: Some(node.clone()),
        phase: "Running".into(),
        ready: true,
        deleting: None,
        created: Some(wall_ago(3 * DAY)),
        owner: None,
        is_static: false,
        tolerates_unreachable: Tolerates::Seconds(30),
        tolerates_not_ready: Tolerates::Seconds(30),
        requests: Amounts {
            cpu_milli: 250,
            memory_bytes: 512 << 20,
            pods: 0,
        },
        waiting: None,
        restarts: 0,
        claims: Vec::new(),
        scratch: Vec::new(),
        on_node: Vec::new(),
        containers: vec!["main".into()],
        listens: None,
        labels: Labels::default(),
    }
}

/// Puts a pod there, its uid made of its name.
pub fn add_pod(kube: &mut KubeFacts, namespace: &str, name: &str, mut pod: Pod) {
    pod.uid = Text::new(&format!("pod-{name}"));
    put(&mut kube.pods, KubeKind::Pods, ObjectKey::new(namespace, name), pod);
}

pub(super) fn deploy(kube: &mut KubeFacts) {
    let soft = Spread {
        hard: false,
        ..spread_hard()
    };
    deployment(kube, "kotsadm", "netbox-netbox", "netbox", &[1, 2, 3], spread_hard());
    for (deployment_name, component, hosts) in [
        ("netbox-worker", "worker", [1, 2, 3].as_slice()),
        ("netbox-diode-ingester", "diode-ingester", &[1, 2, 3]),
        ("netbox-diode-reconciler", "diode-reconciler", &[1, 2, 3]),
        ("netbox-diode-auth", "diode-auth", &[1, 2, 3]),
        ("netbox-hydra", "hydra", &[1, 2, 3]),
        ("nbe-operator", "operator", &[2]),
        ("kotsadm", "kotsadm", &[1]),
    ] {
        deployment(kube, "kotsadm", deployment_name, component, hosts, soft.clone());
    }
    deployment(kube, "kube-system", "coredns", "coredns", &[1, 2], soft);
    rqlite(kube);
    for daemon in ["calico-node", "kube-proxy", "gateway"] {
        daemon_set(kube, "kube-system", daemon);
    }
    for n in 1..=3 {
        let mut balancer = pod(&name(n));
        balancer.is_static = true;
        balancer.tolerates_unreachable = Tolerates::Forever;
        balancer.tolerates_not_ready = Tolerates::Forever;
        add_pod(kube, "kube-system", &format!("nllb-{}", name(n)), balancer);
    }
}

fn deployment(kube: &mut KubeFacts, namespace: &str, name: &str, component: &str, hosts: &[u8], spread: Spread) {
    let replicas = u32::try_from(hosts.len()).unwrap_or(0);
    let deployment = Workload {
        uid: Text::new(&format!("deployment-{name}")),
        spread: vec![Spread {
            selector: Selector::equal(&COMPONENT.into(), &component.into()),
            ..spread
        }],
        component: Some(component.into()),
        containers: vec![component.into()],
        labels: labels(component),
        ..workload(WorkloadKind::Deployment, replicas)
    };
    let key = ObjectKey::new(namespace, name);
    put(&mut kube.deployments, KubeKind::Deployments, key, deployment);
    let set = format!("{name}-6d5f8");
    let row = ReplicaSet {
        owner: Some(owner("Deployment", name)),
    };
    let key = ObjectKey::new(namespace, set.as_str());
    put(&mut kube.replica_sets, KubeKind::ReplicaSets, key, row);
    for n in hosts {
        let mut replica = pod(&super::name(*n));
        replica.owner = Some(owner("ReplicaSet", &set));
        replica.listens = (component == "netbox").then(|| web_at(*n));
        replica.labels = labels(component);
        add_pod(kube, namespace, &format!("{set}-{n}"), replica);
    }
}

/// Where the web's replica on a node listens.
pub fn web_at(n: u8) -> SocketAddr {
    ([10, 244, n, 7], 8080).into()
}

fn rqlite(kube: &mut KubeFacts) {
    let set = Workload {
        uid: "statefulset-kotsadm-rqlite".into(),
        hard_host_anti_affinity: true,
        scheduling: Scheduling {
            anti_affinity: vec![PodTerm {
                topology_key: HOSTNAME.into(),
                selector: Selector::equal(&COMPONENT.into(), &"rqlite".into()),
                namespaces: Namespaces::Own,
            }],
            ..Scheduling::default()
        },
        component: Some("rqlite".into()),
        containers: vec!["rqlite".into()],
        ..workload(WorkloadKind::StatefulSet, 3)
    };
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite");
    put(&mut kube.stateful_sets, KubeKind::StatefulSets, key, set);
    for n in 1..=3_u8 {
        let claim_name = format!("kotsadm-rqlite-kotsadm-rqlite-{}", n - 1);
        let claim = Claim {
            phase: "Bound".into(),
            provisioner: Some("openebs.io/local".into()),
            node: Some(name(n)),
            volume: Some(Text::from(format!("pvc-{n}"))),
        };
        let volume = Volume {
            phase: "Bound".into(),
            hosts: vec![name(n)],
            reclaim: "Delete".into(),
        };
        put(
            &mut kube.volumes,
            KubeKind::Volumes,
            ObjectKey::new("", format!("pvc-{n}").as_str()),
            volume,
        );
        let key = ObjectKey::new("kotsadm", claim_name.as_str());
        put(&mut kube.claims, KubeKind::Claims, key, claim);
        let mut replica = pod(&name(n));
        replica.owner = Some(owner("StatefulSet", "kotsadm-rqlite"));
        replica.claims = vec![claim_name.into()];
        replica.labels = labels("rqlite");
        add_pod(kube, "kotsadm", &format!("kotsadm-rqlite-{}", n - 1), replica);
    }
}

fn daemon_set(kube: &mut KubeFacts, namespace: &str, daemon: &str) {
    let key = ObjectKey::new(namespace, daemon);
    let set = Workload {
        uid: Text::new(&format!("daemonset-{daemon}")),
        containers: vec![daemon.into()],
        ..workload(WorkloadKind::DaemonSet, 3)
    };
    put(&mut kube.daemon_sets, KubeKind::DaemonSets, key, set);
    for n in 1..=3 {
        let mut replica = pod(&name(n));
        replica.owner = Some(owner("DaemonSet", daemon));
        replica.tolerates_unreachable = Tolerates::Forever;
        replica.tolerates_not_ready = Tolerates::Forever;
        add_pod(kube, namespace, &format!("{daemon}-{n}"), replica);
    }
}

fn labels(component: &str) -> Labels {
    let label = (COMPONENT.into(), component.into());
    std::iter::once(label).collect()
}

fn owner(kind: &str, name: &str) -> Owner {
    Owner {
        kind: kind.into(),
        name: name.into(),
    }
}
