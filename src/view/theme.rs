//! Roles and how they look. Screens speak of roles and glyphs only; this is the one place that knows colours. What a
//! terminal cannot show is left out: words and glyphs tell every state without it. Start reading at [`Role`].

mod colors;
#[cfg(test)]
mod contrast;
mod glyph;
mod parse;

pub use colors::{Colors, rgb};
pub use glyph::{Glyph, Glyphs};
pub use parse::ThemeError;

use std::fmt::Write as _;

use ratatui::style::{Modifier, Style};
use serde::Serialize;

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

/// The background that a theme is made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

impl Ground {
    /// Its name in a theme file.
    pub const fn word(self) -> &'static str {
        match self {
            Ground::Dark => "dark",
            Ground::Light => "light",
        }
    }
}

/// How every role looks on this terminal, and its glyphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
    glyphs: Glyphs,
    ground: Ground,
    about: String,
}

/// The themes that are built in, by name.
pub const BUILT_IN: [(&str, &str); 6] = [
    ("default", include_str!("../../themes/default.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("colour-blind", include_str!("../../themes/colour-blind.toml")),
    (SIXTEEN, include_str!("../../themes/sixteen.toml")),
    (SIXTEEN_LIGHT, include_str!("../../themes/sixteen-light.toml")),
];

/// The theme for terminals that have sixteen colours, where none is set.
pub const SIXTEEN: &str = "sixteen";
/// The same for those whose background is light.
pub const SIXTEEN_LIGHT: &str = "sixteen-light";

/// Returns a user's theme file by the theme's name, as its path and text; it is asked before the built-in themes.
pub type Find<'a> = &'a dyn Fn(&str) -> Option<(String, String)>;

impl Theme {
    /// Reads the theme `name`.
    pub fn named(name: &str, find: Find) -> Result<Self, ThemeError> {
        parse::theme(name, find)
    }

    /// Reads a theme; a broken one is replaced by the default, and the error is for the operator.
    pub fn named_or_default(name: &str, find: Find) -> (Self, Option<ThemeError>) {
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
            style.fg = style.fg.and_then(|color| colors.reduce(color));
            style.bg = style.bg.and_then(|color| colors.reduce(color));
            // Among sixteen colours, the backgrounds of a theme all become black: the selection needs another means.
            if role == Role::Selection && matches!(colors, Colors::Sixteen | Colors::None) {
                *style = Style::new().add_modifier(Modifier::REVERSED);
            }
        }
        self
    }

    /// What it is for, in a few words; empty where it does not say.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The background it is made for.
    pub const fn ground(&self) -> Ground {
        self.ground
    }

    /// The theme as a file that names every role and inherits nothing.
    pub fn file(&self) -> String {
        let mut out = String::new();
        let about = toml::Value::from(self.about.as_str());
        let _ = writeln!(out, "about = {about}\nbackground = \"{}\"\n", self.ground.word());
        for role in Role::ALL {
            let _ = writeln!(out, "{} = \"{}\"", role.name(), parse::written(self.style(role)));
        }
        out
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        // The array has one style per role, in their order.
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Whether lines are typed to what it draws, not keys pressed: the linear mode.
    pub const fn is_words(&self) -> bool {
        matches!(self.glyphs, Glyphs::Words)
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
            *style = Style::new().fg(ratatui::style::Color::Indexed(number));
        }
        styles[Role::Selection as usize] = Style::new().bg(ratatui::style::Color::Indexed(Role::Selection as u8));
        Self {
            styles,
            ..Self::default()
        }
    }
}

impl Default for Theme {
    /// The built-in default; a test proves that it can be read.
    fn default() -> Self {
        Self::named("default", &|_| None).unwrap_or(Self {
            styles: [Style::new(); Role::ALL.len()],
            glyphs: Glyphs::Unicode,
            ground: Ground::Dark,
            about: String::new(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ratatui::style::Color;

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
    fn a_theme_written_out_is_the_same_theme() {
        for (name, _) in BUILT_IN {
            let theme = Theme::named(name, &|_| None).unwrap();
            assert!(!theme.about().is_empty(), "{name}");
            let find = |_: &str| Some(("out".to_owned(), theme.file()));
            assert_eq!(Theme::named("out", &find).unwrap(), theme, "{name}:\n{}", theme.file());
        }
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
