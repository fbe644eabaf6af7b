//! Clean text. Whatever comes from a cluster, a file or another program becomes a [`Text`] before anything else sees
//! it, so that a frame, a log, a journal and JSON cannot carry control bytes: the type is the proof.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::UnicodeWidthChar;

/// The longest text kept, in bytes; longer ones are cut and end in `…`.
pub const MAX_BYTES: usize = 4096;

/// Printable text of characters that every terminal draws with the same width. Cheap to clone.
///
/// Controls, escape sequences, bidirectional overrides, zero-width characters and emoji (whose width terminals do not
/// agree on) are written out as `\u{…}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Cleans `raw`.
    pub fn new(raw: &str) -> Self {
        if raw.len() <= MAX_BYTES && raw.chars().all(is_plain) {
            return Self(raw.into());
        }
        Self(clean(raw).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a character has one width everywhere and no effect beside being drawn.
pub fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    matches!(c.width(), Some(1 | 2)) && !is_pictograph(c) && !is_format(c)
}

/// Emoji and the symbol blocks that many terminals draw as emoji.
fn is_pictograph(c: char) -> bool {
    matches!(u32::from(c), 0x1F000..=0x1FBFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0x231A..=0x231B | 0x23E9..=0x23FF)
}

/// Format characters (Unicode Cf), separators, private use and everything that reorders or hides its neighbours.
fn is_format(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0x9F | 0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2 | 0x180B..=0x180F
        | 0x2000..=0x200F | 0x2028..=0x202E | 0x205F..=0x206F | 0x3000 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F
        | 0xFEFF | 0xFFF0..=0xFFFC | 0x110BD | 0x110CD | 0x1D173..=0x1D17A | 0xE_0000..=0x10_FFFF)
}

fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(MAX_BYTES));
    for c in raw.chars() {
        if out.len() + 12 > MAX_BYTES {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_plain(c) => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Default for Text {
    fn default() -> Self {
        Self("".into())
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<String> for Text {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_characters_are_written_out() {
        assert_eq!(Text::new("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(Text::new("x\u{202e}y\u{200b}z"), "x\\u{202e}y\\u{200b}z");
        assert_eq!(Text::new("ok \u{1f600}"), "ok \\u{1f600}");
        assert_eq!(Text::new("two\nlines\tand"), "two lines and");
        assert_eq!(Text::new("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn ordinary_text_stays() {
        assert_eq!(Text::new("Zürich 北 node-1.example"), "Zürich 北 node-1.example");
        let name = "n".repeat(253);
        assert_eq!(Text::new(&name), name.as_str());
    }

    #[test]
    fn long_text_is_cut() {
        let text = Text::new(&"é".repeat(MAX_BYTES));
        assert!(text.as_str().len() <= MAX_BYTES);
        assert!(text.as_str().ends_with('…'));
    }

    proptest! {
        #[test]
        fn every_text_is_plain_and_cleaning_again_changes_nothing(raw in any::<String>()) {
            let text = Text::new(&raw);
            prop_assert!(text.as_str().chars().all(is_plain));
            prop_assert_eq!(Text::new(text.as_str()), text);
        }
    }
}
