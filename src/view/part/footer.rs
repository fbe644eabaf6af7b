//! The last line: what is being typed, else what was said last, else what the keys do.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::prompt::PromptKind;
use crate::app::{Key, Prompt, State, filter, keys, rows};
use crate::check::Severity;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The footer in one line.
pub fn render(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    if let Some(prompt) = &state.prompt {
        return typed(state, prompt, theme, width);
    }
    if let Some(message) = &state.message {
        let (glyph, role) = severity(message.severity);
        let text = format!("{} {}", theme.glyph(glyph), message.text);
        return Line::styled(
            words::clip(&text, width, theme.glyph(Glyph::Ellipsis)),
            theme.style(role),
        );
    }
    hints(state, theme, width)
}

/// How a severity looks.
pub const fn severity(severity: Severity) -> (Glyph, Role) {
    match severity {
        Severity::Info => (Glyph::Info, Role::Info),
        Severity::Warning => (Glyph::Warning, Role::Warning),
        Severity::Critical => (Glyph::Critical, Role::Critical),
    }
}

fn typed(state: &State, prompt: &Prompt, theme: &Theme, width: usize) -> Line<'static> {
    let sign = match &prompt.kind {
        PromptKind::Command => ":".to_owned(),
        PromptKind::Filter | PromptKind::Search => "/".to_owned(),
        PromptKind::Ritual(ritual) => ritual.question(),
    };
    let sign = words::clip(&sign, width.saturating_sub(12), theme.glyph(Glyph::Ellipsis));
    // The end of a long line is what is being typed.
    let room = width.saturating_sub(1 + sign.width());
    let mut text = prompt.text.as_str();
    while text.width() > room {
        let mut chars = text.chars();
        chars.next();
        text = chars.as_str();
    }
    let mut spans = vec![
        Span::styled(sign.clone(), theme.style(Role::Key)),
        Span::styled(text.to_owned(), theme.style(Role::Text)),
        Span::styled("_", theme.style(Role::Accent)),
    ];
    let left = width.saturating_sub(text.width() + sign.width() + 4);
    if prompt.kind == PromptKind::Filter && left > 8 {
        let (found, role) = found(state);
        let found = words::clip(&found, left, theme.glyph(Glyph::Ellipsis));
        spans.push(Span::styled(format!("   {found}"), theme.style(role)));
    }
    Line::from(spans)
}

/// How many rows match the filter, or why it hides nothing.
fn found(state: &State) -> (String, Role) {
    if let Some(problem) = filter::problem(state) {
        return (problem, Role::Warning);
    }
    let total = rows::all(state, state.screen).len();
    match rows::rows(state).len() {
        0 if total > 0 => (format!("no row matches, of {total}"), Role::Warning),
        matching => (format!("{matching} of {total}"), Role::Dim),
    }
}

/// A key and the word for what it does.
type Hint = (Key, &'static str);

fn cost((key, word): &Hint) -> usize {
    key.to_string().width() + word.width() + 3
}

fn hints(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    let mut used = 0;
    if !state.filter().is_empty() && !state.is_text() {
        let text = format!(
            "filter /{}: {} ",
            words::clip(state.filter(), 24, theme.glyph(Glyph::Ellipsis)),
            found(state).0
        );
        let text = words::clip(&text, width.saturating_sub(2), theme.glyph(Glyph::Ellipsis));
        used += text.width() + 1;
        spans.push(Span::styled(text, theme.style(Role::Warning)));
        spans.push(Span::raw(" "));
    }
    // Help leads to every other key: it stays, whatever else has no room.
    let (help, others): (Vec<Hint>, Vec<Hint>) = keys::hints(state).partition(|(_, word)| *word == keys::HELP);
    let mut room = (width + 2).saturating_sub(used + help.iter().map(cost).sum::<usize>());
    let fitting = others.into_iter().take_while(|hint| {
        let fits = cost(hint) <= room;
        room = room.saturating_sub(cost(hint));
        fits
    });
    for (key, word) in fitting.chain(help) {
        spans.push(Span::styled(key.to_string(), theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {word}  "), theme.style(Role::Dim)));
    }
    Line::from(spans)
}
