//! From lines to the console again. Start reading at [`Recording`], then [`Decoder`].

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::difference::{Before, Rows, fill};
use super::{Head, Line, SCHEMA, Took, stamps};
use crate::app::{Derived, Msg, State};
use crate::base::{Stamp, Text, Why, WhyKind};
use crate::check::Level;
use crate::model::Snapshot;

/// A file's lines, and where what stands in them.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its first line.
    pub head: Head,
    /// What every line is.
    pub index: Vec<Index>,
    /// How many lines at the end are torn: the machine or the recorder died while they were written.
    pub torn: usize,
    lines: Vec<String>,
}

/// What a line is, without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// By the cluster's clock as it was seen from the recorder's host.
    pub at: Timestamp,
    /// The verdict after it.
    pub verdict: Level,
    /// Whether it is a whole state.
    pub is_whole: bool,
}

/// Why a line cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the recording cannot be read: {why}")]
pub struct Unreadable {
    /// Counted from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outline {
    Whole {
        at: Timestamp,
        verdict: Level,
        #[serde(rename = "state")]
        _state: IgnoredAny,
    },
    Frame {
        at: Timestamp,
        verdict: Option<Level>,
        #[serde(rename = "took")]
        _took: IgnoredAny,
    },
}

impl Recording {
    /// Reads a file's text. What is torn at its end is left out; anything else that cannot be read is an error.
    pub fn read(text: &str) -> Result<Self, Why> {
        let mut lines = text.lines();
        let head = head(lines.next().unwrap_or_default())?;
        let mut recording = Self {
            head,
            index: Vec::new(),
            torn: 0,
            lines: Vec::new(),
        };
        let lines: Vec<&str> = lines.collect();
        for (number, line) in lines.iter().enumerate() {
            match (serde_json::from_str(line), recording.index.last()) {
                (Ok(Outline::Whole { at, verdict, .. }), _) => recording.add(line, at, verdict, true),
                (Ok(Outline::Frame { at, verdict, .. }), Some(last)) => {
                    let verdict = verdict.unwrap_or(last.verdict);
                    recording.add(line, at, verdict, false);
                }
                // Only the last line can be torn.
                (Err(_), _) if number + 1 == lines.len() => recording.torn = 1,
                (Err(error), _) => return Err(garbage(&format!("line {} of it: {error}", number + 2))),
                (Ok(Outline::Frame { .. }), None) => return Err(garbage("it does not begin with a whole state")),
            }
        }
        if recording.index.is_empty() {
            return Err(garbage("it holds no state"));
        }
        Ok(recording)
    }

    fn add(&mut self, line: &str, at: Timestamp, verdict: Level, is_whole: bool) {
        self.lines.push(line.to_owned());
        self.index.push(Index { at, verdict, is_whole });
    }
}

fn garbage(what: &str) -> Why {
    Why::new(WhyKind::Garbage, format!("this is no whole recording: {what}"))
}

fn head(line: &str) -> Result<Head, Why> {
    #[derive(Deserialize)]
    struct Schema {
        schema: Text,
    }
    let schema = serde_json::from_str(line).map(|head: Schema| head.schema);
    let family = SCHEMA.split('/').next().unwrap_or(SCHEMA);
    match schema {
        Ok(schema) if schema == SCHEMA => {
            serde_json::from_str(line).map_err(|error| garbage(&format!("its first line: {error}")))
        }
        Ok(schema) if schema.as_str().split('/').next() == Some(family) => {
            let text = format!("this recording has the form {schema}; this quorate reads {SCHEMA}");
            Err(Why::new(WhyKind::Garbage, text).hint("replay it with the version that made it"))
        }
        Ok(schema) => Err(garbage(&format!("its first line says {schema}, not {SCHEMA}"))),
        Err(_) => Err(garbage(&format!("its first line does not say {SCHEMA}"))),
    }
}

/// Follows the lines.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    before: Option<Before>,
}

/// What a line says.
#[derive(Debug)]
pub enum Said {
    /// The console is this.
    Whole(Box<State>),
    /// The console took in these, and a frame was drawn.
    Took(Vec<Msg>),
}

impl Decoder {
    /// Reads one line, by its number in the index. Each must follow the one read before, or be a whole state.
    pub fn follow(&mut self, recording: &Recording, number: usize) -> Result<Said, Unreadable> {
        // The head is line 1.
        let unreadable = |why| Unreadable { line: number + 2, why };
        let line = recording.lines.get(number).map_or("", String::as_str);
        let line = serde_json::from_str(line).map_err(|error| unreadable(error.to_string()))?;
        self.said(line).map_err(unreadable)
    }

    fn said(&mut self, line: Line) -> Result<Said, String> {
        match line {
            Line::Whole(whole) => {
                let mut state = state(whole.state, whole.rows, whole.anchor)?;
                let before = Before::begin(Arc::clone(&state.snapshot), whole.anchor);
                let before = before.map_err(|error| error.to_string())?;
                if let Some(good) = whole.good {
                    state.failovers.foretell_from(before.clone().follow(good)?);
                }
                self.before = Some(before);
                Ok(Said::Whole(Box::new(state)))
            }
            Line::Frame(frame) => {
                let took = frame.took.into_iter().map(|took| self.msg(took));
                took.collect::<Result<_, _>>().map(Said::Took)
            }
        }
    }

    fn msg(&mut self, took: Took) -> Result<Msg, String> {
        match took {
            Took::Msg(msg) => Ok(*msg),
            Took::Snapshot(told) => {
                let before = self.before.as_mut().ok_or("no whole state came before it")?;
                before.follow(*told).map(Msg::Snapshot)
            }
        }
    }
}

/// The state, with its snapshot's rows and what follows from them.
fn state(mut value: Value, rows: Rows, anchor: Stamp) -> Result<State, String> {
    stamps::unpack(&mut value, anchor)?;
    let mut state: State = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let mut snapshot = Snapshot::clone(&state.snapshot);
    fill(&mut snapshot, &state.snapshot, rows, anchor)?;
    state.derived = Arc::new(Derived::of(&snapshot, &state.policy));
    state.snapshot = Arc::new(snapshot);
    Ok(state)
}
