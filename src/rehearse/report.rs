//! A rehearsal as told to people and programs: what happened at each step, how long it took, and where it stopped.

use serde::Serialize;

use super::mishap::Mishap;
use super::play::Play;
use crate::base::Text;
use crate::plan::view::Ending;
use crate::plan::{Condition, Entry, RunEvent, StepId};

/// What became of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `finished`, `stopped` or `abandoned`.
    pub result: &'static str,
    /// At which step it stopped, where it did.
    pub stopped_at: Option<u16>,
    /// Why, where it did not finish.
    pub reason: Option<Text>,
    /// How long it took, in seconds of the simulated cluster's time.
    pub took_s: u64,
    /// What happened to each step.
    pub steps: Vec<StepReport>,
    /// What was stated, sent and seen, in this order.
    pub events: Vec<Happened>,
    /// What went wrong on purpose, and when, in seconds since the beginning.
    pub faults: Vec<Struck>,
}

/// One line of the journal that a run moves on by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// `attested`, `overridden`, `intended`, `agreed`, `done`, `already` (so before anything was sent) or `stopped-waiting`.
    pub event: &'static str,
    /// At which step.
    pub step: u16,
    /// When, in seconds since the beginning.
    pub at_s: u64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// Its number.
    pub step: u16,
    /// What it does.
    pub title: Text,
    /// The command that it stands for.
    pub command: Text,
    /// What had to be so before it, by name.
    pub gates: Vec<Text>,
    /// The same in words, for people.
    #[serde(skip)]
    pub needs: Vec<Text>,
    /// When the run came to it, in seconds since the beginning. None: never.
    pub began_s: Option<u64>,
    /// How long it took, in seconds. None: it did not end.
    pub took_s: Option<u64>,
    /// How far it came, in a few words.
    pub outcome: &'static str,
    /// How often its request was sent.
    pub attempts: u32,
    /// What it waited for, in turn.
    pub waited_for: Vec<Text>,
    /// What showed that it was done.
    pub evidence: Vec<Text>,
}

/// One fault that struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Struck {
    /// Which.
    pub fault: &'static str,
    /// When, in seconds since the beginning.
    pub at_s: u64,
}

/// Tells a play that has ended so.
pub fn report(play: &Play, ending: &Ending) -> Report {
    let (result, stopped_at, reason) = match ending {
        Ending::Finished => ("finished", None, None),
        Ending::Stopped { step, why } => ("stopped", Some(step.0), Some(Text::new(&why.to_string()))),
        Ending::Abandoned { reason, .. } => {
            let step = play.view.current().map(|(step, _)| step.id.0);
            ("abandoned", step, Some(reason.clone()))
        }
    };
    let mut began_s = Some(0);
    let mut steps = Vec::new();
    for (step, state) in play.view.plan.steps.iter().zip(&play.view.steps) {
        let ended_s = if state.stage.is_over() {
            ended_s(play, step.id)
        } else {
            None
        };
        steps.push(StepReport {
            step: step.id.0,
            title: step.title.clone(),
            command: step.command.clone(),
            gates: step.needs.iter().map(Condition::name).collect(),
            needs: step.needs.iter().map(Condition::claim).collect(),
            began_s,
            took_s: began_s.zip(ended_s).map(|(from, to)| to.saturating_sub(from)),
            outcome: state.stage.word(),
            attempts: state.attempts,
            waited_for: waited_for(play, step.id),
            evidence: evidence(play, step.id),
        });
        began_s = ended_s;
    }
    Report {
        result,
        stopped_at,
        reason,
        took_s: play.took_ms() / 1_000,
        steps,
        events: events(play),
        faults: play
            .struck
            .iter()
            .map(|(at_ms, mishap)| struck(*at_ms, *mishap))
            .collect(),
    }
}

const fn struck(at_ms: u64, mishap: Mishap) -> Struck {
    Struck {
        fault: mishap.name(),
        at_s: at_ms / 1_000,
    }
}

fn events(play: &Play) -> Vec<Happened> {
    let told = play.journal.iter().filter_map(|entry| {
        let (event, step) = match &entry.event {
            RunEvent::Attested { step, .. } => ("attested", step),
            RunEvent::Overridden { step, .. } => ("overridden", step),
            RunEvent::Intended { step, .. } => ("intended", step),
            RunEvent::Agreed { step, .. } => ("agreed", step),
            RunEvent::Done {
                step, already: true, ..
            } => ("already", step),
            RunEvent::Done {
                step, already: false, ..
            } => ("done", step),
            RunEvent::StoppedWaiting { step, .. } => ("stopped-waiting", step),
            RunEvent::Begun { .. }
            | RunEvent::Resumed { .. }
            | RunEvent::Answered { .. }
            | RunEvent::Waiting { .. }
            | RunEvent::Paused { .. }
            | RunEvent::Continued
            | RunEvent::Stopped { .. }
            | RunEvent::Abandoned { .. }
            | RunEvent::Finished => return None,
        };
        Some(Happened {
            event,
            step: step.0,
            at_s: since(play, entry),
        })
    });
    told.collect()
}

/// Seconds since the beginning.
fn since(play: &Play, entry: &Entry) -> u64 {
    let ms = entry.at.as_millisecond() - play.view.began.as_millisecond();
    u64::try_from(ms).unwrap_or(0) / 1_000
}

/// When the last line about a step was written.
fn ended_s(play: &Play, step: StepId) -> Option<u64> {
    let is_end = |event: &RunEvent| matches!(event, RunEvent::Done { step: own, .. } | RunEvent::StoppedWaiting { step: own, .. } if *own == step);
    let entry = play.journal.iter().find(|entry| is_end(&entry.event))?;
    Some(since(play, entry))
}

fn waited_for(play: &Play, step: StepId) -> Vec<Text> {
    let events = play.journal.iter().map(|entry| &entry.event);
    events
        .filter_map(|event| match event {
            RunEvent::Waiting { step: own, because } if *own == step => Some(because.clone()),
            _ => None,
        })
        .collect()
}

fn evidence(play: &Play, step: StepId) -> Vec<Text> {
    let mut events = play.journal.iter().map(|entry| &entry.event);
    let done = events.find_map(|event| match event {
        RunEvent::Done {
            step: own, evidence, ..
        } if *own == step => Some(evidence.clone()),
        _ => None,
    });
    done.unwrap_or_default()
}
