//! Questions that are asked only while somebody reads the answer: one object as it is written, its events, a pod's log; and
//! what may come back. Plain data: the console asks, a source answers, and neither knows the other.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fact::ObjectKey;
use super::feed::KubeKind;
use crate::base::{Stamp, Text, Why};

/// How many lines of a log's past are asked for.
pub const LOG_TAIL: u32 = 500;

/// How many questions may stand at once.
pub const MOST_QUESTIONS: usize = 8;

/// Every question that stands now: who answers compares, and drops what is not among them any more.
pub type Standing = BTreeMap<QuestionId, Question>;

/// Names one asking of a question; never used twice in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QuestionId(pub u64);

/// One object of a watched kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: KubeKind,
    /// Namespace and name.
    pub key: ObjectKey,
    /// Which of those that had the name one after the other; None where that is not known.
    pub uid: Option<Text>,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.key)
    }
}

/// The log of one container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogRef {
    /// Namespace and name of the pod.
    pub pod: ObjectKey,
    /// Which container; None where the pod has only one.
    pub container: Option<Text>,
    /// That of the run before the last restart.
    pub previous: bool,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// The whole object as YAML.
    Yaml {
        /// Which one.
        of: ObjectRef,
        /// With `metadata.managedFields`, which are long and rarely wanted.
        managed_fields: bool,
    },
    /// What happened to an object lately; None for every warning of the cluster.
    Events {
        /// Which one.
        of: Option<ObjectRef>,
    },
    /// The end of a log, and what is added to it.
    Log {
        /// Which one.
        of: LogRef,
        /// How many lines of its past.
        tail: u32,
        /// Whether to go on as lines are written.
        follow: bool,
    },
}

/// What came back, in one or several pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// To which question.
    pub id: QuestionId,
    /// When it was read.
    pub at: Stamp,
    /// The API server that told; None where none did.
    pub from: Option<Text>,
    /// What it said.
    pub told: Told,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// An object, line by line.
    Yaml(Vec<Text>),
    /// Events, the newest first.
    Events {
        /// Not more than is kept.
        events: Vec<Event>,
        /// How many more there were.
        more: usize,
    },
    /// Some more lines of a log; none when it was opened.
    Log(Vec<Text>),
    /// The log goes no further; with a reason where it was cut off.
    LogEnded(Option<Why>),
    /// There is no answer.
    Failed {
        /// Why.
        why: Why,
        /// When an API server last answered; None where that does not explain it.
        last_answer: Option<Stamp>,
    },
}

/// A core/v1 Event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its type is Warning.
    pub is_warning: bool,
    /// One word for programs, such as `BackOff`.
    pub reason: Text,
    /// A sentence for people.
    pub message: Text,
    /// Kind and name of the object that it is about.
    pub about: Text,
    /// Who reported it.
    pub source: Text,
    /// How often it happened.
    pub count: u32,
    /// When it happened last, by the reporter's clock.
    pub last: Option<Timestamp>,
}
