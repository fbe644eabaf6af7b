//! What a loss does to etcd's quorum and to whatever is led from the lost nodes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::{Text, Why, WhyKind};
use crate::model::quorum::{Quorum, Role};
use crate::model::{Snapshot, leader};

/// etcd after the loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "after", rename_all = "kebab-case")]
pub enum QuorumAfter {
    /// It goes on.
    Held {
        /// Votes that are left.
        healthy: usize,
        /// Of so many.
        voters: usize,
        /// How many more may be lost.
        spare: i64,
    },
    /// It stops: no writes, no rescheduling; what runs goes on.
    Lost {
        /// Votes that are left.
        healthy: usize,
        /// Of so many.
        voters: usize,
        /// Votes needed.
        needed: usize,
    },
    /// It depends on members of whom nothing is known, or no list is known.
    CannotTell {
        /// Why.
        why: Why,
    },
}

impl QuorumAfter {
    /// Whether it is certain that nothing is written any more.
    pub const fn is_lost(&self) -> bool {
        matches!(self, QuorumAfter::Lost { .. })
    }
}

/// Quorum once all of `lost` are.
pub(super) fn after(snapshot: &Snapshot, quorum: &Quorum, lost: &BTreeSet<&Text>) -> QuorumAfter {
    let Some((low, high)) = quorum.spare_range else {
        let why = Why::new(WhyKind::NotYet, "etcd has not told who its members are");
        return QuorumAfter::CannotTell { why };
    };
    let addresses: BTreeSet<&Text> = lost
        .iter()
        .filter_map(|name| snapshot.node(name)?.address.as_ref())
        .collect();
    let is_lost = |address: Option<&str>| address.is_some_and(|own| addresses.iter().any(|lost| **lost == own));
    let gone = quorum.members.iter().filter(|own| own.role != Role::Learner);
    let gone = gone.filter(|own| is_lost(own.member.peer_address()));
    let (healthy, unknown) = gone.fold((0, 0), |(healthy, unknown), own| {
        (
            healthy + usize::from(own.health.is_healthy()),
            unknown + usize::from(own.health.is_unknown()),
        )
    });
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    // At worst the unknown ones are dead already, at best they live until they are lost.
    let (low, high) = (low - signed(healthy), high - signed(healthy) - signed(unknown));
    let left = quorum.healthy.saturating_sub(healthy);
    let (voters, needed) = (quorum.voters, quorum.needed);
    if high < 0 {
        return QuorumAfter::Lost {
            healthy: left,
            voters,
            needed,
        };
    }
    if low < 0 || low != high {
        let text = format!(
            "{} of {voters} voters are neither proven healthy nor dead",
            quorum.unknown
        );
        return QuorumAfter::CannotTell {
            why: Why::new(WhyKind::NotYet, text),
        };
    }
    QuorumAfter::Held {
        healthy: left,
        voters,
        spare: low,
    }
}

/// Leases of kube-system that lead something in every cluster, and what a change of the leader costs.
const OFFICES: [(&str, &str); 2] = [
    (
        leader::CONTROLLER_MANAGER,
        "heartbeats are counted from zero by the next one",
    ),
    (
        leader::SCHEDULER,
        "nothing is scheduled until the next one leads, about 20 s",
    ),
];

/// The node from which kube-controller-manager leads.
pub(super) fn controller_manager(snapshot: &Snapshot) -> Option<Text> {
    holder(snapshot, leader::CONTROLLER_MANAGER)
}

fn holder(snapshot: &Snapshot, office: &str) -> Option<Text> {
    snapshot.leader_of(office).map(|leader| leader.host)
}

/// What was led from these nodes, in words: the next one needs quorum to lead.
pub(super) fn leaders(snapshot: &Snapshot, quorum: &Quorum, lost: &[Text], after: &QuorumAfter) -> Vec<Text> {
    let leads = quorum.leader.and_then(|id| quorum.member(id));
    let address = leads.and_then(|own| own.member.peer_address());
    let node = address.and_then(|address| snapshot.node_at(address));
    let etcd = node.filter(|node| lost.contains(&node.name));
    let etcd = etcd.map(|_| ("etcd", "the others elect a leader, a second or two without writes"));
    let offices = OFFICES
        .iter()
        .filter(|(office, _)| holder(snapshot, office).is_some_and(|own| lost.contains(&own)));
    let all = etcd.into_iter().chain(offices.copied());
    all.map(|(what, next)| {
        let next = match after {
            QuorumAfter::Held { .. } => next,
            QuorumAfter::Lost { .. } => "it led from there, and nobody can take over until quorum is back",
            QuorumAfter::CannotTell { .. } => {
                "it led from there; whether another takes over cannot be told, because quorum may be lost"
            }
        };
        Text::from(format!("{what}: {next}"))
    })
    .collect()
}
