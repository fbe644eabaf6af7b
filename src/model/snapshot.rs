//! The snapshot: everything observed, at one moment, with the age and health of each source. All ages are counted at
//! [`Snapshot::now`]; whoever holds a snapshot needs no clock.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, EntryId};
use super::etcd::EtcdFacts;
use super::external::{External, ServiceId};
use super::fact::{Fact, ObjectKey};
use super::feed::{FeedId, FeedState, KubeKind};
use super::host::HostFacts;
use super::kube::{KubeFacts, Lease, Node, Tri};
use super::past::Past;
use super::quorum::Quorum;
use super::reach::HostReach;
use super::reach::from::FromController;
use super::reach::there::FromThere;
use crate::base::{Stamp, Text, Why, WhyKind};

/// Everything observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The moment at which this is true. Advances at least once a second, also when every source is dead.
    pub now: Stamp,
    /// Set where none of it is real: the cluster is a simulated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    /// Every source, by id, with its freshness at `now`.
    #[serde(with = "feed_list")]
    pub feeds: BTreeMap<FeedId, FeedState>,
    /// From Kubernetes.
    pub kube: KubeFacts,
    /// From etcd.
    pub etcd: EtcdFacts,
    /// From this host.
    pub host: HostFacts,
    /// The ports of the other controllers, as they are reached from here.
    #[serde(default)]
    pub reach: BTreeMap<IpAddr, HostReach>,
    /// The ports of controllers that do not answer here, as another one reaches them.
    #[serde(default)]
    pub there: BTreeMap<IpAddr, FromThere>,
    /// What is seen from each controller, this host among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub from: BTreeMap<IpAddr, FromController>,
    /// The ways in for users and administrators, as they were probed from here.
    #[serde(default)]
    pub entry: BTreeMap<EntryId, Entry>,
    /// The services outside the cluster, as they were asked from here.
    #[serde(default)]
    pub external: BTreeMap<ServiceId, External>,
    /// What earlier sessions on this host saw.
    #[serde(default, skip_serializing_if = "Past::is_empty")]
    pub past: Past,
}

/// The simulated cluster that a snapshot shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// The scenario's name, or its file's.
    pub scenario: Text,
    /// How many times faster than ours its time runs.
    pub speed: u32,
    /// Whether its network has a length. Without one a round trip tells only how busy this machine is.
    #[serde(default)]
    pub has_length: bool,
}

/// Age of a kubelet's or controller's heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeartbeatAge {
    /// How long ago.
    pub age: Duration,
    /// Whether we saw the renewal ourselves. Otherwise the age compares the writer's clock with ours.
    pub seen: bool,
}

/// Namespace and name of the Lease that a run of guided actions holds, so that others see it.
pub const RUN_LOCK: (&str, &str) = ("kube-system", "quorate-run");

/// A run somewhere in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLock {
    /// Who runs what, in its own words.
    pub holder: Text,
    /// How long ago it said so.
    pub age: Duration,
}

/// Clocks that keep time differ by less. A time stamp further ahead of our clock tells nothing about its age.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

impl Snapshot {
    /// A snapshot in which nothing is known yet.
    pub fn empty(now: Stamp) -> Self {
        Self {
            now,
            simulated: None,
            feeds: BTreeMap::new(),
            kube: KubeFacts::default(),
            etcd: EtcdFacts::default(),
            host: HostFacts::default(),
            reach: BTreeMap::new(),
            there: BTreeMap::new(),
            from: BTreeMap::new(),
            entry: BTreeMap::new(),
            external: BTreeMap::new(),
            past: Past::default(),
        }
    }

    /// The freshness of a source. One that nobody started is off.
    pub fn feed(&self, id: FeedId) -> FeedState {
        self.feeds.get(&id).cloned().unwrap_or_else(|| FeedState::Off {
            why: Why::new(WhyKind::NotYet, format!("{id} is not observed")),
        })
    }

    /// The freshness of a kind's watch.
    pub fn kind(&self, kind: KubeKind) -> FeedState {
        self.feed(FeedId::Kube(kind))
    }

    /// Age of a moment that another clock wrote down.
    pub fn wall_age(&self, wall: Timestamp) -> Duration {
        self.now.wall_since(wall)
    }

    /// Age of the lease `namespace/name`: from when we saw it renewed, or by its own time stamp until then. None also
    /// where that stamp lies in the future.
    pub fn lease_age(&self, namespace: &str, name: &str) -> Option<HeartbeatAge> {
        let fact = self.kube.leases.get(&ObjectKey::new(namespace, name))?;
        let observed = self.now.since(fact.changed_at);
        if fact.seen_changing {
            return Some(HeartbeatAge {
                age: observed,
                seen: true,
            });
        }
        if self.is_ahead(fact) {
            return None;
        }
        let written = fact.value.renewed.map(|at| self.wall_age(at))?;
        Some(HeartbeatAge {
            age: written.max(observed),
            seen: false,
        })
    }

    /// When the lease `namespace/name` was renewed last, by our clock.
    pub fn lease_renewed(&self, namespace: &str, name: &str) -> Option<Timestamp> {
        let age = self.lease_age(namespace, name)?.age;
        Some(self.now.wall.checked_sub(age).unwrap_or(self.now.wall))
    }

    /// Since when a node is lost by the word of kube-controller-manager, which calls it Unknown: its last heartbeat, or, where
    /// that is not known, when it was called so.
    pub fn lost_since(&self, node: &Text) -> Option<Timestamp> {
        let ready = &self.node(node)?.ready;
        let called = ready.changed.filter(|_| ready.status == Tri::Unknown)?;
        Some(self.lease_renewed("kube-node-lease", node.as_str()).unwrap_or(called))
    }

    /// Whether a lease was renewed in the future, by our clock, and we have not seen a renewal: its holder's clock is ahead
    /// of ours, and how old the renewal is cannot be told.
    pub fn is_ahead(&self, lease: &Fact<Lease>) -> bool {
        let ahead = |at: Timestamp| at.duration_since(self.now.wall) > CLOCKS_DIFFER.try_into().unwrap_or_default();
        !lease.seen_changing && lease.value.renewed.is_some_and(ahead)
    }

    /// Age of a node's kubelet heartbeat (lease `kube-node-lease/NODE`).
    pub fn heartbeat_age(&self, node: &str) -> Option<HeartbeatAge> {
        self.lease_age("kube-node-lease", node)
    }

    /// The run of guided actions that is open somewhere in the cluster, as its Lease tells.
    pub fn run_lock(&self) -> Option<RunLock> {
        let (namespace, name) = RUN_LOCK;
        let lease = &self.kube.leases.get(&ObjectKey::new(namespace, name))?.value;
        let holder = lease.holder.clone().filter(|holder| !holder.is_empty())?;
        let age = self.lease_age(namespace, name)?.age;
        let is_held = age <= Duration::from_secs(u64::from(lease.duration_s));
        is_held.then_some(RunLock { holder, age })
    }

    /// The node with an address.
    pub fn node_at(&self, address: &str) -> Option<&Node> {
        self.kube
            .nodes
            .values()
            .find(|node| node.address.as_ref().is_some_and(|own| own == address))
    }

    /// A feed as people call it: by the name of the member or node that it is about, where that is known.
    pub fn feed_name(&self, quorum: &Quorum, id: FeedId) -> String {
        let of_node = |what: &str, address: IpAddr| {
            let node = self.node_at(&address.to_string());
            node.map(|node| format!("{what} {}", node.name))
        };
        let named = match id {
            FeedId::EtcdPeer(member) => {
                let member = quorum.member(member).filter(|of| of.member.has_started());
                member.map(|of| format!("etcd.peer {}", of.member.name))
            }
            FeedId::Ports(address) => of_node("ports", address),
            FeedId::From(address) => of_node("from", address),
            FeedId::Api
            | FeedId::ApiLocal
            | FeedId::Admission
            | FeedId::Kube(_)
            | FeedId::EtcdLocal
            | FeedId::EtcdStore
            | FeedId::EtcdDisk
            | FeedId::Host(_)
            | FeedId::Entry(_)
            | FeedId::External(_) => None,
        };
        named.unwrap_or_else(|| id.to_string())
    }

    /// A node by its name.
    pub fn node(&self, name: &Text) -> Option<&Node> {
        self.kube
            .nodes
            .get(&ObjectKey::new("", name.clone()))
            .map(|fact| &fact.value)
    }
}

/// Feeds as a list of objects with their id, the form of every JSON output.
mod feed_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::feed::{Feed, FeedId, FeedState};

    pub fn serialize<S: Serializer>(feeds: &BTreeMap<FeedId, FeedState>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(feeds.iter().map(|(id, state)| Feed {
            id: *id,
            state: state.clone(),
        }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<FeedId, FeedState>, D::Error> {
        Ok(Vec::<Feed>::deserialize(deserializer)?
            .into_iter()
            .map(|feed| (feed.id, feed.state))
            .collect())
    }
}
