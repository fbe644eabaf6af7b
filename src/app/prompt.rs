//! The one line that can be typed into: `:` for commands, `/` for a filter. It knows what was typed and what is offered; what
//! the line does is the affair of [`typing`](super::typing).

use serde::{Deserialize, Serialize};

use super::commands::Offer;
use super::work::Ritual;
use crate::base::text::is_plain;

/// The longest line kept, in characters.
const MAX_CHARS: usize = 120;

/// What is being typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// What for.
    pub kind: PromptKind,
    /// The line so far: typed, taken from the offers, or from the history. Plain characters only: what is pasted is cleaned
    /// too.
    pub text: String,
    /// What the line could become, the likeliest first.
    pub offers: Vec<Offer>,
    /// Which of the offers the line is now.
    pub chosen: Option<usize>,
    /// Which line of the history the line is now.
    pub recalled: Option<usize>,
}

/// What a line is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromptKind {
    /// `:` one of [`commands::TABLE`](super::commands::TABLE).
    Command,
    /// `/` rows that match this.
    Filter,
    /// `/` lines of a text that contain this.
    Search,
    /// What must be typed before something is done.
    Ritual(Ritual),
}

impl Prompt {
    /// An empty line.
    pub const fn new(kind: PromptKind) -> Self {
        Self {
            kind,
            text: String::new(),
            offers: Vec::new(),
            chosen: None,
            recalled: None,
        }
    }

    /// Adds text, dropping what is not plain.
    pub fn insert(&mut self, text: &str) {
        let room = MAX_CHARS.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().filter(|c| is_plain(*c)).take(room));
        self.keep();
    }

    /// Drops the last character; false where there is none.
    pub fn erase_character(&mut self) -> bool {
        self.keep();
        self.text.pop().is_some()
    }

    /// Drops the last word.
    pub fn erase_word(&mut self) {
        let kept = self.text.trim_end().rfind(' ').map_or(0, |space| space + 1);
        self.text.truncate(kept);
        self.keep();
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.text.clear();
        self.keep();
    }

    /// Takes the line as typed, wherever it came from.
    pub const fn keep(&mut self) {
        self.chosen = None;
        self.recalled = None;
    }

    /// Offers what the line could become.
    pub fn offer(&mut self, offers: Vec<Offer>) {
        self.offers = offers;
        self.chosen = None;
    }

    /// Makes the line the offer `by` places further, around the end.
    pub fn choose(&mut self, by: isize) {
        let count = isize::try_from(self.offers.len()).unwrap_or(isize::MAX);
        if count == 0 {
            return;
        }
        let here = self.chosen.and_then(|chosen| isize::try_from(chosen).ok());
        let next = here.map_or(if by > 0 { 0 } else { count - 1 }, |here| (here + by).rem_euclid(count));
        self.chosen = usize::try_from(next).ok();
        self.recalled = None;
        if let Some(offer) = self.chosen.and_then(|chosen| self.offers.get(chosen)) {
            offer.line.clone_into(&mut self.text);
        }
    }

    /// Whether up and down walk through the history: nothing was typed yet, or the line came from there.
    pub const fn is_recalling(&self) -> bool {
        matches!(self.kind, PromptKind::Command) && (self.text.is_empty() || self.recalled.is_some())
    }

    /// Makes the line the one `by` places further in the history; past the newest, an empty one.
    pub fn recall(&mut self, history: &[String], by: isize) {
        let here = self.recalled.unwrap_or(history.len());
        let to = here.saturating_add_signed(by);
        match history.get(to) {
            Some(line) => {
                line.clone_into(&mut self.text);
                self.recalled = Some(to);
            }
            None => self.clear(),
        }
    }
}

/// The name that was probably meant, if one is near enough.
pub fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(typed, name), name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_clean_and_bounded() {
        let mut prompt = Prompt::new(PromptKind::Filter);
        prompt.insert("a\u{1b}[2Jb\nc");
        assert_eq!(prompt.text, "a[2Jbc");
        prompt.insert(&"x".repeat(1000));
        assert_eq!(prompt.text.chars().count(), MAX_CHARS);
        prompt.text = "one two ".into();
        prompt.erase_word();
        assert_eq!(prompt.text, "one ");
    }

    #[test]
    fn offers_go_around() {
        let mut prompt = Prompt::new(PromptKind::Command);
        prompt.choose(1);
        assert_eq!(prompt.text, "");
        let offer = |line: &str| Offer {
            line: line.into(),
            label: line.into(),
            help: String::new(),
        };
        prompt.offer(vec![offer("a"), offer("b")]);
        let mut taken = |by| {
            prompt.choose(by);
            prompt.text.clone()
        };
        assert_eq!([1, 1, 1, -1].map(&mut taken), ["a", "b", "a", "b"]);
    }

    #[test]
    fn the_history_ends_in_an_empty_line() {
        let history = ["one".to_owned(), "two".to_owned()];
        let mut prompt = Prompt::new(PromptKind::Command);
        let mut line = |by| {
            prompt.recall(&history, by);
            prompt.text.clone()
        };
        assert_eq!(
            [-1, -1, -1, 1, 1, 1].map(&mut line),
            ["two", "one", "one", "two", "", ""]
        );
    }
}
