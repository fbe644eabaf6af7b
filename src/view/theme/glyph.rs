//! The few signs beside words. All are one column wide in every terminal, but the
//! ellipsis of ASCII, which takes two.

/// A set of glyphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// For UTF-8 terminals.
    #[default]
    Unicode,
    /// For all others.
    Ascii,
    /// Words in place of signs, for screen readers. Not one column wide: for lines, never for tables.
    Words,
}

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Glyph {
    Ok,
    Info,
    Warning,
    Critical,
    Unknown,
    Off,
    Stale,
    Loading,
    Rule,
    Ellipsis,
    Times,
    Ascending,
    Descending,
}

impl Glyph {
    /// The sign in a set.
    pub const fn of(self, set: Glyphs) -> &'static str {
        let (unicode, ascii, word) = match self {
            Glyph::Ok => ("●", "+", "ok"),
            Glyph::Info => ("i", "i", "info"),
            Glyph::Warning => ("▲", "!", "warning"),
            Glyph::Critical => ("×", "X", "critical"),
            Glyph::Unknown => ("?", "?", "unknown"),
            Glyph::Off => ("○", "o", "off"),
            Glyph::Stale => ("~", "~", "not fresh:"),
            Glyph::Loading => ("…", ".", "loading"),
            Glyph::Rule => ("─", "-", ""),
            Glyph::Ellipsis => ("…", "..", "..."),
            Glyph::Times => ("×", "x", "times"),
            Glyph::Ascending => ("↑", "^", " upward"),
            Glyph::Descending => ("↓", "v", " downward"),
        };
        match set {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
            Glyphs::Words => word,
        }
    }
}
