//! A plan: an immutable list of resolved steps. What was shown is what runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::{Action, ObjectKind, Target};
use super::condition::Condition;
use super::moves;
use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::ClusterId;
use crate::model::intent::Intent;
use crate::model::kube::WorkloadKind;
use crate::model::{ObjectKey, Snapshot};

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
    /// quorate labels the one node that was not there when the plan was made. Who that is shows only then: the request
    /// names it, and the journal the request.
    LabelNew {
        /// Names when the plan was made.
        known: Vec<Text>,
        /// Label to value.
        set: BTreeMap<Text, Text>,
    },
    /// quorate evicts a pod of a workload from where there are too many. Which one shows only then: the request names it,
    /// and the journal the request.
    MoveOne {
        /// The workload's kind.
        kind: WorkloadKind,
        /// Its name.
        workload: ObjectKey,
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

impl Doing {
    /// The request to send now. None where none is; an error says why it cannot be told which.
    pub fn request(&self, snapshot: &Snapshot) -> Option<Result<Action, Why>> {
        match self {
            Doing::Act { action } => Some(Ok(action.clone())),
            Doing::LabelNew { known, set } => Some(label_new(snapshot, known, set)),
            Doing::MoveOne { kind, workload } => Some(moves::next(snapshot, *kind, workload)),
            Doing::ByHand | Doing::Attest { .. } | Doing::Watch => None,
        }
    }

    /// A request for which the same right is needed, before it is known whom it will be about.
    pub fn sample(&self) -> Option<Action> {
        match self {
            Doing::Act { action } => Some(action.clone()),
            Doing::LabelNew { set, .. } => Some(label(node_called("", ""), set)),
            Doing::MoveOne { workload, .. } => Some(moves::specimen(workload)),
            Doing::ByHand | Doing::Attest { .. } | Doing::Watch => None,
        }
    }

    /// Whether a request is what was shown.
    pub fn covers(&self, request: &Action) -> bool {
        match (self, request) {
            (Doing::Act { action }, request) => action == request,
            (Doing::LabelNew { known, set }, Action::Label { node, .. }) => {
                !known.contains(&node.key.name) && *request == label(node.clone(), set)
            }
            (Doing::MoveOne { workload, .. }, Action::Evict { pod }) => moves::is_of(workload, pod),
            _ => false,
        }
    }
}

fn label(node: Target, set: &BTreeMap<Text, Text>) -> Action {
    let set = set.iter().map(|(label, value)| (label.clone(), Some(value.clone())));
    Action::Label {
        node,
        set: set.collect(),
    }
}

fn node_called(name: impl Into<Text>, uid: impl Into<Text>) -> Target {
    Target {
        kind: ObjectKind::Node,
        key: ObjectKey::new("", name),
        uid: uid.into(),
    }
}

/// What a person gave the node is left as it is.
fn label_new(snapshot: &Snapshot, known: &[Text], set: &BTreeMap<Text, Text>) -> Result<Action, Why> {
    let new: Vec<_> = snapshot
        .kube
        .nodes
        .values()
        .filter(|node| !known.contains(&node.name))
        .collect();
    let [node] = new[..] else {
        let names: Vec<&str> = new.iter().map(|node| node.name.as_str()).collect();
        let text = match names[..] {
            [] => "no new node has come".to_owned(),
            _ => format!("{} are new: which one it is cannot be told", names.join(" and ")),
        };
        return Err(Why::new(WhyKind::NotYet, text));
    };
    let other = set.iter().find_map(|(label, value)| {
        let own = node.labels.get(label.as_str()).filter(|own| *own != value);
        own.map(|own| format!("{} carries {label}={own} already", node.name))
    });
    match other {
        None => Ok(label(node_called(node.name.clone(), node.uid.clone()), set)),
        Some(text) => Err(Why::new(WhyKind::Unavailable, text).hint("w leaves it so and goes on")),
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example::{healthy, name};

    const ZONE: &str = "topology.kubernetes.io/zone";

    fn label_new(known: &[u8], value: &str) -> Doing {
        Doing::LabelNew {
            known: known.iter().map(|n| name(*n)).collect(),
            set: [(ZONE.into(), value.into())].into(),
        }
    }

    #[test]
    fn the_new_node_is_found_when_it_has_come() {
        let snapshot = healthy();
        let request = |doing: &Doing| doing.request(&snapshot).unwrap();
        let doing = label_new(&[1, 2], "zone-c");
        let action = request(&doing).unwrap();
        let Action::Label { node, .. } = &action else {
            unreachable!("{action:?}")
        };
        assert_eq!(
            *node,
            Target::pin(&snapshot.kube, ObjectKind::Node, ObjectKey::new("", name(3))).unwrap()
        );
        assert!(doing.covers(&action));
        assert!(!label_new(&[1, 2, 3], "zone-c").covers(&action), "it was known");
        assert!(!label_new(&[1, 2], "zone-d").covers(&action), "another value was shown");
    }

    #[test]
    fn what_cannot_be_told_or_a_person_decided_is_left_alone() {
        let snapshot = healthy();
        let why = |doing: Doing| doing.request(&snapshot).unwrap().unwrap_err().text.to_string();
        assert_eq!(why(label_new(&[1, 2, 3], "zone-c")), "no new node has come");
        assert_eq!(
            why(label_new(&[1], "zone-c")),
            "nbe-2 and nbe-3 are new: which one it is cannot be told"
        );
        assert_eq!(
            why(label_new(&[1, 2], "zone-d")),
            "nbe-3 carries topology.kubernetes.io/zone=zone-c already"
        );
    }
}
