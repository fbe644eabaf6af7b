//! What happened in a run: the lines of its journal, and all that a resumed run knows of the past.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::step::{Plan, StepId};
use crate::base::{Text, Why};

/// Names one run: when it began and a few random letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub Text);

/// Who does it, as far as the system tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The login name; behind sudo, the one who called it.
    pub user: Text,
    /// The host that quorate runs on.
    pub host: Text,
    /// Its process.
    pub pid: u32,
}

/// How a request went, as far as the reply tells. Never proof that it took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Sent {
    /// The other side said yes.
    Accepted,
    /// The other side said no, and did nothing.
    Refused {
        /// Its words.
        why: Why,
    },
    /// Whether it arrived is not known: look, do not send again.
    Unknown {
        /// What happened.
        why: Why,
    },
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// A run begins: the first line.
    Begun {
        /// Its name.
        run: RunId,
        /// Who.
        operator: Operator,
        /// What was shown and confirmed.
        plan: Box<Plan>,
        /// The plan's digest.
        digest: Text,
    },
    /// Another process goes on with it.
    Resumed {
        /// Who.
        operator: Operator,
    },
    /// A person stated what cannot be observed.
    Attested {
        /// For which step.
        step: StepId,
        /// Who.
        operator: Operator,
        /// What was typed.
        words: Text,
    },
    /// A person lets one failed gate pass.
    Overridden {
        /// For which step.
        step: StepId,
        /// The gate's name, as of [`super::Condition::name`].
        gate: Text,
        /// Who.
        operator: Operator,
        /// Why, typed.
        reason: Text,
    },
    /// The request is about to leave. On disk before it does.
    Intended {
        /// The step.
        step: StepId,
        /// The request.
        action: Action,
    },
    /// How it went.
    Answered {
        /// The step.
        step: StepId,
        /// How.
        sent: Sent,
    },
    /// A person lets a request whose fate is not known be sent again, after looking.
    Agreed {
        /// For which step.
        step: StepId,
        /// Who.
        operator: Operator,
    },
    /// The step was seen to be done.
    Done {
        /// The step.
        step: StepId,
        /// What shows it.
        evidence: Vec<Text>,
        /// It was true before anything was sent.
        already: bool,
    },
    /// The run waits, for another reason than before.
    Waiting {
        /// The step.
        step: StepId,
        /// For what.
        because: Text,
    },
    /// A person stopped waiting for a step and goes on.
    StoppedWaiting {
        /// The step.
        step: StepId,
        /// Who.
        operator: Operator,
    },
    /// No further step until it is continued.
    Paused {
        /// Why: key, signal, lost terminal.
        because: Text,
    },
    /// On again.
    Continued,
    /// The run ended before its goal.
    Stopped {
        /// The step it stood at.
        step: StepId,
        /// Why.
        why: Why,
    },
    /// A person gave the run up.
    Abandoned {
        /// Who.
        operator: Operator,
        /// Why, typed.
        reason: Text,
    },
    /// No step is left. Those whose waiting was stopped were not seen to be done.
    Finished,
}

/// A line with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by this host's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: RunEvent,
}
