//! The parts that every planner puts its steps together from.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::{Text, Why};
use crate::model::etcd::MemberId;
use crate::model::intent::Intent;
use crate::model::kube::WorkloadKind;
use crate::model::quorum::{Quorum, needed};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, Target};
use crate::plan::condition::Condition;
use crate::plan::gate;
use crate::plan::step::{Arithmetic, Doing, Plan, Risk, Step, StepId};
use crate::plan::truth::Truth;

use super::Planned;

/// How long a change through the API may take to be seen.
pub(super) const SOON: Duration = Duration::from_mins(1);
/// How long pods may take to come up elsewhere: a NetBox web pod needs 2 to 4 minutes.
pub(super) const PODS: Duration = Duration::from_mins(15);

/// A plan in the making.
pub(super) struct Draft<'a> {
    intent: &'a Intent,
    snapshot: &'a Snapshot,
    pub(super) steps: Vec<Step>,
    warnings: Vec<Text>,
    arithmetic: Vec<Arithmetic>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(intent: &'a Intent, snapshot: &'a Snapshot) -> Self {
        Self {
            intent,
            snapshot,
            steps: Vec::new(),
            warnings: Vec::new(),
            arithmetic: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn warn(&mut self, text: impl AsRef<str>) {
        self.warnings.push(Text::new(text.as_ref()));
    }

    /// Quorum now, as the first line of the arithmetic; none where etcd has not told.
    pub(super) fn count_now(&mut self, quorum: &Quorum) {
        if quorum.membership.is_from_etcd() {
            self.count("now", quorum.voters, quorum.healthy);
        }
    }

    pub(super) fn count(&mut self, moment: impl AsRef<str>, voters: usize, healthy: usize) {
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.arithmetic.push(Arithmetic {
            moment: Text::new(moment.as_ref()),
            voters,
            healthy,
            spare: signed(healthy) - signed(needed(voters)),
        });
    }

    /// The plan with its steps counted. `confirm` is what is typed where a step cannot be undone.
    pub(super) fn finish(mut self, confirm: &Text) -> Planned {
        if self.steps.is_empty() {
            return Planned::nothing("there is nothing to do");
        }
        for (step, n) in self.steps.iter_mut().zip(1_u16..) {
            step.id = StepId(n);
        }
        let risk = self.steps.iter().map(|step| step.risk).max().unwrap_or(Risk::Harmless);
        Planned::Plan(Box::new(Plan {
            intent: self.intent.clone(),
            cluster: self.snapshot.cluster_id(),
            made: self.snapshot.now.wall,
            risk,
            steps: self.steps,
            warnings: self.warnings,
            arithmetic: self.arithmetic,
            confirm: (risk == Risk::Irreversible).then(|| confirm.clone()),
        }))
    }
}

fn step(title: &str, command: &str, doing: Doing, risk: Risk) -> Step {
    Step {
        id: StepId(0),
        title: Text::new(title),
        command: Text::new(command),
        doing,
        risk,
        needs: Vec::new(),
        stop_when: Vec::new(),
        done_when: Vec::new(),
        hold_ms: 0,
        deadline_ms: millis(SOON),
        undo: None,
    }
}

/// quorate asks for it.
pub(super) fn act(title: impl AsRef<str>, command: impl AsRef<str>, action: Action, risk: Risk) -> Step {
    step(title.as_ref(), command.as_ref(), Doing::Act { action }, risk)
}

/// quorate labels the node that will have come.
pub(super) fn label_new(known: &[Text], set: &BTreeMap<Text, Text>) -> Step {
    let written: Vec<String> = set.iter().map(|(label, value)| format!("{label}={value}")).collect();
    let written = written.join(" ");
    let doing = Doing::LabelNew {
        known: known.to_vec(),
        set: set.clone(),
    };
    let title = format!("label the new node {written}");
    step(
        &title,
        &format!("kubectl label node NEW_NODE {written}"),
        doing,
        Risk::Reversible,
    )
}

/// quorate evicts a pod from where there are too many.
pub(super) fn move_one(kind: WorkloadKind, workload: &ObjectKey, number: u32, count: u32) -> Step {
    let (namespace, of) = (
        &workload.namespace,
        if count > 1 {
            format!(", {number} of {count}")
        } else {
            String::new()
        },
    );
    let title = format!("move a pod of {workload}, unless they lie evenly{of}");
    let command = format!(
        "kubectl -n {namespace} get pods -o wide; then kubectl -n {namespace} delete pod POD, one where there are the most"
    );
    let workload = workload.clone();
    step(&title, &command, Doing::MoveOne { kind, workload }, Risk::Reversible)
}

/// A person does it.
pub(super) fn by_hand(title: impl AsRef<str>, command: impl AsRef<str>, risk: Risk) -> Step {
    step(title.as_ref(), command.as_ref(), Doing::ByHand, risk)
}

/// A person states it.
pub(super) fn attest(title: impl AsRef<str>, words: impl AsRef<str>) -> Step {
    let words = Text::new(words.as_ref());
    let command = format!("type: {words}");
    step(title.as_ref(), &command, Doing::Attest { words }, Risk::Harmless)
}

/// It must come by itself.
pub(super) fn watch(title: impl AsRef<str>, command: impl AsRef<str>) -> Step {
    step(title.as_ref(), command.as_ref(), Doing::Watch, Risk::Harmless)
}

/// What to say of a step, one thing after the other.
impl Step {
    pub(super) fn needs(mut self, needs: impl IntoIterator<Item = Condition>) -> Self {
        self.needs.extend(needs);
        self
    }

    pub(super) fn done(mut self, done_when: impl IntoIterator<Item = Condition>) -> Self {
        self.done_when.extend(done_when);
        self
    }

    pub(super) fn stops(mut self, stop_when: impl IntoIterator<Item = Condition>) -> Self {
        self.stop_when.extend(stop_when);
        self
    }

    pub(super) fn hold(mut self, hold: Duration) -> Self {
        self.hold_ms = millis(hold);
        self
    }

    pub(super) fn within(mut self, deadline: Duration) -> Self {
        self.deadline_ms = millis(deadline);
        self
    }

    pub(super) fn undo(mut self, action: Action) -> Self {
        self.undo = Some(action);
        self
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The gate, where the arithmetic does not forbid it at this moment. What cannot be told now is left to the run, which asks
/// again with fresher facts.
pub(super) fn permitted(act: gate::Act, snapshot: &Snapshot) -> Result<Condition, Why> {
    let condition = Condition::Permitted { act };
    match condition.preview(snapshot) {
        Truth::Met { .. } | Truth::Unknown { .. } => Ok(condition),
        Truth::Unmet { because } => {
            let text = format!("quorum does not allow to {act}: {}", because.text);
            Err(Why::new(because.kind, text))
        }
    }
}

/// A target that must be what was shown, through an API that answers.
pub(super) fn pinned(target: &Target) -> [Condition; 2] {
    let target = target.clone();
    [Condition::ApiLive, Condition::Same { target }]
}

/// Ids of all members that are listed now.
pub(super) fn known_members(quorum: &Quorum) -> Vec<MemberId> {
    quorum.members.iter().map(|state| state.member.id).collect()
}

/// Names of all nodes that are there now.
pub(super) fn known_nodes(snapshot: &Snapshot) -> Vec<Text> {
    snapshot.kube.nodes.values().map(|node| node.name.clone()).collect()
}
