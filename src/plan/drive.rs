//! The stepper: a run so far and a fresh snapshot become the next thing to do. It never acts and never writes; whoever
//! drives it does what it says, in that order, and asks again. Start at [`Drive::next`].
//!
//! Facts must be newer than the moment of asking. That moment, and since when a goal is seen reached, are all that a
//! [`Drive`] remembers; a resumed run begins with a new one and so looks again at everything.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::condition::{Class, Condition};
use super::event::{RunEvent, Sent};
use super::step::{Doing, Step, StepId};
use super::truth::Truth;
use super::view::{Ending, RunView, Stage, StepView};
use crate::base::{Stamp, Text, Why, WhyKind};
use crate::model::Snapshot;

/// How long the effect of a request of unknown fate may take to show, before its absence means that there was none.
pub const SETTLE: Duration = Duration::from_secs(15);
/// The same for what starts processes: k0s gives each of its components two minutes.
pub const SETTLE_SERVICE: Duration = Duration::from_mins(2);
/// How long to wait before a request that was refused for the moment is sent again: etcd counts a member as active for a
/// few seconds after its death, and kubectl asks a disruption budget as often.
pub const RETRY: Duration = Duration::from_secs(6);
/// How long a request may be refused for the moment before the run stops.
pub const RETRY_FOR: Duration = Duration::from_mins(2);
/// How soon it is worth to ask again when nothing changes.
const TICK: Duration = Duration::from_secs(1);

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Write this line, then ask again.
    Record(RunEvent),
    /// Write `Intended` and see it on disk; send; write `Answered`; ask again with a newer snapshot.
    Send {
        /// The step.
        step: StepId,
        /// The request.
        action: Action,
    },
    /// Only a person can tell. It may still come true by itself: go on asking with newer snapshots.
    Ask {
        /// The step.
        step: StepId,
        /// What.
        question: Question,
    },
    /// Nothing to do until something changes.
    Wait {
        /// The step.
        step: StepId,
        /// For what; may hold ages, unlike what the journal says.
        because: Text,
        /// When to ask again at the latest.
        until: Stamp,
    },
    /// The run has ended.
    Ended(Ending),
}

/// What a person must decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "kebab-case")]
pub enum Question {
    /// To state what cannot be observed, by typing the words: `Attested`.
    Attest {
        /// The words.
        words: Text,
    },
    /// A request may or may not have arrived, or is to be done by hand, and looking does not settle it: `Agreed` sends it
    /// again, where it may be, `StoppedWaiting` goes on without it.
    Doubt {
        /// What is known.
        why: Why,
        /// Whether sending it again is offered: it was looked for, and is positively not done.
        may_send_again: bool,
    },
    /// The step takes longer than it should: wait on, `StoppedWaiting`, or `Abandoned`.
    Overdue {
        /// What it waits for.
        because: Text,
    },
}

/// What the stepper remembers between two questions.
#[derive(Debug, Clone, Default)]
pub struct Drive {
    asked: Option<Asked>,
}

/// One question: a step at one stage.
#[derive(Debug, Clone)]
struct Asked {
    step: StepId,
    stage: Stage,
    attempts: u32,
    /// When it was asked: facts must be newer.
    at: Stamp,
    /// Since when the goal is seen reached without a break.
    reached: Option<Stamp>,
    /// What the journal was told that it waits for: each reason once, also when reasons take turns.
    told: BTreeSet<Text>,
}

/// How the goal of a step stands.
enum Goal {
    Reached(Vec<Text>),
    /// Reached, but not for long enough.
    Holding(Stamp),
    /// Positively not reached.
    Missed(Why),
    Unclear(Why),
    /// Nothing shows it: the reply has to do.
    Unseen,
}

impl Drive {
    /// A stepper that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next thing to do.
    pub fn next(&mut self, view: &RunView, snapshot: &Snapshot) -> Next {
        if let Some(ending) = &view.ended {
            return Next::Ended(ending.clone());
        }
        let Some((step, state)) = view.current() else {
            return Next::Record(RunEvent::Finished);
        };
        if state.stage == Stage::InFlight {
            return answered_unknown(step);
        }
        let asked = self.ask(step, state, snapshot.now);
        if let Some(why) = other_cluster(view, snapshot) {
            return stopped(step, why);
        }
        let turn = Turn {
            view,
            step,
            state,
            snapshot,
            asked,
        };
        turn.next()
    }

    fn ask(&mut self, step: &Step, state: &StepView, now: Stamp) -> &mut Asked {
        let is_same =
            |asked: &Asked| asked.step == step.id && asked.stage == state.stage && asked.attempts == state.attempts;
        if !self.asked.as_ref().is_some_and(is_same) {
            self.asked = None;
        }
        self.asked.get_or_insert_with(|| Asked {
            step: step.id,
            stage: state.stage.clone(),
            attempts: state.attempts,
            at: now,
            reached: None,
            told: BTreeSet::new(),
        })
    }
}

/// The line is on disk that a request was about to leave, and nobody waits for its answer any more.
fn answered_unknown(step: &Step) -> Next {
    let text = "the run was interrupted while the request was under way";
    Next::Record(RunEvent::Answered {
        step: step.id,
        sent: Sent::Unknown {
            why: Why::new(WhyKind::Broken, text),
        },
    })
}

fn other_cluster(view: &RunView, snapshot: &Snapshot) -> Option<Why> {
    let (ours, theirs) = (view.plan.cluster?, snapshot.cluster_id()?);
    (ours != theirs).then(|| {
        let text = format!("the plan is for etcd cluster {ours}, and here answers {theirs}");
        Why::new(WhyKind::Config, text).hint("make a new plan")
    })
}

fn stopped(step: &Step, why: Why) -> Next {
    Next::Record(RunEvent::Stopped { step: step.id, why })
}

/// One question with all that is needed to answer it.
struct Turn<'a> {
    view: &'a RunView,
    step: &'a Step,
    state: &'a StepView,
    snapshot: &'a Snapshot,
    asked: &'a mut Asked,
}

impl Turn<'_> {
    fn next(mut self) -> Next {
        let goal = self.goal();
        if let Goal::Reached(evidence) = goal {
            let already = self.state.attempts == 0 && self.state.stage == Stage::Ahead && !self.is_awaited();
            return Next::Record(RunEvent::Done {
                step: self.step.id,
                evidence,
                already,
            });
        }
        if let Some(why) = self.must_stop() {
            return stopped(self.step, why);
        }
        if let Goal::Holding(until) = goal {
            return self.wait(
                "it is so, and must stay so for a while",
                "it must stay so for a while",
                until,
            );
        }
        match self.state.stage.clone() {
            Stage::Ahead | Stage::Agreed => self.before(&goal),
            Stage::Attested { operator, words } => Next::Record(RunEvent::Done {
                step: self.step.id,
                evidence: vec![Text::from(format!("{} stated: {words}", operator.user))],
                already: false,
            }),
            Stage::Answered(Sent::Accepted) => self.accepted(goal),
            Stage::Answered(Sent::Refused { why }) => self.refused(why, &goal),
            Stage::Answered(Sent::Unknown { why }) => self.in_doubt(&why, goal),
            Stage::InFlight | Stage::Done { .. } | Stage::GivenUp => answered_unknown(self.step),
        }
    }

    /// Whether the step consists of waiting for its goal: then reaching it is doing it.
    fn is_awaited(&self) -> bool {
        matches!(self.step.doing, Doing::ByHand | Doing::Watch)
    }

    fn goal(&mut self) -> Goal {
        if self.step.done_when.is_empty() {
            return Goal::Unseen;
        }
        let mut evidence = Vec::new();
        let mut unclear = None;
        for condition in &self.step.done_when {
            match condition.eval(self.snapshot, self.asked.at) {
                Truth::Met { evidence: shown } => evidence.push(shown),
                Truth::Unmet { because } => {
                    self.asked.reached = None;
                    return Goal::Missed(because);
                }
                Truth::Unknown { why } => unclear = Some(why),
            }
        }
        if let Some(why) = unclear {
            self.asked.reached = None;
            return Goal::Unclear(why);
        }
        let now = self.snapshot.now;
        let since = *self.asked.reached.get_or_insert(now);
        let hold = Duration::from_millis(self.step.hold_ms);
        if now.since(since) >= hold {
            Goal::Reached(evidence)
        } else {
            Goal::Holding(since.plus(hold))
        }
    }

    /// A reason to end the run: of this step, or of any that is still ahead.
    fn must_stop(&self) -> Option<Why> {
        let ahead = self.view.plan.steps.iter().zip(&self.view.steps);
        let mut stops = ahead
            .filter(|(_, state)| !state.stage.is_over())
            .flat_map(|(step, _)| &step.stop_when);
        stops.find_map(|condition| match condition.preview(self.snapshot) {
            Truth::Met { evidence } => Some(
                Why::new(WhyKind::Unavailable, format!("{}: {evidence}", condition.claim()))
                    .hint("look at the cluster as it is now, and make a new plan"),
            ),
            Truth::Unmet { .. } | Truth::Unknown { .. } => None,
        })
    }

    /// Nothing was sent, or a person agreed to send it again.
    fn before(&mut self, goal: &Goal) -> Next {
        if let Some(next) = self.gate() {
            return next;
        }
        match (&self.step.doing, goal) {
            (Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. }, Goal::Unclear(why)) => self.look(why),
            (doing @ (Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. }), _) => {
                match doing.request(self.snapshot) {
                    Some(Ok(action)) => self.unless_paused(Next::Send {
                        step: self.step.id,
                        action,
                    }),
                    Some(Err(why)) => self.await_goal(&Goal::Missed(why)),
                    None => self.await_goal(goal),
                }
            }
            (Doing::Attest { words }, _) => self.unless_paused(Next::Ask {
                step: self.step.id,
                question: Question::Attest { words: words.clone() },
            }),
            (Doing::ByHand | Doing::Watch, goal) => self.await_goal(goal),
        }
    }

    /// The first gate that is not open.
    fn gate(&mut self) -> Option<Next> {
        let (step, state) = (self.step, self.state);
        let may_pass = |need: &&Condition| need.may_be_overridden() && state.overridden.contains_key(&need.name());
        for need in step.needs.iter().filter(|need| !may_pass(need)) {
            match need.eval(self.snapshot, self.asked.at) {
                Truth::Met { .. } => {}
                Truth::Unmet { because } if need.class() == Class::Identity => {
                    let text = format!("not so: {}: {}", need.claim(), because.text);
                    let why = Why::new(because.kind, text).hint("the cluster changed: make a new plan");
                    return Some(stopped(self.step, why));
                }
                Truth::Unmet { because } => return Some(self.blocked(need, "not so", &because)),
                Truth::Unknown { why } => return Some(self.blocked(need, "cannot tell", &why)),
            }
        }
        None
    }

    fn blocked(&mut self, need: &Condition, word: &str, why: &Why) -> Next {
        let stable = format!("{word}: {}", need.claim());
        self.wait(&format!("{stable}: {why}"), &stable, self.soon())
    }

    fn accepted(&mut self, goal: Goal) -> Next {
        match goal {
            Goal::Unseen => Next::Record(RunEvent::Done {
                step: self.step.id,
                evidence: vec!["the reply says so, and it was checked before it was given".into()],
                already: false,
            }),
            goal => self.await_goal(&goal),
        }
    }

    fn refused(&mut self, why: Why, goal: &Goal) -> Next {
        if let Doing::Act { action } = &self.step.doing
            && action.can_be_done_by_hand()
        {
            return self.by_hand(&why, goal);
        }
        // Refused may mean that it was so already: look first.
        if let Goal::Unclear(unclear) = goal
            && !self.is_overdue()
        {
            return self.look(unclear);
        }
        if !matches!(why.kind, WhyKind::Throttled | WhyKind::Unavailable) {
            return stopped(self.step, why);
        }
        let now = self.snapshot.now;
        let first = self.state.first_sent.unwrap_or(now.wall);
        let patience = RETRY_FOR.max(Duration::from_millis(self.step.deadline_ms));
        if now.wall_since(first) >= patience {
            let text = format!("refused for too long: {}", why.text);
            return stopped(self.step, Why::new(why.kind, text));
        }
        let again = self.asked.at.plus(RETRY);
        if now < again {
            return self.wait(
                &format!("refused for now: {why}"),
                "refused for now; it is sent again",
                again,
            );
        }
        self.before(goal)
    }

    /// quorate cannot do it from here; a person may, and that is noticed, or said where nothing shows it.
    fn by_hand(&mut self, why: &Why, goal: &Goal) -> Next {
        let because = format!("{why}; do it by hand: {}", self.step.command);
        if let Goal::Unseen = goal {
            return self.doubt(&Why::new(why.kind, because), true);
        }
        if self.is_overdue() {
            return self.await_goal(goal);
        }
        self.wait(&because, "it is to be done by hand", self.soon())
    }

    fn in_doubt(&mut self, why: &Why, goal: Goal) -> Next {
        let seen = match goal {
            Goal::Missed(because) => because,
            Goal::Unclear(unclear) if self.is_overdue() => return self.doubt(&unclear, false),
            Goal::Unclear(unclear) => return self.look(&unclear),
            Goal::Unseen if self.step.repeats_by_itself() => return self.repeat_unseen(why, &goal),
            _ => return self.doubt(why, self.is_action_repeatable()),
        };
        let settle = match &self.step.doing {
            Doing::Act {
                action: Action::Service { .. },
            } => SETTLE_SERVICE,
            _ => SETTLE,
        };
        if self.snapshot.now.since(self.asked.at) < settle {
            return self.look(&seen);
        }
        if self.step.repeats_by_itself() {
            return self.before(&Goal::Missed(seen));
        }
        self.doubt(&seen, true)
    }

    /// Nothing shows it, and twice is the same as once: it is sent again, but never at once and not for ever.
    fn repeat_unseen(&mut self, why: &Why, goal: &Goal) -> Next {
        let now = self.snapshot.now;
        let first = self.state.first_sent.unwrap_or(now.wall);
        if now.wall_since(first) >= RETRY_FOR {
            return self.doubt(why, true);
        }
        let again = self.asked.at.plus(RETRY);
        if now < again {
            return self.wait(&format!("no answer: {why}"), "no answer; it is sent again", again);
        }
        self.before(goal)
    }

    fn is_action_repeatable(&self) -> bool {
        match &self.step.doing {
            Doing::Act { action } => action.is_repeatable(),
            Doing::LabelNew { .. } | Doing::MoveOne { .. } => true,
            Doing::ByHand | Doing::Attest { .. } | Doing::Watch => false,
        }
    }

    fn doubt(&self, why: &Why, may_send_again: bool) -> Next {
        Next::Ask {
            step: self.step.id,
            question: Question::Doubt {
                why: why.clone(),
                may_send_again,
            },
        }
    }

    /// Looks before anything else is done.
    fn look(&mut self, why: &Why) -> Next {
        if self.is_overdue() {
            return self.overdue(&why.to_string());
        }
        self.wait(&format!("looking: {why}"), "looking whether it is so", self.soon())
    }

    fn await_goal(&mut self, goal: &Goal) -> Next {
        let missing = match goal {
            Goal::Missed(why) | Goal::Unclear(why) => why.to_string(),
            Goal::Reached(_) | Goal::Holding(_) | Goal::Unseen => self.step.title.to_string(),
        };
        if self.is_overdue() {
            return self.overdue(&missing);
        }
        self.wait(&missing, self.step.title.as_str(), self.soon())
    }

    fn overdue(&self, because: &str) -> Next {
        Next::Ask {
            step: self.step.id,
            question: Question::Overdue {
                because: Text::new(because),
            },
        }
    }

    fn is_overdue(&self) -> bool {
        self.snapshot.now.since(self.asked.at) >= Duration::from_millis(self.step.deadline_ms)
    }

    fn unless_paused(&mut self, next: Next) -> Next {
        match &self.view.paused {
            Some(because) => self.wait(&format!("paused: {because}"), "paused", self.soon()),
            None => next,
        }
    }

    fn soon(&self) -> Stamp {
        self.snapshot.now.plus(TICK)
    }

    /// Waits; what the journal says of it has no ages, so that it is written once.
    fn wait(&mut self, because: &str, written: &str, until: Stamp) -> Next {
        let written = Text::new(written);
        let said = self.view.waiting.as_ref();
        let is_said = said.is_some_and(|(step, because)| *step == self.step.id && *because == written);
        if self.asked.told.insert(written.clone()) && !is_said {
            return Next::Record(RunEvent::Waiting {
                step: self.step.id,
                because: written,
            });
        }
        Next::Wait {
            step: self.step.id,
            because: Text::new(because),
            until,
        }
    }
}

#[cfg(test)]
pub(in crate::plan) mod tests;
