//! What a person tells a run, and the line that it becomes in the journal. Whether it may be said now is the fold's affair:
//! see [`RunView::may_take`](super::RunView::may_take).

use serde::{Deserialize, Serialize};

use super::event::{Operator, RunEvent};
use super::view::RunView;
use crate::base::Text;

/// One thing told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "kebab-case")]
pub enum Input {
    /// What cannot be observed is so.
    Attest {
        /// What was typed: the words that the step asks for.
        words: Text,
    },
    /// Send again what may or may not have arrived.
    Agree,
    /// Let one failed gate pass.
    Override {
        /// Its name, as of [`super::Condition::name`].
        gate: Text,
        /// Why, typed.
        reason: Text,
    },
    /// No further step.
    Pause {
        /// Why: key, signal, lost terminal.
        because: Text,
    },
    /// On again.
    Continue,
    /// Do not wait for this step any longer.
    StopWaiting,
    /// Give the run up.
    Abandon {
        /// Why, typed.
        reason: Text,
    },
}

impl Input {
    /// The line for the journal; None where no step is left that it could concern.
    pub fn event(self, view: &RunView, operator: &Operator) -> Option<RunEvent> {
        let operator = operator.clone();
        let step = view.current().map(|(step, _)| step.id);
        Some(match self {
            Input::Attest { words } => RunEvent::Attested {
                step: step?,
                operator,
                words,
            },
            Input::Agree => RunEvent::Agreed { step: step?, operator },
            Input::Override { gate, reason } => RunEvent::Overridden {
                step: step?,
                gate,
                operator,
                reason,
            },
            Input::Pause { because } => RunEvent::Paused { because },
            Input::Continue => RunEvent::Continued,
            Input::StopWaiting => RunEvent::StoppedWaiting { step: step?, operator },
            Input::Abandon { reason } => RunEvent::Abandoned { operator, reason },
        })
    }
}
