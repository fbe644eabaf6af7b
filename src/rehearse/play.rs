//! One run on a stage: the stepper says what is next, and it is done to the world; people are played too. Time passes only
//! when nothing else is to be done. Start reading at [`Play::turn`].

use super::mishap::{self, Mishap, Scheduled};
use super::person::{Answer, Person};
use super::send::Slip;
use super::stage::{LOOK_MS, Stage};
use crate::plan::event::{Operator, Sent};
use crate::plan::view::{Ending, Illegal};
use crate::plan::{Action, Drive, Entry, Next, Plan, RunEvent, RunId, RunView, StepId};
use crate::sim::world::fault::Fault;

/// From making a plan to running it, in milliseconds.
const READING_MS: u64 = 10_000;

/// What one turn was about.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// A line was written.
    Wrote(RunEvent),
    /// A request was sent.
    Sent(Request),
    /// A person did by hand what a step leaves to people.
    Helped(StepId),
    /// Time passed.
    Waited,
    /// quorate died, and another one went on with the run.
    TookOver,
    /// The run has ended.
    Ended(Ending),
}

/// A request that left.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// For which step.
    pub step: StepId,
    /// What.
    pub action: Action,
    /// How it went; None where quorate died before it knew.
    pub sent: Option<Sent>,
}

/// A run, the world that it acts on, and the people around it. A copy goes on by itself.
#[derive(Debug, Clone)]
pub struct Play {
    /// The world.
    pub stage: Stage,
    /// Every line so far.
    pub journal: Vec<Entry>,
    /// The journal's fold.
    pub view: RunView,
    drive: Drive,
    person: Person,
    mishaps: Vec<Scheduled>,
    /// What happens by itself later: world milliseconds, and what.
    later: Vec<(u64, Fault)>,
    /// What went wrong so far, and when, in milliseconds since the beginning.
    pub struck: Vec<(u64, Mishap)>,
    /// When something struck the cluster last, in world milliseconds.
    pub struck_ms: Option<u64>,
    /// The step that the run stands at, and since when, in world milliseconds.
    at_step: (StepId, u64),
}

impl Play {
    /// A person has read and confirmed the plan. Mishaps of step 0 strike before the first step.
    pub fn begin(stage: Stage, plan: Plan, mishaps: &[Scheduled]) -> Result<Self, Illegal> {
        let begun = Entry {
            at: stage.now().wall,
            event: RunEvent::Begun {
                run: RunId("rehearsal".into()),
                operator: operator(),
                digest: plan.digest(),
                plan: Box::new(plan),
            },
        };
        let view = RunView::begin(&begun)?;
        let now_ms = stage.world().now_ms();
        let mut started = Self {
            stage,
            journal: vec![begun],
            view,
            drive: Drive::new(),
            person: Person::default(),
            mishaps: mishaps.to_vec(),
            later: Vec::new(),
            struck: Vec::new(),
            struck_ms: None,
            at_step: (StepId(0), now_ms),
        };
        // What happens between reading and running.
        started.strike_due();
        started.stage.pass(READING_MS);
        started.note_step();
        Ok(started)
    }

    /// Does the next thing, or lets a second pass. An error is a line that cannot have followed: a defect.
    pub fn turn(&mut self) -> Result<Turn, Illegal> {
        self.note_step();
        if self.strike_due() {
            self.take_over()?;
            return Ok(Turn::TookOver);
        }
        match self.drive.next(&self.view, self.stage.snapshot()) {
            Next::Ended(ending) => Ok(Turn::Ended(ending)),
            Next::Record(event) => {
                self.write(event.clone())?;
                Ok(Turn::Wrote(event))
            }
            Next::Send { step, action } => self.send(step, action),
            Next::Ask { step, question } => match self.person.answer(&mut self.stage, &self.view, step, &question) {
                Some(answer) => {
                    let event = match answer {
                        Answer::Attested(words) => RunEvent::Attested {
                            step,
                            operator: operator(),
                            words,
                        },
                        Answer::Agreed => RunEvent::Agreed {
                            step,
                            operator: operator(),
                        },
                        Answer::StoppedWaiting => RunEvent::StoppedWaiting {
                            step,
                            operator: operator(),
                        },
                        Answer::Abandoned(reason) => RunEvent::Abandoned {
                            operator: operator(),
                            reason,
                        },
                    };
                    self.write(event.clone())?;
                    Ok(Turn::Wrote(event))
                }
                None => Ok(self.wait()),
            },
            Next::Wait { step, because, .. } => {
                if let Some(reason) = self.person.give_up(&self.stage, step, &because) {
                    let event = RunEvent::Abandoned {
                        operator: operator(),
                        reason,
                    };
                    self.write(event.clone())?;
                    return Ok(Turn::Wrote(event));
                }
                if self.person.lend_a_hand(&mut self.stage, &self.view, step) {
                    self.stage.pass(LOOK_MS);
                    return Ok(Turn::Helped(step));
                }
                Ok(self.wait())
            }
        }
    }

    /// One more thing will go wrong.
    pub fn expect(&mut self, mishap: Scheduled) {
        self.mishaps.push(mishap);
    }

    /// Whether nothing more is going to go wrong.
    pub fn is_calm(&self) -> bool {
        self.mishaps.is_empty() && self.later.is_empty()
    }

    /// A person pauses the run, something happens, and the run goes on later.
    pub fn pause_while(&mut self, mishap: Mishap, pause_ms: u64) -> Result<(), Illegal> {
        self.write(RunEvent::Paused {
            because: "a person pauses it".into(),
        })?;
        self.strike(mishap);
        self.stage.pass(pause_ms);
        self.write(RunEvent::Continued)
    }

    /// How long the run has taken, in world milliseconds.
    pub fn took_ms(&self) -> u64 {
        let began = self.view.began.as_millisecond();
        u64::try_from(self.stage.now().wall.as_millisecond() - began).unwrap_or(0)
    }

    fn wait(&mut self) -> Turn {
        let now_ms = self.stage.world().now_ms();
        let (due, ahead): (Vec<_>, Vec<_>) = self.later.drain(..).partition(|(at, _)| *at <= now_ms);
        self.later = ahead;
        for (_, fault) in due {
            self.struck_ms = Some(now_ms);
            // What is impossible by then does not happen.
            let _ = self.stage.world_mut().inject(&fault);
        }
        self.stage.pass(LOOK_MS);
        Turn::Waited
    }

    fn write(&mut self, event: RunEvent) -> Result<(), Illegal> {
        let entry = Entry {
            at: self.stage.now().wall,
            event,
        };
        self.view.apply(&entry)?;
        self.journal.push(entry);
        Ok(())
    }

    fn send(&mut self, step: StepId, action: Action) -> Result<Turn, Illegal> {
        let mishap = self.take(|own| own.step == step && own.mishap.is_of_request());
        self.struck.extend(mishap.map(|mishap| (self.took_ms(), mishap)));
        self.write(RunEvent::Intended {
            step,
            action: action.clone(),
        })?;
        let slip = match mishap {
            Some(Mishap::KilledBefore) => {
                self.take_over()?;
                return Ok(Turn::TookOver);
            }
            Some(Mishap::Refused) => Some(Slip::Refused),
            Some(Mishap::ReplyLost) => Some(Slip::LostReply),
            Some(Mishap::TimedOut) => Some(Slip::Timeout),
            _ => None,
        };
        let sent = self.stage.send(&action, slip);
        let is_killed = mishap == Some(Mishap::KilledAfter);
        if is_killed {
            self.take_over()?;
        } else {
            self.write(RunEvent::Answered {
                step,
                sent: sent.clone(),
            })?;
            // An answer is seen with the next look.
            self.stage.pass(LOOK_MS);
        }
        Ok(Turn::Sent(Request {
            step,
            action,
            sent: (!is_killed).then_some(sent),
        }))
    }

    /// Another quorate: it has the journal, and nothing else.
    fn take_over(&mut self) -> Result<(), Illegal> {
        self.stage.start_anew();
        self.drive = Drive::new();
        self.view = RunView::fold(&self.journal)?;
        self.write(RunEvent::Resumed { operator: operator() })
    }

    fn note_step(&mut self) {
        let current = self.view.current().map(|(step, _)| step.id);
        if let Some(step) = current.filter(|step| *step != self.at_step.0) {
            self.at_step = (step, self.stage.world().now_ms());
        }
    }

    /// Lets the world's mishaps strike that are due. Whether quorate itself died.
    fn strike_due(&mut self) -> bool {
        let (current, since) = self.at_step;
        let waited = self.stage.world().now_ms().saturating_sub(since);
        let is_answered = self.view.current().is_some_and(|(_, state)| {
            matches!(state.stage, crate::plan::view::Stage::Answered(_)) || state.attempts == 0 && waited > 0
        });
        let is_due = |own: &Scheduled| {
            let is_time = own.step == current && waited >= own.after_ms;
            is_time && !own.mishap.is_of_request() && (own.mishap != Mishap::KilledVerifying || is_answered)
        };
        let mut is_killed = false;
        while let Some(mishap) = self.take(is_due) {
            is_killed |= mishap == Mishap::KilledVerifying;
            self.strike(mishap);
        }
        is_killed
    }

    fn strike(&mut self, mishap: Mishap) {
        self.struck_ms = Some(self.stage.world().now_ms());
        self.struck.push((self.took_ms(), mishap));
        let later = mishap::strike(&mut self.stage, &self.view.plan.intent, mishap);
        self.later.extend(later);
    }

    fn take(&mut self, is_meant: impl Fn(&Scheduled) -> bool) -> Option<Mishap> {
        let place = self.mishaps.iter().position(is_meant)?;
        Some(self.mishaps.remove(place).mishap)
    }
}

fn operator() -> Operator {
    Operator {
        user: "rehearsal".into(),
        host: "here".into(),
        pid: 1,
    }
}
