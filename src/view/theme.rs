//! Roles and how they look. Screens speak of roles and glyphs only; this is the one place that knows colours. What a
//! terminal cannot show is left out: words and glyphs tell every state without it. Start reading at [`Role`].

mod glyph;
mod parse;

pub use glyph::{Glyph, Glyphs};
pub use parse::ThemeError;

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Role {
    Text,
    Dim,
    Title,
    Border,
    Header,
    Accent,
    Key,
    Tab,
    TabActive,
    Selection,
    Ok,
    Info,
    Warning,
    Critical,
    Unknown,
    Stale,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 16] = [
        Role::Text,
        Role::Dim,
        Role::Title,
        Role::Border,
        Role::Header,
        Role::Accent,
        Role::Key,
        Role::Tab,
        Role::TabActive,
        Role::Selection,
        Role::Ok,
        Role::Info,
        Role::Warning,
        Role::Critical,
        Role::Unknown,
        Role::Stale,
    ];

    /// Its name in a theme file.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Text => "text",
            Role::Dim => "dim",
            Role::Title => "title",
            Role::Border => "border",
            Role::Header => "header",
            Role::Accent => "accent",
            Role::Key => "key",
            Role::Tab => "tab",
            Role::TabActive => "tab-active",
            Role::Selection => "selection",
            Role::Ok => "ok",
            Role::Info => "info",
            Role::Warning => "warning",
            Role::Critical => "critical",
            Role::Unknown => "unknown",
            Role::Stale => "stale",
        }
    }
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    /// 24-bit colours.
    #[default]
    Full,
    /// The sixteen of ANSI.
    Sixteen,
    /// None: bold, underlined and reversed only.
    None,
}

impl Colors {
    /// What the environment says: `NO_COLOR`, `TERM`, `COLORTERM`.
    pub fn detect(no_color: Option<&str>, term: Option<&str>, colorterm: Option<&str>) -> Self {
        let term = term.unwrap_or_default();
        if no_color.is_some_and(|value| !value.is_empty()) || matches!(term, "" | "dumb") || term.starts_with("vt") {
            Colors::None
        } else if matches!(colorterm, Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            Colors::Full
        } else {
            Colors::Sixteen
        }
    }
}

/// How every role looks on this terminal, and its glyphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
    glyphs: Glyphs,
}

/// The themes that are built in, by name.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("default", include_str!("../../themes/default.toml")),
    ("light", include_str!("../../themes/light.toml")),
];

impl Theme {
    /// Reads the theme `name`. `find` returns a user's theme file, as its path and text, and is asked before the built-in
    /// themes.
    pub fn named(name: &str, find: &dyn Fn(&str) -> Option<(String, String)>) -> Result<Self, ThemeError> {
        Ok(Self {
            styles: parse::styles(name, find)?,
            glyphs: Glyphs::Unicode,
        })
    }

    /// Reads a theme; a broken one is replaced by the default, and the error is for the operator.
    pub fn named_or_default(name: &str, find: &dyn Fn(&str) -> Option<(String, String)>) -> (Self, Option<ThemeError>) {
        match Self::named(name, find) {
            Ok(theme) => (theme, None),
            Err(error) => (Self::default(), Some(error)),
        }
    }

    /// The theme as a terminal with these abilities shows it.
    #[must_use]
    pub fn on(mut self, colors: Colors, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        for (role, style) in Role::ALL.into_iter().zip(&mut self.styles) {
            match colors {
                Colors::Full => {}
                Colors::Sixteen => {
                    style.fg = style.fg.map(sixteen);
                    // The dark backgrounds of a theme all become black, so the selection needs another means.
                    if role == Role::Selection {
                        *style = Style::new().add_modifier(Modifier::REVERSED);
                    } else {
                        style.bg = style.bg.map(sixteen);
                    }
                }
                Colors::None if role == Role::Selection => *style = Style::new().add_modifier(Modifier::REVERSED),
                Colors::None => *style = Style::new().add_modifier(style.add_modifier),
            }
        }
        self
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        // The array has one style per role, in their order.
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// A glyph.
    pub const fn glyph(&self, glyph: Glyph) -> &'static str {
        glyph.of(self.glyphs)
    }

    /// A theme in which every role can be told from the frame, for tests.
    #[cfg(test)]
    pub fn marked() -> Self {
        let mut styles = [Style::new(); Role::ALL.len()];
        for (number, style) in (0_u8..).zip(&mut styles) {
            *style = Style::new().fg(Color::Indexed(number));
        }
        styles[Role::Selection as usize] = Style::new().bg(Color::Indexed(Role::Selection as u8));
        Self {
            styles,
            glyphs: Glyphs::Unicode,
        }
    }
}

impl Default for Theme {
    /// The built-in default; a test proves that it can be read.
    fn default() -> Self {
        Self::named("default", &|_| None).unwrap_or(Self {
            styles: [Style::new(); Role::ALL.len()],
            glyphs: Glyphs::Unicode,
        })
    }
}

/// The ANSI colours as most terminals draw them.
const ANSI: [(Color, (i32, i32, i32)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 49, 49)),
    (Color::Green, (13, 188, 121)),
    (Color::Yellow, (229, 229, 16)),
    (Color::Blue, (36, 114, 200)),
    (Color::Magenta, (188, 63, 188)),
    (Color::Cyan, (17, 168, 205)),
    (Color::Gray, (204, 204, 204)),
    (Color::DarkGray, (118, 118, 118)),
    (Color::LightRed, (241, 76, 76)),
    (Color::LightGreen, (35, 209, 139)),
    (Color::LightYellow, (245, 245, 67)),
    (Color::LightBlue, (59, 142, 234)),
    (Color::LightMagenta, (214, 112, 214)),
    (Color::LightCyan, (41, 184, 219)),
    (Color::White, (255, 255, 255)),
];

/// The nearest of the sixteen colours.
fn sixteen(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    let distance =
        |(x, y, z): (i32, i32, i32)| (x - i32::from(r)).pow(2) + (y - i32::from(g)).pow(2) + (z - i32::from(b)).pow(2);
    ANSI.into_iter()
        .min_by_key(|(_, rgb)| distance(*rgb))
        .map_or(color, |(ansi, _)| ansi)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_can_be_read_and_names_every_role() {
        for (name, text) in BUILT_IN {
            Theme::named(name, &|_| None).unwrap();
            if name == "default" {
                assert!(
                    Role::ALL
                        .iter()
                        .all(|role| text.contains(&format!("\n{} = ", role.name())))
                );
            }
        }
        assert_ne!(Theme::default().style(Role::Critical), Theme::default().style(Role::Ok));
    }

    #[test]
    fn roles_stand_in_the_order_of_the_array() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(role as usize, index);
        }
    }

    #[test]
    fn abilities_of_the_terminal() {
        assert_eq!(
            Colors::detect(Some("1"), Some("xterm"), Some("truecolor")),
            Colors::None
        );
        assert_eq!(Colors::detect(Some(""), Some("xterm"), Some("truecolor")), Colors::Full);
        assert_eq!(Colors::detect(None, Some("dumb"), None), Colors::None);
        assert_eq!(Colors::detect(None, Some("xterm-256color"), None), Colors::Sixteen);
    }

    #[test]
    fn without_colours_no_colour_is_left_and_the_selection_is_seen() {
        let plain = Theme::default().on(Colors::None, Glyphs::Ascii);
        for role in Role::ALL {
            assert_eq!((plain.style(role).fg, plain.style(role).bg), (None, None), "{role:?}");
        }
        assert!(plain.style(Role::Selection).add_modifier.contains(Modifier::REVERSED));
        let few = Theme::default().on(Colors::Sixteen, Glyphs::Unicode);
        for role in Role::ALL {
            assert!(!matches!(few.style(role).fg, Some(Color::Rgb(..))), "{role:?}");
        }
        assert_eq!(few.style(Role::Critical).fg, Some(Color::LightRed));
    }
}
