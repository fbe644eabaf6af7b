//! One play under the referee's eyes. Start reading at [`Trial::go_on`].

use crate::referee::{Facts, Referee, is_reached};
use quorate::plan::view::{Ending, Illegal};
use quorate::plan::{Plan, RunEvent, RunView, StepId};
use quorate::rehearse::mishap::{Mishap, Scheduled};
use quorate::rehearse::play::{Play, Turn};
use quorate::rehearse::stage::Stage;

/// No run of a simulated cluster takes longer, in world milliseconds.
const ENOUGH_MS: u64 = 6 * 3_600_000;
/// No run does more than this in one moment.
const MOST_LINES: u32 = 60;
/// How long a run is paused while something happens, in milliseconds: until all sources know it.
const PAUSE_MS: u64 = 15_000;

/// A run with its referee. A copy goes on by itself.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The run.
    pub play: Play,
    referee: Referee,
}

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It got over everything, and past the step that was asked for.
    WentOn,
    /// It ended.
    Ended(Ending),
}

impl Trial {
    /// A confirmed plan.
    pub fn begin(stage: &Stage, wanted: &Plan, mishaps: &[Scheduled]) -> Self {
        let play = Play::begin(stage.clone(), wanted.clone(), mishaps).unwrap();
        let referee = Referee::new(&play);
        Self { play, referee }
    }

    /// The same run at the beginning of each of its steps, when nothing goes wrong; it must reach its goal.
    pub fn at_every_step(stage: &Stage, plan: &Plan) -> Result<Vec<Self>, String> {
        let mut trial = Self::begin(stage, plan, &[]);
        let mut all = vec![trial.clone()];
        for n in 1..=plan.steps.len() {
            let outcome = trial.go_on(Some(StepId(u16::try_from(n).unwrap())))?;
            match outcome {
                Outcome::WentOn => all.push(trial.clone()),
                Outcome::Ended(Ending::Finished) => return Ok(all),
                Outcome::Ended(ending) => return Err(told(&trial.play, &format!("{ending:?}"))),
            }
        }
        match trial.go_on(None)? {
            Outcome::Ended(Ending::Finished) => Ok(all),
            outcome => Err(told(&trial.play, &format!("{outcome:?}"))),
        }
    }

    /// The step that it stands at.
    pub fn step(&self) -> StepId {
        self.play.view.current().map_or(StepId(0), |(step, _)| step.id)
    }

    /// Something goes wrong at this step: at once, or while the run is paused.
    pub fn suffer(&mut self, mishap: Mishap, in_a_pause: bool) {
        if in_a_pause {
            self.play.pause_while(mishap, PAUSE_MS).unwrap();
        } else {
            let step = self.step();
            self.play.expect(Scheduled {
                step,
                after_ms: 0,
                mishap,
            });
        }
    }

    /// Plays on: to the end, or until `past` is done and nothing more goes wrong. The error is what must never happen.
    pub fn go_on(&mut self, past: Option<StepId>) -> Result<Outcome, String> {
        let mut lines = 0;
        loop {
            let current = self.play.view.current().map(|(step, _)| step.id);
            if past.is_some_and(|past| current.is_some_and(|step| step > past)) && self.play.is_calm() {
                return Ok(Outcome::WentOn);
            }
            let facts = Facts::of(&self.play);
            let turn = self.play.turn().map_err(|error| illegal(&error))?;
            let judged = self.referee.judge(&facts, &self.play, &turn);
            judged.map_err(|error| told(&self.play, &error))?;
            lines = if matches!(turn, Turn::Wrote(_)) { lines + 1 } else { 0 };
            if lines > MOST_LINES {
                return Err(told(&self.play, "it writes without end"));
            }
            if let Turn::Ended(ending) = turn {
                return self.ended(ending);
            }
            if self.play.took_ms() > ENOUGH_MS {
                return Err(told(&self.play, "neither its goal nor a reason"));
            }
        }
    }

    fn ended(&self, ending: Ending) -> Result<Outcome, String> {
        let folded = RunView::fold(&self.play.journal).map_err(|error| illegal(&error))?;
        if folded != self.play.view {
            return Err("the journal's fold is not the run".to_owned());
        }
        let reason = match &ending {
            Ending::Finished => {
                let world = self.play.stage.world();
                let is_undisturbed = self.play.struck_ms.is_none();
                let reached = is_reached(world, &self.play.view.plan.intent, is_undisturbed);
                reached.map_err(|error| told(&self.play, &format!("finished, but {error}")))?;
                return Ok(Outcome::Ended(ending));
            }
            Ending::Stopped { why, .. } => &why.text,
            Ending::Abandoned { reason, .. } => reason,
        };
        if reason.as_str().len() < 10 {
            return Err(told(&self.play, "no clear reason"));
        }
        Ok(Outcome::Ended(ending))
    }

    /// The same run under a plan that lacks some gates: needs, or reasons to stop, by the beginning of their names.
    pub fn without(&self, step: StepId, gates: &[&str]) -> Self {
        let mut other = self.clone();
        let is_cut = |name: &str| gates.iter().any(|gate| name.starts_with(gate));
        if let Some(first) = other.play.journal.first_mut()
            && let RunEvent::Begun { plan, digest, .. } = &mut first.event
        {
            for own in &mut plan.steps {
                if own.id == step {
                    own.needs.retain(|need| !is_cut(need.name().as_str()));
                }
                own.stop_when.retain(|stop| !is_cut(stop.name().as_str()));
            }
            *digest = plan.digest();
        }
        other.play.view = RunView::fold(&other.play.journal).unwrap();
        other
    }
}

fn illegal(error: &Illegal) -> String {
    format!("the journal is illegal: {error}")
}

/// What happened, with the last lines of the journal.
fn told(play: &Play, error: &str) -> String {
    let lines: Vec<String> = play
        .journal
        .iter()
        .skip(1)
        .map(|entry| format!("{:?}", entry.event))
        .collect();
    let from = lines.len().saturating_sub(14);
    format!("{error}\n  {}", lines[from..].join("\n  "))
}
