//! What is wrong with a setting: where, what, and what to do about it.

use std::fmt;

use serde::Serialize;

use super::value::Origin;
use crate::base::{Text, Why, WhyKind};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// The level that is wrong; for a file, with its path.
    pub origin: Origin,
    /// The place in the file.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// What is wrong.
    pub message: Text,
    /// What to write instead, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text>,
}

/// A place in a file. Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl ConfigError {
    /// The error as a reason, for whatever shows reasons.
    pub fn why(&self) -> Why {
        let text = match self.place {
            Some(Place { line, column }) => format!("{}:{line}:{column}: {}", self.origin, self.message),
            None => format!("{}: {}", self.origin, self.message),
        };
        let why = Why::new(WhyKind::Config, text);
        match &self.hint {
            Some(hint) => why.hint(hint),
            None => why,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why().fmt(f)
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong with a value, before it is known where that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// Which byte of the file is wrong, where that is not the beginning of the value.
    pub offset: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Problem {
    /// A problem without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem, at a byte of the file.
    #[must_use]
    pub const fn at_byte(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The error that this is at a place.
    pub fn at(self, origin: Origin, place: Option<Place>) -> ConfigError {
        ConfigError {
            origin,
            place,
            message: self.message.into(),
            hint: self.hint.map(Text::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_count_from_one_and_in_characters() {
        assert_eq!(Place::of("", 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of("é = 1\nbé = 2", 10), Place { line: 2, column: 3 });
    }

    #[test]
    fn an_error_reads_as_a_compiler_says_it() {
        let place = Some(Place { line: 3, column: 5 });
        let error = Problem::new("no such setting")
            .hint("did you mean x?")
            .at(Origin::UserFile("/c.toml".into()), place);
        assert_eq!(error.to_string(), "/c.toml:3:5: no such setting (did you mean x?)");
        let json = serde_json::to_value(&error).unwrap_or_default();
        assert_eq!((&json["line"], &json["origin"]["name"]), (&3.into(), &"/c.toml".into()));
    }

    proptest! {
        #[test]
        fn every_offset_has_a_place(text in any::<String>(), offset in 0usize..100) {
            let place = Place::of(&text, offset);
            prop_assert!(place.line >= 1 && place.column >= 1);
        }
    }
}
