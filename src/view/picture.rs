//! One frame without a terminal: as cells, as plain text, as SVG. The same [`super::render`] draws it. Start reading at
//! [`draw`].

mod svg;

pub use svg::svg;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

use super::theme::Theme;
use crate::app::{Geometry, State};

/// Draws a frame of `width` columns and `height` rows.
pub fn draw(state: &State, theme: &Theme, width: u16, height: u16) -> (Buffer, Geometry) {
    let mut geometry = Geometry::default();
    // A terminal in memory cannot fail: its error type has no values.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| geometry = super::render(state, theme, frame));
    (terminal.backend().buffer().clone(), geometry)
}

/// The text alone, one line per row, without blanks at the end.
pub fn text(buffer: &Buffer) -> Vec<String> {
    let rows = buffer.area.top()..buffer.area.bottom();
    rows.map(|y| {
        let mut line = String::new();
        let mut skip = 0;
        for x in buffer.area.left()..buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = symbol.width().max(1);
            }
            skip -= 1;
        }
        line.trim_end().to_owned()
    })
    .collect()
}
