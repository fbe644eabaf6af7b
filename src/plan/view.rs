//! A run as its journal tells it: the fold of all events. A line that cannot have followed is refused by its number, so
//! that a journal of another cluster, or one that was edited, moves nothing. Start at [`RunView::fold`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::drive::Question;
use super::event::{Entry, Operator, RunEvent, RunId, Sent};
use super::step::{Doing, Plan, Risk, Step, StepId};
use crate::base::{Text, Why};

/// A line that cannot have followed those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the journal: {text}")]
pub struct Illegal {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub text: Text,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing was done for it.
    Ahead,
    /// Its request left, or was about to, and no answer is written down.
    InFlight,
    /// Its request was answered.
    Answered(Sent),
    /// A person agreed to send it again.
    Agreed,
    /// A person stated what cannot be observed.
    Attested {
        /// Who.
        operator: Operator,
        /// What was typed.
        words: Text,
    },
    /// It was seen to be done.
    Done {
        /// What shows it.
        evidence: Vec<Text>,
        /// It was true before anything was sent.
        already: bool,
    },
    /// A person stopped waiting for it.
    GivenUp,
}

impl Stage {
    /// Whether the run is past it.
    pub const fn is_over(&self) -> bool {
        matches!(self, Stage::Done { .. } | Stage::GivenUp)
    }

    /// The stage in a few words.
    pub const fn word(&self) -> &'static str {
        match self {
            Stage::Ahead => "ahead",
            Stage::InFlight => "sent, no answer yet",
            Stage::Answered(Sent::Accepted) => "accepted, watching",
            Stage::Answered(Sent::Refused { .. }) => "refused",
            Stage::Answered(Sent::Unknown { .. }) => "fate unknown, looking",
            Stage::Agreed => "to be sent again",
            Stage::Attested { .. } => "stated",
            Stage::Done { already: true, .. } => "already so",
            Stage::Done { already: false, .. } => "done",
            Stage::GivenUp => "not seen done",
        }
    }
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// How far it is.
    pub stage: Stage,
    /// How often its request left.
    pub attempts: u32,
    /// When its request left first, by the clock of the host that sent it.
    pub first_sent: Option<Timestamp>,
    /// When something happened to it last.
    pub changed: Option<Timestamp>,
    /// Gates that a person lets pass, and why.
    pub overridden: BTreeMap<Text, Text>,
}

impl StepView {
    const fn new() -> Self {
        Self {
            stage: Stage::Ahead,
            attempts: 0,
            first_sent: None,
            changed: None,
            overridden: BTreeMap::new(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// No step is left.
    Finished,
    /// Before its goal.
    Stopped {
        /// The step it stood at.
        step: StepId,
        /// Why.
        why: Why,
    },
    /// A person gave it up.
    Abandoned {
        /// Who.
        operator: Operator,
        /// Why, typed.
        reason: Text,
    },
}

/// A run so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// Its name.
    pub run: RunId,
    /// Who runs it now.
    pub operator: Operator,
    /// When it began.
    pub began: Timestamp,
    /// What was shown and confirmed.
    pub plan: Plan,
    /// The plan's digest.
    pub digest: Text,
    /// One for each step of the plan.
    pub steps: Vec<StepView>,
    /// Why it is paused, where it is.
    pub paused: Option<Text>,
    /// What it said last that it waits for, and at which step.
    pub waiting: Option<(StepId, Text)>,
    /// How it ended.
    pub ended: Option<Ending>,
    /// How many lines the journal has.
    pub lines: usize,
}

/// How a run stands now, for whoever shows it: its journal, and what the journal does not say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// As its journal tells it.
    pub view: RunView,
    /// What only a person can tell, now.
    pub question: Option<(StepId, Question)>,
    /// What it waits for, with ages.
    pub waits_for: Option<Text>,
    /// Why the last input was not taken.
    pub rejected: Option<Text>,
}

impl Status {
    /// Of a run of which nothing more is known than its journal.
    pub const fn of(view: RunView) -> Self {
        Self {
            view,
            question: None,
            waits_for: None,
            rejected: None,
        }
    }

    /// Whether it goes on, or could.
    pub const fn is_open(&self) -> bool {
        self.view.ended.is_none()
    }
}

impl RunView {
    /// How it stands, in a few words.
    pub fn standing(&self) -> String {
        let at = || self.current().map_or(0, |(step, _)| step.id.0);
        match &self.ended {
            Some(Ending::Finished) => "finished".to_owned(),
            Some(Ending::Stopped { step, .. }) => format!("stopped at step {}", step.0),
            Some(Ending::Abandoned { .. }) => "abandoned".to_owned(),
            None if self.paused.is_some() => format!("paused at step {}", at()),
            None => format!("open at step {}", at()),
        }
    }

    /// All lines of a journal.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, Illegal> {
        let mut entries = entries.into_iter();
        let Some(first) = entries.next() else {
            return Err(illegal(1, "the journal is empty"));
        };
        let mut view = Self::begin(first)?;
        for entry in entries {
            view.apply(entry)?;
        }
        Ok(view)
    }

    /// The first line.
    pub fn begin(entry: &Entry) -> Result<Self, Illegal> {
        let RunEvent::Begun {
            run,
            operator,
            plan,
            digest,
        } = &entry.event
        else {
            return Err(illegal(1, "a run begins with the plan that it runs"));
        };
        if plan.digest() != *digest {
            return Err(illegal(
                1,
                "the plan is not the one that was confirmed: its digest differs",
            ));
        }
        if plan.steps.is_empty() {
            return Err(illegal(1, "the plan has no step"));
        }
        let counted = plan.steps.iter().zip(1_u16..).all(|(step, n)| step.id == StepId(n));
        if !counted {
            return Err(illegal(1, "the plan's steps are not counted from 1"));
        }
        Ok(Self {
            run: run.clone(),
            operator: operator.clone(),
            began: entry.at,
            plan: (**plan).clone(),
            digest: digest.clone(),
            steps: vec![StepView::new(); plan.steps.len()],
            paused: None,
            waiting: None,
            ended: None,
            lines: 1,
        })
    }

    /// One more line. On an error nothing has changed.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        let line = self.lines + 1;
        let checked = self.check(&entry.event);
        checked.map_err(|text| illegal(line, &text))?;
        self.lines = line;
        self.change(entry);
        Ok(())
    }

    /// Whether a person's input may be taken now; otherwise why not, for that person.
    pub fn may_take(&self, event: &RunEvent) -> Result<(), Text> {
        self.check(event).map_err(Text::from)
    }

    /// The step that the run stands at; None when none is left.
    pub fn current(&self) -> Option<(&Step, &StepView)> {
        let mut steps = self.plan.steps.iter().zip(&self.steps);
        steps.find(|(_, view)| !view.stage.is_over())
    }

    /// One step with its plan.
    pub fn step(&self, id: StepId) -> Option<(&Step, &StepView)> {
        let index = usize::from(id.0).checked_sub(1)?;
        Some((self.plan.steps.get(index)?, self.steps.get(index)?))
    }

    /// Steps whose waiting was stopped: not seen to be done.
    pub fn unseen(&self) -> impl Iterator<Item = &Step> {
        let steps = self.plan.steps.iter().zip(&self.steps);
        steps
            .filter(|(_, view)| view.stage == Stage::GivenUp)
            .map(|(step, _)| step)
    }

    /// Whether the event may follow; otherwise why not.
    fn check(&self, event: &RunEvent) -> Result<(), String> {
        if self.ended.is_some() {
            return Err("the run had ended".to_owned());
        }
        match event {
            RunEvent::Begun { .. } => Err("the run had begun already".to_owned()),
            RunEvent::Resumed { .. } | RunEvent::Abandoned { .. } => Ok(()),
            RunEvent::Paused { .. } => require(self.paused.is_none(), "the run was paused already"),
            RunEvent::Continued => require(self.paused.is_some(), "the run was not paused"),
            RunEvent::Finished => require(self.current().is_none(), "steps are left"),
            RunEvent::Attested { step, .. }
            | RunEvent::Overridden { step, .. }
            | RunEvent::Intended { step, .. }
            | RunEvent::Answered { step, .. }
            | RunEvent::Agreed { step, .. }
            | RunEvent::Done { step, .. }
            | RunEvent::Waiting { step, .. }
            | RunEvent::StoppedWaiting { step, .. }
            | RunEvent::Stopped { step, .. } => self.check_step(*step, event),
        }
    }

    fn check_step(&self, id: StepId, event: &RunEvent) -> Result<(), String> {
        let Some((step, view)) = self.current().filter(|(step, _)| step.id == id) else {
            return Err(format!("the run does not stand at step {}", id.0));
        };
        let in_flight = view.stage == Stage::InFlight;
        match event {
            RunEvent::Answered { .. } => require(in_flight, "nothing was sent"),
            RunEvent::Attested { words, .. } => match &step.doing {
                Doing::Attest { words: asked } if view.stage == Stage::Ahead => {
                    require(words == asked, &format!("the words to type are: {asked}"))
                }
                _ => Err("nothing is to be stated here".to_owned()),
            },
            RunEvent::Overridden { gate, .. } => {
                let mut gates = step.needs.iter();
                let gate = gates.find(|need| need.name() == *gate);
                require(
                    gate.is_some_and(super::Condition::may_be_overridden),
                    "no gate of this step may be passed under that name",
                )
            }
            RunEvent::Intended { action, .. } => self.check_intended(step, view, action),
            RunEvent::StoppedWaiting { .. } if matches!(step.doing, Doing::Attest { .. }) => {
                Err("this must be stated, or the run abandoned".to_owned())
            }
            RunEvent::Agreed { .. } => require(
                matches!(view.stage, Stage::Answered(Sent::Unknown { .. })),
                "no request of unknown fate is to be sent again",
            ),
            _ => require(!in_flight, "a request is in flight"),
        }
    }

    fn check_intended(&self, step: &Step, view: &StepView, action: &Action) -> Result<(), String> {
        require(self.paused.is_none(), "the run was paused")?;
        if step.doing.sample().is_none() {
            return Err("nothing is to be sent at this step".to_owned());
        }
        require(step.doing.covers(action), "the request is not the one that was shown")?;
        let may_be_sent = match &view.stage {
            Stage::Ahead | Stage::Agreed | Stage::Answered(Sent::Refused { .. }) => true,
            Stage::Answered(Sent::Unknown { .. }) => step.repeats_by_itself(),
            _ => false,
        };
        require(may_be_sent, "a request whose fate is not known is not sent again")
    }

    fn change(&mut self, entry: &Entry) {
        if !matches!(entry.event, RunEvent::Waiting { .. }) {
            self.waiting = None;
        }
        match entry.event.clone() {
            RunEvent::Begun { .. } => {}
            RunEvent::Resumed { operator } => {
                self.operator = operator;
                self.paused = None;
            }
            RunEvent::Attested { operator, words, .. } => self.stage(entry, Stage::Attested { operator, words }),
            RunEvent::Overridden { gate, reason, .. } => {
                if let Some(view) = self.current_mut() {
                    view.overridden.insert(gate, reason);
                }
            }
            RunEvent::Intended { .. } => {
                if let Some(view) = self.current_mut() {
                    view.attempts += 1;
                    view.first_sent.get_or_insert(entry.at);
                }
                self.stage(entry, Stage::InFlight);
            }
            RunEvent::Answered { sent, .. } => self.stage(entry, Stage::Answered(sent)),
            RunEvent::Agreed { .. } => self.stage(entry, Stage::Agreed),
            RunEvent::Done { evidence, already, .. } => self.stage(entry, Stage::Done { evidence, already }),
            RunEvent::Waiting { step, because } => self.waiting = Some((step, because)),
            RunEvent::StoppedWaiting { .. } => self.stage(entry, Stage::GivenUp),
            RunEvent::Paused { because } => self.paused = Some(because),
            RunEvent::Continued => self.paused = None,
            RunEvent::Stopped { step, why } => self.ended = Some(Ending::Stopped { step, why }),
            RunEvent::Abandoned { operator, reason } => self.ended = Some(Ending::Abandoned { operator, reason }),
            RunEvent::Finished => self.ended = Some(Ending::Finished),
        }
    }

    fn current_mut(&mut self) -> Option<&mut StepView> {
        self.steps.iter_mut().find(|view| !view.stage.is_over())
    }

    fn stage(&mut self, entry: &Entry, stage: Stage) {
        if let Some(view) = self.current_mut() {
            view.stage = stage;
            view.changed = Some(entry.at);
        }
    }
}

impl Step {
    /// Whether its request may be sent again without a person, once a fresh look has shown that it did nothing.
    pub fn repeats_by_itself(&self) -> bool {
        match &self.doing {
            Doing::Act { action } => action.is_repeatable() && self.risk < Risk::Irreversible,
            Doing::LabelNew { .. } | Doing::MoveOne { .. } => true,
            Doing::ByHand | Doing::Attest { .. } | Doing::Watch => false,
        }
    }
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn illegal(line: usize, text: &str) -> Illegal {
    Illegal {
        line,
        text: Text::new(text),
    }
}

#[cfg(test)]
mod tests;
