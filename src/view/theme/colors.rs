//! Which colours a terminal has, and how a theme's colours are brought down to them.

use ratatui::style::Color;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    /// 24-bit colours.
    #[default]
    Full,
    /// The 256 of xterm: what SSH leaves of most terminals, as it does not pass `COLORTERM` on.
    Indexed,
    /// The sixteen of ANSI.
    Sixteen,
    /// None: bold, underlined and reversed only.
    None,
}

/// Terminals without 256 in their name that have all colours.
const MODERN: [&str; 6] = ["alacritty", "foot", "ghostty", "kitty", "wezterm", "contour"];

impl Colors {
    /// What the environment says: `TERM`, `COLORTERM`. Whether colours are wanted is a setting.
    pub fn detect(term: Option<&str>, colorterm: Option<&str>) -> Self {
        let term = term.unwrap_or_default();
        let is_screen = term.starts_with("screen");
        if matches!(term, "" | "dumb") || term.starts_with("vt") || term.ends_with("-m") || term.ends_with("-mono") {
            Colors::None
        } else if term == "linux" {
            Colors::Sixteen
        } else if term.ends_with("-direct") || MODERN.iter().any(|name| term.contains(name)) {
            Colors::Full
        } else if matches!(colorterm, Some("truecolor" | "24bit")) && !is_screen {
            // GNU screen inherits the variable from the terminal around it, and prints such colours as garbage.
            Colors::Full
        } else if term.contains("256color") {
            Colors::Indexed
        } else {
            Colors::Sixteen
        }
    }

    /// The nearest colour that there is.
    pub fn reduce(self, color: Color) -> Option<Color> {
        match self {
            Colors::Full => Some(color),
            Colors::Indexed => Some(indexed(color)),
            Colors::Sixteen => Some(sixteen(color)),
            Colors::None => None,
        }
    }
}

/// The ANSI colours as most terminals draw them.
const ANSI: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 49, 49]),
    (Color::Green, [13, 188, 121]),
    (Color::Yellow, [229, 229, 16]),
    (Color::Blue, [36, 114, 200]),
    (Color::Magenta, [188, 63, 188]),
    (Color::Cyan, [17, 168, 205]),
    (Color::Gray, [204, 204, 204]),
    (Color::DarkGray, [118, 118, 118]),
    (Color::LightRed, [241, 76, 76]),
    (Color::LightGreen, [35, 209, 139]),
    (Color::LightYellow, [245, 245, 67]),
    (Color::LightBlue, [59, 142, 234]),
    (Color::LightMagenta, [214, 112, 214]),
    (Color::LightCyan, [41, 184, 219]),
    (Color::White, [255, 255, 255]),
];

/// The steps of xterm's colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// How far apart two colours are, squared.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.into_iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// The nearest of the sixteen colours.
fn sixteen(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    ANSI.into_iter()
        .min_by_key(|(_, rgb)| distance(*rgb, [r, g, b]))
        .map_or(color, |(ansi, _)| ansi)
}

/// The nearest of xterm's colours from 16 on; the lower ones differ from terminal to terminal.
fn indexed(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    let near = |value: u8| {
        (0u8..6)
            .min_by_key(|step| CUBE[usize::from(*step)].abs_diff(value))
            .unwrap_or(0)
    };
    let steps = [near(r), near(g), near(b)];
    let cube = steps.map(|step| CUBE[usize::from(step)]);
    let grays = (0u8..24).map(|step| (232 + step, [8 + 10 * step; 3]));
    let all = std::iter::once((16 + 36 * steps[0] + 6 * steps[1] + steps[2], cube)).chain(grays);
    all.min_by_key(|(_, rgb)| distance(*rgb, [r, g, b]))
        .map_or(color, |(number, _)| Color::Indexed(number))
}

/// What a colour is on a screen; None for the terminal's own and for the sixteen by number, which nothing here uses.
pub fn rgb(color: Color) -> Option<[u8; 3]> {
    match color {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(number @ 16..=231) => {
            let number = usize::from(number - 16);
            Some([number / 36, number / 6 % 6, number % 6].map(|step| CUBE[step]))
        }
        Color::Indexed(number @ 232..) => Some([8 + 10 * (number - 232); 3]),
        named => ANSI.into_iter().find(|(own, _)| *own == named).map(|(_, rgb)| rgb),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_can_show() {
        let full = Some("truecolor");
        for (term, colorterm, expected) in [
            (None, full, Colors::None),
            (Some(""), full, Colors::None),
            (Some("dumb"), full, Colors::None),
            (Some("vt100"), full, Colors::None),
            (Some("vt220"), None, Colors::None),
            (Some("xterm-mono"), None, Colors::None),
            (Some("linux"), None, Colors::Sixteen),
            (Some("linux"), full, Colors::Sixteen),
            (Some("xterm"), None, Colors::Sixteen),
            (Some("xterm"), full, Colors::Full),
            (Some("xterm"), Some("24bit"), Colors::Full),
            (Some("xterm"), Some("yes"), Colors::Sixteen),
            (Some("xterm-256color"), None, Colors::Indexed),
            (Some("xterm-256color"), full, Colors::Full),
            (Some("xterm-direct"), None, Colors::Full),
            (Some("xterm-kitty"), None, Colors::Full),
            (Some("alacritty"), None, Colors::Full),
            (Some("tmux-256color"), None, Colors::Indexed),
            (Some("tmux-256color"), full, Colors::Full),
            (Some("screen"), None, Colors::Sixteen),
            (Some("screen"), full, Colors::Sixteen),
            (Some("screen-256color"), full, Colors::Indexed),
        ] {
            assert_eq!(Colors::detect(term, colorterm), expected, "{term:?} {colorterm:?}");
        }
    }

    #[test]
    fn colours_come_down_to_near_ones() {
        let of = |r, g, b| Colors::Indexed.reduce(Color::Rgb(r, g, b));
        assert_eq!(of(0, 0, 0), Some(Color::Indexed(16)));
        assert_eq!(of(255, 255, 255), Some(Color::Indexed(231)));
        assert_eq!(of(255, 107, 107), Some(Color::Indexed(203)));
        assert_eq!(of(60, 58, 57), Some(Color::Indexed(237)));
        assert_eq!(Colors::Indexed.reduce(Color::Red), Some(Color::Red));
        assert_eq!(Colors::Sixteen.reduce(Color::Rgb(255, 107, 107)), Some(Color::LightRed));
        assert_eq!(Colors::None.reduce(Color::Red), None);
    }
}
