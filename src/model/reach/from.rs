//! What is seen from one controller: which ports of the other controllers and of the services outside it reaches, and what
//! its control plane runs with. This host looks by itself; another one is asked through its sshd. Pure. Start reading at
//! [`FromController`].

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Knock;
use crate::base::{Age, Stamp, Text};
use crate::model::external::ServiceId;
use crate::model::host::Process;
use crate::model::{FeedId, Snapshot};

/// A TCP port that controllers need of each other (HA document, "Required ports"; k0s `docs/networking.md`). 2379 is none of
/// them, whatever the document says: k0s's etcd listens for clients on loopback only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodePort {
    /// kube-apiserver, 6443.
    Api,
    /// etcd's peer listener, 2380.
    Etcd,
    /// The kubelet, 10250.
    Kubelet,
    /// k0s's API for joining, 9443.
    Join,
    /// The Admin Console, 30000 or what ec.yaml says: every node leads to it.
    Console,
    /// Calico's BGP, 179, where it does not tunnel.
    Bgp,
}

impl NodePort {
    /// What listens there.
    pub const fn word(self) -> &'static str {
        match self {
            NodePort::Api => "the API server",
            NodePort::Etcd => "etcd",
            NodePort::Kubelet => "the kubelet",
            NodePort::Join => "k0s's join API",
            NodePort::Console => "the Admin Console",
            NodePort::Bgp => "BGP",
        }
    }

    /// Whether it speaks TLS, with a certificate of k0s's.
    pub const fn shows_certificate(self) -> bool {
        match self {
            NodePort::Api | NodePort::Kubelet | NodePort::Join => true,
            // The probe of the peer port sees etcd's; the Admin Console's is not k0s's.
            NodePort::Etcd | NodePort::Console | NodePort::Bgp => false,
        }
    }

    /// Whether an answer that nothing listens is as good as a connection: the way is open, and whether something should
    /// listen is asked elsewhere.
    pub const fn may_refuse(self) -> bool {
        match self {
            NodePort::Console => true,
            NodePort::Api | NodePort::Etcd | NodePort::Kubelet | NodePort::Join | NodePort::Bgp => false,
        }
    }
}

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// To another controller.
    Controller {
        /// What listens there.
        port: NodePort,
        /// Where.
        at: SocketAddr,
    },
    /// To a pod on another node, at its own address: through the overlay.
    Pod {
        /// Its node.
        node: Text,
        /// Where.
        at: SocketAddr,
    },
    /// To a server outside the cluster.
    External {
        /// Of which service.
        service: ServiceId,
        /// Host and port, as the settings name them: the controller looks the name up by itself.
        server: Text,
    },
}

/// Host and port.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Controller { at, .. } | Target::Pod { at, .. } => write!(f, "{at}"),
            Target::External { server, .. } => write!(f, "{server}"),
        }
    }
}

/// A way that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Where it leads.
    #[serde(flatten)]
    pub target: Target,
    /// What came of it.
    pub knock: Knock,
}

impl Way {
    /// Whether it is open.
    pub const fn is_open(&self) -> bool {
        match (&self.target, self.knock) {
            // Whether a pod listens is its readiness probe's business: who refuses is reached.
            (_, Knock::Connected) | (Target::Pod { .. }, Knock::Refused) => true,
            (Target::Controller { port, .. }, Knock::Refused) => port.may_refuse(),
            (Target::External { .. }, Knock::Refused) | (_, Knock::Silent | Knock::Unreachable) => false,
        }
    }
}

/// What is seen from one controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromController {
    /// When it looked.
    pub at: Stamp,
    /// The ways that were tried.
    pub ways: Vec<Way>,
    /// When the certificates end that were shown, by the port that showed them; only this host looks.
    #[serde(default)]
    pub certificates: BTreeMap<SocketAddr, Timestamp>,
    /// The shortest round trips of its connections to other members' peer port, in microseconds, as its kernel measured them
    /// (`ss`, `minrtt`). Empty where that is not told, and of this host, which measures itself.
    #[serde(default)]
    pub round_trips_us: BTreeMap<IpAddr, u64>,
    /// kube-apiserver and kube-controller-manager as they run there, as far as they are shown; None of this host, which tells
    /// of itself.
    pub processes: Option<Vec<Process>>,
    /// How our login arrives there; None where that is not told.
    #[serde(default)]
    pub arrival: Option<Arrival>,
}

/// The two ends of our login, as the other side sees them (`sshd(8)`, `SSH_CONNECTION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where it comes from.
    pub from: IpAddr,
    /// Where it arrived.
    pub at: IpAddr,
}

impl Arrival {
    /// From `FROM PORT AT PORT`.
    pub fn parse(raw: &str) -> Option<Self> {
        let words: Vec<&str> = raw.split_whitespace().collect();
        let [from, _, at, _] = words[..] else { return None };
        let ip = |word: &str| word.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        Some(Self {
            from: ip(from)?,
            at: ip(at)?,
        })
    }
}

impl FromController {
    /// The ways to a service outside.
    pub fn to_service(&self, wanted: ServiceId) -> impl Iterator<Item = &Way> {
        self.ways
            .iter()
            .filter(move |way| matches!(way.target, Target::External { service, .. } if service == wanted))
    }

    /// The ways to another controller.
    pub fn to_controller(&self, wanted: IpAddr) -> impl Iterator<Item = &Way> {
        self.ways
            .iter()
            .filter(move |way| matches!(way.target, Target::Controller { at, .. } if at.ip() == wanted))
    }
}

impl Snapshot {
    /// This host's address as a controller: its member's, else k0s.yaml's. None where it is none.
    pub fn own_address(&self) -> Option<IpAddr> {
        let local = self.local_member();
        let members = self.membership().members;
        let own = members.iter().find(|member| Some(member.id) == local);
        let of_member = own.and_then(|member| member.peer_address()?.parse().ok());
        of_member.or_else(|| {
            let config = &self.host.config.as_ref()?.value;
            let own = config.peer_address.as_ref().or(config.api_address.as_ref())?;
            own.as_str().parse().ok()
        })
    }

    /// The controllers from which is looked: the others, and this host where it is one.
    pub fn standpoints(&self) -> BTreeSet<IpAddr> {
        let others = self.neighbours().into_iter().map(|own| own.address);
        others.chain(self.own_address()).collect()
    }

    /// What people call the controller at an address.
    pub fn controller_at(&self, address: IpAddr) -> Text {
        let text = address.to_string();
        if self.own_address() == Some(address) && !self.host.name.is_empty() {
            return self.host.name.clone();
        }
        let neighbours = self.neighbours();
        let named = neighbours.into_iter().find(|own| own.address == address);
        named.map_or_else(|| Text::from(text), |own| own.name)
    }

    /// What is seen from each controller whose answer is current.
    pub fn seen_from(&self) -> impl Iterator<Item = (IpAddr, &FromController)> {
        let current = |address: IpAddr| self.feed(FeedId::From(address)).is_current();
        self.from
            .iter()
            .map(|(address, seen)| (*address, seen))
            .filter(move |(address, _)| current(*address))
    }

    /// How far the other controllers that live are from each other, each pair once: from the first, as its kernel measured it,
    /// to the second, in microseconds.
    pub fn round_trips_between(&self) -> Vec<(Text, Text, u64)> {
        let own = self.own_address();
        let mut found: BTreeMap<(IpAddr, IpAddr), (Text, Text, u64)> = BTreeMap::new();
        for (from, seen) in self.seen_from() {
            for (to, rtt_us) in &seen.round_trips_us {
                let is_ours = [Some(from), Some(*to)].contains(&own);
                if is_ours || from == *to || self.etcd_answers_at(*to) == Some(false) {
                    continue;
                }
                let pair = (from.min(*to), from.max(*to));
                let told = || (self.controller_at(from), self.controller_at(*to), *rtt_us);
                let shortest = found.entry(pair).or_insert_with(told);
                if *rtt_us < shortest.2 {
                    *shortest = told();
                }
            }
        }
        found.into_values().collect()
    }

    /// From where a service outside was tried beside this host, and what came of it there: `nbe-2: db:5432 connected (2 min
    /// ago)`.
    pub fn service_from_elsewhere(&self, service: ServiceId) -> BTreeMap<Text, String> {
        let own = self.own_address();
        let others = self.seen_from().filter(|(address, _)| Some(*address) != own);
        let told = others.filter_map(|(address, seen)| {
            let ways: Vec<String> = seen
                .to_service(service)
                .map(|way| format!("{} {}", way.target, way.knock.word()))
                .collect();
            let age = Age(self.now.since(seen.at));
            (!ways.is_empty()).then(|| (self.controller_at(address), format!("{} ({age} ago)", ways.join(", "))))
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_tells_both_its_ends() {
        let parsed = |raw| Arrival::parse(raw).map(|own| (own.from.to_string(), own.at.to_string()));
        let told = parsed("::ffff:10.77.0.11 51234 10.77.0.12 22\n");
        assert_eq!(told, Some(("10.77.0.11".to_owned(), "10.77.0.12".to_owned())));
        assert_eq!(
            parsed("fd00::1 51234 fd00::2 22").map(|(from, _)| from),
            Some("fd00::1".to_owned())
        );
        for wrong in ["", "10.77.0.11 51234 10.77.0.12", "host 1 10.77.0.12 22"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
