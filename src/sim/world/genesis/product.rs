//! The objects of the installer and of NetBox Enterprise, and what stands around them.

use serde_json::{Value, json};

use super::super::World;
use super::super::read::set;
use super::super::resource::Resource;
use super::super::store::seconds;
use super::AGE_S;

impl World {
    pub(super) fn make_product(&mut self) {
        let installed = self.past(AGE_S);
        let grace = self
            .plan
            .cluster
            .configured_grace_s
            .unwrap_or(self.plan.cluster.grace_s);
        let config = json!({"spec": {
            "controllerManager": {"extraArgs": {"node-monitor-grace-period": format!("{grace}s")}},
            "network": {"provider": "calico", "podCIDR": "10.244.0.0/17", "serviceCIDR": "10.244.128.0/17",
                "calico": {"mode": "vxlan", "wireguard": self.plan.cluster.by_the_book}},
            "telemetry": {"enabled": false},
        }});
        self.make(Resource::ClusterConfigs, "kube-system", "k0s", config, installed);
        self.make_installations();
        self.make_netbox();
        for (namespace, name, spec) in services(self.plan.network.console_port) {
            let body = json!({"spec": spec, "status": {"loadBalancer": {}}});
            self.make(Resource::Services, namespace, name, body, installed);
        }
        let replicas = self.plan.cluster.replicas();
        let least = replicas.saturating_sub(1);
        let budget = json!({
            "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "netbox-netbox"}}},
            "status": {"disruptionsAllowed": 1, "currentHealthy": replicas, "desiredHealthy": least, "expectedPods": replicas,
                "observedGeneration": 1},
        });
        self.make(
            Resource::DisruptionBudgets,
            "kotsadm",
            "netbox-netbox",
            budget,
            installed,
        );
        let ports = json!([{"name": "https", "port": self.plan.network.api_port, "protocol": "TCP"}]);
        let addresses: Vec<Value> = self
            .controllers()
            .map(|host| json!({"ip": self.address(host)}))
            .collect();
        let endpoints = json!({"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{"addresses": addresses, "ports": ports}]});
        self.make(Resource::Endpoints, "default", "kubernetes", endpoints, installed);
    }

    fn make_installations(&mut self) {
        let cluster = self.plan.cluster.clone();
        if cluster.upgraded {
            let installed = self.past(AGE_S * 11);
            let old = installation(
                false,
                "2.13.3+k8s-1.33",
                "Obsolete",
                "This is not the most recent installation object",
            );
            self.make(Resource::Installations, "", "20260214091500", old, installed);
        }
        let upgraded = self.past(if cluster.upgraded { 2 * 86_400 } else { AGE_S });
        let state = cluster.installation.as_str();
        let reason = if state == "Failed" {
            "upgrade of the extension openebs: timed out waiting for the condition"
        } else {
            state
        };
        let mut new = installation(cluster.high_availability, "2.19.4+k8s-1.37", state, reason);
        set(&mut new, &["spec", "airGap"], cluster.air_gap.into());
        let nodes: Vec<Value> = self
            .hosts
            .iter()
            .map(|host| json!({"name": host.name, "hash": format!("{:064x}", host.id.0)}))
            .collect();
        set(&mut new, &["status", "nodesStatus"], nodes.into());
        self.make(Resource::Installations, "", "20261101120000", new, upgraded);
    }

    fn make_netbox(&mut self) {
        let installed = self.past(AGE_S);
        let settled = seconds(self.past(3_600));
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": message,
                   "lastTransitionTime": settled, "observedGeneration": 1})
        };
        let is_ready = self.plan.cluster.high_availability;
        let mut conditions = vec![condition(
            "Progressing",
            "False",
            "ReconcileComplete",
            "Reconcile complete",
        )];
        let message = if is_ready {
            conditions.insert(
                0,
                condition("Ready", "True", "AllComponentsReady", "All components are ready"),
            );
            "All components are ready"
        } else {
            conditions.insert(0, condition("Ready", "False", "ComponentsNotReady", HA_MISSING));
            conditions.push(condition(
                "HighAvailability",
                "False",
                "HighAvailabilityNotEnabled",
                HA_MISSING,
            ));
            HA_MISSING
        };
        let own = json!({"replicas": self.plan.cluster.replicas()});
        let body = json!({
            "spec": {
                "postgresql": {"external": true}, "redis": {"external": true},
                "netbox": {"replicas": self.plan.cluster.replicas(), "urls": ["https://netbox.example.com"], "worker": own},
                "diode": {"enabled": true, "ingester": own, "reconciler": own, "auth": own, "hydra": own},
            },
            "status": {
                "ready": is_ready, "message": message, "version": "2.2.1", "observedGeneration": 1,
                "convergedGeneration": 1, "lastReconcileTime": settled, "conditions": conditions,
            },
        });
        self.make(Resource::NetBoxEnterprises, "kotsadm", "netbox", body, installed);
    }
}

/// The words of the warning are ours: those of the product are not public.
pub(in crate::sim::world) const HA_MISSING: &str =
    "the cluster has 3 or more nodes but high availability has not been enabled";

fn installation(high_availability: bool, version: &str, state: &str, reason: &str) -> Value {
    json!({
        "metadata": {"labels": {"replicated.com/disaster-recovery": "ec-install"}},
        "spec": {
            "clusterID": "7f3c9c1a-3d0e-4f0b-9a51-3f1f7a1c2b6d", "binaryName": "netbox-enterprise",
            "highAvailability": high_availability, "airGap": false, "sourceType": "CRD",
            "licenseInfo": {"isDisasterRecoverySupported": true, "isMultiNodeEnabled": true},
            "config": {"version": version}, "runtimeConfig": {"dataDir": "/var/lib/embedded-cluster"},
        },
        "status": {"state": state, "reason": reason, "conditions": []},
    })
}

fn services(console_port: u16) -> [(&'static str, &'static str, Value); 5] {
    [
        (
            "default",
            "kubernetes",
            json!({"type": "ClusterIP", "clusterIP": "10.244.128.1", "ports": [{"name": "https", "port": 443, "targetPort": 6_443, "protocol": "TCP"}]}),
        ),
        (
            "kube-system",
            "kube-dns",
            json!({"type": "ClusterIP", "clusterIP": "10.244.128.10", "selector": {"app": "coredns"}, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}),
        ),
        (
            "kotsadm",
            "kotsadm-rqlite",
            json!({"clusterIP": "None", "selector": {"app": "kotsadm-rqlite"}, "ports": [{"name": "http", "port": 4_001, "protocol": "TCP"}]}),
        ),
        (
            "kotsadm",
            "kurl-proxy-kotsadm",
            json!({"type": "NodePort", "clusterIP": "10.244.131.7", "selector": {"app": "kurl-proxy-kotsadm"}, "ports": [{"name": "tls", "port": 8_800, "nodePort": console_port, "protocol": "TCP"}]}),
        ),
        (
            "kotsadm",
            "netbox",
            json!({"type": "ClusterIP", "clusterIP": "10.244.130.22", "selector": {"app": "netbox-netbox"}, "ports": [{"name": "http", "port": 80, "targetPort": 8_080, "protocol": "TCP"}]}),
        ),
    ]
}
