//! The help: the table of keys, as it is.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::{State, keys};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// Every line of the help.
pub fn render(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    // Where lines are typed, a number is a row's, and a screen is called by its name.
    let works = |row: &keys::Row| !(theme.is_words() && row.keys.parse::<u8>().is_ok());
    let rows: Vec<keys::Row> = keys::rows_of(&state.keys, state.snapshot.simulated.is_some(), state.replay.is_some())
        .filter(works)
        .collect();
    let widest = rows.iter().map(|row| row.keys.width()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut context = String::new();
    for row in rows {
        if row.context != context {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::styled(row.context.clone(), theme.style(Role::Title)));
            context = row.context;
        }
        let help = words::wrap(&row.help, width.saturating_sub(widest + 4));
        let keys = std::iter::once(row.keys.as_str()).chain(std::iter::repeat(""));
        lines.extend(keys.zip(help).map(|(keys, help)| {
            Line::from(vec![
                Span::styled(format!("  {keys:widest$}  "), theme.style(Role::Key)),
                Span::styled(help, theme.style(Role::Text)),
            ])
        }));
    }
    lines.push(Line::default());
    lines.push(Line::styled("signs", theme.style(Role::Title)));
    for (glyph, role, meaning) in [
        (Glyph::Ok, Role::Ok, "good, by fresh data"),
        (Glyph::Warning, Role::Warning, "works, but not as promised"),
        (Glyph::Critical, Role::Critical, "dead, down, or in danger"),
        (Glyph::Unknown, Role::Unknown, "not known; the row says why"),
        (Glyph::Stale, Role::Stale, "not fresh: true when it was last seen"),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("  {:widest$}  ", theme.glyph(glyph)), theme.style(role)),
            Span::styled(meaning, theme.style(Role::Text)),
        ]));
    }
    for (sign, meaning) in [
        (theme.glyph(Glyph::Loading), "not loaded yet"),
        ("-", "empty: there is none"),
        ("n/a", "not available; the details say why"),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("  {sign:widest$}  "), theme.style(Role::Dim)),
            Span::styled(meaning, theme.style(Role::Text)),
        ]));
    }
    lines
}
