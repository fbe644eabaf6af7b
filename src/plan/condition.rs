//! Facts that must be true before or after a step. Evaluated on a snapshot, never remembered.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Target;
use crate::base::Text;
use crate::model::etcd::MemberId;

/// A fact to be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Condition {
    /// A linearizable read succeeded after the question was asked.
    QuorumProven,
    /// At least so many voters other than the target are healthy.
    HealthyBeside {
        /// The target; None: all count.
        member: Option<MemberId>,
        /// How many.
        at_least: usize,
    },
    /// etcd lists a member with this id and this address.
    MemberListed {
        /// The id.
        id: MemberId,
        /// The address.
        address: Text,
    },
    /// The linearizable list and the newest view of every other healthy member lack it.
    MemberAbsent {
        /// The id.
        id: MemberId,
    },
    /// A started voter at this address, close to the leader.
    Voter {
        /// The address; None: any that was not listed when the plan was made.
        address: Option<Text>,
        /// Who was listed then.
        known: Vec<MemberId>,
    },
    /// No learner, no unstarted member, no alarm.
    MembershipQuiet,
    /// A member is positively not seen serving for at least so long.
    Silent {
        /// The id.
        id: MemberId,
        /// In milliseconds.
        for_ms: u64,
    },
    /// A host answers on its peer port, or its kubelet or controller renews a lease: it is back.
    HostAnswers {
        /// The member.
        id: Option<MemberId>,
        /// The Node's name.
        node: Text,
    },
    /// An object is as it was when the plan was made: same uid.
    Same {
        /// Which.
        target: Target,
    },
    /// An object, by uid, is gone.
    Gone {
        /// Which.
        target: Target,
    },
    /// A Node carries a label with a value.
    Labelled {
        /// Which.
        node: Target,
        /// The label.
        label: Text,
        /// The value; None: not there.
        value: Option<Text>,
    },
    /// A Node is Ready.
    NodeReady {
        /// Its name; None: any that is not among `known`.
        node: Option<Text>,
        /// Names when the plan was made.
        known: Vec<Text>,
    },
    /// The API answers: a consistent read succeeded after the question was asked.
    ApiLive,
}

impl Condition {
    /// How long facts may be old at most when the question is asked; a wait beyond it makes them Unknown.
    pub const fn freshness() -> Duration {
        Duration::from_secs(10)
    }
}
