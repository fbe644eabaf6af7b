//! The people around a run, played: they fence before they say so, do by hand what a step leaves to them once its gates are
//! open, agree to a second try where it is offered, and lose patience in the end.

use super::mishap::{host_named, subject};
use super::send::unit_change;
use super::stage::Stage;
use crate::base::Text;
use crate::plan::action::ServiceVerb;
use crate::plan::step::{Doing, Step};
use crate::plan::view::Stage as Progress;
use crate::plan::{Action, Condition, Question, RunView, StepId};
use crate::sim::world::fault::Fault;

/// How long a person looks at a question that nobody can answer before the run is given up, in milliseconds.
const PATIENCE_MS: u64 = 180_000;
/// How long a person looks at a run that waits for one and the same step, in milliseconds.
const GIVES_UP_MS: u64 = 20 * 60_000;
/// How long it takes to go and look at a host, in milliseconds.
const SLOW_MS: u64 = 30_000;

/// What a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Types the words.
    Attested(Text),
    /// Lets it be sent again.
    Agreed,
    /// Has looked, and goes on without seeing it done.
    StoppedWaiting,
    /// Gives the run up.
    Abandoned(Text),
}

/// What the person has done and seen.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The step that was done by hand last, so that it is done once.
    helped: Option<(StepId, u32)>,
    /// The step that is waited for, and since when, in world milliseconds.
    waiting: Option<(StepId, u64)>,
    /// Since when a question has been open, in world milliseconds.
    asked: Option<(StepId, u64)>,
}

impl Person {
    /// Answers a question; None: looks on.
    pub fn answer(&mut self, stage: &mut Stage, view: &RunView, step: StepId, question: &Question) -> Option<Answer> {
        match question {
            Question::Attest { words } => {
                if self.waited_ms(stage, step) < SLOW_MS {
                    return None;
                }
                // An honest person makes sure of it first.
                if let Some(host) = words.as_str().strip_suffix(" is defragmented") {
                    let host = host_named(stage.world(), host)?;
                    return stage
                        .world_mut()
                        .etcd_defragment(host)
                        .is_ok()
                        .then(|| Answer::Attested(words.clone()));
                }
                if let Some(host) = subject(&view.plan.intent).and_then(|name| host_named(stage.world(), name.as_str()))
                {
                    // Off already: so much the better.
                    let _ = stage.world_mut().inject(&Fault::Kill { host });
                }
                Some(Answer::Attested(words.clone()))
            }
            Question::Doubt {
                may_send_again: true, ..
            } => Some(Answer::Agreed),
            Question::Doubt { .. } if has_file(stage, view, step) => Some(Answer::StoppedWaiting),
            Question::Doubt { why, .. } => self.lose_patience(stage, step, &Text::new(&why.to_string())),
            Question::Overdue { because } => self.lose_patience(stage, step, because),
        }
    }

    /// Nobody looks at a run for hours that does not move; None: looks on.
    pub fn give_up(&mut self, stage: &Stage, step: StepId, because: &Text) -> Option<Text> {
        let now_ms = stage.world().now_ms();
        let waiting = self.waiting.filter(|(own, _)| *own == step).unwrap_or((step, now_ms));
        self.waiting = Some(waiting);
        let is_over = now_ms.saturating_sub(waiting.1) >= GIVES_UP_MS;
        is_over.then(|| Text::from(format!("it does not come about: {because}")))
    }

    fn lose_patience(&mut self, stage: &Stage, step: StepId, because: &Text) -> Option<Answer> {
        let is_over = self.waited_ms(stage, step) >= PATIENCE_MS;
        is_over.then(|| Answer::Abandoned(Text::from(format!("it does not come about: {because}"))))
    }

    /// How long this step's question has been open.
    fn waited_ms(&mut self, stage: &Stage, step: StepId) -> u64 {
        let now_ms = stage.world().now_ms();
        let asked = self.asked.filter(|(own, _)| *own == step).unwrap_or((step, now_ms));
        self.asked = Some(asked);
        now_ms.saturating_sub(asked.1)
    }

    /// Does what the step that is waited for leaves to people, once its gates are open. Whether anything was
    /// done.
    pub fn lend_a_hand(&mut self, stage: &mut Stage, view: &RunView, step: StepId) -> bool {
        let Some((planned, progress)) = view.step(step) else {
            return false;
        };
        let is_ready = planned.needs.iter().all(|need| need.preview(stage.snapshot()).is_met());
        let turn = (step, progress.attempts);
        if !is_ready || self.helped == Some(turn) {
            return false;
        }
        let is_done = match &planned.doing {
            Doing::ByHand => by_hand(stage, view, planned),
            Doing::Act {
                action: Action::Service { node, verb, .. },
            } if matches!(
                progress.stage,
                Progress::Answered(crate::plan::event::Sent::Refused { .. })
            ) =>
            {
                serve(stage, node, *verb)
            }
            Doing::Act { .. }
            | Doing::LabelNew { .. }
            | Doing::MoveOne { .. }
            | Doing::Attest { .. }
            | Doing::Watch => false,
        };
        if is_done {
            self.helped = Some(turn);
        }
        is_done
    }
}

/// What a step that is done by hand wants, by what shows that it is done.
fn by_hand(stage: &mut Stage, view: &RunView, step: &Step) -> bool {
    let wants = |wanted: fn(&Condition) -> bool| step.done_when.iter().any(wanted);
    if wants(|condition| matches!(condition, Condition::NewMember { .. })) {
        return stage.world_mut().inject(&Fault::Join { zone: None }).is_ok();
    }
    if wants(|condition| matches!(condition, Condition::MemberAbsent { .. })) {
        return reset(stage, view);
    }
    if wants(|condition| matches!(condition, Condition::HighlyAvailable)) {
        return stage.world_mut().inject(&Fault::EnableHa).is_ok();
    }
    let restarted = step.done_when.iter().find_map(|condition| match condition {
        Condition::HolderChanged { lease, .. } => lease.name.as_str().strip_prefix("k0s-ctrl-").map(Text::new),
        _ => None,
    });
    restarted.is_some_and(|node| serve(stage, &node, ServiceVerb::Restart))
}

/// `netbox-enterprise reset` on the host.
fn reset(stage: &mut Stage, view: &RunView) -> bool {
    let host = subject(&view.plan.intent).and_then(|name| host_named(stage.world(), name.as_str()));
    host.is_some_and(|host| stage.world_mut().inject(&Fault::Reset { host }).is_ok())
}

/// Whether the file that a step writes is there: looking settles it.
fn has_file(stage: &Stage, view: &RunView, step: StepId) -> bool {
    let doing = view.step(step).map(|(planned, _)| &planned.doing);
    let Some(Doing::Act {
        action: Action::SaveSnapshot { file } | Action::SavePki { file },
    }) = doing
    else {
        return false;
    };
    stage.saved().contains(file)
}

fn serve(stage: &mut Stage, node: &Text, verb: ServiceVerb) -> bool {
    let host = host_named(stage.world(), node.as_str());
    host.is_some_and(|host| stage.world_mut().inject(&unit_change(host, verb)).is_ok())
}
