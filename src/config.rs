//! The settings and where each comes from. Order: flag, environment, user file, system file, default. Everything goes
//! through one table of keys, [`key::KEYS`]; a wrong value is reported and the next level's stands, so that a broken
//! file never ends the console. The environment is injected: nothing here reads it. Knows nothing of clap, of the
//! terminal or of the cluster. Start reading at [`load`].

pub mod error;
pub mod file;
pub mod key;
pub mod settings;
pub mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::ConfigError;
pub use settings::{Entry, PolicySettings, Settings};
pub use value::{Color, LogLevel, Origin, Setting};

use error::Problem;
use file::Presence;
use key::{Key, Written};

/// The file for every user of a host.
pub const SYSTEM_FILE: &str = "/etc/quorate/config.toml";

/// Variables that many programs share, and what they mean here: a variable, whether its value means it, and the settings
/// that follow. A later row wins: who forces colours knows better than `TERM`, and `NO_COLOR` is a person's wish.
const CONVENTIONS: [Convention; 3] = [
    Convention {
        variable: "TERM",
        applies: |value| value == "dumb",
        settings: &[("color", "never"), ("ascii", "true")],
    },
    Convention {
        variable: "CLICOLOR_FORCE",
        applies: |value| value != "0",
        settings: &[("color", "always")],
    },
    Convention {
        variable: "NO_COLOR",
        applies: |_| true,
        settings: &[("color", "never")],
    },
];

struct Convention {
    variable: &'static str,
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

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        // An empty variable is one that is not set.
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        for key in key::KEYS {
            if let Some((name, value)) = key.variable.and_then(|name| Some((name, variable(name)?))) {
                self.word(key.name, value, Origin::Environment(name));
            }
        }
        for convention in &CONVENTIONS {
            if variable(convention.variable).is_some_and(|value| (convention.applies)(value)) {
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
