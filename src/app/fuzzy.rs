//! Fuzzy matching: the letters in their order, not necessarily side by side. The one place that knows the matcher.

use std::fmt;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// How well texts match what was typed.
pub struct Ranking {
    pattern: Pattern,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Ranking {
    /// For what was typed; words may stand in any order.
    pub fn new(typed: &str) -> Self {
        let mut config = Config::DEFAULT;
        config.prefer_prefix = true;
        Self {
            pattern: Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy),
            matcher: Matcher::new(config),
            buffer: Vec::new(),
        }
    }

    /// The higher, the better; None where it does not match.
    pub fn score(&mut self, text: &str) -> Option<u32> {
        let text = Utf32Str::new(text, &mut self.buffer);
        self.pattern.score(text, &mut self.matcher)
    }
}

impl fmt::Debug for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranking")
            .field("pattern", &self.pattern)
            .finish_non_exhaustive()
    }
}
