//! Reads themes: flat `role = "style"` files that may inherit. Strict: what is not understood is an error that names file,
//! line and the nearest right word.

use std::fmt::Write as _;
use std::ops::Range;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BUILT_IN, Find, Glyphs, Ground, Role, Theme};
use crate::app::prompt::nearest;
use crate::base::Text;

/// How deep themes may inherit.
const MAX_DEPTH: usize = 8;

/// A theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}{}", location(file, *line), advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default())]
pub struct ThemeError {
    /// Path of the file, or the name of a built-in theme.
    pub file: String,
    /// Line, from 1; None where no line is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What may have been meant.
    pub advice: Option<String>,
}

fn location(file: &str, line: Option<usize>) -> String {
    let mut out = format!("theme {file}");
    if let Some(line) = line {
        let _ = write!(out, ", line {line}");
    }
    out + ": "
}

/// A theme with what it inherits.
pub(super) fn theme(name: &str, find: Find) -> Result<Theme, ThemeError> {
    let layers = layers(name, find)?;
    let mut styles = [Style::new(); Role::ALL.len()];
    for (role, style) in layers.iter().rev().flat_map(|layer| &layer.styles) {
        if let Some(slot) = styles.get_mut(*role as usize) {
            *slot = *style;
        }
    }
    Ok(Theme {
        styles,
        glyphs: Glyphs::Unicode,
        ground: layers.iter().find_map(|layer| layer.ground).unwrap_or_default(),
        about: layers.first().and_then(|layer| layer.about.clone()).unwrap_or_default(),
    })
}

/// A theme's file and those that it inherits, nearest first.
fn layers(name: &str, find: Find) -> Result<Vec<Layer>, ThemeError> {
    let mut layers = Vec::new();
    let mut next = Some(name.to_owned());
    let mut blame: Option<(String, usize)> = None;
    while let Some(name) = next.take() {
        let is_inherited = blame.is_some();
        let error = |what: String, advice| ThemeError {
            file: blame.as_ref().map_or_else(|| name.clone(), |(file, _)| file.clone()),
            line: blame.as_ref().map(|(_, line)| *line),
            what,
            advice,
        };
        if layers.len() >= MAX_DEPTH {
            return Err(error(
                format!("themes inherit in a circle, or more than {MAX_DEPTH} deep"),
                None,
            ));
        }
        // A user's "default" may inherit the built-in one.
        let user = if is_inherited && BUILT_IN.iter().any(|(built_in, _)| *built_in == name) {
            None
        } else {
            find(&name)
        };
        let (file, text) = match (user, BUILT_IN.iter().find(|(built_in, _)| *built_in == name)) {
            (Some(user), _) => user,
            (None, Some((built_in, text))) => ((*built_in).to_owned(), (*text).to_owned()),
            (None, None) => {
                let names = BUILT_IN.iter().map(|(name, _)| *name);
                return Err(error(format!("there is no theme {name:?}"), near(&name, names)));
            }
        };
        let layer = read(&file, &text)?;
        if let Some((parent, line)) = &layer.inherits {
            next = Some(parent.clone());
            blame = Some((file, *line));
        }
        layers.push(layer);
    }
    Ok(layers)
}

/// One file.
#[derive(Default)]
struct Layer {
    about: Option<String>,
    ground: Option<Ground>,
    inherits: Option<(String, usize)>,
    styles: Vec<(Role, Style)>,
}

fn read(file: &str, text: &str) -> Result<Layer, ThemeError> {
    let error = |span: Option<Range<usize>>, what: String, advice: Option<String>| ThemeError {
        file: file.to_owned(),
        line: span.map(|span| line_of(text, span.start)),
        what,
        advice,
    };
    let table = DeTable::parse(text).map_err(|bad| error(bad.span(), bad.message().to_owned(), None))?;
    let mut layer = Layer::default();
    for (key, value) in table.get_ref() {
        let Some(written) = as_str(value) else {
            let what = format!("{} needs a text in quotes", key.get_ref());
            return Err(error(Some(value.span()), what, None));
        };
        match key.get_ref().as_ref() {
            "inherits" => layer.inherits = Some((written.to_owned(), line_of(text, value.span().start))),
            "about" => layer.about = Some(Text::new(written).to_string()),
            "background" => {
                let ground = [Ground::Dark, Ground::Light]
                    .into_iter()
                    .find(|ground| ground.word() == written);
                let unknown = || {
                    error(
                        Some(value.span()),
                        format!("{written:?} is no background; write dark or light"),
                        None,
                    )
                };
                layer.ground = Some(ground.ok_or_else(unknown)?);
            }
            name => {
                let role = Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
                    let what = format!("there is no role {name:?}");
                    error(Some(key.span()), what, near(name, names()))
                })?;
                let style = style(written).map_err(|(what, advice)| error(Some(value.span()), what, advice))?;
                layer.styles.push((role, style));
            }
        }
    }
    Ok(layer)
}

/// Every name that a theme file may use.
fn names() -> impl Iterator<Item = &'static str> {
    Role::ALL
        .iter()
        .map(|role| role.name())
        .chain(["inherits", "about", "background"])
}

fn as_str<'a>(value: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    if let DeValue::String(text) = value.get_ref() {
        Some(text)
    } else {
        None
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

const NAMES: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];

/// Reads `bold red on #102030`.
fn style(written: &str) -> Result<Style, (String, Option<String>)> {
    let mut style = Style::new();
    let mut is_background = false;
    for word in written.split_whitespace() {
        if word == "on" {
            is_background = true;
        } else if let Some((_, modifier)) = MODIFIERS.iter().find(|(name, _)| *name == word) {
            style = style.add_modifier(*modifier);
        } else {
            let color = color(word)?;
            style = if is_background {
                style.bg(color)
            } else {
                style.fg(color)
            };
        }
    }
    Ok(style)
}

/// A style as a theme file says it.
pub(super) fn written(style: Style) -> String {
    let color = |color: Color| match NAMES.iter().find(|(_, own)| *own == color) {
        Some((name, _)) => (*name).to_owned(),
        None => color.to_string().to_lowercase(),
    };
    let modifiers = MODIFIERS
        .iter()
        .filter(|(_, modifier)| style.add_modifier.contains(*modifier));
    let mut words: Vec<String> = modifiers.map(|(name, _)| (*name).to_owned()).collect();
    words.extend(style.fg.map(color));
    words.extend(style.bg.map(|background| format!("on {}", color(background))));
    words.join(" ")
}

fn color(word: &str) -> Result<Color, (String, Option<String>)> {
    if word.starts_with('#') {
        return Color::from_str(word).map_err(|_| (format!("{word:?} is no colour; write #rrggbb"), None));
    }
    if let Some((_, color)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Ok(*color);
    }
    let names = NAMES.iter().map(|(name, _)| *name);
    let modifiers = MODIFIERS.iter().map(|(name, _)| *name);
    let advice = near(word, names.chain(modifiers));
    Err((format!("there is no colour or modifier {word:?}"), advice))
}

fn near<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean {name:?}?"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        let find = |name: &str| (name == "mine").then(|| ("mine.toml".to_owned(), text.to_owned()));
        theme("mine", &find).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_file_line_and_the_nearest_word() {
        assert_eq!(
            message("text = \"red\"\nwarnin = \"red\"\n"),
            "theme mine.toml, line 2: there is no role \"warnin\"; did you mean \"warning\"?"
        );
        assert_eq!(
            message("text = \"rde\""),
            "theme mine.toml, line 1: there is no colour or modifier \"rde\"; did you mean \"red\"?"
        );
        assert_eq!(
            message("\n\ntext = \"blod red\""),
            "theme mine.toml, line 3: there is no colour or modifier \"blod\"; did you mean \"bold\"?"
        );
        assert_eq!(
            message("text = \"#12\""),
            "theme mine.toml, line 1: \"#12\" is no colour; write #rrggbb"
        );
        assert_eq!(
            message("text = 3"),
            "theme mine.toml, line 1: text needs a text in quotes"
        );
        assert!(message("text = \"red").starts_with("theme mine.toml, line 1: "));
        assert_eq!(
            message("inherits = \"lihgt\""),
            "theme mine.toml, line 1: there is no theme \"lihgt\"; did you mean \"light\"?"
        );
        assert_eq!(
            message("background = \"drak\""),
            "theme mine.toml, line 1: \"drak\" is no background; write dark or light"
        );
        assert!(message("inherits = \"mine\"").contains("in a circle"));
    }

    #[test]
    fn a_theme_inherits_and_overrides() {
        let find =
            |name: &str| (name == "default").then(|| ("u".to_owned(), "inherits = \"default\"\nok = \"blue\"".into()));
        let own = theme("default", &find).unwrap();
        let built_in = theme("default", &|_| None).unwrap();
        assert_eq!(own.style(Role::Ok), Style::new().fg(Color::Blue));
        assert_eq!(own.style(Role::Critical), built_in.style(Role::Critical));
    }

    #[test]
    fn broken_theme_falls_back() {
        let find = |_: &str| Some(("u".to_owned(), "bad".to_owned()));
        let (theme, error) = super::super::Theme::named_or_default("mine", &find);
        assert_eq!(theme, super::super::Theme::default());
        assert!(error.is_some());
    }
}
