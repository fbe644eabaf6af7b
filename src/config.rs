//! The settings and where each comes from. Order: flag, environment, user file, system file, default. Everything goes
//! through one table of keys, [`key::KEYS`]; a wrong value is reported and the next level's stands, so that a broken
//! file never ends the console. The environment is injected: nothing here reads it. Knows nothing of clap, of the
//! terminal or of the cluster. Start reading at [`load`].

pub mod acknowledged;
pub mod error;
pub mod file;
pub mod key;
pub mod remapped;
pub mod secret;
pub mod settings;
pub mod value;
pub mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::ConfigError;
pub use secret::SecretEntry;
pub use settings::{Entry, EntrySettings, ExternalSettings, PolicySettings, Settings};
pub use value::{Color, LogLevel, Origin, Setting};

use error::Problem;
use file::Presence;
use key::{Key, Written};

/// The file for every user of a host.
pub const SYSTEM_FILE: &str = "/etc/quorate/config.toml";

/// Colours of text and background by their numbers, such as `0;15`, set by rxvt, Konsole and others.
pub const BACKGROUND: &str = "COLORFGBG";

/// What the terminal says of itself: a variable, whether its value means it, and the settings that follow. Files win over
/// this, because an operator knows better what a terminal can show.
const ABILITIES: [Convention; 4] = [
    Convention {
        variable: "TERM",
        when: "Where it is dumb",
        applies: |value| value == "dumb",
        settings: &[("color", "never"), ("ascii", "true"), ("linear", "true")],
    },
    Convention {
        variable: "TERM",
        when: "Where it is linux",
        applies: |value| value == "linux",
        settings: &[("ascii", "true")],
    },
    Convention {
        variable: "TERM",
        when: "Where it begins with vt",
        applies: |value| value.starts_with("vt"),
        settings: &[("ascii", "true")],
    },
    Convention {
        variable: BACKGROUND,
        when: "Where it ends with 7 or 15, a light background",
        applies: |value| matches!(value.rsplit(';').next(), Some("7" | "15")),
        settings: &[("theme", "light")],
    },
];

/// Variables that many programs share, with which a person says what is wanted. A later row wins.
const WISHES: [Convention; 3] = [
    Convention {
        variable: "CLICOLOR_FORCE",
        when: "Where it is set and not 0",
        applies: |value| value != "0",
        settings: &[("color", "always")],
    },
    Convention {
        variable: "NO_COLOR",
        when: "Where it is set",
        applies: |_| true,
        settings: &[("color", "never")],
    },
    Convention {
        variable: "ACCESSIBLE",
        when: "Where it is set and not 0",
        applies: |value| value != "0",
        settings: &[("linear", "true")],
    },
];

/// The variables that name the character set, the one that decides first (POSIX, "Internationalization Variables").
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

struct Convention {
    variable: &'static str,
    /// What `applies` asks, as the beginning of a sentence.
    when: &'static str,
    applies: fn(&str) -> bool,
    settings: &'static [(&'static str, &'static str)],
}

/// Where settings are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// What the command line says, by the names of the keys, such as `("etcd_pki", "/tmp/pki")`.
    pub flags: &'a BTreeMap<&'static str, String>,
    /// The environment.
    pub environment: &'a BTreeMap<String, String>,
    /// `--config`: this file alone, and it must be there.
    pub config_file: Option<&'a Path>,
    /// [`SYSTEM_FILE`], but in tests.
    pub system_file: &'a Path,
}

/// Loads the settings, and says everything that is wrong with them. Reads up to two small local files.
pub fn load(sources: &Sources<'_>) -> (Settings, Vec<ConfigError>) {
    let mut loader = Loader::default();
    loader.abilities(sources.environment);
    if let Some(path) = sources.config_file {
        loader.file(&Origin::UserFile(path.to_owned()), path, Presence::Required);
    } else {
        let system = sources.system_file;
        loader.file(&Origin::SystemFile(system.to_owned()), system, Presence::Optional);
        if let Some(user) = user_file(sources.environment) {
            loader.file(&Origin::UserFile(user.clone()), &user, Presence::Optional);
        }
    }
    loader.environment(sources.environment);
    for (name, value) in sources.flags {
        loader.word(name, value, Origin::Flag);
    }
    (loader.settings, loader.errors)
}

/// The user's file: `$XDG_CONFIG_HOME/quorate/config.toml`, or the same below `~/.config`.
pub fn user_file(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        environment
            .get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(base.join("quorate/config.toml"))
}

/// A settings file with every key, its meaning and its default, all commented out.
pub fn template() -> &'static str {
    include_str!("../assets/config.toml")
}

/// That secrets are given, and where; never what they are.
pub fn secrets(settings: &Settings, environment: &BTreeMap<String, String>) -> Vec<SecretEntry> {
    let entry = |secret: &secret::Secret| secret.entry(settings, environment);
    secret::SECRETS.iter().map(entry).collect()
}

/// A variable's value. An empty variable is one that is not set.
fn variable<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    environment
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Applies levels, lowest first: what is wrong leaves the level below standing.
#[derive(Default)]
struct Loader {
    settings: Settings,
    errors: Vec<ConfigError>,
}

impl Loader {
    fn file(&mut self, origin: &Origin, path: &Path, presence: Presence) {
        let errors = file::apply(path, presence, |key, value| {
            (key.put)(&mut self.settings, Written::Toml(value), origin.clone())
        });
        let errors = errors
            .into_iter()
            .map(|(place, problem)| problem.at(origin.clone(), place));
        self.errors.extend(errors);
    }

    /// What the environment says about the terminal.
    fn abilities(&mut self, environment: &BTreeMap<String, String>) {
        self.conventions(&ABILITIES, environment);
        let deciding = LOCALE
            .into_iter()
            .find_map(|name| Some((name, variable(environment, name)?)));
        // Where no locale is set, as over SSH, that says nothing about the terminal.
        if let Some((name, value)) = deciding {
            let value = value.to_ascii_lowercase();
            if !value.contains("utf-8") && !value.contains("utf8") {
                self.word("ascii", "true", Origin::Environment(name));
            }
        }
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        for key in key::KEYS {
            if let Some((name, value)) = key.variable.and_then(|name| Some((name, variable(environment, name)?))) {
                self.word(key.name, value, Origin::Environment(name));
            }
        }
        self.conventions(&WISHES, environment);
    }

    fn conventions(&mut self, conventions: &[Convention], environment: &BTreeMap<String, String>) {
        for convention in conventions {
            if variable(environment, convention.variable).is_some_and(convention.applies) {
                for (name, value) in convention.settings {
                    self.word(name, value, Origin::Environment(convention.variable));
                }
            }
        }
    }

    fn word(&mut self, name: &str, value: &str, origin: Origin) {
        let put = match key::find(name) {
            Some(Key { put, .. }) => put(&mut self.settings, Written::Word(value), origin.clone()),
            None => Err(key::unknown(name)),
        };
        if let Err(problem) = put {
            let named = Problem {
                message: format!("{name}: {}", problem.message),
                ..problem
            };
            self.errors.push(named.at(origin, None));
        }
    }
}

#[cfg(test)]
mod tests;
