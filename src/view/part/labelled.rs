//! Paragraphs with a label on the left.

use ratatui::text::{Line, Span};

use crate::view::theme::{Role, Theme};
use crate::view::words;

/// Columns of the label.
const LABEL: usize = 13;

/// One paragraph, wrapped to `width`.
pub fn render(label: &str, text: &str, role: Role, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let lines = words::wrap(text, width.saturating_sub(LABEL + 2).max(8));
    let mut label = Some(label);
    lines
        .into_iter()
        .map(|line| {
            Line::from(vec![
                Span::styled(
                    format!("  {:LABEL$}", label.take().unwrap_or_default()),
                    theme.style(Role::Dim),
                ),
                Span::styled(line, theme.style(role)),
            ])
        })
        .collect()
}
