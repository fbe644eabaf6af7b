//! Reasons. Every "because" that reaches a person is a [`Why`]: what happened, to what, what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;

/// What kind of thing went wrong, for decisions; the text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyKind {
    /// The other host answered, and nobody listens on that port: the process is not there.
    Refused,
    /// Nothing came back within the deadline: frozen, cut off, or far too slow.
    TimedOut,
    /// The network says that there is no way there (no route, no such host, link down).
    Unreachable,
    /// A connection broke in the middle.
    Broken,
    /// TLS failed: wrong CA, wrong name, expired certificate, refused client certificate.
    Tls,
    /// The other side does not know who we are (401).
    Unauthenticated,
    /// The other side knows us, and says no (403).
    Forbidden,
    /// There is no such thing (404), such as a custom resource that is not installed.
    NotFound,
    /// The other side asks us to slow down (429).
    Throttled,
    /// The other side says that it cannot serve now (500, 503, etcd without a leader).
    Unavailable,
    /// The answer makes no sense.
    Garbage,
    /// A local file, socket or program is missing.
    Missing,
    /// This process may not read it: usually not root.
    Denied,
    /// What the operator wrote (flag, file) is wrong.
    Config,
    /// Not asked yet, or depends on something else that is not known.
    NotYet,
    /// It shows only in an event that did not happen, or to nobody who looks from here.
    NoOccasion,
    /// Not wanted, or not applicable here.
    Disabled,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// For decisions.
    pub kind: WhyKind,
    /// What happened, and to what: a short sentence without a full stop.
    pub text: Text,
    /// What to do next, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text>,
}

impl Why {
    /// A reason without a hint.
    pub fn new(kind: WhyKind, text: impl AsRef<str>) -> Self {
        Self {
            kind,
            text: Text::new(text.as_ref()),
            hint: None,
        }
    }

    /// The same reason with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(Text::new(hint.as_ref()));
        self
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.text),
            None => write!(f, "{}", self.text),
        }
    }
}

impl std::error::Error for Why {}
