//! The last line: what is being typed, else what was said last, else what the keys do.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::prompt::PromptKind;
use crate::app::{Prompt, State, keys};
use crate::check::Severity;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The footer in one line.
pub fn render(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    if let Some(prompt) = &state.prompt {
        return typed(prompt, theme, width);
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

fn typed(prompt: &Prompt, theme: &Theme, width: usize) -> Line<'static> {
    let sign = match prompt.kind {
        PromptKind::Command => ":",
        PromptKind::Filter => "/",
    };
    // The end of a long line is what is being typed.
    let room = width.saturating_sub(2);
    let mut text = prompt.text.as_str();
    while text.width() > room {
        let mut chars = text.chars();
        chars.next();
        text = chars.as_str();
    }
    Line::from(vec![
        Span::styled(sign, theme.style(Role::Key)),
        Span::styled(text.to_owned(), theme.style(Role::Text)),
        Span::styled("_", theme.style(Role::Accent)),
    ])
}

fn hints(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    let mut used = 0;
    if !state.filter().is_empty() {
        let text = format!(
            "filter /{} ",
            words::clip(state.filter(), 24, theme.glyph(Glyph::Ellipsis))
        );
        used += text.width() + 1;
        spans.push(Span::styled(text, theme.style(Role::Warning)));
        spans.push(Span::raw(" "));
    }
    for (key, word) in keys::hints(state) {
        let key = key.to_string();
        used += key.width() + word.width() + 3;
        if used > width + 2 {
            break;
        }
        spans.push(Span::styled(key, theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {word}  "), theme.style(Role::Dim)));
    }
    Line::from(spans)
}
