//! Facts that must be true before or after a step. Evaluated on a snapshot, never remembered. What each looks at is in
//! [`eval`](Condition::eval)'s parts, `etcd`, `kube` and `entry`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::{ObjectKind, Target};
use super::gate;
use super::truth::Truth;
use crate::base::{Stamp, Text};
use crate::model::etcd::MemberId;
use crate::model::kube::WorkloadKind;
use crate::model::quorum::PROOF_FRESH;
use crate::model::{ObjectKey, Snapshot};

mod entry;
mod etcd;
mod kube;

pub(in crate::plan) use self::kube::{budgets_of, lying};
pub(in crate::plan) use etcd::is_alarm;

/// A fact to be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Condition {
    /// A linearizable read succeeded after the question was asked.
    QuorumProven,
    /// The arithmetic allows it now.
    Permitted {
        /// What is to be done to etcd's voters.
        act: gate::Act,
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
    /// The member does not run on this host: what is sent to it here would be sent to the victim.
    NotHere {
        /// The id.
        id: MemberId,
    },
    /// A started, healthy voter at this address. How far it is behind the leader cannot be read from another host.
    Voter {
        /// The address; None: any that was not listed when the plan was made.
        address: Option<Text>,
        /// Who was listed then.
        known: Vec<MemberId>,
    },
    /// A member serves, with or without quorum.
    Serves {
        /// The id.
        id: MemberId,
    },
    /// etcd lists a member that was not listed when the plan was made, in whatever state.
    NewMember {
        /// Who was listed then.
        known: Vec<MemberId>,
    },
    /// No learner, no unstarted member, no alarm.
    MembershipQuiet,
    /// The local member reports no NOSPACE alarm.
    NoAlarm,
    /// A member is positively not seen serving for at least so long.
    Silent {
        /// The id.
        id: MemberId,
        /// In milliseconds.
        for_ms: u64,
    },
    /// A host's member answers, or its kubelet or k0s renewed a lease: it is back.
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
    /// A node that was not there when the plan was made carries a label with a value.
    NewNodeLabelled {
        /// Names when the plan was made.
        known: Vec<Text>,
        /// The label.
        label: Text,
        /// The value.
        value: Text,
    },
    /// A Node is Ready.
    NodeReady {
        /// Its name; None: any that is not among `known`.
        node: Option<Text>,
        /// Names when the plan was made.
        known: Vec<Text>,
    },
    /// A node that was not there when the plan was made runs the Kubernetes version of one that was: k0s joins no other.
    NewNodeAlike {
        /// Names when the plan was made.
        known: Vec<Text>,
    },
    /// Users are served through a node that was not there when the plan was made.
    NewNodeServes {
        /// Names when the plan was made.
        known: Vec<Text>,
    },
    /// The certificate that such a node shows names it.
    NewNodeNamed {
        /// Names when the plan was made.
        known: Vec<Text>,
    },
    /// A Node is cordoned, or is not.
    Cordoned {
        /// Which.
        node: Target,
        /// Cordoned.
        on: bool,
    },
    /// A Node carries the out-of-service taint, or does not.
    OutOfService {
        /// Which.
        node: Target,
        /// Tainted.
        on: bool,
    },
    /// A Node is not Ready, as Kubernetes sees it.
    NodeDown {
        /// Which.
        node: Target,
    },
    /// A lease is renewed, by another holder than before: k0s on that host started anew.
    HolderChanged {
        /// The lease `k0s-ctrl-NODE`.
        lease: ObjectKey,
        /// Who held it when the plan was made. None: nobody; then any holder will do.
        from: Option<Text>,
    },
    /// So many replicas of a workload are ready, not counting those on a node.
    ReadyElsewhere {
        /// The workload's kind.
        kind: WorkloadKind,
        /// Its name.
        workload: ObjectKey,
        /// The node that does not count; None: all count.
        node: Option<Text>,
        /// How many.
        at_least: u32,
    },
    /// No pod waits for a place.
    NothingPending,
    /// As many replicas of a workload as it wants, no more, are placed as evenly as its constraints ask for.
    SpreadEvenly {
        /// The workload's kind.
        kind: WorkloadKind,
        /// Its name.
        workload: ObjectKey,
        /// But for so many that have yet to move.
        but: u32,
    },
    /// Embedded Cluster records high availability.
    HighlyAvailable,
    /// At least so many controllers are Ready.
    ControllersReady {
        /// How many.
        at_least: usize,
    },
    /// The file system that holds etcd on this host has so much room.
    DiskFree {
        /// In bytes.
        bytes: u64,
    },
    /// The API answers: a consistent read succeeded after the question was asked.
    ApiLive,
    /// Every disruption budget that guards a pod lets it be evicted now.
    Evictable {
        /// The pod.
        pod: Target,
    },
    /// k0s's autopilot restarts no controller for an upgrade.
    NoUpgrade,
    /// The installation in force is not air-gapped: there HA is not supported.
    NotAirGapped,
    /// etcd's term, as the member here tells it, is the same for so long: no election.
    TermSteady {
        /// In milliseconds.
        for_ms: u64,
    },
}

/// What a gate protects, which decides whether a person may let it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Quorum. Never passed.
    Arithmetic,
    /// That the target is the one that was shown. Never passed; once wrong, it stays wrong.
    Identity,
    /// That the target does not live. Never passed.
    Fencing,
    /// Good sense: may be passed, one by one, with a reason.
    Prudence,
}

/// A moment before all others: with it, facts need only be young.
const EVER: Stamp = Stamp {
    mono_ms: 0,
    wall: Timestamp::MIN,
    ahead_ms: 0,
};

impl Condition {
    /// How old facts may be at most; older ones tell nothing about now. Quorum and the API are asked every 2 s, members
    /// every second.
    pub const fn freshness() -> Duration {
        PROOF_FRESH
    }

    /// Whether it is so, by facts that are newer than `asked` and not older than [`Condition::freshness`].
    pub fn eval(&self, snapshot: &Snapshot, asked: Stamp) -> Truth {
        let look = Look { snapshot, asked };
        match self {
            Condition::QuorumProven
            | Condition::Permitted { .. }
            | Condition::MemberListed { .. }
            | Condition::MemberAbsent { .. }
            | Condition::NotHere { .. }
            | Condition::Voter { .. }
            | Condition::Serves { .. }
            | Condition::NewMember { .. }
            | Condition::MembershipQuiet
            | Condition::NoAlarm
            | Condition::Silent { .. }
            | Condition::HostAnswers { .. }
            | Condition::DiskFree { .. }
            | Condition::TermSteady { .. } => look.etcd(self),
            Condition::Same { .. }
            | Condition::Gone { .. }
            | Condition::Labelled { .. }
            | Condition::NewNodeLabelled { .. }
            | Condition::NodeReady { .. }
            | Condition::NewNodeAlike { .. }
            | Condition::Cordoned { .. }
            | Condition::OutOfService { .. }
            | Condition::NodeDown { .. }
            | Condition::HolderChanged { .. }
            | Condition::ReadyElsewhere { .. }
            | Condition::NothingPending
            | Condition::SpreadEvenly { .. }
            | Condition::HighlyAvailable
            | Condition::ControllersReady { .. }
            | Condition::ApiLive
            | Condition::Evictable { .. }
            | Condition::NoUpgrade
            | Condition::NotAirGapped => look.kube(self),
            Condition::NewNodeServes { known } => look.new_node_serves(known),
            Condition::NewNodeNamed { known } => look.new_node_named(known),
        }
    }

    /// Whether it is so at the snapshot's moment, for a preview.
    pub fn preview(&self, snapshot: &Snapshot) -> Truth {
        self.eval(snapshot, EVER)
    }

    /// What it protects.
    pub const fn class(&self) -> Class {
        match self {
            Condition::QuorumProven | Condition::Permitted { .. } | Condition::MembershipQuiet => Class::Arithmetic,
            Condition::MemberListed { .. } | Condition::NotHere { .. } | Condition::Same { .. } => Class::Identity,
            Condition::Silent { .. } | Condition::MemberAbsent { .. } | Condition::NodeDown { .. } => Class::Fencing,
            Condition::Voter { .. }
            | Condition::Serves { .. }
            | Condition::NewMember { .. }
            | Condition::NoAlarm
            | Condition::HostAnswers { .. }
            | Condition::Gone { .. }
            | Condition::Labelled { .. }
            | Condition::NewNodeLabelled { .. }
            | Condition::NodeReady { .. }
            | Condition::NewNodeAlike { .. }
            | Condition::NewNodeServes { .. }
            | Condition::NewNodeNamed { .. }
            | Condition::Cordoned { .. }
            | Condition::OutOfService { .. }
            | Condition::HolderChanged { .. }
            | Condition::ReadyElsewhere { .. }
            | Condition::NothingPending
            | Condition::SpreadEvenly { .. }
            | Condition::HighlyAvailable
            | Condition::ControllersReady { .. }
            | Condition::DiskFree { .. }
            | Condition::ApiLive
            | Condition::Evictable { .. }
            | Condition::NoUpgrade
            | Condition::NotAirGapped
            | Condition::TermSteady { .. } => Class::Prudence,
        }
    }

    /// Whether a person may let it pass for one step.
    pub const fn may_be_overridden(&self) -> bool {
        matches!(self.class(), Class::Prudence)
    }

    /// A name for journals and overrides: the same for the same question, without anything that changes.
    pub fn name(&self) -> Text {
        Text::from(match self {
            Condition::QuorumProven => "quorum-proven".to_owned(),
            Condition::Permitted { act } => format!("permitted:{}", act.word()),
            Condition::MemberListed { id, .. } => format!("member-listed:{id}"),
            Condition::MemberAbsent { id } => format!("member-absent:{id}"),
            Condition::NotHere { id } => format!("not-here:{id}"),
            Condition::Voter { address, .. } => format!("voter:{}", or_new(address.as_ref())),
            Condition::Serves { id } => format!("serves:{id}"),
            Condition::NewMember { .. } => "new-member".to_owned(),
            Condition::MembershipQuiet => "membership-quiet".to_owned(),
            Condition::NoAlarm => "no-alarm".to_owned(),
            Condition::Silent { id, .. } => format!("silent:{id}"),
            Condition::HostAnswers { node, .. } => format!("host-answers:{node}"),
            Condition::Same { target } => format!("same:{target}"),
            Condition::Gone { target } => format!("gone:{target}"),
            Condition::Labelled { node, label, .. } => format!("labelled:{}:{label}", node.key),
            Condition::NewNodeLabelled { label, .. } => format!("labelled:new:{label}"),
            Condition::NodeReady { node, .. } => format!("node-ready:{}", or_new(node.as_ref())),
            Condition::NewNodeAlike { .. } => "same-version:new".to_owned(),
            Condition::NewNodeServes { .. } => "serves-users:new".to_owned(),
            Condition::NewNodeNamed { .. } => "named:new".to_owned(),
            Condition::Cordoned { node, on } => format!("cordoned:{}:{on}", node.key),
            Condition::OutOfService { node, on } => format!("out-of-service:{}:{on}", node.key),
            Condition::NodeDown { node } => format!("node-down:{}", node.key),
            Condition::HolderChanged { lease, .. } => format!("holder-changed:{lease}"),
            Condition::ReadyElsewhere { workload, .. } => format!("ready-elsewhere:{workload}"),
            Condition::NothingPending => "nothing-pending".to_owned(),
            Condition::SpreadEvenly { workload, .. } => format!("spread-evenly:{workload}"),
            Condition::HighlyAvailable => "highly-available".to_owned(),
            Condition::ControllersReady { .. } => "controllers-ready".to_owned(),
            Condition::DiskFree { .. } => "disk-free".to_owned(),
            Condition::ApiLive => "api-live".to_owned(),
            Condition::Evictable { pod } => format!("evictable:{}", pod.key),
            Condition::NoUpgrade => "no-upgrade".to_owned(),
            Condition::NotAirGapped => "not-air-gapped".to_owned(),
            Condition::TermSteady { .. } => "term-steady".to_owned(),
        })
    }

    /// What it says, as a sentence without a full stop.
    pub fn claim(&self) -> Text {
        Text::from(match self {
            Condition::QuorumProven => "etcd proves quorum with a read of now".to_owned(),
            Condition::Permitted {
                act: gate::Act::Disturb,
            } => "every voter of etcd is healthy".to_owned(),
            Condition::Permitted { act } => format!("quorum allows to {act}"),
            Condition::MemberListed { id, address } => format!("etcd lists member {id} at {address}"),
            Condition::MemberAbsent { id } => format!("no member of etcd lists {id} any more"),
            Condition::NotHere { id } => format!("member {id} does not run on this host"),
            Condition::Voter {
                address: Some(address), ..
            } => format!("a started, healthy voter at {address}"),
            Condition::Voter { address: None, .. } => "a new started, healthy voter".to_owned(),
            Condition::Serves { id } => format!("member {id} serves"),
            Condition::NewMember { .. } => "etcd lists a new member".to_owned(),
            Condition::MembershipQuiet => "no learner, no unstarted member, no alarm in etcd".to_owned(),
            Condition::NoAlarm => "etcd here reports no NOSPACE alarm".to_owned(),
            Condition::Silent { id, for_ms } => format!("member {id} has not served for {} s", for_ms / 1000),
            Condition::HostAnswers { node, .. } => format!("{node} answers"),
            Condition::Same { target } => format!("{target} is the one that was shown"),
            Condition::Gone { target } => format!("{target} is gone"),
            Condition::Labelled { node, label, value } => labelled(node.key.name.as_str(), label, value.as_ref()),
            Condition::NewNodeLabelled { label, value, .. } => labelled("the new node", label, Some(value)),
            Condition::NodeReady { node: Some(node), .. } => format!("node {node} is Ready"),
            Condition::NodeReady { node: None, .. } => "a new node is Ready".to_owned(),
            Condition::NewNodeAlike { .. } => "the new node runs the version of the others".to_owned(),
            Condition::NewNodeServes { .. } => "users are served through the new node".to_owned(),
            Condition::NewNodeNamed { .. } => "the certificate there names the new node".to_owned(),
            Condition::Cordoned { node, on: true } => format!("{} is cordoned", node.key),
            Condition::Cordoned { node, on: false } => format!("{} takes pods", node.key),
            Condition::OutOfService { node, on: true } => format!("{} is tainted out-of-service", node.key),
            Condition::OutOfService { node, on: false } => format!("{} is not tainted out-of-service", node.key),
            Condition::NodeDown { node } => format!("{} is not Ready", node.key),
            Condition::HolderChanged { lease, .. } => format!("{} has a new holder that renews it", lease.name),
            Condition::ReadyElsewhere {
                workload,
                node: Some(node),
                at_least,
                ..
            } => {
                format!("{at_least} ready of {workload} beside {node}")
            }
            Condition::ReadyElsewhere { workload, at_least, .. } => format!("{at_least} ready of {workload}"),
            Condition::NothingPending => "no pod waits for a place".to_owned(),
            Condition::SpreadEvenly { workload, but: 0, .. } => {
                format!("replicas of {workload} lie as evenly as they should")
            }
            Condition::SpreadEvenly { workload, but, .. } => {
                format!("replicas of {workload} lie as evenly as they should, but for {but}")
            }
            Condition::HighlyAvailable => "Embedded Cluster records high availability".to_owned(),
            Condition::ControllersReady { at_least } => format!("{at_least} controllers are Ready"),
            Condition::DiskFree { bytes } => format!("{} MiB free on etcd's file system here", bytes >> 20),
            Condition::ApiLive => "the API answers a consistent read".to_owned(),
            Condition::Evictable { pod } => format!("no disruption budget forbids the eviction of {}", pod.key),
            Condition::NoUpgrade => "no upgrade of k0s is under way".to_owned(),
            Condition::NotAirGapped => "the installation is not air-gapped".to_owned(),
            Condition::TermSteady { for_ms } => format!("no election of etcd for {} s", for_ms / 1000),
        })
    }
}

fn or_new(name: Option<&Text>) -> &str {
    name.map_or("new", Text::as_str)
}

fn labelled(node: &str, label: &Text, value: Option<&Text>) -> String {
    match value {
        Some(value) => format!("{node} is labelled {label}={value}"),
        None => format!("{node} has no label {label}"),
    }
}

/// A question and the facts that may answer it.
struct Look<'a> {
    snapshot: &'a Snapshot,
    asked: Stamp,
}

impl Look<'_> {
    /// Whether a fact of this moment may answer.
    fn is_fresh(&self, as_of: Stamp) -> bool {
        as_of > self.asked && self.snapshot.now.waited_since(as_of) <= Condition::freshness()
    }

    /// None where what is known of a kind may answer: the API gave a consistent read after the question, or the watch spoke.
    fn stale(&self, kind: ObjectKind) -> Option<Truth> {
        self.stale_kind(kind.feed())
    }
}

#[cfg(test)]
mod tests;
