//! A plan: an immutable list of resolved steps. What was shown is what runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::condition::Condition;
use crate::base::Text;
use crate::model::etcd::ClusterId;
use crate::model::intent::Intent;

/// A step's place in its plan, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId(pub u16);

/// What a step may do to the cluster; decides the ritual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Changes nothing.
    Harmless,
    /// Can be undone: y/N.
    Reversible,
    /// Cannot: the name is typed.
    Irreversible,
}

/// How a step is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Doing {
    /// quorate asks for it.
    Act {
        /// What.
        action: Action,
    },
    /// A person does it elsewhere; quorate notices by observation.
    ByHand,
    /// A person states what cannot be observed.
    Attest {
        /// The words to type.
        words: Text,
    },
    /// Nothing is done: what must come is awaited.
    Watch,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its place.
    pub id: StepId,
    /// What it does, in one line.
    pub title: Text,
    /// The exact command or call that it stands for, to be copied and done by hand.
    pub command: Text,
    /// How it is done.
    pub doing: Doing,
    /// What it may do.
    pub risk: Risk,
    /// Gates: true on fresh facts right before.
    pub needs: Vec<Condition>,
    /// Ends the whole run when it turns true at any time before this step is done: the dead host came back.
    pub stop_when: Vec<Condition>,
    /// True on fresh facts: then it is done. Where they are true before, the step is skipped.
    pub done_when: Vec<Condition>,
    /// For how long `done_when` must stay true, in milliseconds.
    pub hold_ms: u64,
    /// How long to wait for `done_when` before a person is asked, in milliseconds.
    pub deadline_ms: u64,
    /// What takes it back, where anything does.
    pub undo: Option<Action>,
}

/// Quorum at one moment of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// When: `now`, `after step 4`.
    pub moment: Text,
    /// Voters.
    pub voters: usize,
    /// Of which healthy.
    pub healthy: usize,
    /// How many more may be lost then.
    pub spare: i64,
}

/// A resolved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub intent: Intent,
    /// The etcd cluster that it was made for. None where etcd did not tell.
    pub cluster: Option<ClusterId>,
    /// When it was made.
    pub made: Timestamp,
    /// The worst of its steps.
    pub risk: Risk,
    /// In order.
    pub steps: Vec<Step>,
    /// What a person must know before: what is lost, what cannot be undone, what else changes.
    pub warnings: Vec<Text>,
    /// Quorum before, during and after.
    pub arithmetic: Vec<Arithmetic>,
    /// What to type to confirm an irreversible plan: the node's name.
    pub confirm: Option<Text>,
}
