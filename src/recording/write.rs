//! From messages to lines. Start reading at [`Encoder`].

use std::sync::Arc;

use serde_json::Value;

use super::difference::{Before, EveryRow, without_rows};
use super::{Frame, Line, NOT_RECORDED, Took, Whole, stamps};
use crate::app::sheet::Body;
use crate::app::{Derived, Msg, State};
use crate::base::{Stamp, Text};
use crate::check::Level;
use crate::model::question::{Answer, Event, Told};

/// Writes segments: a whole state, then frame after frame.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Of the segment that is written.
    segment: Option<(Before, Level)>,
    /// What was taken in since the last frame.
    took: Vec<Took>,
}

impl Encoder {
    /// Begins a segment with the console as it is. What was taken in and not drawn is in that state already.
    pub fn begin(&mut self, state: &State, lost: u64) -> Result<String, serde_json::Error> {
        self.took.clear();
        let anchor = state.snapshot.now;
        let verdict = state.derived.report.verdict.level;
        let before = Before::begin(Arc::clone(&state.snapshot), anchor)?;
        let good = state.failovers.good().cloned();
        let line = Line::Whole(Box::new(Whole {
            at: anchor.wall,
            verdict,
            anchor,
            lost,
            state: whole(state, anchor)?,
            rows: EveryRow(&state.snapshot, anchor),
            good: good.map(|good| before.clone().next(good)).transpose()?,
        }));
        self.segment = Some((before, verdict));
        serde_json::to_string(&line)
    }

    /// A message was taken in. Before the first segment nothing is recorded.
    pub fn take(&mut self, msg: Msg) -> Result<(), serde_json::Error> {
        let Some((before, _)) = &mut self.segment else {
            return Ok(());
        };
        self.took.push(match msg {
            Msg::Snapshot(snapshot) => Took::Snapshot(Box::new(before.next(snapshot)?)),
            // What a frame found out is found out again.
            Msg::Geometry(_) => return Ok(()),
            msg => Took::Msg(Box::new(msg)),
        });
        Ok(())
    }

    /// A frame was drawn at that moment, under that verdict. None before the first segment.
    pub fn drawn(&mut self, now: Stamp, verdict: Level) -> Result<Option<String>, serde_json::Error> {
        let Some((_, known)) = &mut self.segment else {
            return Ok(None);
        };
        let line = <Line>::Frame(Frame {
            at: now.wall,
            verdict: (std::mem::replace(known, verdict) != verdict).then_some(verdict),
            took: std::mem::take(&mut self.took),
        });
        serde_json::to_string(&line).map(Some)
    }
}

/// The state without the rows of the snapshot and what follows from it, and without texts that may hold secrets.
fn whole(state: &State, anchor: Stamp) -> Result<Value, serde_json::Error> {
    let mut state = state.clone();
    state.snapshot = Arc::new(without_rows(&state.snapshot));
    // It is worked out again by the reader; that of no rows is small.
    state.derived = Arc::new(Derived::of(&state.snapshot, &state.policy));
    for sheet in &mut state.sheets {
        match &mut sheet.body {
            Body::Yaml { lines, .. } => conceal(lines.iter_mut()),
            Body::Log(log) => conceal(log.lines.iter_mut()),
            Body::Events { events, .. } => conceal_events(events),
            Body::Pods { .. } | Body::Rehearsal(_) => {}
        }
    }
    let mut value = serde_json::to_value(&state)?;
    stamps::pack(&mut value, anchor);
    Ok(value)
}

/// A message as it is recorded: answers without their texts, and nothing that was pasted where nothing is typed. YAML, logs and
/// events are written by others and may hold whatever they like.
pub fn without_secrets(state: &State, msg: &Msg) -> Msg {
    match msg {
        Msg::Answer(answer) => Msg::Answer(concealed(answer.clone())),
        Msg::Paste(_) if state.prompt.is_none() => Msg::Paste(String::new()),
        msg => msg.clone(),
    }
}

fn concealed(mut answer: Answer) -> Answer {
    match &mut answer.told {
        Told::Yaml(lines) | Told::Log(lines) => conceal(lines.iter_mut()),
        Told::Events { events, .. } => conceal_events(events),
        Told::LogEnded(_) | Told::Failed { .. } => {}
    }
    answer
}

/// As many lines, so that what is scrolled stays where it is.
fn conceal<'a>(lines: impl Iterator<Item = &'a mut Text>) {
    for (number, line) in lines.enumerate() {
        *line = if number == 0 {
            NOT_RECORDED.into()
        } else {
            Text::default()
        };
    }
}

fn conceal_events(events: &mut [Event]) {
    for event in events {
        event.message = NOT_RECORDED.into();
    }
}
