//! The one line above everything: are we still highly available, and what would the next loss do?

use serde::{Deserialize, Serialize};

use super::{CheckId, Outcome, Severity};
use crate::base::Text;
use crate::model::Snapshot;

/// How the cluster stands, as a monitoring plugin would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Highly available, by fresh data.
    Ok,
    /// Works, but not as promised.
    Warning,
    /// In danger or down.
    Critical,
    /// The quorum picture is missing.
    Unknown,
}

impl Level {
    /// The level in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Critical => "critical",
            Level::Unknown => "unknown",
        }
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How bad.
    pub level: Level,
    /// In one line.
    pub line: Text,
}

/// Judges: critical before cannot-tell of the quorum picture, before warning, before ok.
pub fn judge(_snapshot: &Snapshot, outcomes: &[(CheckId, Outcome)]) -> Verdict {
    let _ = (outcomes, Severity::Info);
    Verdict {
        level: Level::Unknown,
        line: Text::default(),
    }
}
