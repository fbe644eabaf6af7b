//! `quorate themes`, and which theme the console gets: the built-in ones, and those in the user's folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use color_eyre::eyre;
use serde::Serialize;

use super::args::{Output, ThemesAction};
use super::exit::Usage;
use super::observe::Resolved;
use super::output::table::table;
use super::output::{print, print_json};
use crate::base::Text;
use crate::config::{BACKGROUND, Color, Origin, Setting, user_file};
use crate::tui::Themes;
use crate::view::theme::{BUILT_IN, Ground, SIXTEEN, SIXTEEN_LIGHT, ThemeError};
use crate::view::{Colors, Glyphs, Theme};

/// The largest theme file that is read.
const MAX_THEME_BYTES: u64 = 64 * 1024;

/// Lists the themes, or prints one.
pub fn run(resolved: &Resolved, action: Option<&ThemesAction>, output: Output) -> eyre::Result<ExitCode> {
    if let Some(ThemesAction::Show { name }) = action {
        let theme = named(resolved, name).map_err(|error| Usage {
            message: error.to_string(),
        })?;
        print(&theme.file())?;
        return Ok(ExitCode::SUCCESS);
    }
    let themes = all(resolved);
    match output {
        Output::Json => print_json(&serde_json::json!({ "schema": "quorate.themes/v1", "themes": themes }))?,
        Output::Table => {
            let rows: Vec<Vec<String>> = themes
                .into_iter()
                .map(|listed| {
                    let about = listed.problem.unwrap_or(listed.about);
                    vec![listed.name.to_string(), listed.from.to_string(), about.to_string()]
                })
                .collect();
            print(&table(&["THEME", "FROM", "ABOUT"], &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A theme in the list.
#[derive(Debug, Serialize)]
struct Listed {
    name: Text,
    /// `built in`, or the file.
    from: Text,
    about: Text,
    background: Option<Ground>,
    /// Why it cannot be used.
    problem: Option<Text>,
}

/// The built-in themes, then the user's. A user's theme of a built-in's name stands in its place.
fn all(resolved: &Resolved) -> Vec<Listed> {
    names(resolved).iter().map(|name| listed(resolved, name)).collect()
}

fn names(resolved: &Resolved) -> Vec<String> {
    let built_in: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut own: Vec<String> = folder(resolved)
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .filter(|name| !built_in.contains(name))
        .collect();
    own.sort_unstable();
    built_in.into_iter().chain(own).collect()
}

/// The themes that can be chosen while the console is open.
pub fn choice(resolved: &Resolved) -> Themes {
    let folder = folder(resolved);
    Themes {
        names: names(resolved),
        read: Arc::new(move |name| Theme::named(name, &|name| find(folder.as_deref(), name))),
    }
}

fn listed(resolved: &Resolved, name: &str) -> Listed {
    let file = find(folder(resolved).as_deref(), name);
    let theme = named(resolved, name);
    Listed {
        name: Text::new(name),
        from: file.map_or_else(|| "built in".into(), |(path, _)| Text::from(path)),
        about: theme
            .as_ref()
            .map_or_else(|_| Text::default(), |theme| Text::new(theme.about())),
        background: theme.as_ref().ok().map(Theme::ground),
        problem: theme.err().map(|error| Text::from(error.to_string())),
    }
}

/// The theme that the settings ask for on such a terminal. A broken one is replaced by the default.
pub fn chosen(resolved: &Resolved, colors: Colors) -> (Theme, Option<ThemeError>) {
    let name = fitting(&resolved.settings.theme, colors);
    let folder = folder(resolved);
    Theme::named_or_default(name, &|name| find(folder.as_deref(), name))
}

/// The theme that is set; where none is, the one for what the terminal has.
fn fitting(setting: &Setting<String>, colors: Colors) -> &str {
    match setting.origin {
        Origin::Default if colors == Colors::Sixteen => SIXTEEN,
        Origin::Environment(BACKGROUND) if colors == Colors::Sixteen => SIXTEEN_LIGHT,
        Origin::Flag | Origin::Environment(_) | Origin::UserFile(_) | Origin::SystemFile(_) | Origin::Default => {
            &setting.value
        }
    }
}

/// A theme by its name, or a file.
pub fn named(resolved: &Resolved, name: &str) -> Result<Theme, ThemeError> {
    let folder = folder(resolved);
    Theme::named(name, &|name| find(folder.as_deref(), name))
}

/// Which glyphs to draw with.
pub const fn glyphs(resolved: &Resolved) -> Glyphs {
    if resolved.settings.ascii.value {
        Glyphs::Ascii
    } else {
        Glyphs::Unicode
    }
}

/// Which colours the terminal has and the operator wants.
pub fn colors(resolved: &Resolved) -> Colors {
    let variable = |name: &str| resolved.environment.get(name).map(String::as_str);
    let able = Colors::detect(variable("TERM"), variable("COLORTERM"));
    match (resolved.settings.color.value, able) {
        (Color::Never, _) => Colors::None,
        (Color::Always, Colors::None) => Colors::Sixteen,
        (Color::Always | Color::Auto, able) => able,
    }
}

fn folder(resolved: &Resolved) -> Option<PathBuf> {
    Some(user_file(&resolved.environment)?.parent()?.join("themes"))
}

/// A user's theme: a file when the name is a path, otherwise `NAME.toml` in the folder of themes.
fn find(folder: Option<&Path>, name: &str) -> Option<(String, String)> {
    let path = if name.contains('/') {
        PathBuf::from(name)
    } else {
        folder?.join(format!("{name}.toml"))
    };
    let mut text = String::new();
    let file = File::open(&path).ok()?;
    file.take(MAX_THEME_BYTES).read_to_string(&mut text).ok()?;
    Some((path.display().to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_sixteen_colours_a_theme_of_sixteen_is_taken_unless_one_is_set() {
        let of = |value: &str, origin| Setting {
            value: value.to_owned(),
            origin,
        };
        let (none, light) = (
            of("default", Origin::Default),
            of("light", Origin::Environment(BACKGROUND)),
        );
        let set = of("light", Origin::Environment("QUORATE_THEME"));
        for (colors, expected) in [
            (Colors::Full, ["default", "light", "light"]),
            (Colors::Indexed, ["default", "light", "light"]),
            (Colors::Sixteen, ["sixteen", "sixteen-light", "light"]),
        ] {
            assert_eq!(
                [&none, &light, &set].map(|of| fitting(of, colors)),
                expected,
                "{colors:?}"
            );
        }
    }
}
