//! The frame of the log. Its lines are drawn by `tui` afterwards: tui-logger keeps them in global state.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Area;
use crate::view::part::section::{self, Heading};
use crate::view::theme::{Role, Theme};

/// Draws the heading and returns where the lines belong.
pub fn render(theme: &Theme, area: Rect, buf: &mut Buffer) -> Area {
    let heading = Heading {
        title: "Log",
        summary: vec![("what quorate saw and did".to_owned(), Role::Dim)],
        note: String::new(),
    };
    let inner = section::render(&heading, theme, area, buf);
    Area {
        x: inner.x,
        y: inner.y,
        width: inner.width,
        height: inner.height,
    }
}
