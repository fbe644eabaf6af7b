//! Sheets: what is opened over a screen to be read in depth. One lies on the other; `esc` takes the uppermost away. A sheet
//! says which question stands for it, so that whoever runs the console can ask and stop asking. Start reading at [`Sheet`].

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::events;
use super::key::Key;
use super::keys::{Command, Look};
use super::paper::{Line, Tone};
use super::state::State;
use super::work::Rehearsal;
use crate::base::{Stamp, Text, Why};
use crate::model::ObjectKey;
use crate::model::question::{
    Answer, Event, LOG_TAIL, LogRef, MOST_QUESTIONS, ObjectRef, Question, QuestionId, Standing, Told,
};

/// How many sheets may lie on each other; the lowest goes when there are more.
pub const MOST_SHEETS: usize = MOST_QUESTIONS;
/// How many lines of a log are kept.
const MOST_LOG_LINES: usize = 5_000;
/// How many bytes of a log are kept.
const MOST_LOG_BYTES: usize = 1 << 20;

/// One thing opened to be read, and where the reader is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// What it shows.
    pub body: Body,
    /// The question that stands for it; answers to any other are not for it.
    pub asked: Option<QuestionId>,
    /// Where and when it was read; None until the first answer.
    pub read: Option<Read>,
    /// Why there is nothing to read.
    pub failure: Option<Failure>,
    /// The first line shown; of a choice, the chosen line.
    pub top: usize,
    /// Columns scrolled away on the left; only while lines are not wrapped.
    pub column: usize,
    /// Whether lines that are too long go on in the next row.
    pub wrap: bool,
    /// What is searched for; empty while nothing is.
    pub search: String,
    /// The line where it was found last.
    pub found: Option<usize>,
}

/// Where and when an answer was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// When.
    pub at: Stamp,
    /// From which API server.
    pub from: Option<Text>,
}

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub why: Why,
    /// When an API server last answered, where that explains it.
    pub last_answer: Option<Stamp>,
}

/// What a sheet shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// An object as it is written.
    Yaml {
        /// Which one.
        of: ObjectRef,
        /// With `metadata.managedFields`.
        managed_fields: bool,
        /// Line by line.
        lines: Vec<Text>,
    },
    /// What happened to an object lately, or every warning.
    Events {
        /// To which object.
        of: Option<ObjectRef>,
        /// The newest first.
        events: Vec<Event>,
        /// How many more there were.
        more: usize,
    },
    /// The log of a container.
    Log(Log),
    /// Pods to choose from.
    Pods {
        /// Whose they are, in words.
        of: String,
        /// All of them.
        pods: Vec<ObjectKey>,
    },
    /// How a plan goes on a copy of the cluster.
    Rehearsal(Rehearsal),
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Whose.
    pub of: LogRef,
    /// The containers of the pod.
    pub containers: Vec<Text>,
    /// What is kept of it.
    pub lines: VecDeque<Text>,
    /// How many bytes that is.
    bytes: usize,
    /// How many lines are not kept any more.
    pub dropped: usize,
    /// Whether the newest line stays in sight.
    pub follow: bool,
    /// Whether it goes no further, and why where it was cut off.
    pub ended: Option<Option<Why>>,
}

impl Log {
    /// A log before its first line.
    pub const fn new(of: LogRef, containers: Vec<Text>) -> Self {
        let follow = !of.previous;
        Self {
            of,
            containers,
            lines: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            follow,
            ended: None,
        }
    }

    /// Adds lines; returns how many of the oldest had to go.
    fn add(&mut self, lines: Vec<Text>) -> usize {
        let before = self.dropped;
        for line in lines {
            self.bytes += line.as_str().len();
            self.lines.push_back(line);
            while self.lines.len() > MOST_LOG_LINES || self.bytes > MOST_LOG_BYTES {
                let Some(oldest) = self.lines.pop_front() else { break };
                self.bytes -= oldest.as_str().len();
                self.dropped += 1;
            }
        }
        self.dropped - before
    }

    /// What the container is called, where the pod has several.
    pub fn container(&self) -> &str {
        self.of.container.as_ref().map_or("", Text::as_str)
    }
}

impl Sheet {
    /// A sheet that nobody has asked for yet.
    pub fn new(body: Body) -> Self {
        // What has lines of its own is not torn apart; prose is wrapped.
        let wrap = matches!(body, Body::Events { .. } | Body::Rehearsal(_));
        Self {
            body,
            asked: None,
            read: None,
            failure: None,
            top: 0,
            column: 0,
            wrap,
            search: String::new(),
            found: None,
        }
    }

    /// The question to the API server whose answer it shows; None where it asks none.
    pub fn question(&self) -> Option<Question> {
        match &self.body {
            Body::Pods { .. } | Body::Rehearsal(_) => None,
            Body::Yaml { of, managed_fields, .. } => Some(Question::Yaml {
                of: of.clone(),
                managed_fields: *managed_fields,
            }),
            Body::Events { of, .. } => Some(Question::Events { of: of.clone() }),
            Body::Log(log) => Some(Question::Log {
                of: log.of.clone(),
                tail: LOG_TAIL,
                follow: !log.of.previous,
            }),
        }
    }

    /// Asks, or asks again: what came before is forgotten once the new answer is there.
    pub fn ask(&mut self, id: QuestionId) {
        if matches!(self.body, Body::Pods { .. }) {
            return;
        }
        self.asked = Some(id);
        self.failure = None;
        if let Body::Log(log) = &mut self.body {
            *log = Log::new(log.of.clone(), std::mem::take(&mut log.containers));
        }
        if matches!(self.body, Body::Log(_) | Body::Rehearsal(_)) {
            self.read = None;
            self.top = 0;
        }
    }

    /// Takes in an answer, or a part of one.
    fn take(&mut self, answer: Answer) {
        self.read = Some(Read {
            at: answer.at,
            from: answer.from,
        });
        match (answer.told, &mut self.body) {
            (Told::Yaml(told), Body::Yaml { lines, .. }) => *lines = told,
            (
                Told::Events { events, more },
                Body::Events {
                    events: own,
                    more: own_more,
                    ..
                },
            ) => (*own, *own_more) = (events, more),
            (Told::Log(lines), Body::Log(log)) => {
                log.ended = None;
                let gone = log.add(lines);
                // The lines in sight stay in sight while older ones go.
                self.top = self.top.saturating_sub(gone);
                self.found = self.found.and_then(|line| line.checked_sub(gone));
            }
            (Told::LogEnded(why), Body::Log(log)) => log.ended = Some(why),
            (Told::Failed { why, last_answer }, _) => self.failure = Some(Failure { why, last_answer }),
            // An answer of another kind than the question is none.
            (Told::Yaml(_) | Told::Events { .. } | Told::Log(_) | Told::LogEnded(_), _) => {}
        }
    }

    /// Whether it scrolls along with what is written.
    pub const fn is_following(&self) -> bool {
        matches!(&self.body, Body::Log(log) if log.follow)
    }

    /// Its kind in a word.
    pub const fn kind(&self) -> &'static str {
        match &self.body {
            Body::Yaml { .. } => "YAML",
            Body::Events { .. } => "Events",
            Body::Log(_) => "Log",
            Body::Pods { .. } => "Pods",
            Body::Rehearsal(_) => "Rehearsal",
        }
    }

    /// What it is about.
    pub fn title(&self) -> String {
        match &self.body {
            Body::Pods { of, .. } => format!("of {of}"),
            Body::Rehearsal(own) => own.title(),
            Body::Yaml { of, .. } | Body::Events { of: Some(of), .. } => of.to_string(),
            Body::Events { of: None, .. } => "all warnings".to_owned(),
            Body::Log(log) => {
                let previous = if log.of.previous {
                    ", run before the last restart"
                } else {
                    ""
                };
                let container = if log.containers.len() > 1 {
                    format!(", container {}", log.container())
                } else {
                    String::new()
                };
                format!("{}{container}{previous}", log.of.pod)
            }
        }
    }

    /// Everything it says.
    pub fn lines(&self, state: &State) -> Vec<Line> {
        if let Some(failure) = self.failure.as_ref().filter(|_| self.question().is_some()) {
            return failed(state, failure);
        }
        if self.question().is_some() && self.read.is_none() {
            return vec![Line::plain("waiting for the API server", Tone::Dim)];
        }
        match &self.body {
            Body::Yaml { lines, .. } => lines
                .iter()
                .map(|line| Line::plain(line.clone(), Tone::Plain))
                .collect(),
            Body::Events { of, events, more } => {
                events::lines(of.as_ref(), events, *more, self.read.as_ref().map(|read| read.at))
            }
            Body::Log(log) => log_lines(state, log),
            Body::Pods { pods, .. } => pods.iter().map(|key| pod_line(state, key)).collect(),
            Body::Rehearsal(own) => own.lines(self),
        }
    }
}

/// A pod to choose: its name, how it is, and where.
fn pod_line(state: &State, key: &ObjectKey) -> Line {
    let Some(fact) = state.snapshot.kube.pods.get(key) else {
        return Line::plain(format!("{key}  it is gone"), Tone::Dim);
    };
    let pod = &fact.value;
    let ready = if pod.ready { "ready" } else { "not ready" };
    let node = pod.node.as_ref().map_or("no node", Text::as_str);
    let restarts = match pod.restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        many => format!(", {many} restarts"),
    };
    let tone = if pod.ready || pod.is_finished() {
        Tone::Plain
    } else {
        Tone::Warning
    };
    Line::plain(format!("{key}  {}, {ready}{restarts}, on {node}", pod.phase), tone)
}

fn failed(state: &State, failure: &Failure) -> Vec<Line> {
    let fact = |label, text: String, tone| Line::Fact { label, text, tone };
    let mut lines = vec![fact("no answer", failure.why.text.to_string(), Tone::Warning)];
    lines.extend(
        failure
            .why
            .hint
            .as_ref()
            .map(|hint| fact("try", hint.to_string(), Tone::Plain)),
    );
    lines.extend(failure.last_answer.map(|at| {
        let age = crate::base::age::coarse(state.snapshot.now.since(at));
        fact("last answer", format!("of an API server: {age} ago"), Tone::Stale)
    }));
    lines.push(fact("again", format!("{} asks again", again(state)), Tone::Dim));
    lines
}

/// What is pressed to read again.
fn again(state: &State) -> Key {
    state.key_of(Command::Look(Look::Again))
}

fn log_lines(state: &State, log: &Log) -> Vec<Line> {
    let mut lines = Vec::with_capacity(log.lines.len() + 2);
    if log.dropped > 0 {
        let text = format!("-- {} older lines are not kept --", log.dropped);
        lines.push(Line::plain(text, Tone::Dim));
    }
    lines.extend(log.lines.iter().map(|line| Line::plain(line.clone(), Tone::Plain)));
    match &log.ended {
        Some(Some(why)) => lines.push(Line::plain(
            format!("-- cut off: {why}; {} reads again --", again(state)),
            Tone::Warning,
        )),
        Some(None) => lines.push(Line::plain("-- the log ends here --", Tone::Dim)),
        None if log.lines.is_empty() => lines.push(Line::plain("-- nothing was written yet --", Tone::Dim)),
        None => {}
    }
    lines
}

/// The questions that stand now.
pub fn standing(state: &State) -> Standing {
    let of = |sheet: &Sheet| Some((sheet.asked?, sheet.question()?));
    state.sheets.iter().filter_map(of).collect()
}

/// Takes in an answer; one to a question that stands no more is dropped.
pub fn take(state: &mut State, answer: Answer) {
    let asked = Some(answer.id);
    if let Some(sheet) = state.sheets.iter_mut().find(|sheet| sheet.asked == asked) {
        sheet.take(answer);
    }
}
