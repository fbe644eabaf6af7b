//! A frame as SVG: runs of cells as text, in the theme's colours, on the background that the theme is made for. Every run
//! says how wide it is, so that columns align whatever font the reader has.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use crate::view::theme::{Ground, Theme, rgb};

/// A cell in tenths of a pixel, so that coordinates stay whole numbers until they are written.
const CELL: (u32, u32) = (84, 180);
/// Space around the cells.
const MARGIN: u32 = 120;

type Rgb = [u8; 3];

/// Writes the frame.
pub fn svg(buffer: &Buffer, theme: &Theme) -> String {
    let [width, height] = [
        u32::from(buffer.area.width) * CELL.0 + 2 * MARGIN,
        u32::from(buffer.area.height) * CELL.1 + 2 * MARGIN,
    ]
    .map(pixels);
    let (text, ground) = plain(theme.ground());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"14\" fill=\"{}\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n",
        hex(text),
        hex(ground)
    );
    for y in buffer.area.top()..buffer.area.bottom() {
        row(&mut out, buffer, theme.ground(), y);
    }
    out.push_str("</svg>\n");
    out
}

/// What "default" means on either ground: text and background.
const fn plain(ground: Ground) -> (Rgb, Rgb) {
    match ground {
        Ground::Dark => ([204, 208, 214], [22, 24, 29]),
        Ground::Light => ([40, 44, 52], [255, 255, 255]),
    }
}

/// Neighbouring cells that look alike.
struct Run {
    x: u16,
    columns: u16,
    text: String,
    look: Look,
}

/// What of a cell's style a picture shows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    text: Rgb,
    /// None: the picture's.
    ground: Option<Rgb>,
    modifier: Modifier,
}

fn row(out: &mut String, buffer: &Buffer, ground: Ground, y: u16) {
    let top = MARGIN + u32::from(y - buffer.area.y) * CELL.1;
    let runs = runs(buffer, ground, y);
    for run in &runs {
        if let Some(color) = run.look.ground {
            let (x, width) = place(run, buffer);
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\" fill=\"{}\"/>",
                pixels(top),
                pixels(CELL.1),
                hex(color)
            );
        }
    }
    let is_seen = |run: &&Run| !run.text.trim().is_empty();
    if !runs.iter().any(|run| is_seen(&run)) {
        return;
    }
    // The base line of 14 pixels in a cell of 18.
    let _ = write!(out, "<text y=\"{}\" xml:space=\"preserve\">", pixels(top + 135));
    for run in runs.iter().filter(is_seen) {
        let (x, width) = place(run, buffer);
        let _ = write!(out, "<tspan x=\"{x}\" textLength=\"{width}\"");
        if run.look.text != plain(ground).0 {
            let _ = write!(out, " fill=\"{}\"", hex(run.look.text));
        }
        for (modifier, attribute) in [
            (Modifier::BOLD, " font-weight=\"bold\""),
            (Modifier::ITALIC, " font-style=\"italic\""),
            (Modifier::UNDERLINED, " text-decoration=\"underline\""),
            (Modifier::DIM, " opacity=\"0.6\""),
        ] {
            if run.look.modifier.contains(modifier) {
                out.push_str(attribute);
            }
        }
        let _ = write!(out, ">{}</tspan>", escaped(&run.text));
    }
    out.push_str("</text>\n");
}

fn place(run: &Run, buffer: &Buffer) -> (String, String) {
    let x = MARGIN + u32::from(run.x - buffer.area.x) * CELL.0;
    (pixels(x), pixels(u32::from(run.columns) * CELL.0))
}

fn runs(buffer: &Buffer, ground: Ground, y: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut x = buffer.area.left();
    while x < buffer.area.right() {
        let cell = &buffer[(x, y)];
        let columns = u16::try_from(cell.symbol().width().max(1)).unwrap_or(1);
        let look = look(cell, ground);
        match runs.last_mut() {
            Some(run) if run.look == look => {
                run.text.push_str(cell.symbol());
                run.columns += columns;
            }
            _ => runs.push(Run {
                x,
                columns,
                text: cell.symbol().to_owned(),
                look,
            }),
        }
        x += columns;
    }
    // Blanks at the end would be underlined, and are nothing otherwise.
    for run in runs.iter_mut().filter(|run| run.look.ground.is_none()) {
        let kept = run.text.trim_end_matches(' ').len();
        run.columns -= u16::try_from(run.text.len() - kept).unwrap_or(0);
        run.text.truncate(kept);
    }
    runs
}

fn look(cell: &Cell, ground: Ground) -> Look {
    let (text, background) = plain(ground);
    let own = |color: Color| rgb(color);
    let (mut fg, mut bg) = (own(cell.fg).unwrap_or(text), own(cell.bg));
    if cell.modifier.contains(Modifier::REVERSED) {
        (fg, bg) = (bg.unwrap_or(background), Some(fg));
    }
    Look {
        text: fg,
        ground: bg,
        modifier: cell.modifier - Modifier::REVERSED,
    }
}

/// Tenths as a number of pixels.
fn pixels(tenths: u32) -> String {
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        rest => format!("{}.{rest}", tenths / 10),
    }
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Cells hold plain text only (`base::Text`), so these are all that XML reserves.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::app::{Screen, State};
    use crate::model::{Policy, example};
    use crate::view::picture::{draw, text};
    use std::sync::Arc;

    /// Checks that a text is well-formed XML of the kind written here, and returns what it says.
    fn read(xml: &str) -> String {
        let (mut open, mut said) = (Vec::new(), String::new());
        let mut rest = xml;
        while let Some(at) = rest.find('<') {
            let (content, tag) = rest.split_at(at);
            said.push_str(content);
            let (tag, after) = tag[1..].split_once('>').unwrap();
            assert!(!content.contains('>') && !tag.contains('<'), "{content:?} {tag:?}");
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name.to_owned()));
                continue;
            }
            let is_closed = tag.ends_with('/');
            let tag = tag.trim_end_matches('/');
            let name = tag.split(' ').next().unwrap();
            let mut quoted = tag[name.len()..].split('"');
            while let Some(before) = quoted.next() {
                let is_last = quoted.next().is_none();
                assert!(
                    is_last && before.is_empty() || before.starts_with(' ') && before.ends_with('='),
                    "{tag}"
                );
            }
            if !is_closed {
                open.push(name.to_owned());
            }
        }
        assert_eq!((open, rest.trim()), (Vec::new(), ""));
        for entity in said.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known)),
                "{entity}"
            );
        }
        said
    }

    #[test]
    fn every_screen_of_every_example_is_well_formed_and_says_what_the_frame_says() {
        for (name, snapshot) in example::NAMED {
            let mut state = State::new(Arc::new(snapshot()), Policy::default());
            for screen in Screen::ALL {
                state.screen = screen;
                let (buffer, _) = draw(&state, &Theme::default(), 100, 30);
                let said = read(&svg(&buffer, &Theme::default()));
                let bare = |text: &str| text.split_whitespace().collect::<String>();
                let frame = escaped(&text(&buffer).concat());
                assert_eq!(bare(&said), bare(&frame), "{name} {}", screen.name());
            }
        }
    }

    #[test]
    fn markup_in_a_name_stays_text() {
        let buffer = Buffer::with_lines(["<b>&amp;\"x"]);
        assert_eq!(read(&svg(&buffer, &Theme::default())).trim(), "&lt;b&gt;&amp;amp;\"x");
    }
}
