//! What may be said of a condition: it is so, it is not so, or it cannot be told.

use serde::{Deserialize, Serialize};

use crate::base::{Text, Why, WhyKind};

/// An answer with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "truth", rename_all = "kebab-case")]
pub enum Truth {
    /// It is so.
    Met {
        /// What shows it.
        evidence: Text,
    },
    /// It is not so.
    Unmet {
        /// What shows that.
        because: Why,
    },
    /// It cannot be told now. Never taken for either of the others.
    Unknown {
        /// What is missing.
        why: Why,
    },
}

impl Truth {
    /// It is so.
    pub fn met(evidence: impl AsRef<str>) -> Self {
        Truth::Met {
            evidence: Text::new(evidence.as_ref()),
        }
    }

    /// It is not so, for a reason of the cluster and not of a failed question.
    pub fn unmet(because: impl AsRef<str>) -> Self {
        Truth::Unmet {
            because: Why::new(WhyKind::Unavailable, because),
        }
    }

    /// It cannot be told yet.
    pub fn unknown(why: impl AsRef<str>) -> Self {
        Truth::Unknown {
            why: Why::new(WhyKind::NotYet, why),
        }
    }

    /// One of the first two.
    pub fn of(is_so: bool, evidence: impl AsRef<str>, because: impl AsRef<str>) -> Self {
        if is_so {
            Self::met(evidence)
        } else {
            Self::unmet(because)
        }
    }

    /// Whether it is so.
    pub const fn is_met(&self) -> bool {
        matches!(self, Truth::Met { .. })
    }

    /// Whether it is positively not so.
    pub const fn is_unmet(&self) -> bool {
        matches!(self, Truth::Unmet { .. })
    }

    /// The answer in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Truth::Met { .. } => "yes",
            Truth::Unmet { .. } => "no",
            Truth::Unknown { .. } => "cannot tell",
        }
    }

    /// Its reason, for people.
    pub fn text(&self) -> Text {
        match self {
            Truth::Met { evidence } => evidence.clone(),
            Truth::Unmet { because } => Text::new(&because.to_string()),
            Truth::Unknown { why } => Text::new(&why.to_string()),
        }
    }
}
