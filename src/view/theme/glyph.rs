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
}

impl Glyph {
    /// The sign in a set.
    pub const fn of(self, set: Glyphs) -> &'static str {
        let (unicode, ascii) = match self {
            Glyph::Ok => ("●", "+"),
            Glyph::Info => ("i", "i"),
            Glyph::Warning => ("▲", "!"),
            Glyph::Critical => ("×", "X"),
            Glyph::Unknown => ("?", "?"),
            Glyph::Off => ("○", "o"),
            Glyph::Stale => ("~", "~"),
            Glyph::Loading => ("…", "."),
            Glyph::Rule => ("─", "-"),
            Glyph::Ellipsis => ("…", ".."),
            Glyph::Times => ("×", "x"),
        };
        match set {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }
}
