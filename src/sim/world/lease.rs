//! Leases: whoever holds one renews it, and an office (kube-controller-manager, kube-scheduler, k0s's leader) goes to
//! another host once nobody has seen its lease renewed for long enough. As in client-go's leader election, what counts is
//! when a candidate saw the lease change by its own clock, not what the lease says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use super::host::{Component, HostId, Run};
use super::read::{micro, number_at, set};
use super::resource::Resource;
use super::store::{Key, str_at};

/// The namespace of the leases of kubelets and of k0s.
pub(super) const NODE_LEASES: &str = "kube-node-lease";

/// What is held by one host at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Office {
    ControllerManager,
    Scheduler,
    K0s,
}

impl Office {
    pub const ALL: [Office; 3] = [Office::ControllerManager, Office::Scheduler, Office::K0s];

    pub(super) const fn component(self) -> Component {
        match self {
            Office::ControllerManager => Component::KubeControllerManager,
            Office::Scheduler => Component::KubeScheduler,
            Office::K0s => Component::K0s,
        }
    }

    pub(super) fn lease(self) -> Key {
        let (namespace, name) = match self {
            Office::ControllerManager => ("kube-system", "kube-controller-manager"),
            Office::Scheduler => ("kube-system", "kube-scheduler"),
            // A historic name: k0s's leader does much more than this.
            Office::K0s => (NODE_LEASES, "k0s-endpoint-reconciler"),
        };
        Key::new(Resource::Leases, namespace, name)
    }

    const fn timing(self) -> Timing {
        match self {
            Office::ControllerManager | Office::Scheduler => Timing {
                lasts_ms: 15_000,
                gives_up_ms: 10_000,
                every_ms: 2_000,
                retry_ms: 4_400,
                start_ms: 2_000,
            },
            Office::K0s => Timing {
                lasts_ms: 60_000,
                gives_up_ms: 15_000,
                every_ms: 5_000,
                retry_ms: 5_000,
                start_ms: 500,
            },
        }
    }
}

/// Of an election, in milliseconds.
#[allow(clippy::struct_field_names)] // The unit belongs to the name.
struct Timing {
    lasts_ms: u64,
    /// How long a holder tries in vain to renew before it ends itself.
    gives_up_ms: u64,
    every_ms: u64,
    /// The longest pause between two tries of a candidate, jitter included.
    retry_ms: u64,
    /// From taking the lease until its loops run.
    start_ms: u64,
}

/// Who holds an office.
#[derive(Debug, Clone)]
pub(super) struct Post {
    office: Office,
    holder: Option<HostId>,
    identity: String,
    renewed_ms: u64,
    /// From when on its loops run.
    works_from_ms: u64,
    jitter_ms: u64,
    /// When each candidate saw the lease change last.
    seen: BTreeMap<HostId, u64>,
}

impl Post {
    pub fn new(office: Office, holder: Option<HostId>, identity: String) -> Self {
        Self {
            office,
            holder,
            identity,
            renewed_ms: 0,
            works_from_ms: 0,
            jitter_ms: 1_000,
            seen: BTreeMap::new(),
        }
    }
}

impl World {
    /// The host whose component does an office's work at this moment, if any can.
    pub(super) fn in_office(&self, office: Office) -> Option<HostId> {
        let post = self.posts.iter().find(|post| post.office == office)?;
        let holder = post.holder.filter(|_| self.now_ms >= post.works_from_ms)?;
        self.may_write(holder, office.component()).then_some(holder)
    }

    /// Renews, gives up and takes over.
    pub(super) fn run_offices(&mut self) {
        let mut posts = std::mem::take(&mut self.posts);
        for post in &mut posts {
            self.run_post(post);
        }
        self.posts = posts;
    }

    fn run_post(&mut self, post: &mut Post) {
        let component = post.office.component();
        let timing = post.office.timing();
        if let Some(holder) = post.holder {
            let silent_ms = self.now_ms.saturating_sub(post.renewed_ms);
            if silent_ms < timing.every_ms {
                return;
            }
            if self.may_write(holder, component) && silent_ms < timing.lasts_ms {
                self.renew_post(post, holder);
                return;
            }
            let is_dead = self.run(holder, component) == Run::Dead;
            if is_dead || (silent_ms >= timing.gives_up_ms && self.is_running(holder, component)) {
                // It ended itself, and its supervisor starts it again: a candidate that knows nothing.
                post.holder = None;
                post.seen.remove(&holder);
            }
        }
        let candidates: Vec<HostId> = self.controllers().filter(|host| Some(*host) != post.holder).collect();
        for host in &candidates {
            if self.run(*host, component) == Run::Dead {
                post.seen.remove(host);
            } else if self.may_write(*host, component) {
                post.seen.entry(*host).or_insert(self.now_ms);
            }
        }
        let next = candidates.into_iter().find(|host| {
            let seen = post.seen.get(host).copied();
            let wait_ms = timing.lasts_ms + post.jitter_ms;
            self.may_write(*host, component) && seen.is_some_and(|seen| self.now_ms >= seen + wait_ms)
        });
        if let Some(next) = next {
            self.take_post(post, next, &timing);
        }
    }

    /// A process of a host has ended: what it held is nobody's, and it knows nothing when it comes back.
    pub(super) fn leave_office(&mut self, host: HostId, component: Component) {
        for post in self
            .posts
            .iter_mut()
            .filter(|post| post.office.component() == component)
        {
            post.seen.remove(&host);
            if post.holder == Some(host) {
                post.holder = None;
            }
        }
    }

    /// The holder of an office gives its lease back: whoever else looks next may take it.
    pub(super) fn resign(&mut self, office: Office, host: HostId) {
        for post in self.posts.iter_mut().filter(|post| post.office == office) {
            post.holder = None;
            post.seen.remove(&host);
            post.seen.values_mut().for_each(|seen| *seen = 0);
        }
    }

    fn renew_post(&mut self, post: &mut Post, holder: HostId) {
        self.renew_lease(
            holder,
            &post.office.lease(),
            &post.identity,
            post.office.timing().lasts_ms / 1_000,
        );
        self.post_was_renewed(post);
    }

    fn post_was_renewed(&mut self, post: &mut Post) {
        post.renewed_ms = self.now_ms;
        let component = post.office.component();
        let watching = self.controllers().filter(|host| self.may_write(*host, component));
        let watching: Vec<HostId> = watching.collect();
        for host in watching {
            post.seen.insert(host, self.now_ms);
        }
    }

    fn take_post(&mut self, post: &mut Post, next: HostId, timing: &Timing) {
        post.identity = match post.office {
            Office::K0s => self.invocation_id(next).to_owned(),
            Office::ControllerManager | Office::Scheduler => {
                let uuid = self.store.uid();
                format!("{}_{uuid}", self.name_of(next))
            }
        };
        post.holder = Some(next);
        post.jitter_ms = self.dice.u64(..timing.retry_ms);
        post.works_from_ms = self.now_ms + timing.start_ms + self.dice.u64(..timing.start_ms);
        self.renew_post(post, next);
        if post.office == Office::ControllerManager {
            self.lifecycle.forget();
        }
    }

    /// Makes or renews a lease as a process of a host does: by its own clock.
    pub(super) fn renew_lease(&mut self, host: HostId, key: &Key, holder: &str, lasts_s: u64) {
        let now = micro(self.wall_of(host));
        let spec = |acquired: Value, transitions: i64| {
            json!({"holderIdentity": holder, "leaseDurationSeconds": lasts_s, "acquireTime": acquired,
                   "renewTime": now, "leaseTransitions": transitions})
        };
        if self.store.get(key).is_none() {
            let body = json!({"spec": spec(now.clone().into(), 0)});
            // It was just seen not to exist.
            let _ = self.store.create(key, body, self.wall());
            return;
        }
        self.store.change(key, |lease| {
            let is_same = str_at(lease, "/spec/holderIdentity") == Some(holder);
            let transitions = number_at(lease, "/spec/leaseTransitions").unwrap_or(0);
            let acquired = lease.pointer("/spec/acquireTime").cloned().unwrap_or_default();
            let spec = if is_same {
                spec(acquired, transitions)
            } else {
                spec(now.clone().into(), transitions + 1)
            };
            set(lease, &["spec"], spec);
        });
    }

    /// Whether a lease has run out, by its own words and the true clock.
    pub(super) fn is_expired(&self, lease: &Value) -> bool {
        let lasts = number_at(lease, "/spec/leaseDurationSeconds").unwrap_or(0);
        let holder = str_at(lease, "/spec/holderIdentity").unwrap_or_default();
        holder.is_empty()
            || self
                .lease_age(lease)
                .is_none_or(|age| age > Duration::from_secs(lasts.unsigned_abs()))
    }

    /// How long ago a lease was renewed, by its own words.
    pub(super) fn lease_age(&self, lease: &Value) -> Option<Duration> {
        let renewed: jiff::Timestamp = str_at(lease, "/spec/renewTime")?.parse().ok()?;
        Some(Duration::try_from(self.wall().duration_since(renewed)).unwrap_or_default())
    }
}
