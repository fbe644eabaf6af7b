//! The arithmetic of the next loss: who votes, who is healthy, what may still be lost. Pure questions to a snapshot.
//!
//! Two rules keep it honest. A successful linearizable read proves quorum and outranks every probe. And when *no* other
//! member answers us, nothing is known about them: "it is us" must never read as "quorum lost".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::etcd::{Member, MemberId};
use super::feed::{FeedId, FeedState};
use super::snapshot::Snapshot;
use crate::base::{Stamp, Why};

mod health;
mod kinship;
mod membership;

pub use health::{Contact, FRESH, Health};
pub use membership::{DatedView, Membership, MembershipSource};

/// A linearizable read younger than this means "quorum now". It is asked every 2 s with a deadline of 2 s. A view of the
/// membership and an answer of another host are current for as long.
pub const PROOF_FRESH: Duration = Duration::from_secs(5);

/// Votes needed of `voters`.
pub const fn needed(voters: usize) -> usize {
    voters / 2 + 1
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
    /// Votes; whether it leads or follows is not known.
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

/// Whether etcd has quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// Proven by a linearizable read.
    Held {
        /// When.
        as_of: Stamp,
    },
    /// Too many voters are positively dead, or silent while the local member answers without a leader; and nothing proves
    /// the contrary.
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
    /// Number of voters. Only a hint where the list is made of k0s's objects ([`Membership::is_from_etcd`]).
    pub voters: usize,
    /// Votes needed; 0 while no member is known.
    pub needed: usize,
    /// Healthy voters.
    pub healthy: usize,
    /// Voters neither proven healthy nor proven dead.
    pub unknown: usize,
    /// How many more voters may be lost, at worst and at best. Below 0: quorum is lost. None where etcd itself has not
    /// told who its members are.
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
    /// Quorum and what may still be lost, as proven at this moment.
    pub fn quorum(&self) -> Quorum {
        let membership = self.membership();
        let local = self.local_among(&membership.members);
        let contact = self.contact_with(&membership, local);
        let witness = self.witness(&membership, local);
        let leader = self.known_leader();
        let proof = self
            .newest_proof()
            .filter(|at| self.now.waited_since(*at) < PROOF_FRESH);
        let mut members: Vec<MemberState> = membership
            .members
            .iter()
            .map(|member| {
                let health = self.health(member, &membership, local, witness);
                MemberState {
                    role: role(member, leader, &health),
                    health,
                    is_local: Some(member.id) == local,
                    member: member.clone(),
                }
            })
            .collect();
        match proof {
            Some(proof) => outrank(&mut members, proof),
            None if self.answers_without_leader(&members) => {}
            None => doubt_silence(&mut members),
        }
        let voters = count(&members, |_| true);
        let healthy = count(&members, Health::is_healthy);
        let unknown = count(&members, Health::is_unknown);
        // k0s's objects may be missing or stale: no arithmetic on annotations.
        let spare_range =
            (voters > 0 && membership.is_from_etcd()).then(|| spare_range(voters, healthy, unknown, proof.is_some()));
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

    /// Whether the local member answers now and knows no leader: then it is no part of a quorum.
    fn answers_without_leader(&self, members: &[MemberState]) -> bool {
        let answers = members.iter().any(|state| state.is_local && state.health.is_healthy());
        let is_current = self.feed(FeedId::EtcdLocal).is_current();
        let local = self.etcd.local.as_ref().filter(|_| answers && is_current);
        local.is_some_and(|local| local.value.leader.is_none())
    }

    /// The newest proof of quorum, however old: a linearizable read of ours, or one that the API server made for us. One of
    /// another cluster proves nothing here.
    fn newest_proof(&self) -> Option<Stamp> {
        let read = self.etcd.linearizable.as_ref().and_then(|reads| reads.last_ok);
        let api = match self.feed(FeedId::Api) {
            FeedState::Live { as_of } | FeedState::Lagging { as_of, .. } => Some(as_of),
            FeedState::Lost { as_of, .. } => as_of,
            FeedState::Syncing { .. } | FeedState::Stored { .. } | FeedState::Off { .. } => None,
        };
        read.max(api.filter(|_| self.api_is_of_this_cluster() != Some(false)))
    }

    fn standing(&self, proof: Option<Stamp>, range: Option<(i64, i64)>, contact: Contact) -> Standing {
        if let Some(as_of) = proof {
            return Standing::Held { as_of };
        }
        match (contact, range) {
            (Contact::Unplugged, _) => Standing::Alone { unplugged: true },
            (Contact::NobodyAnswers, _) => Standing::Alone { unplugged: false },
            (Contact::Works | Contact::NotTried, Some((_, high))) if high < 0 && self.known_leader().is_none() => {
                Standing::Lost
            }
            (Contact::Works | Contact::NotTried, None) => Standing::Unproven {
                why: self.no_access("no member list yet"),
            },
            (Contact::Works | Contact::NotTried, Some(_)) => Standing::Unproven {
                why: self.unproven_because(),
            },
        }
    }

    fn unproven_because(&self) -> Why {
        let failing = self.etcd.linearizable.as_ref().and_then(|reads| reads.failing.as_ref());
        failing.map_or_else(
            || self.no_access("no linearizable read has answered yet"),
            |run| Why::new(run.why.kind, format!("linearizable reads fail: {}", run.why.text)),
        )
    }
}

/// A member that is not seen serving follows nobody; that it leads, the local member may still believe.
fn role(member: &Member, leader: Option<MemberId>, health: &Health) -> Role {
    match leader {
        _ if member.is_learner => Role::Learner,
        Some(id) if id == member.id => Role::Leader,
        Some(_) if health.is_healthy() => Role::Follower,
        Some(_) | None => Role::Unknown,
    }
}

/// Voters whose health is as wanted.
fn count(members: &[MemberState], wanted: fn(&Health) -> bool) -> usize {
    let voters = members.iter().filter(|state| !state.member.is_learner);
    voters.filter(|state| wanted(&state.health)).count()
}

/// A proven quorum outranks silence. Where more voters look dead than it can spare, it is the probes of the silent ones that
/// fail, and nothing is known about them; unless they fell silent only after the proof.
fn outrank(members: &mut [MemberState], proof: Stamp) {
    let voters = count(members, |_| true);
    if count(members, Health::is_dead) <= voters - needed(voters).min(voters) {
        return;
    }
    for state in members.iter_mut().filter(|state| !state.member.is_learner) {
        if let Health::Dead { last_seen, why } = &state.health
            && health::is_silence(why.kind)
            && last_seen.is_none_or(|seen| proof.waited_since(seen) >= FRESH)
        {
            let text = format!("does not answer us ({}), but quorum holds and may need it", why.text);
            state.health = Health::Unknown {
                why: Why::new(why.kind, text),
            };
        }
    }
}

/// Silence to us proves no lost quorum: members that are cut off from us alone may hold it with each other. Where too few are
/// dead without the silent ones, nothing is known about these.
fn doubt_silence(members: &mut [MemberState]) {
    let voters = count(members, |_| true);
    let may_be_lost = voters - needed(voters).min(voters);
    let is_silent = |state: &MemberState| match &state.health {
        Health::Dead { why, .. } => !state.member.is_learner && !state.is_local && health::is_silence(why.kind),
        Health::Healthy { .. } | Health::Unknown { .. } => false,
    };
    let dead = count(members, Health::is_dead);
    let silent = members.iter().filter(|state| is_silent(state)).count();
    if dead <= may_be_lost || dead - silent > may_be_lost {
        return;
    }
    for state in members.iter_mut().filter(|state| is_silent(state)) {
        if let Health::Dead { why, .. } = &state.health {
            let text = format!("does not answer us ({}), but may hold quorum with others", why.text);
            state.health = Health::Unknown {
                why: Why::new(why.kind, text),
            };
        }
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
