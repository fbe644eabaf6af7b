//! The arithmetic of the next loss: who votes, who is healthy, what may still be lost. Pure questions to a snapshot.
//!
//! Two rules keep it honest. A successful linearizable read proves quorum and outranks every probe. And when *no* other
//! member answers us, nothing is known about them: "it is us" must never read as "quorum lost".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::etcd::{ClusterId, K0S_PEER_PORT, Member, MemberId, Vantage};
use super::feed::{FeedId, FeedState, History};
use super::snapshot::Snapshot;
use crate::base::{Stamp, Text, Why, WhyKind};

/// An answer younger than this means "serving now". Members are asked every second.
pub const FRESH: Duration = Duration::from_secs(3);
/// A linearizable read younger than this means "quorum now". It is asked every 2 s with a deadline of 2 s.
pub const PROOF_FRESH: Duration = Duration::from_secs(5);

/// Votes needed of `voters`.
pub const fn needed(voters: usize) -> usize {
    voters / 2 + 1
}

/// Whether a member serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Health {
    /// Positively seen serving within the last seconds.
    Healthy {
        /// When.
        as_of: Stamp,
    },
    /// Positively not serving, or silent while our own network demonstrably works.
    Dead {
        /// The last sign of life, if we ever saw one.
        last_seen: Option<Stamp>,
        /// How we know.
        why: Why,
    },
    /// Neither is proven.
    Unknown {
        /// Why not.
        why: Why,
    },
}

impl Health {
    /// The state in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Health::Healthy { .. } => "healthy",
            Health::Dead { .. } => "dead",
            Health::Unknown { .. } => "unknown",
        }
    }
}

/// A member's part in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Leads.
    Leader,
    /// Votes.
    Follower,
    /// Has no vote yet.
    Learner,
    /// Votes; whether it leads is not known.
    Unknown,
}

impl Role {
    /// The role in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Learner => "learner",
            Role::Unknown => "unknown",
        }
    }
}

/// A member with what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberState {
    /// As listed.
    pub member: Member,
    /// Its part.
    pub role: Role,
    /// Whether it serves.
    pub health: Health,
    /// Whether it runs on this host.
    pub is_local: bool,
}

/// Where the member list comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipSource {
    /// Through consensus.
    Linearizable,
    /// The local member's own copy.
    Local,
    /// Another member's own copy.
    Peer(MemberId),
    /// k0s's objects: annotations, not truth.
    Objects,
    /// Nobody told.
    Nobody,
}

/// The member list in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The members.
    pub members: Vec<Member>,
    /// Who says so.
    pub source: MembershipSource,
    /// When it was said last.
    pub as_of: Option<Stamp>,
    /// The etcd cluster.
    pub cluster_id: Option<ClusterId>,
}

/// How this host stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// Another host answered within the last seconds, if only with a refusal: our network works.
    Works,
    /// Our own links are down: it is us.
    Unplugged,
    /// No other host answers anything. It may be us, it may be they.
    NobodyAnswers,
    /// Not tried yet, or there is no other member.
    NotTried,
}

/// Whether etcd has quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// Proven by a linearizable read.
    Held {
        /// When.
        as_of: Stamp,
    },
    /// Too many voters are positively dead, and nothing proves the contrary.
    Lost,
    /// This host is alone: quorum cannot be told from here.
    Alone {
        /// Whether our own links are down.
        unplugged: bool,
    },
    /// Not proven either way.
    Unproven {
        /// What is missing.
        why: Why,
    },
}

/// Quorum and what may still be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// The list in use.
    pub membership: Membership,
    /// All members in the order of the list: voters and learners.
    pub members: Vec<MemberState>,
    /// Number of voters.
    pub voters: usize,
    /// Votes needed; 0 while no member is known.
    pub needed: usize,
    /// Healthy voters.
    pub healthy: usize,
    /// Voters neither proven healthy nor proven dead.
    pub unknown: usize,
    /// How many more voters may be lost, at worst and at best. Below 0: quorum is lost.
    pub spare_range: Option<(i64, i64)>,
    /// The leader, as the local member knows it.
    pub leader: Option<MemberId>,
    /// Whether quorum is held.
    pub standing: Standing,
    /// How we stand to the others.
    pub contact: Contact,
}

impl Quorum {
    /// How many more voters may be lost, once both ends of the range agree.
    pub fn spare(&self) -> Option<i64> {
        self.spare_range.and_then(|(low, high)| (low == high).then_some(low))
    }

    /// Voters proven dead.
    pub const fn dead(&self) -> usize {
        self.voters - self.healthy - self.unknown
    }

    /// One member.
    pub fn member(&self, id: MemberId) -> Option<&MemberState> {
        self.members.iter().find(|state| state.member.id == id)
    }

    /// The member at an address.
    pub fn member_at(&self, address: &str) -> Option<&MemberState> {
        self.members
            .iter()
            .find(|state| state.member.peer_address() == Some(address))
    }
}

impl Snapshot {
    /// The member list to believe: linearizable, then local, then a peer's, then k0s's objects. A list that is no longer
    /// renewed serves only where no other is, and stays dated.
    pub fn membership(&self) -> Membership {
        let candidates = self.etcd.views.iter().filter_map(|(vantage, fact)| {
            let as_of = self.verified(*vantage)?;
            let is_current = self.now.since(as_of) < Duration::from_secs(10);
            Some((is_current, *vantage, as_of, fact))
        });
        // Current before dated; among current the best vantage, among dated the newest.
        let best = candidates.max_by_key(|(is_current, vantage, as_of, _)| {
            let rank = std::cmp::Reverse(*vantage);
            (*is_current, is_current.then_some(rank), *as_of)
        });
        let Some((_, vantage, as_of, fact)) = best else {
            return self.membership_from_objects();
        };
        Membership {
            members: fact.value.members.clone(),
            source: match vantage {
                Vantage::LocalLinearizable => MembershipSource::Linearizable,
                Vantage::LocalSerializable => MembershipSource::Local,
                Vantage::Peer(id) => MembershipSource::Peer(id),
            },
            as_of: Some(as_of),
            cluster_id: fact.value.cluster_id,
        }
    }

    /// When a view was last confirmed.
    pub fn verified(&self, vantage: Vantage) -> Option<Stamp> {
        match vantage {
            Vantage::LocalLinearizable => self.etcd.linearizable.as_ref()?.last_ok,
            Vantage::LocalSerializable => self.etcd.serializable.as_ref()?.last_ok,
            Vantage::Peer(id) => self.etcd.peers.get(&id)?.history.last_ok,
        }
    }

    fn membership_from_objects(&self) -> Membership {
        let members: Vec<Member> = self
            .kube
            .etcd_members
            .iter()
            .filter_map(|(key, fact)| {
                let address = fact.value.peer_address.as_ref()?;
                Some(Member {
                    id: fact.value.member_id?,
                    name: key.name.clone(),
                    peer_urls: vec![Text::new(&format!("https://{address}:{K0S_PEER_PORT}"))],
                    is_learner: false,
                })
            })
            .collect();
        Membership {
            source: if members.is_empty() {
                MembershipSource::Nobody
            } else {
                MembershipSource::Objects
            },
            as_of: self.feed(FeedId::Kube(super::KubeKind::EtcdMembers)).as_of(),
            members,
            cluster_id: None,
        }
    }

    /// The member that runs on this host, where that is known.
    pub fn local_member(&self) -> Option<MemberId> {
        if let Some(local) = &self.etcd.local {
            return Some(local.value.member_id);
        }
        let own = self.host.config.as_ref()?.value.peer_address.as_ref()?;
        let membership = self.membership();
        membership
            .members
            .iter()
            .find(|member| member.peer_address() == Some(own.as_str()))
            .map(|member| member.id)
    }

    /// How this host stands to the other members.
    pub fn contact(&self) -> Contact {
        let local = self.local_member();
        let fresh = |at: Option<Stamp>| at.is_some_and(|at| self.now.since(at) < PROOF_FRESH);
        if fresh(self.etcd.linearizable.as_ref().and_then(|reads| reads.last_ok)) && self.etcd.peers.len() > 1 {
            return Contact::Works;
        }
        let mut tried = false;
        for (_, peer) in self.etcd.peers.iter().filter(|(id, _)| Some(**id) != local) {
            let refused = peer
                .history
                .failing
                .as_ref()
                .is_some_and(|run| run.why.kind == WhyKind::Refused);
            if refused || fresh(peer.history.last_ok) {
                return Contact::Works;
            }
            tried |= peer.history.failing.is_some();
        }
        match (self.host.is_unplugged(), tried) {
            (true, _) => Contact::Unplugged,
            (false, true) => Contact::NobodyAnswers,
            (false, false) => Contact::NotTried,
        }
    }

    /// Quorum and what may still be lost, as proven at this moment.
    pub fn quorum(&self) -> Quorum {
        let membership = self.membership();
        let contact = self.contact();
        let local = self.local_member();
        let leader = self.known_leader();
        let members: Vec<MemberState> = membership
            .members
            .iter()
            .map(|member| MemberState {
                role: role(member, leader),
                health: self.health(member, &membership, local, contact),
                is_local: Some(member.id) == local,
                member: member.clone(),
            })
            .collect();
        let count = |wanted: fn(&Health) -> bool| {
            members
                .iter()
                .filter(|state| !state.member.is_learner && wanted(&state.health))
                .count()
        };
        let voters = count(|_| true);
        let healthy = count(|health| matches!(health, Health::Healthy { .. }));
        let unknown = count(|health| matches!(health, Health::Unknown { .. }));
        let proof = self.quorum_proof();
        let spare_range = (voters > 0).then(|| spare_range(voters, healthy, unknown, proof.is_some()));
        Quorum {
            needed: if voters == 0 { 0 } else { needed(voters) },
            standing: self.standing(proof, spare_range, contact),
            membership,
            members,
            voters,
            healthy,
            unknown,
            spare_range,
            leader,
            contact,
        }
    }

    /// The leader that the local member knows, while it answers.
    fn known_leader(&self) -> Option<MemberId> {
        let is_current = self.feed(FeedId::EtcdLocal).is_current();
        self.etcd.local.as_ref().filter(|_| is_current)?.value.leader
    }

    /// The newest proof of quorum, while it is fresh: a linearizable read of ours, or one that the API server made for us.
    fn quorum_proof(&self) -> Option<Stamp> {
        let read = self.etcd.linearizable.as_ref().and_then(|reads| reads.last_ok);
        let api = match self.feed(FeedId::Api) {
            FeedState::Live { as_of } | FeedState::Lagging { as_of, .. } => Some(as_of),
            FeedState::Syncing { .. } | FeedState::Lost { .. } | FeedState::Off { .. } => None,
        };
        read.max(api).filter(|at| self.now.since(*at) < PROOF_FRESH)
    }

    fn standing(&self, proof: Option<Stamp>, range: Option<(i64, i64)>, contact: Contact) -> Standing {
        if let Some(as_of) = proof {
            return Standing::Held { as_of };
        }
        match (contact, range) {
            (Contact::Unplugged, _) => Standing::Alone { unplugged: true },
            (Contact::NobodyAnswers, _) => Standing::Alone { unplugged: false },
            (_, Some((_, high))) if high < 0 && self.known_leader().is_none() => Standing::Lost,
            (_, None) => Standing::Unproven {
                why: self
                    .etcd
                    .no_access
                    .clone()
                    .unwrap_or_else(|| Why::new(WhyKind::NotYet, "no member list yet")),
            },
            (_, Some(_)) => Standing::Unproven {
                why: self.unproven_because(),
            },
        }
    }

    fn unproven_because(&self) -> Why {
        let failing = self.etcd.linearizable.as_ref().and_then(|reads| reads.failing.as_ref());
        failing.map_or_else(
            || Why::new(WhyKind::NotYet, "no linearizable read has answered yet"),
            |run| Why::new(run.why.kind, format!("linearizable reads fail: {}", run.why.text)),
        )
    }

    fn health(&self, member: &Member, membership: &Membership, local: Option<MemberId>, contact: Contact) -> Health {
        if !member.has_started() {
            return Health::Dead {
                last_seen: None,
                why: Why::new(WhyKind::NotYet, "listed, but never started"),
            };
        }
        let view = self
            .etcd
            .views
            .get(&Vantage::Peer(member.id))
            .and_then(|fact| fact.value.cluster_id);
        if let (Some(own), Some(ours)) = (view, membership.cluster_id)
            && own != ours
        {
            return Health::Dead {
                last_seen: None,
                why: Why::new(
                    WhyKind::Garbage,
                    format!("what answers there belongs to another etcd cluster ({own})"),
                ),
            };
        }
        let is_local = Some(member.id) == local;
        let by_client = self.etcd.serializable.as_ref().filter(|_| is_local);
        let by_peer = self.etcd.peers.get(&member.id).map(|peer| &peer.history);
        match (by_client, by_peer) {
            (Some(history), _) => judge(history, self.now, Contact::Works),
            (None, Some(history)) => judge(history, self.now, contact),
            (None, None) => Health::Unknown {
                why: self
                    .etcd
                    .no_access
                    .clone()
                    .unwrap_or_else(|| Why::new(WhyKind::NotYet, "not asked yet")),
            },
        }
    }
}

fn role(member: &Member, leader: Option<MemberId>) -> Role {
    match leader {
        _ if member.is_learner => Role::Learner,
        None => Role::Unknown,
        Some(id) if id == member.id => Role::Leader,
        Some(_) => Role::Follower,
    }
}

/// Judges a member by its answers. A refusal is proof at once. Silence is proof only when it was asked twice and our own
/// network works.
fn judge(history: &History, now: Stamp, contact: Contact) -> Health {
    let Some(run) = &history.failing else {
        return match history.last_ok {
            Some(as_of) if now.since(as_of) < FRESH => Health::Healthy { as_of },
            Some(as_of) => Health::Unknown {
                why: Why::new(
                    WhyKind::NotYet,
                    format!("last asked {} s ago", now.since(as_of).as_secs()),
                ),
            },
            None => Health::Unknown {
                why: Why::new(WhyKind::NotYet, "not asked yet"),
            },
        };
    };
    let dead = || Health::Dead {
        last_seen: history.last_ok,
        why: run.why.clone(),
    };
    match run.why.kind {
        WhyKind::Refused => dead(),
        WhyKind::TimedOut | WhyKind::Unreachable | WhyKind::Broken => match history.last_ok {
            Some(as_of) if now.since(as_of) < FRESH => Health::Healthy { as_of },
            _ if run.count >= 2 && contact == Contact::Works => dead(),
            _ => Health::Unknown { why: run.why.clone() },
        },
        WhyKind::Tls
        | WhyKind::Unauthenticated
        | WhyKind::Forbidden
        | WhyKind::NotFound
        | WhyKind::Throttled
        | WhyKind::Unavailable
        | WhyKind::Garbage
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::NotYet
        | WhyKind::Disabled => Health::Unknown { why: run.why.clone() },
    }
}

/// Spare at worst (every unknown voter is dead) and at best (every unknown voter is healthy). Proven quorum lifts both to 0.
fn spare_range(voters: usize, healthy: usize, unknown: usize, proven: bool) -> (i64, i64) {
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let floor = if proven { 0 } else { i64::MIN };
    let low = signed(healthy) - signed(needed(voters));
    let high = low + signed(unknown);
    (low.max(floor), high.max(floor))
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
