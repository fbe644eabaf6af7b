//! What a check may answer.

use serde::{Deserialize, Serialize};

use super::CheckId;
use crate::base::{Text, Why};
use crate::model::FeedId;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// High availability is impaired.
    Warning,
    /// Service or data are in danger now.
    Critical,
}

impl Severity {
    /// The severity in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who found it.
    pub check: CheckId,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `node/nbe-3`, `member/1a0c…`, `cluster`.
    pub subject: Text,
    /// The finding in one line.
    pub title: Text,
    /// The facts that show it, with their ages where they have one.
    pub evidence: Vec<Text>,
    /// What it means for the service.
    pub consequence: Text,
    /// What to do.
    pub remedy: Text,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds, by data that is there and fresh.
    Holds,
    /// It does not hold.
    Broken {
        /// At least one.
        findings: Vec<Finding>,
    },
    /// Data is missing or too old.
    CannotTell {
        /// The source that is missing.
        feed: FeedId,
        /// Why it is missing.
        why: Why,
        /// What it would say of etcd's last committed state, where there is nothing newer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stored: Option<Text>,
    },
    /// It does not concern this cluster.
    NotApplicable {
        /// Why not.
        why: Why,
    },
}

impl Outcome {
    /// Every word that [`Outcome::word`] may say.
    pub const WORDS: [&str; 4] = ["holds", "broken", "cannot-tell", "not-applicable"];

    /// Broken where there is a finding, otherwise holds.
    pub fn from_findings(findings: Vec<Finding>) -> Self {
        if findings.is_empty() {
            Outcome::Holds
        } else {
            Outcome::Broken { findings }
        }
    }

    /// What it found; nothing unless it is broken.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Outcome::Broken { findings } => findings,
            Outcome::Holds | Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => &[],
        }
    }

    /// The result in one word, as JSON has it.
    pub const fn word(&self) -> &'static str {
        match self {
            Outcome::Holds => "holds",
            Outcome::Broken { .. } => "broken",
            Outcome::CannotTell { .. } => "cannot-tell",
            Outcome::NotApplicable { .. } => "not-applicable",
        }
    }
}
