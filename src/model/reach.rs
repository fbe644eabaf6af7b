//! Another controller's TCP ports as they are reached from here, and what that says: is it the process, the host or the
//! network? Pure. Start reading at [`suspect`].

pub mod from;
pub mod overlay;
pub mod there;

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::etcd::{Member, MemberId};
use super::quorum::{FRESH, Membership};
use super::snapshot::Snapshot;
use crate::base::{Age, Stamp, Text, Why, WhyKind};

/// How many hosts are asked at most.
pub const MAX_HOSTS: usize = 16;

/// What listens on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Service {
    Etcd,
    Api,
    Kubelet,
    Ssh,
}

impl Service {
    /// Every service, in the order in which they are told.
    pub const ALL: [Service; 4] = [Service::Etcd, Service::Api, Service::Kubelet, Service::Ssh];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Service::Etcd => "etcd",
            Service::Api => "API",
            Service::Kubelet => "kubelet",
            Service::Ssh => "ssh",
        }
    }
}

/// What came of a TCP connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Knock {
    /// Something listens. A process that is stopped listens too: its kernel accepts for it.
    Connected,
    /// The host is up and says that nothing listens.
    Refused,
    /// Nothing came back within the deadline.
    Silent,
    /// The network says that there is no such host.
    Unreachable,
}

impl Knock {
    /// The outcome in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Knock::Connected => "connected",
            Knock::Refused => "refused",
            Knock::Silent => "silent",
            Knock::Unreachable => "unreachable",
        }
    }

    /// Whether the host itself answered.
    pub const fn is_answer(self) -> bool {
        matches!(self, Knock::Connected | Knock::Refused)
    }
}

/// A port and what came of the last connect to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// What came of it.
    pub knock: Knock,
    /// When.
    pub at: Stamp,
}

/// The ports of one host that were asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReach {
    /// By what listens there.
    pub ports: BTreeMap<Service, Port>,
}

/// What the ports say about a host that does not do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspect {
    /// etcd answers, or its port accepts and this host cannot ask more: nothing to suspect.
    Nothing,
    /// etcd's port accepts, but nobody answers behind it: the process is stopped, hangs, or waits for its disk.
    EtcdHangs,
    /// etcd's port refuses while others of k0s accept.
    EtcdProcess,
    /// Every port of k0s refuses: the host is up, k0s is not.
    K0s,
    /// Every port refuses, ssh too: the host's kernel answers, and nothing runs on it.
    NothingRuns,
    /// Another port answers, but etcd's is silent: a firewall, or the way to that port.
    Filter,
    /// Nothing answers at all: it is off, frozen or cut off.
    HostOrNetwork,
    /// Not asked, or not enough.
    CannotTell,
}

impl Suspect {
    /// The answer to "the process, the host or the network?".
    pub const fn sentence(self) -> &'static str {
        match self {
            Suspect::Nothing => "etcd's port accepts there",
            Suspect::EtcdHangs => {
                "the host is up and etcd's port accepts, but etcd does not answer: it is stopped or hangs"
            }
            Suspect::EtcdProcess => "the host is up and k0s runs, but etcd does not: the process",
            Suspect::K0s => "the host is up, but k0s does not run there: the process",
            Suspect::NothingRuns => {
                "the host answers, but nothing runs there, not even ssh: it is starting or stopping"
            }
            Suspect::Filter => "the host is up, but etcd's port is silent: a firewall or the network",
            Suspect::HostOrNetwork => "nothing answers there: the host is off, or the network between is broken",
            Suspect::CannotTell => "its ports were not reached from here yet: cannot tell",
        }
    }

    /// Whether somebody can do something on that host over the network.
    pub const fn host_is_up(self) -> bool {
        match self {
            Suspect::Nothing
            | Suspect::EtcdHangs
            | Suspect::EtcdProcess
            | Suspect::K0s
            | Suspect::NothingRuns
            | Suspect::Filter => true,
            Suspect::HostOrNetwork | Suspect::CannotTell => false,
        }
    }
}

/// What the ports say. `etcd_answers` is what the probe of etcd's peer port found: a connection alone proves no live process.
pub fn suspect(reach: &HostReach, etcd_answers: Option<bool>) -> Suspect {
    if etcd_answers == Some(true) {
        return Suspect::Nothing;
    }
    let knock = |service| reach.ports.get(&service).map(|port| port.knock);
    let others = [Service::Api, Service::Kubelet].map(knock);
    let is_up = Service::ALL.into_iter().filter_map(knock).any(Knock::is_answer);
    match knock(Service::Etcd) {
        Some(Knock::Connected) if etcd_answers == Some(false) => Suspect::EtcdHangs,
        Some(Knock::Connected) => Suspect::Nothing,
        Some(Knock::Refused) if others.contains(&Some(Knock::Connected)) => Suspect::EtcdProcess,
        Some(Knock::Refused) if knock(Service::Ssh) == Some(Knock::Refused) => Suspect::NothingRuns,
        Some(Knock::Refused) => Suspect::K0s,
        Some(Knock::Silent | Knock::Unreachable) if is_up => Suspect::Filter,
        Some(Knock::Silent | Knock::Unreachable) => Suspect::HostOrNetwork,
        None => Suspect::CannotTell,
    }
}

/// The ports and what came of each, with the age of the oldest: `etcd 2380 refused, ssh 22 connected (4 s ago)`.
pub fn ports_line(reach: &HostReach, now: Stamp) -> Option<String> {
    let oldest = reach.ports.values().map(|port| port.at).min()?;
    let ports = reach.ports.iter();
    let said: Vec<String> = ports
        .map(|(service, port)| format!("{} {} {}", service.word(), port.number, port.knock.word()))
        .collect();
    Some(format!("{} ({} ago)", said.join(", "), Age(now.since(oldest))))
}

/// A controller other than this host, by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Where it is.
    pub address: IpAddr,
    /// As people call it; its address where nobody says.
    pub name: Text,
    /// The port of its etcd peer listener, where a member list tells it.
    pub peer_port: Option<u16>,
}

impl Snapshot {
    /// The other controllers, as etcd lists them; where no list is known, those that k0s's and Kubernetes' objects name, and
    /// at last the addresses in k0s.yaml's `sans`, which are there when everything on this host is dead. Members that are
    /// listed by a host name only are left out: what it stands for may hang.
    pub fn neighbours(&self) -> Vec<Neighbour> {
        let membership = self.membership();
        let local = self.local_member();
        let listed = membership.members.iter().filter(|member| Some(member.id) != local);
        let listed = listed.filter_map(|member| {
            let address: IpAddr = member.peer_address()?.parse().ok()?;
            let port = member.peer_authority()?.rsplit_once(':')?.1.parse().ok();
            let name = if member.has_started() {
                member.name.clone()
            } else {
                address.to_string().into()
            };
            Some(Neighbour {
                address,
                name,
                peer_port: port.filter(|_| membership.is_from_etcd()),
            })
        });
        let mut found: Vec<Neighbour> = listed.take(MAX_HOSTS).collect();
        if found.is_empty() && membership.members.is_empty() {
            found = self.named_in_config();
        }
        found.retain(|neighbour| !self.is_here(neighbour.address));
        found
    }

    /// Whether etcd at an address answered or failed the last question to its peer port; None while it was not asked, or could
    /// not be: what this host lacks for it, a certificate that counts for one, says nothing of the other.
    pub fn etcd_answers_at(&self, address: IpAddr) -> Option<bool> {
        let history = &self.etcd.peers.get(&self.member_at(address)?.id)?.history;
        let is_ours = |why: &Why| {
            matches!(
                why.kind,
                WhyKind::Missing | WhyKind::Denied | WhyKind::Config | WhyKind::Tls
            )
        };
        match (history.last_ok, &history.failing) {
            (Some(at), _) if self.now.waited_since(at) < FRESH => Some(true),
            (_, Some(run)) if is_ours(&run.why) => None,
            (_, Some(_)) | (Some(_), None) => Some(false),
            (None, None) => None,
        }
    }

    /// The member with a peer address.
    pub fn member_at(&self, address: IpAddr) -> Option<Member> {
        let mut members = self.membership().members.into_iter();
        members.find(|member| member.peer_address().is_some_and(|own| own.parse() == Ok(address)))
    }

    /// Addresses in k0s.yaml that may be other controllers'.
    fn named_in_config(&self) -> Vec<Neighbour> {
        let config = self.host.config.iter();
        let named = config.flat_map(|config| &config.value.api_sans);
        let addresses = named.filter_map(|name| name.as_str().parse::<IpAddr>().ok());
        let mut found: Vec<Neighbour> = Vec::new();
        for address in addresses.take(MAX_HOSTS) {
            if !found.iter().any(|known| known.address == address) {
                found.push(Neighbour {
                    address,
                    name: address.to_string().into(),
                    peer_port: None,
                });
            }
        }
        found
    }

    /// Whether an address is this host's own, as far as k0s.yaml says.
    fn is_here(&self, address: IpAddr) -> bool {
        let Some(config) = &self.host.config else {
            return false;
        };
        let own = [&config.value.api_address, &config.value.peer_address];
        own.into_iter().flatten().any(|own| own.as_str().parse() == Ok(address))
    }

    /// The newest moment at which the host of another listed member answered a connect, if only with a refusal.
    pub(super) fn reached_among(&self, membership: &Membership, local: Option<MemberId>) -> Option<Stamp> {
        let others = membership.members.iter().filter(|member| Some(member.id) != local);
        let addresses = others.filter_map(|member| member.peer_address()?.parse().ok());
        let ports = addresses.filter_map(|address: IpAddr| self.reach.get(&address));
        let answers = ports
            .flat_map(|reach| reach.ports.values())
            .filter(|port| port.knock.is_answer());
        answers.map(|port| port.at).max()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example;

    fn reach(knocks: &[(Service, Knock)]) -> HostReach {
        let port = |(service, knock): &(Service, Knock)| {
            let number = match service {
                Service::Etcd => 2380,
                Service::Api => 6443,
                Service::Kubelet => 10250,
                Service::Ssh => 22,
            };
            (
                *service,
                Port {
                    number,
                    knock: *knock,
                    at: example::ago(4),
                },
            )
        };
        HostReach {
            ports: knocks.iter().map(port).collect(),
        }
    }

    #[test]
    fn the_process_the_host_or_the_network() {
        use Knock::{Connected, Refused, Silent, Unreachable};
        use Service::{Api, Etcd, Kubelet, Ssh};
        type Case<'a> = (&'a [(Service, Knock)], Option<bool>, Suspect);
        let cases: [Case; 11] = [
            (
                &[(Etcd, Refused), (Api, Refused), (Kubelet, Refused), (Ssh, Refused)],
                Some(false),
                Suspect::NothingRuns,
            ),
            (
                &[(Etcd, Refused), (Api, Refused), (Kubelet, Refused), (Ssh, Connected)],
                Some(false),
                Suspect::K0s,
            ),
            (&[(Etcd, Refused), (Api, Silent), (Kubelet, Silent)], None, Suspect::K0s),
            (
                &[(Etcd, Refused), (Api, Refused), (Kubelet, Connected), (Ssh, Connected)],
                Some(false),
                Suspect::EtcdProcess,
            ),
            (
                &[(Etcd, Silent), (Api, Silent), (Kubelet, Silent), (Ssh, Silent)],
                Some(false),
                Suspect::HostOrNetwork,
            ),
            (
                &[(Etcd, Unreachable), (Api, Unreachable)],
                Some(false),
                Suspect::HostOrNetwork,
            ),
            (
                &[(Etcd, Silent), (Api, Silent), (Ssh, Connected)],
                Some(false),
                Suspect::Filter,
            ),
            (&[(Etcd, Connected), (Api, Connected)], Some(false), Suspect::EtcdHangs),
            (&[(Etcd, Connected), (Api, Refused)], Some(true), Suspect::Nothing),
            (&[(Etcd, Connected)], None, Suspect::Nothing),
            (&[(Ssh, Connected)], Some(false), Suspect::CannotTell),
        ];
        for (knocks, etcd_answers, expected) in cases {
            assert_eq!(suspect(&reach(knocks), etcd_answers), expected, "{knocks:?}");
        }
        assert_eq!(suspect(&HostReach::default(), None), Suspect::CannotTell);
        assert_eq!(suspect(&HostReach::default(), Some(true)), Suspect::Nothing);
    }

    #[test]
    fn what_this_host_lacks_says_nothing_of_another() {
        let mut snapshot = example::healthy();
        let address: IpAddr = example::address(2).as_str().parse().unwrap();
        assert_eq!(snapshot.etcd_answers_at(address), Some(true));
        for (kind, answers) in [
            (WhyKind::Denied, None),
            (WhyKind::Tls, None),
            (WhyKind::TimedOut, Some(false)),
        ] {
            let peer = snapshot.etcd.peers.get_mut(&example::member_id(2)).unwrap();
            peer.history.last_ok = Some(example::ago(60));
            peer.history.failing = Some(crate::model::feed::Failing {
                since: example::ago(9),
                latest: example::ago(1),
                count: 9,
                why: Why::new(kind, "x"),
            });
            assert_eq!(snapshot.etcd_answers_at(address), answers, "{kind:?}");
        }
    }

    #[test]
    fn ports_are_told_with_their_age() {
        let told = ports_line(
            &reach(&[(Service::Ssh, Knock::Connected), (Service::Etcd, Knock::Refused)]),
            example::now(),
        );
        assert_eq!(told.as_deref(), Some("etcd 2380 refused, ssh 22 connected (4 s ago)"));
        assert_eq!(ports_line(&HostReach::default(), example::now()), None);
    }

    #[test]
    fn neighbours_are_the_other_members_and_else_the_names_in_k0s_yaml() {
        let mut snapshot = example::healthy();
        let found = snapshot.neighbours();
        let mut names: Vec<&str> = found.iter().map(|own| own.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["nbe-2", "nbe-3"]);
        assert!(found.iter().all(|own| own.peer_port == Some(2380)));
        snapshot.etcd = crate::model::etcd::EtcdFacts::default();
        snapshot.kube = crate::model::kube::KubeFacts::default();
        let found = snapshot.neighbours();
        let names: Vec<&str> = found.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(names, ["10.77.0.12", "10.77.0.13"]);
        assert!(found.iter().all(|own| own.peer_port.is_none()));
    }
}
