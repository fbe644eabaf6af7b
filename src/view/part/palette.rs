//! What a line after `:` could become, listed above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use crate::app::list::scroll;
use crate::app::{Prompt, State};
use crate::view::part::section;
use crate::view::part::section::Heading;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The most offers that are visible at once.
const MOST: usize = 10;

/// Draws the offers over the lower end of `area`, the rest of which keeps what it shows. Returns how many lines they take.
pub fn render(state: &State, theme: &Theme, area: Rect, buf: &mut Buffer) -> u16 {
    let Some(prompt) = state.prompt.as_ref().filter(|prompt| !prompt.offers.is_empty()) else {
        return 0;
    };
    let visible = prompt.offers.len().min(MOST).min(usize::from(area.height / 2));
    if visible == 0 {
        return 0;
    }
    let height = u16::try_from(visible + 1).unwrap_or(area.height).min(area.height);
    let over = Rect {
        y: area.bottom() - height,
        height,
        ..area
    };
    Clear.render(over, buf);
    buf.set_style(over, theme.style(Role::Text));
    let offset = scroll(0, prompt.chosen.unwrap_or(0), visible, prompt.offers.len());
    let heading = Heading {
        title: "Commands",
        summary: vec![("tab takes one, enter does it".to_owned(), Role::Dim)],
        note: section::place(offset, visible, prompt.offers.len()),
    };
    let inner = section::render(&heading, theme, over, buf);
    let lines = lines(prompt, theme, usize::from(area.width)).into_iter().skip(offset);
    for (y, (line, is_chosen)) in (inner.y..inner.bottom()).zip(lines) {
        let area = Rect { y, height: 1, ..inner };
        line.render(area, buf);
        if is_chosen {
            buf.set_style(area, theme.style(Role::Selection));
        }
    }
    height
}

fn lines(prompt: &Prompt, theme: &Theme, width: usize) -> Vec<(Line<'static>, bool)> {
    let ellipsis = theme.glyph(Glyph::Ellipsis);
    let widest = prompt.offers.iter().map(|offer| offer.label.width()).max().unwrap_or(0);
    let widest = widest.min(width.saturating_sub(2));
    let line = |(index, offer): (usize, &crate::app::commands::Offer)| {
        let is_chosen = prompt.chosen == Some(index);
        let label = words::clip_middle(&offer.label, widest, ellipsis);
        let gap = " ".repeat(widest - label.width() + 2);
        let help = words::clip(&offer.help, width.saturating_sub(widest + 4), ellipsis);
        let line = Line::from(vec![
            Span::styled(if is_chosen { "> " } else { "  " }, theme.style(Role::Accent)),
            Span::styled(label, theme.style(Role::Key)),
            Span::raw(gap),
            Span::styled(help, theme.style(Role::Dim)),
        ]);
        (line, is_chosen)
    };
    prompt.offers.iter().enumerate().map(line).collect()
}
