//! Everything that runs: the workloads of a NetBox Enterprise cluster with external PostgreSQL and Redis, by the names,
//! sizes and constraints that the lab uses too, with their pods placed and running.

use serde_json::{Value, json};

use super::super::World;
use super::super::host::HostId;
use super::super::pod;
use super::super::read::{owner_reference, set};
use super::super::resource::Resource;
use super::super::store::Key;
use super::super::workload::template_hash;
use super::AGE_S;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// One per host, or Pending.
    Hard,
    /// Different hosts if possible.
    Soft,
    None,
}

/// One row of the table below.
#[derive(Clone, Copy)]
struct Row {
    kind: Kind,
    namespace: &'static str,
    name: &'static str,
    replicas: usize,
    container: &'static str,
    cpu: &'static str,
    memory: &'static str,
    spread: Spread,
    /// Belongs to the NetBoxEnterprise object.
    is_owned: bool,
}

#[rustfmt::skip] // One line each: it is a table.
#[allow(clippy::too_many_arguments)] // As many as columns.
const fn row(kind: Kind, namespace: &'static str, name: &'static str, replicas: usize, container: &'static str, cpu: &'static str, memory: &'static str, spread: Spread, is_owned: bool) -> Row {
    Row { kind, namespace, name, replicas, container, cpu, memory, spread, is_owned }
}

#[rustfmt::skip] // One line each: it is a table.
const TABLE: [Row; 21] = [
    row(Kind::Deployment, "kotsadm", WEB, 3, "netbox", "500m", "2Gi", Spread::Hard, true),
    row(Kind::Deployment, "kotsadm", "netbox-worker", 3, "worker", "250m", "1Gi", Spread::Soft, true),
    row(Kind::Deployment, "kotsadm", "diode-ingester", 3, "ingester", "100m", "128Mi", Spread::Soft, true),
    row(Kind::Deployment, "kotsadm", "diode-reconciler", 3, "reconciler", "100m", "128Mi", Spread::Soft, true),
    row(Kind::Deployment, "kotsadm", "diode-auth", 3, "auth", "50m", "64Mi", Spread::Soft, true),
    row(Kind::Deployment, "kotsadm", "hydra", 3, "hydra", "50m", "128Mi", Spread::Soft, true),
    row(Kind::Deployment, "kotsadm", "kotsadm", 1, "kotsadm", "100m", "100Mi", Spread::None, false),
    row(Kind::Deployment, "kotsadm", "kurl-proxy-kotsadm", 1, "proxy", "50m", "50Mi", Spread::None, false),
    row(Kind::Deployment, "kotsadm", "replicated", 1, "replicated", "100m", "100Mi", Spread::None, false),
    row(Kind::Deployment, "kotsadm", "nbe-operator", 1, "manager", "100m", "256Mi", Spread::None, false),
    row(Kind::Deployment, "embedded-cluster", "embedded-cluster-operator", 1, "manager", "100m", "128Mi", Spread::None, false),
    row(Kind::Deployment, "openebs", "openebs-localpv-provisioner", 1, "openebs-localpv-provisioner", "50m", "64Mi", Spread::None, false),
    row(Kind::Deployment, "velero", "velero", 1, "velero", "500m", "128Mi", Spread::None, false),
    row(Kind::Deployment, "kube-system", "calico-kube-controllers", 1, "calico-kube-controllers", "50m", "64Mi", Spread::None, false),
    row(Kind::Deployment, "kube-system", "metrics-server", 1, "metrics-server", "10m", "30M", Spread::None, false),
    row(Kind::Deployment, "kube-system", "coredns", 2, "coredns", "100m", "70Mi", Spread::Soft, false),
    row(Kind::StatefulSet, "kotsadm", "kotsadm-rqlite", 3, "rqlite", "100m", "100Mi", Spread::None, false),
    row(Kind::DaemonSet, "kube-system", "calico-node", 0, "calico-node", "250m", "128Mi", Spread::None, false),
    row(Kind::DaemonSet, "kube-system", "kube-proxy", 0, "kube-proxy", "50m", "64Mi", Spread::None, false),
    row(Kind::DaemonSet, "kotsadm", "traefik", 0, "traefik", "100m", "128Mi", Spread::None, false),
    row(Kind::DaemonSet, "velero", "node-agent", 0, "node-agent", "100m", "128Mi", Spread::None, false),
];

/// NetBox's web Deployment, and the claim of its media where no object storage has them.
const WEB: &str = "netbox-netbox";
const MEDIA: &str = "netbox-media";

/// The most pods of one of the extra Deployments.
const MOST_EXTRA: u16 = 10;

impl World {
    pub(super) fn make_workloads(&mut self) {
        for (n, row) in TABLE.into_iter().enumerate() {
            let mut row = row;
            if row.kind == Kind::StatefulSet && !self.plan.cluster.high_availability {
                row.replicas = 1;
            }
            if row.name == "nbe-operator" && self.plan.cluster.by_the_book {
                (row.replicas, row.spread) = (2, Spread::Soft);
            }
            if self.plan.cluster.grown {
                row.outgrow(self.plan.cluster.replicas());
            }
            let (labels, mut template) = (row.labels(), row.template());
            if row.name == WEB && self.plan.cluster.grown {
                self.keep_media(&row, &mut template);
            }
            if row.spread == Spread::Hard
                && self.plan.cluster.by_the_book
                && let Some(hard) = template.pointer_mut("/spec/topologySpreadConstraints/0")
            {
                set(hard, &["nodeTaintsPolicy"], "Honor".into());
            }
            match row.kind {
                Kind::Deployment => self.make_deployment(row.namespace, row.name, &labels, &template, row.replicas, n),
                Kind::StatefulSet => self.make_stateful_set(&row, &template),
                Kind::DaemonSet => self.make_daemon_set(&row, &template),
            }
        }
        self.make_extra();
    }

    fn make_extra(&mut self) {
        let mut left = self.plan.cluster.extra_pods;
        let mut n = 0;
        while left > 0 {
            let replicas = left.min(MOST_EXTRA);
            let name = format!("extra-{n:03}");
            let labels = json!({"app": name, "app.kubernetes.io/name": name});
            let spec = json!({"containers": [container("main", &name, "10m", "16Mi")],
                "topologySpreadConstraints": [constraint(&name, "kubernetes.io/hostname", "ScheduleAnyway")]});
            let template = json!({"metadata": {"labels": labels}, "spec": spec});
            self.make_deployment("default", &name, &labels, &template, usize::from(replicas), n * 7);
            left -= replicas;
            n += 1;
        }
    }

    /// A Deployment with one ReplicaSet whose pods run on one host after the other.
    pub(super) fn make_deployment(
        &mut self,
        namespace: &str,
        name: &str,
        labels: &Value,
        template: &Value,
        replicas: usize,
        first: usize,
    ) {
        let at = self.past(AGE_S - 1_800);
        let app = json!({"matchLabels": {"app": name}});
        let body = json!({
            "metadata": {"labels": labels, "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": replicas, "selector": app, "template": template, "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}},
            "status": {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas, "observedGeneration": 1},
        });
        let deployment = self.make(Resource::Deployments, namespace, name, body, at);
        let hash = template_hash(template);
        let mut template = template.clone();
        set(
            &mut template,
            &["metadata", "labels", "pod-template-hash"],
            hash.clone().into(),
        );
        let set_name = format!("{name}-{hash}");
        let body = json!({
            "metadata": {"labels": template.pointer("/metadata/labels"), "ownerReferences": [owner_reference(&deployment)],
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": replicas, "template": template,
                "selector": {"matchLabels": {"app": name, "pod-template-hash": hash}}},
            "status": {"replicas": replicas, "fullyLabeledReplicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas, "observedGeneration": 1},
        });
        let owner = self.make(Resource::ReplicaSets, namespace, &set_name, body, at);
        for n in 0..replicas {
            let host = self.nth_host(if self.plan.cluster.grown { 0 } else { first + n });
            let pod = pod::of_template(&template, Some(owner_reference(&owner)), self.plan.cluster.toleration_s);
            let pod_name = format!("{set_name}-{}", self.store.suffix());
            self.run_at_once(namespace, &pod_name, pod, host, at);
        }
    }

    fn make_stateful_set(&mut self, row: &Row, template: &Value) {
        let at = self.past(AGE_S - 1_500);
        let claim = json!({"metadata": {"name": row.name}, "spec": {"accessModes": ["ReadWriteOnce"],
            "storageClassName": "openebs-hostpath", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "1Gi"}}}});
        let hash = template_hash(template);
        let revision = format!("{}-{hash}", row.name);
        let body = json!({
            "metadata": {"labels": row.labels()},
            "spec": {"replicas": row.replicas, "serviceName": row.name, "podManagementPolicy": "Parallel", "template": template,
                "selector": {"matchLabels": {"app": row.name}}, "volumeClaimTemplates": [claim],
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {"replicas": row.replicas, "readyReplicas": row.replicas, "availableReplicas": row.replicas,
                "currentReplicas": row.replicas, "updatedReplicas": row.replicas, "observedGeneration": 1,
                "currentRevision": revision, "updateRevision": revision},
        });
        let owner = self.make(Resource::StatefulSets, row.namespace, row.name, body, at);
        for n in 0..row.replicas {
            let host = self.nth_host(n);
            let (_, pod) = super::super::workload::stateful_pod(&owner, n, self.plan.cluster.toleration_s);
            let name = format!("{}-{n}", row.name);
            let claim = Key::new(Resource::Claims, row.namespace, format!("{}-{name}", row.name));
            let body = super::super::workload::claim_of(&owner, row.name);
            // Names of the beginning are distinct.
            let _ = self.store.create(&claim, body, at);
            self.provision(&claim, host, at);
            self.run_at_once(row.namespace, &name, pod, host, at);
        }
    }

    /// NetBox's media on a volume of the first host, mounted by every web pod.
    fn keep_media(&mut self, row: &Row, template: &mut Value) {
        let at = self.past(AGE_S - 1_900);
        let claim = Key::new(Resource::Claims, row.namespace, MEDIA);
        let body = json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "openebs-hostpath",
            "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}}, "status": {"phase": "Pending"}});
        self.make(claim.resource, row.namespace, MEDIA, body, at);
        self.provision(&claim, self.nth_host(0), at);
        let volumes = json!([{"name": "media", "persistentVolumeClaim": {"claimName": MEDIA}}]);
        set(template, &["spec", "volumes"], volumes);
        if let Some(own) = template.pointer_mut("/spec/containers/0") {
            let mounts = json!([{"name": "media", "mountPath": "/opt/netbox/netbox/media"}]);
            set(own, &["volumeMounts"], mounts);
        }
    }

    fn make_daemon_set(&mut self, row: &Row, template: &Value) {
        let at = self.past(AGE_S - 1_700);
        let count = self.hosts.len();
        let body = json!({
            "metadata": {"labels": row.labels(), "annotations": {"deprecated.daemonset.template.generation": "1"}},
            "spec": {"selector": {"matchLabels": {"app": row.name}}, "template": template,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}},
            "status": {"desiredNumberScheduled": count, "currentNumberScheduled": count, "numberReady": count,
                "numberAvailable": count, "updatedNumberScheduled": count, "numberMisscheduled": 0, "observedGeneration": 1},
        });
        let owner = self.make(Resource::DaemonSets, row.namespace, row.name, body, at);
        let hosts: Vec<HostId> = self.hosts.iter().map(|host| host.id).collect();
        for host in hosts {
            let node = self.name_of(host).to_owned();
            let pod = super::super::workload::daemon_pod(&owner, &node, self.plan.cluster.toleration_s);
            let name = format!("{}-{}", row.name, self.store.suffix());
            self.run_at_once(row.namespace, &name, pod, host, at);
        }
    }

    fn nth_host(&self, n: usize) -> HostId {
        let count = self.hosts.len().max(1);
        self.hosts.get(n % count).map_or(HostId(1), |host| host.id)
    }
}

impl Row {
    /// As it was on one node without object storage.
    fn outgrow(&mut self, replicas: u8) {
        match self.name {
            "nbe-operator" => self.replicas = 0,
            _ if self.is_owned => (self.replicas, self.spread) = (usize::from(replicas), Spread::Soft),
            _ => {}
        }
    }

    fn labels(&self) -> Value {
        let mut labels = json!({"app": self.name, "app.kubernetes.io/name": self.name});
        if self.is_owned {
            set(&mut labels, &["app.kubernetes.io/managed-by"], "nbe-operator".into());
            set(&mut labels, &["app.kubernetes.io/instance"], "netbox".into());
            set(&mut labels, &["app.kubernetes.io/component"], self.container.into());
        }
        labels
    }

    fn template(&self) -> Value {
        let mut own = container(self.container, self.name, self.cpu, self.memory);
        let mut spec = json!({"automountServiceAccountToken": false});
        match self.kind {
            Kind::DaemonSet if self.name == "traefik" => {
                let ports = json!([{"containerPort": 8000, "hostPort": 80, "protocol": "TCP"},
                    {"containerPort": 8443, "hostPort": 443, "protocol": "TCP"}]);
                set(&mut own, &["ports"], ports);
            }
            Kind::DaemonSet => {
                set(&mut spec, &["hostNetwork"], (self.name != "node-agent").into());
                set(&mut spec, &["tolerations"], json!([{"operator": "Exists"}]));
            }
            Kind::StatefulSet => {
                set(
                    &mut own,
                    &["volumeMounts"],
                    json!([{"name": self.name, "mountPath": "/rqlite/file"}]),
                );
                set(
                    &mut spec,
                    &[
                        "affinity",
                        "podAntiAffinity",
                        "requiredDuringSchedulingIgnoredDuringExecution",
                    ],
                    json!([{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": self.name}}}]),
                );
            }
            Kind::Deployment if self.name == WEB => {
                let ports = json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]);
                set(&mut own, &["ports"], ports);
            }
            Kind::Deployment => {}
        }
        set(&mut spec, &["containers"], json!([own]));
        match self.spread {
            Spread::Hard => set(
                &mut spec,
                &["topologySpreadConstraints"],
                json!([
                    constraint(self.name, "kubernetes.io/hostname", "DoNotSchedule"),
                    constraint(self.name, "topology.kubernetes.io/zone", "ScheduleAnyway")
                ]),
            ),
            Spread::Soft => set(
                &mut spec,
                &["topologySpreadConstraints"],
                json!([constraint(self.name, "kubernetes.io/hostname", "ScheduleAnyway")]),
            ),
            Spread::None => {}
        }
        json!({"metadata": {"labels": self.labels()}, "spec": spec})
    }
}

pub(super) fn container(name: &str, image: &str, cpu: &str, memory: &str) -> Value {
    json!({"name": name, "image": format!("registry.example/{image}:1"),
           "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn constraint(app: &str, key: &str, otherwise: &str) -> Value {
    json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise,
           "labelSelector": {"matchLabels": {"app": app}}})
}
