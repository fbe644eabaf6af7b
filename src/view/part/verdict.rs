//! The line above everything: how the cluster stands.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::app::State;
use crate::check::Level;
use crate::model::Simulated;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The verdict in at most `most` lines of `width` columns.
pub fn render(state: &State, theme: &Theme, width: usize, most: usize) -> Vec<Line<'static>> {
    let verdict = &state.derived.report.verdict;
    let (glyph, word, role) = look(verdict.level);
    let badge = format!(" {} {word} ", theme.glyph(glyph));
    let past = if state.replay.is_some() { " REPLAY " } else { "" };
    let unlocked = if state.work.is_manned && state.work.is_unlocked {
        " UNLOCKED "
    } else {
        ""
    };
    let mark = past.to_owned() + &state.snapshot.simulated.as_ref().map(mark).unwrap_or_default() + unlocked;
    let indent = badge.width() + mark.width() + 1;
    // The line was cut for every terminal, with a sign that this one may not have.
    let text = verdict.line.as_str().replace('…', theme.glyph(Glyph::Ellipsis));
    let mut lines = words::wrap(&text, width.saturating_sub(indent).max(8));
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let ellipsis = theme.glyph(Glyph::Ellipsis);
            last.push_str("  ");
            *last = words::clip(last, width.saturating_sub(indent + 1), "")
                .trim_end()
                .to_owned()
                + ellipsis;
        }
    }
    let style = theme.style(role);
    let continued = " ".repeat(indent);
    let badges = [
        Span::styled(mark, theme.style(Role::Accent).add_modifier(Modifier::REVERSED)),
        Span::styled(badge, style.add_modifier(Modifier::REVERSED)),
    ];
    let mut first = Some(badges);
    lines
        .into_iter()
        .map(|text| match first.take() {
            Some([mark, badge]) => Line::from(vec![mark, badge, Span::raw(" "), Span::styled(text, style)]),
            None => Line::from(vec![Span::raw(continued.clone()), Span::styled(text, style)]),
        })
        .collect()
}

/// Says on every frame that nothing of it is real, and how fast its time runs.
fn mark(simulated: &Simulated) -> String {
    match simulated.speed {
        1 => " SIMULATED ".to_owned(),
        speed => format!(" SIMULATED x{speed} "),
    }
}

/// How a level looks.
pub const fn look(level: Level) -> (Glyph, &'static str, Role) {
    match level {
        Level::Ok => (Glyph::Ok, "OK", Role::Ok),
        Level::Warning => (Glyph::Warning, "WARNING", Role::Warning),
        Level::Critical => (Glyph::Critical, "CRITICAL", Role::Critical),
        Level::Unknown => (Glyph::Unknown, "UNKNOWN", Role::Unknown),
    }
}
