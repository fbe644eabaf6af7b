//! The operators that run in the cluster, and the API servers' own endpoints: Embedded Cluster's operator (deletes local
//! volumes of Nodes that are gone), NetBox Enterprise's (says whether all is ready), and `default/kubernetes`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::World;
use super::genesis::HA_MISSING;
use super::host::{Component, HostId};
use super::pod;
use super::read::{annotation, is_ready, label, number_at, set, set_condition};
use super::resource::Resource;
use super::store::{Key, seconds, str_at};
use super::workload::claims_of;

/// How long after its last sign of life an API server's address stays (`--apiserver-count` leases: 15 s).
const ENDPOINT_MS: u64 = 15_000;
/// How often the operators look.
const LOOK_MS: u64 = 5_000;
/// How often NetBox Enterprise's leading operator renews its lease, and how long that lasts (controller-runtime).
const RENEW_MS: u64 = 2_000;
const LEASE_LASTS_S: u64 = 15;

impl World {
    /// Lets the operators work.
    pub(super) fn run_operators(&mut self) {
        if !self.now_ms.is_multiple_of(1_000) {
            return;
        }
        let serving: Vec<HostId> = self.controllers().filter(|host| self.serves(*host)).collect();
        let now_ms = self.now_ms;
        for host in &serving {
            if let Some(machine) = self.machine_mut(*host) {
                machine.served_ms = Some(now_ms);
            }
        }
        if serving.is_empty() || self.alarm().is_some() {
            return;
        }
        if now_ms.is_multiple_of(RENEW_MS) {
            self.elect_operator();
        }
        if !now_ms.is_multiple_of(LOOK_MS) {
            return;
        }
        if now_ms.is_multiple_of(10_000) {
            self.write_endpoints();
        }
        if self.operates("embedded-cluster-operator") {
            self.follow_nodes();
            self.delete_lost_claims();
        }
        if self.operates("nbe-operator") {
            self.judge_netbox();
        }
    }

    /// `netbox-enterprise enable-ha`: the admin console's database gets three replicas, the newest Installation says so.
    pub(super) fn enable_ha(&mut self) -> Result<(), String> {
        let installation = self.store.list(Resource::Installations, None).last();
        let Some(key) = installation.map(|(key, _)| key.clone()) else {
            return Err("there is no Installation: this is no Embedded Cluster".to_owned());
        };
        let rqlite = Key::new(Resource::StatefulSets, "kotsadm", "kotsadm-rqlite");
        self.store
            .change(&rqlite, |own| set(own, &["spec", "replicas"], 3.into()));
        self.store
            .change(&key, |own| set(own, &["spec", "highAvailability"], true.into()));
        Ok(())
    }

    /// Whether a pod of an operator works.
    fn operates(&self, app: &str) -> bool {
        self.working(app).next().is_some()
    }

    /// The pods of an operator that work, and their hosts: Ready as far as Kubernetes knows, on a machine that is on.
    fn working(&self, app: &str) -> impl Iterator<Item = (&Key, HostId)> {
        self.store.list(Resource::Pods, None).filter_map(move |(key, own)| {
            let is_of = |key| label(own, key) == Some(app);
            let is_ready = (is_of("app") || is_of("app.kubernetes.io/name")) && is_ready(own);
            let host = pod::node(own)
                .and_then(|node| self.host_named(node))
                .filter(|_| is_ready)?;
            self.is_running(host, Component::Kubelet).then_some((key, host))
        })
    }

    /// Several replicas of NetBox Enterprise's operator elect a leader: who holds the lease renews it, and another takes it
    /// once it has run out.
    fn elect_operator(&mut self) {
        let Some(lease) = self.operator_lease() else {
            return;
        };
        let held = self.store.get(&lease);
        let is_free = held.is_none_or(|held| self.is_expired(held));
        let holder = held.and_then(|held| str_at(held, "/spec/holderIdentity"));
        let holder = holder.filter(|_| !is_free).map(str::to_owned);
        let leads = |pod: &str| {
            let named = holder.as_ref().and_then(|holder| holder.rsplit_once('_'));
            named.is_some_and(|(own, _)| own == pod)
        };
        let mut working = self.working("nbe-operator");
        let next = working.find(|(pod, _)| is_free || leads(&pod.name));
        let Some((pod, host)) = next.map(|(pod, host)| (pod.name.clone(), host)) else {
            return;
        };
        drop(working);
        let identity = holder.unwrap_or_else(|| format!("{pod}_{}", self.store.uid()));
        self.renew_lease(host, &lease, &identity, LEASE_LASTS_S);
    }

    /// The lease that the operator's replicas elect their leader by; None where it has but one. A cluster that was found as
    /// it is has a name of its own for it.
    fn operator_lease(&self) -> Option<Key> {
        let mut deployments = self.store.list(Resource::Deployments, None);
        let (own, _) = deployments.find(|(key, own)| {
            key.name.ends_with("nbe-operator") && number_at(own, "/spec/replicas").is_some_and(|replicas| replicas > 1)
        })?;
        let is_own = |holder: &str| holder.strip_prefix(&own.name).is_some_and(|rest| rest.starts_with('-'));
        let mut leases = self.store.list(Resource::Leases, None);
        let known = leases.find(|(key, lease)| {
            key.namespace == own.namespace && str_at(lease, "/spec/holderIdentity").is_some_and(is_own)
        });
        let new = || Key::new(Resource::Leases, own.namespace.clone(), "netbox-enterprise-operator");
        Some(known.map_or_else(new, |(key, _)| key.clone()))
    }

    fn write_endpoints(&mut self) {
        let lives = |machine: &super::machine::Machine| {
            let served = machine.served_ms;
            served.is_some_and(|at| self.now_ms.saturating_sub(at) <= ENDPOINT_MS)
        };
        let hosts = self
            .hosts
            .iter()
            .zip(&self.machines)
            .filter(|(_, machine)| lives(machine));
        let addresses: Vec<Value> = hosts.map(|(host, _)| json!({"ip": host.address})).collect();
        let key = Key::new(Resource::Endpoints, "default", "kubernetes");
        self.store.change(&key, |endpoints| {
            if let Some(subset) = endpoints.pointer_mut("/subsets/0") {
                set(subset, &["addresses"], addresses.into());
            }
        });
    }

    fn node_names(&self) -> BTreeSet<String> {
        let nodes = self.store.list(Resource::Nodes, None);
        nodes.map(|(key, _)| key.name.clone()).collect()
    }

    /// `Installation.status.nodesStatus` of the newest Installation.
    fn follow_nodes(&mut self) {
        let Some(key) = self
            .store
            .list(Resource::Installations, None)
            .last()
            .map(|(key, _)| key.clone())
        else {
            return;
        };
        let known = |name: &String| {
            let number = self.host_named(name).map_or(0, |host| host.0);
            json!({"name": name, "hash": format!("{number:064x}")})
        };
        let nodes: Vec<Value> = self.node_names().iter().map(known).collect();
        self.store
            .change(&key, |own| set(own, &["status", "nodesStatus"], nodes.into()));
    }

    /// Local volumes of a Node that is gone are destroyed, with the Pending pods that wait for them.
    fn delete_lost_claims(&mut self) {
        let nodes = self.node_names();
        let lost: Vec<Key> = self
            .store
            .list(Resource::Claims, None)
            .filter(|(_, claim)| {
                annotation(claim, "volume.kubernetes.io/storage-provisioner") == Some("openebs.io/local")
            })
            .filter(|(_, claim)| {
                let node = annotation(claim, "volume.kubernetes.io/selected-node");
                node.is_some_and(|node| !nodes.contains(node))
            })
            .map(|(key, _)| key.clone())
            .collect();
        for claim in lost {
            let users: Vec<(Key, bool)> = self
                .store
                .list(Resource::Pods, Some(&claim.namespace))
                .filter(|(key, own)| claims_of(key, own).contains(&claim))
                .map(|(key, own)| (key.clone(), pod::node(own).is_none()))
                .collect();
            for (user, _) in users.iter().filter(|(_, is_waiting)| *is_waiting) {
                self.delete_pod(user);
            }
            // Its finalizer keeps a claim for as long as a pod uses it.
            if users.iter().any(|(_, is_waiting)| !is_waiting) {
                continue;
            }
            let volume = self
                .store
                .get(&claim)
                .and_then(|own| str_at(own, "/spec/volumeName"))
                .map(|name| Key::new(Resource::Volumes, "", name));
            self.store.remove(&claim);
            if let Some(volume) = volume {
                self.store.remove(&volume);
            }
        }
    }

    /// Ready when all of NetBox's own workloads are, high availability is on where it can be, and the scenario has nothing
    /// else for it to complain about.
    fn judge_netbox(&mut self) {
        let deployments = self.store.list(Resource::Deployments, None);
        let own = deployments.filter(|(_, own)| label(own, "app.kubernetes.io/managed-by") == Some("nbe-operator"));
        let mut late: Vec<String> = own
            .filter(|(_, own)| {
                let count = |pointer| number_at(own, pointer).unwrap_or(0);
                count("/status/readyReplicas") < count("/spec/replicas")
            })
            .map(|(key, _)| key.name.clone())
            .collect();
        late.sort();
        let installation = self.store.list(Resource::Installations, None).last();
        let has_ha =
            installation.is_some_and(|(_, own)| own.pointer("/spec/highAvailability") == Some(&Value::Bool(true)));
        let complaint = &self.plan.complaint;
        let is_ready = late.is_empty() && has_ha && complaint.is_none();
        let message = match (late.is_empty(), has_ha, complaint) {
            (.., Some(complaint)) => complaint.clone(),
            (true, true, None) => "All components are ready".to_owned(),
            (true, false, None) => HA_MISSING.to_owned(),
            (false, _, None) => format!("Components not ready: {}", late.join(", ")),
        };
        let at = self.wall();
        for (key, netbox) in self.objects(Resource::NetBoxEnterprises) {
            let was_ready = netbox.pointer("/status/ready") == Some(&Value::Bool(true));
            // It speaks when something changed.
            if was_ready == is_ready && (is_ready || str_at(&netbox, "/status/message") == Some(&message)) {
                continue;
            }
            self.store.change(&key, |own| {
                set(own, &["status", "ready"], is_ready.into());
                set(own, &["status", "message"], message.clone().into());
                set(own, &["status", "lastReconcileTime"], seconds(at).into());
                let (status, reason) = if is_ready {
                    ("True", "AllComponentsReady")
                } else {
                    ("False", "ComponentsNotReady")
                };
                set_condition(own, "Ready", status, reason, &message, at);
                let (status, reason) = if is_ready {
                    ("False", "ReconcileComplete")
                } else {
                    ("True", "WaitingForComponents")
                };
                set_condition(own, "Progressing", status, reason, "", at);
            });
        }
    }
}
