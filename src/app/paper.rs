//! Text to be read in depth, as data: what it says and what it is for. Colours and wrapping are the view's.

use serde::{Deserialize, Serialize};

use crate::base::Text;

/// What a piece of text is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Tone {
    #[default]
    Plain,
    Dim,
    Warning,
    Stale,
}

/// One line, before it is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// One fact with a label.
    Fact {
        /// What it is; empty where it goes on with the one before.
        label: &'static str,
        /// What it says.
        text: String,
        /// How good that is.
        tone: Tone,
    },
    /// As it came.
    Plain {
        /// What it says.
        text: Text,
        /// What it is for.
        tone: Tone,
    },
}

impl Line {
    /// A plain line.
    pub fn plain(text: impl Into<Text>, tone: Tone) -> Self {
        Line::Plain {
            text: text.into(),
            tone,
        }
    }

    /// The line as one text, for searching and copying.
    pub fn text(&self) -> String {
        match self {
            Line::Fact { label, text, .. } => format!("  {label:13}{text}").trim_end().to_owned(),
            Line::Plain { text, .. } => text.to_string(),
        }
    }
}
