//! A world that goes on from where somebody found a cluster, instead of from a beginning of its own. Start reading at
//! [`World::found`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::etcd::Etcd;
pub use super::etcd::FoundEtcd;
use super::genesis::NAMESPACES;
use super::host::{Component, Host, HostId, Run};
use super::k0s::Join;
use super::lease::{Office, Post};
use super::machine::Machine;
use super::read::{annotation, set};
use super::resource::Resource;
use super::store::{Key, Store, str_at};
pub use super::workload::FOUND_HASH;
use super::workload::template_hash;
use super::{Network, Plan, Versions, World};
use crate::sim::scenario::Cluster;

/// A cluster as it was found at one moment.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where chance begins.
    pub seed: u64,
    /// What its programs do: which etcd, which k0s, grace period, tolerations. The rest of it says how a cluster is built, and
    /// is of no meaning here.
    pub cluster: Cluster,
    /// What they are called.
    pub versions: Versions,
    /// Ports, and where new hosts get their addresses.
    pub network: Network,
    /// The machines, in the order of their numbers.
    pub hosts: Vec<FoundHost>,
    /// etcd.
    pub etcd: FoundEtcd,
    /// Everything that the API servers hold. What an object does not say about itself (uid, times) is filled in.
    pub objects: Vec<(Key, Value)>,
    /// Pods that start or end at this moment: their kubelets go on with them. Whatever else is not ready stays so.
    pub moving: Vec<Key>,
    /// What NetBox Enterprise's operator complains of, where no part of NetBox explains it.
    pub complaint: Option<String>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is a state of its own.
pub struct FoundHost {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Runs a control plane, or should.
    pub is_controller: bool,
    /// How its processes fare, in the order of [`Component::ALL`].
    pub runs: [Run; Component::ALL.len()],
    /// Nothing of it answers, its kernel neither.
    pub is_off: bool,
    /// It is on, and the unit of k0s is stopped.
    pub is_unit_stopped: bool,
    /// It does not reach this one, nor the other way round.
    pub cut: Option<HostId>,
    /// It is about to become a controller: its etcd runs, the rest follows with its vote.
    pub is_joining: bool,
    /// Its etcd peer certificate has ended.
    pub is_expired: bool,
    /// When that ends, where it was seen.
    pub certificate_ends: Option<Timestamp>,
    /// How far its clock is ahead, in milliseconds.
    pub skew_ms: i64,
    /// What its k0s calls its present run.
    pub invocation: String,
}

impl World {
    /// Goes on with a cluster from the moment at which it was found.
    pub fn found(found: &Found, now: Timestamp) -> Self {
        let count = u64::try_from(found.objects.len()).unwrap_or(0);
        let mut world = Self {
            store: Store::since(found.seed, found.etcd.revision.saturating_sub(count)),
            plan: Plan {
                cluster: found.cluster.clone(),
                versions: found.versions.clone(),
                complaint: found.complaint.clone(),
                network: found.network.clone(),
                faults: Vec::new(),
                struck: 0,
            },
            hosts: Vec::new(),
            machines: Vec::new(),
            etcd: Etcd::found(found.cluster.etcd, &found.etcd),
            posts: Vec::new(),
            lifecycle: super::lifecycle::Lifecycle::default(),
            balancer: super::entry::Balancer::default(),
            // No plan looks at the services outside.
            outside: super::outside::Wrongs::new(),
            listening: 0,
            dice: fastrand::Rng::with_seed(found.seed),
            start: now,
            now_ms: 0,
            // What recurs (compaction, reconciliation) does not all recur at this very moment.
            stepped_ms: Some(0),
        };
        for host in &found.hosts {
            world.find_host(host);
        }
        world.find_objects(&found.objects);
        for office in Office::ALL {
            world.find_post(office);
        }
        world.lifecycle.rest(&world.store);
        world.lifecycle.is_stirred = true;
        world.find_timers();
        for key in &found.moving {
            world.find_moving(key);
        }
        world
    }

    fn find_host(&mut self, found: &FoundHost) {
        let number = u16::try_from(self.hosts.len() + 1).unwrap_or(u16::MAX);
        self.hosts.push(Host {
            id: HostId(number),
            name: found.name.clone(),
            address: found.address.clone(),
            is_controller: found.is_controller,
        });
        let mut machine = Machine::new(Run::Dead, self.start, found.invocation.clone());
        for (component, run) in Component::ALL.into_iter().zip(found.runs) {
            machine.set_run(component, run);
        }
        machine.is_powered_off = found.is_off;
        machine.is_unit_stopped = found.is_unit_stopped;
        machine.cuts.extend(found.cut);
        machine.join = found.is_joining.then(Join::under_way);
        machine.is_certificate_expired = found.is_expired;
        machine.certificate_ends = found.certificate_ends;
        machine.skew_ms = found.skew_ms;
        machine.grace_s = self.plan.cluster.grace_s;
        machine.toleration_s = self.plan.cluster.toleration_s;
        machine.kubelet.next_lease_ms = u64::from(number % 10) * 1_000;
        self.machines.push(machine);
    }

    fn find_objects(&mut self, objects: &[(Key, Value)]) {
        let named = objects.iter().filter(|(key, _)| key.resource == Resource::Namespaces);
        let named: BTreeSet<&str> = named.map(|(key, _)| key.name.as_str()).collect();
        let used = objects.iter().map(|(key, _)| key.namespace.as_str());
        let missing: BTreeSet<&str> = used.chain(NAMESPACES).filter(|name| !named.contains(name)).collect();
        for name in missing.into_iter().filter(|name| !name.is_empty()) {
            let body = json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
            self.store
                .put_found(Key::new(Resource::Namespaces, "", name), body, self.start);
        }
        for (key, body) in objects {
            let mut body = body.clone();
            let theirs = annotation(&body, FOUND_HASH).map(str::to_owned);
            if let Some((theirs, template)) = theirs.zip(body.pointer("/spec/template")) {
                let both = format!("{}={theirs}", template_hash(template));
                set(&mut body, &["metadata", "annotations", FOUND_HASH], both.into());
            }
            self.store.put_found(key.clone(), body, self.start);
        }
    }

    /// Who holds an office, by its lease.
    fn find_post(&mut self, office: Office) {
        let lease = self.store.get(&office.lease());
        let identity = lease.and_then(|lease| str_at(lease, "/spec/holderIdentity"));
        let identity = identity.unwrap_or_default().to_owned();
        let holder = match office {
            Office::K0s => {
                let mut own = self.controllers();
                own.find(|host| !identity.is_empty() && self.invocation_id(*host) == identity)
            }
            Office::ControllerManager | Office::Scheduler => {
                let host = identity.rsplit_once('_').map(|(host, _)| host);
                host.and_then(|host| self.host_named(host))
            }
        };
        self.posts.push(Post::new(office, holder, identity));
    }

    fn find_moving(&mut self, key: &Key) {
        let node = self.store.get(key).and_then(|pod| super::pod::node(pod));
        let host = node.and_then(|node| self.host_named(node));
        if let Some(machine) = host.and_then(|host| self.machine_mut(host)) {
            machine.kubelet.queue.insert(key.clone());
        }
    }
}
