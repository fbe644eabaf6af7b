//! The simulated cluster as a synchronous state machine: same seed, same faults, same calls, same history. It has no
//! socket, no thread and no clock of its own; whoever drives it says how late it is. Start reading at [`World::advance`].

pub mod api;
mod below;
pub mod entry;
pub mod etcd;
mod event;
pub mod fault;
pub mod filter;
pub mod flags;
pub mod found;
mod front;
mod genesis;
pub mod host;
mod inject;
mod k0s;
mod kubelet;
mod lease;
mod lifecycle;
mod machine;
mod operator;
pub mod outside;
mod overlay;
pub mod pod;
mod read;
pub mod resource;
mod schedule;
pub mod status;
pub mod store;
mod unit;
mod volume;
mod workload;

use jiff::{SignedDuration, Timestamp};

use self::entry::Balancer;
use self::etcd::Etcd;
use self::genesis::k0s_version;
use self::host::{Component, Host, HostId, Path};
use self::lease::{Office, Post};
use self::lifecycle::Lifecycle;
pub use self::machine::CERTIFICATES_END_S;
use self::machine::Machine;
use self::resource::Resource;
use self::store::{Key, Store};
use super::scenario::{Cluster, Scenario, Scheduled};

/// The world moves in steps of this many milliseconds, however it is driven.
const STEP_MS: u64 = 100;

/// How the API server of a host answers, if it runs at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// As it should.
    Well,
    /// It lives, but etcd behind it has no quorum or is gone: what needs etcd hangs until the client gives up.
    WithoutEtcd,
    /// It answers every request with this status (429 or 503).
    Refusing(u16),
}

/// Where the hosts are on the network: the wire chooses, the world puts it into its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The first three parts of every host's address; the fourth is 10 plus the host's number (at most 245 hosts).
    pub prefix: [u8; 3],
    /// The same of every pod that listens at an address of its own.
    pub pods: [u8; 3],
    /// Of every API server.
    pub api_port: u16,
    /// Of every etcd's peer listener.
    pub peer_port: u16,
    /// Of the Admin Console on every host.
    pub console_port: u16,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            prefix: [10, 77, 0],
            pods: [10, 244, 255],
            api_port: 6443,
            peer_port: 2380,
            console_port: 30_000,
        }
    }
}

/// What its hosts run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Such as `v1.37.2+k0s.0`.
    pub k0s: String,
    /// Such as `3.6.16`.
    pub etcd: String,
}

/// What the world was built from.
#[derive(Debug, Clone)]
struct Plan {
    cluster: Cluster,
    versions: Versions,
    /// What NetBox Enterprise's operator has to complain of, whatever else is well.
    complaint: Option<String>,
    network: Network,
    /// By time.
    faults: Vec<Scheduled>,
    /// How many of them have struck.
    struck: usize,
}

/// The cluster. A copy goes on by itself, and does the same as long as the same happens to it.
#[derive(Debug, Clone)]
pub struct World {
    store: Store,
    plan: Plan,
    hosts: Vec<Host>,
    /// Of the hosts, in their order.
    machines: Vec<Machine>,
    etcd: Etcd,
    posts: Vec<Post>,
    lifecycle: Lifecycle,
    balancer: Balancer,
    outside: outside::Wrongs,
    /// The last part of the address that a pod got last that listens.
    listening: u8,
    dice: fastrand::Rng,
    start: Timestamp,
    now_ms: u64,
    stepped_ms: Option<u64>,
}

impl World {
    /// The cluster at the beginning of its time, which is `start` on the wall clock.
    pub fn new(scenario: &Scenario, network: &Network, start: Timestamp) -> Self {
        let mut faults = scenario.fault.clone();
        faults.sort_by_key(|fault| fault.at_s);
        let mut world = Self {
            store: Store::new(scenario.seed),
            plan: Plan {
                cluster: scenario.cluster.clone(),
                versions: Versions {
                    k0s: k0s_version(scenario.cluster.k0s).to_owned(),
                    etcd: scenario.cluster.etcd.version().to_owned(),
                },
                complaint: None,
                network: network.clone(),
                faults,
                struck: 0,
            },
            hosts: Vec::new(),
            machines: Vec::new(),
            etcd: Etcd::new(scenario.cluster.etcd, &[]),
            posts: Vec::new(),
            lifecycle: Lifecycle::default(),
            balancer: Balancer::default(),
            outside: outside::Wrongs::new(),
            listening: 0,
            dice: fastrand::Rng::with_seed(scenario.seed),
            start,
            now_ms: 0,
            stepped_ms: None,
        };
        world.genesis();
        world
    }

    /// World milliseconds since its beginning.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The true wall clock.
    pub fn wall(&self) -> Timestamp {
        Timestamp::from_millisecond(self.start.as_millisecond().saturating_add_unsigned(self.now_ms))
            .unwrap_or(self.start)
    }

    /// A host's own clock.
    pub fn wall_of(&self, host: HostId) -> Timestamp {
        let skew = SignedDuration::from_millis(self.skew_ms(host));
        self.wall().checked_add(skew).unwrap_or(self.start)
    }

    /// Lets time pass. A moment that is past changes nothing. Things happen in fixed steps, so the history is the same
    /// however often this is called.
    pub fn advance(&mut self, to_ms: u64) {
        loop {
            let next = self.stepped_ms.map_or(0, |last| last + STEP_MS);
            if next > to_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next);
            self.stepped_ms = Some(next);
            self.step();
        }
        self.now_ms = self.now_ms.max(to_ms);
    }

    fn step(&mut self) {
        self.strike_scheduled();
        self.run_units();
        self.run_etcd();
        self.run_compactor();
        self.watch_etcd();
        self.check_pool();
        self.run_offices();
        self.run_k0s();
        self.run_kubelets();
        self.notice();
        self.run_lifecycle();
        self.run_workloads();
        self.run_scheduler();
        self.run_operators();
        self.expire_events();
    }

    /// Tells the controllers and the kubelets what changed since the last step, whoever changed it.
    fn notice(&mut self) {
        let told = self.lifecycle.revision;
        self.lifecycle.revision = self.store.revision();
        let mut pods: Vec<(String, Key)> = Vec::new();
        let (mut is_stirred, mut is_configured) = (false, false);
        match self.store.changes_after(told) {
            Ok(changes) => {
                for change in changes {
                    is_configured |= change.key.resource == Resource::ClusterConfigs;
                    is_stirred |= !matches!(change.key.resource, Resource::Leases | Resource::Events);
                    if change.key.resource == Resource::Pods
                        && let Some(node) = pod::node(&change.object)
                    {
                        pods.push((node.to_owned(), change.key.clone()));
                    }
                }
            }
            // More happened than the history holds.
            Err(_) => is_stirred = true,
        }
        // In a quiet moment the flag of an earlier one goes only once somebody was in office to see it.
        self.lifecycle.is_stirred = is_stirred || (self.lifecycle.is_stirred && !self.is_attended());
        if is_configured {
            self.reconcile_config();
        }
        for (node, key) in pods {
            if let Some(host) = self.host_named(&node)
                && let Some(machine) = self.machine_mut(host)
            {
                machine.kubelet.queue.insert(key);
            }
        }
    }

    /// Whether both offices that act on objects are held by somebody who can.
    fn is_attended(&self) -> bool {
        let is_held = |office| self.in_office(office).is_some();
        is_held(Office::ControllerManager) && is_held(Office::Scheduler)
    }

    /// Where the hosts are.
    pub const fn network(&self) -> &Network {
        &self.plan.network
    }

    /// The machines, in the order of their numbers.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Machines that run a control plane, or are about to.
    pub(self) fn controllers(&self) -> impl Iterator<Item = HostId> {
        self.hosts.iter().filter(|host| host.is_controller).map(|host| host.id)
    }

    /// How the API server of a host answers.
    pub fn serving(&self, host: HostId) -> Serving {
        match self.machine(host).map_or(0, |machine| machine.refuse) {
            0 if self.has_quorum(host) => Serving::Well,
            0 => Serving::WithoutEtcd,
            code => Serving::Refusing(code),
        }
    }

    /// Whether the API server of a host runs and does what it is asked.
    fn serves(&self, host: HostId) -> bool {
        self.is_running(host, Component::KubeApiserver) && self.serving(host) == Serving::Well
    }

    /// Whether a component of a host runs and can change objects now.
    fn may_write(&self, host: HostId, component: Component) -> bool {
        if !self.is_running(host, component) || self.alarm().is_some() {
            return false;
        }
        let is_controller = self.hosts.iter().any(|own| own.id == host && own.is_controller);
        if is_controller {
            return self.serves(host);
        }
        self.controllers()
            .any(|other| self.path(host, other) == Path::Open && self.serves(other))
    }

    /// What the API servers read and write.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// For the API servers: changes by clients.
    pub const fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// 32 hexadecimal digits, as k0s names each of its runs.
    fn new_invocation(&mut self) -> String {
        format!("{:016x}{:016x}", self.dice.u64(..), self.dice.u64(..))
    }
}

#[cfg(test)]
mod tests;
