//! Frames as text for snapshots. ratatui's own form drops styles, so every line is followed by the runs of what is not
//! plain text: the role where the theme is the marked one, the modifiers where it has no colours.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::view::picture::text;
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// Text and runs of style.
pub fn dump(buffer: &Buffer) -> String {
    let mut out = String::new();
    for (y, line) in (buffer.area.top()..).zip(text(buffer)) {
        let _ = writeln!(out, "{y:2}|{line}");
        let runs = runs(buffer, y);
        if !runs.is_empty() {
            let _ = writeln!(out, "   {}", runs.join(" "));
        }
    }
    out
}

/// The runs of a line that are not plain text.
pub fn runs(buffer: &Buffer, y: u16) -> Vec<String> {
    let mut runs: Vec<(u16, u16, String)> = Vec::new();
    for x in buffer.area.left()..buffer.area.right() {
        let name = name(&buffer[(x, y)]);
        match runs.last_mut() {
            Some((_, end, last)) if *last == name => *end = x,
            _ => runs.push((x, x, name)),
        }
    }
    let named = runs.into_iter().filter(|(.., name)| !name.is_empty());
    named
        .map(|(start, end, name)| format!("{start}-{end}:{name}"))
        .collect()
}

/// The runs of a line by role, with what they say.
pub fn roles(buffer: &Buffer, y: u16) -> Vec<(Role, String)> {
    let mut runs: Vec<(Option<Role>, String)> = Vec::new();
    for x in buffer.area.left()..buffer.area.right() {
        let cell = &buffer[(x, y)];
        let role = match cell.fg {
            Color::Indexed(number) => Role::ALL.get(usize::from(number)).copied(),
            _ => None,
        };
        match runs.last_mut() {
            Some((last, text)) if *last == role => text.push_str(cell.symbol()),
            _ => runs.push((role, cell.symbol().to_owned())),
        }
    }
    runs.into_iter()
        .filter_map(|(role, text)| Some((role?, text)))
        .collect()
}

fn name(cell: &Cell) -> String {
    let role = |color| match color {
        Color::Indexed(number) => Role::ALL.get(usize::from(number)).copied(),
        _ => None,
    };
    let mut names: Vec<&str> = Vec::new();
    names.extend(role(cell.bg).map(Role::name));
    names.extend(role(cell.fg).filter(|role| *role != Role::Text).map(Role::name));
    for (modifier, name) in [
        (Modifier::BOLD, "bold"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ] {
        if cell.modifier.contains(modifier) {
            names.push(name);
        }
    }
    names.join("+")
}

#[test]
fn dump_shows_styles() {
    let mut buffer = Buffer::with_lines(["ab 北c"]);
    buffer.set_style(
        ratatui::layout::Rect::new(0, 0, 2, 1),
        Theme::marked().style(Role::Critical),
    );
    assert_eq!(dump(&buffer), " 0|ab 北c\n   0-1:critical\n");
    assert_eq!(words::clip("ab 北c", 4, ""), "ab ");
}
