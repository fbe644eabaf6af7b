//! Whether a member serves, and whether we could tell if it did. Start at [`judge`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Membership, PROOF_FRESH};
use crate::base::{Age, Stamp, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::etcd::{Member, MemberId, Vantage};
use crate::model::feed::{FeedId, FeedState, History, HostPart};

/// An answer younger than this means "serving now". Members are asked every second.
pub const FRESH: Duration = Duration::from_secs(3);

/// The last write to a store that nobody could write to for so long lies further back than any election takes, and three
/// renewals of a node's lease.
const LONG: Duration = Duration::from_secs(30);

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

    /// Whether it is positively seen serving.
    pub const fn is_healthy(&self) -> bool {
        matches!(self, Health::Healthy { .. })
    }

    /// Whether it is proven not to serve.
    pub const fn is_dead(&self) -> bool {
        matches!(self, Health::Dead { .. })
    }

    /// Whether neither is proven.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Health::Unknown { .. })
    }
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
    /// Not asked twice yet, or our questions fail on this host, or there is no other member.
    NotTried,
}

impl Snapshot {
    /// How this host stands to the other members.
    pub fn contact(&self) -> Contact {
        let membership = self.membership();
        let local = self.local_among(&membership.members);
        self.contact_with(&membership, local)
    }

    pub(super) fn contact_with(&self, membership: &Membership, local: Option<MemberId>) -> Contact {
        let witness = self.witness(membership, local);
        if witness.is_some_and(|at| self.now.waited_since(at) < PROOF_FRESH) {
            return Contact::Works;
        }
        if self.feed(FeedId::Host(HostPart::Links)).is_current() && self.host.is_unplugged() {
            return Contact::Unplugged;
        }
        let mut others = self.others(membership, local).peekable();
        // A question that fails on this host (certificates that only root may read, or that have ended) was never asked.
        let is_silent = |history: &History| {
            let failing = history.failing.as_ref();
            failing.is_some_and(|run| run.count >= 2 && is_silence(run.why.kind))
        };
        if others.peek().is_some() && others.all(is_silent) {
            Contact::NobodyAnswers
        } else {
            Contact::NotTried
        }
    }

    /// What is known of the listed members on other hosts that were asked. Members that left the list are not asked any
    /// more; what they said last proves nothing.
    fn others(&self, membership: &Membership, local: Option<MemberId>) -> impl Iterator<Item = &History> {
        let ids = membership.members.iter().map(|member| member.id);
        ids.filter(move |id| Some(*id) != local)
            .filter_map(|id| self.etcd.peers.get(&id))
            .map(|peer| &peer.history)
    }

    /// The newest moment at which our own network demonstrably worked: another host answered, if only with a refusal, or
    /// a quorum that needs another host was proven.
    pub(super) fn witness(&self, membership: &Membership, local: Option<MemberId>) -> Option<Stamp> {
        let answers = self.others(membership, local).filter_map(last_answer).max();
        let votes_elsewhere = |member: &Member| !member.is_learner && Some(member.id) != local;
        let proof = self
            .newest_proof()
            .filter(|_| membership.members.iter().any(votes_elsewhere));
        answers.max(proof).max(self.reached_among(membership, local))
    }

    pub(super) fn health(
        &self,
        member: &Member,
        membership: &Membership,
        local: Option<MemberId>,
        witness: Option<Stamp>,
    ) -> Health {
        if let Some(why) = self.foreign(member, membership) {
            return Health::Dead { last_seen: None, why };
        }
        let is_local = Some(member.id) == local;
        // Nothing lies between us and a port of our own host.
        let witness = if is_local { Some(self.now) } else { witness };
        let by_client = self.etcd.serializable.as_ref().filter(|_| is_local);
        let by_peer = self.etcd.peers.get(&member.id).map(|peer| &peer.history);
        let proof = if self.is_long_without_leader() {
            SILENT_TOO
        } else {
            SILENT
        };
        let judged = |history| judge(history, self.now, witness, proof);
        let health = match (by_client.map(judged), by_peer.map(judged)) {
            (Some(Health::Unknown { .. }), Some(by_peer)) => by_peer,
            (Some(health), _) | (None, Some(health)) => health,
            (None, None) => Health::Unknown {
                why: self.no_access("not asked yet"),
            },
        };
        match health {
            Health::Healthy { .. } if !member.has_started() => Health::Unknown {
                why: Why::new(WhyKind::NotYet, "answers, but has not published its name yet"),
            },
            Health::Dead { .. } | Health::Unknown { .. } if !member.has_started() => Health::Dead {
                last_seen: None,
                why: Why::new(WhyKind::NotYet, "listed, but never started"),
            },
            health => health,
        }
    }

    /// Whether the local member knows no leader, and its store says that this is not of now: a member that is silent
    /// besides was so before we began to ask.
    fn is_long_without_leader(&self) -> bool {
        let FeedState::Stored { written: Some(at), .. } = self.feed(FeedId::EtcdStore) else {
            return false;
        };
        let is_current = self.feed(FeedId::EtcdLocal).is_current();
        is_current && self.known_leader().is_none() && self.now.wall_since(at) >= LONG
    }

    /// Why there is no etcd access, or `otherwise`.
    pub(super) fn no_access(&self, otherwise: &str) -> Why {
        let why = self.etcd.no_access.clone();
        why.unwrap_or_else(|| Why::new(WhyKind::NotYet, otherwise))
    }

    /// Whether what answers at a member's address belongs to another etcd cluster.
    fn foreign(&self, member: &Member, membership: &Membership) -> Option<Why> {
        let ours = membership.cluster_id?;
        let vantage = Vantage::Peer(member.id);
        let theirs = self.etcd.views.get(&vantage)?.value.cluster_id?;
        let is_current = self
            .verified(vantage)
            .is_some_and(|at| self.now.waited_since(at) < PROOF_FRESH);
        (is_current && theirs != ours).then(|| {
            Why::new(
                WhyKind::Garbage,
                format!("what answers there belongs to another etcd cluster ({theirs})"),
            )
        })
    }
}

/// The last answer of any sort: a refusal or an error message comes from a living host too.
fn last_answer(history: &History) -> Option<Stamp> {
    let failing = history.failing.as_ref();
    let refusal = failing.filter(|run| is_an_answer(run.why.kind)).map(|run| run.latest);
    history.last_ok.max(refusal)
}

/// Whether a failure of this kind was said by the other host.
const fn is_an_answer(kind: WhyKind) -> bool {
    match kind {
        WhyKind::Refused
        | WhyKind::Unauthenticated
        | WhyKind::Forbidden
        | WhyKind::NotFound
        | WhyKind::Throttled
        | WhyKind::Unavailable
        | WhyKind::Garbage => true,
        // TLS may fail on our side before a byte left; a broken connection may have broken here.
        WhyKind::Tls
        | WhyKind::Broken
        | WhyKind::TimedOut
        | WhyKind::Unreachable
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::NotYet
        | WhyKind::NoOccasion
        | WhyKind::Disabled => false,
    }
}

/// Whether a failure of this kind is what a dead, frozen or cut off host looks like.
pub(super) const fn is_silence(kind: WhyKind) -> bool {
    matches!(kind, WhyKind::TimedOut | WhyKind::Unreachable | WhyKind::Broken)
}

/// What makes silence a proof.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    /// So many questions without an answer.
    questions: u32,
    /// Our own network worked so long after the last answer.
    lasts: Duration,
}

/// While nothing else is known.
pub(super) const SILENT: Silence = Silence {
    questions: 2,
    lasts: FRESH,
};

/// Where etcd's store proves that the silence is older than our first question.
pub(super) const SILENT_TOO: Silence = Silence {
    questions: 1,
    lasts: Duration::ZERO,
};

/// Judges a member by its answers. A refusal is proof of death at once. Silence is proof only after some questions, and only
/// when our own network worked (`witness`) while the member had already been silent.
pub(super) fn judge(history: &History, now: Stamp, witness: Option<Stamp>, proof: Silence) -> Health {
    let failing = history.failing.as_ref();
    if let Some(run) = failing
        && run.why.kind == WhyKind::Refused
        && now.waited_since(run.latest) < PROOF_FRESH
    {
        return Health::Dead {
            last_seen: history.last_ok,
            why: run.why.clone(),
        };
    }
    if let Some(as_of) = history.last_ok
        && now.waited_since(as_of) < FRESH
    {
        return Health::Healthy { as_of };
    }
    let Some(run) = failing else {
        return Health::Unknown {
            why: Why::new(WhyKind::NotYet, not_asked(history, now)),
        };
    };
    let silent_since = history.last_ok.unwrap_or(history.since);
    let we_worked =
        witness.is_some_and(|at| now.waited_since(at) < PROOF_FRESH && at.waited_since(silent_since) >= proof.lasts);
    if is_silence(run.why.kind) && run.count >= proof.questions && we_worked {
        return Health::Dead {
            last_seen: history.last_ok,
            why: run.why.clone(),
        };
    }
    Health::Unknown { why: run.why.clone() }
}

fn not_asked(history: &History, now: Stamp) -> String {
    match history.last_ok {
        Some(as_of) => format!(
            "last answer {} ago, and no newer question was decided",
            Age(now.since(as_of))
        ),
        None => "not asked yet".to_owned(),
    }
}
