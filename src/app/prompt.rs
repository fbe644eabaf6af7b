//! The one line that can be typed into: `:` for commands, `/` for a filter.

use serde::{Deserialize, Serialize};

use super::screen::Screen;
use crate::base::text::is_plain;

/// The longest line kept, in characters.
const MAX_CHARS: usize = 120;

/// What is being typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// What for.
    pub kind: PromptKind,
    /// So far. Plain characters only: what is pasted is cleaned too.
    pub text: String,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PromptKind {
    /// `:` a screen's name, `help`, `quit`.
    Command,
    /// `/` rows that contain this.
    Filter,
}

/// What a line after `:` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Show a screen.
    Go(Screen),
    /// Show the keys.
    Help,
    /// Leave.
    Quit,
}

impl Prompt {
    /// An empty line.
    pub const fn new(kind: PromptKind) -> Self {
        Self {
            kind,
            text: String::new(),
        }
    }

    /// Adds text, dropping what is not plain.
    pub fn insert(&mut self, text: &str) {
        let room = MAX_CHARS.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().filter(|c| is_plain(*c)).take(room));
    }

    /// Drops the last word.
    pub fn erase_word(&mut self) {
        let kept = self.text.trim_end().rfind(' ').map_or(0, |space| space + 1);
        self.text.truncate(kept);
    }

    /// What the line could become, best first.
    pub fn candidates(&self) -> Vec<&'static str> {
        match self.kind {
            PromptKind::Command => words()
                .map(|(word, _)| word)
                .filter(|word| word.starts_with(self.text.trim()))
                .collect(),
            PromptKind::Filter => Vec::new(),
        }
    }

    /// Takes the first candidate.
    pub fn complete(&mut self) {
        if let Some(first) = self.candidates().first() {
            (*first).clone_into(&mut self.text);
        }
    }
}

/// Every word after `:`, and what it does. Short forms stand last, so that completion offers the full ones.
fn words() -> impl Iterator<Item = (&'static str, Line)> {
    let screens = Screen::ALL.into_iter().map(|screen| (screen.name(), Line::Go(screen)));
    screens.chain([
        ("help", Line::Help),
        ("quit", Line::Quit),
        ("q", Line::Quit),
        ("q!", Line::Quit),
    ])
}

/// Reads a line after `:`: a word, or the beginning of exactly one. The error is a sentence for the operator.
pub fn read_line(raw: &str) -> Result<Line, String> {
    let typed = raw.trim();
    if let Some((_, line)) = words().find(|(word, _)| *word == typed) {
        return Ok(line);
    }
    let mut beginning = words().filter(|(word, _)| !typed.is_empty() && word.starts_with(typed));
    match (beginning.next(), beginning.next()) {
        (Some((_, line)), None) => Ok(line),
        (Some((first, _)), Some((second, _))) => Err(format!(":{typed} could be {first} or {second}")),
        (None, _) => {
            let advice = nearest(typed, words().map(|(word, _)| word)).map_or_else(
                || "tab shows what there is".to_owned(),
                |word| format!("did you mean :{word}?"),
            );
            Err(format!("there is no command :{typed}; {advice}"))
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
    fn lines_are_read_by_word_and_by_unique_beginning() {
        assert_eq!(read_line("etcd"), Ok(Line::Go(Screen::Etcd)));
        assert_eq!(read_line(" e "), Ok(Line::Go(Screen::Etcd)));
        assert_eq!(read_line("q"), Ok(Line::Quit));
        assert_eq!(read_line("f"), Err(":f could be findings or feeds".into()));
        assert_eq!(
            read_line("etdc"),
            Err("there is no command :etdc; did you mean :etcd?".into())
        );
        assert!(read_line("zzz").is_err());
    }

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
    fn completion() {
        let mut prompt = Prompt::new(PromptKind::Command);
        prompt.insert("pl");
        prompt.complete();
        assert_eq!(prompt.text, "placement");
    }
}
