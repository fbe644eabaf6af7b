//! `--sim SCENARIO|FILE`: which simulated cluster is meant.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

use super::exit::Usage;
use crate::app::prompt::nearest;
use crate::base::Text;
use crate::sim::scenario::{NAMES, Scenario};

/// The largest scenario that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// A scenario and what it is called.
#[derive(Debug, Clone)]
pub struct Named {
    /// The name that was asked for.
    pub name: Text,
    /// The scenario.
    pub scenario: Scenario,
}

/// Finds a scenario by its name, or reads it from a file: what has a slash, or ends in `.toml`, is a path.
pub fn find(asked: &str) -> Result<Named, Usage> {
    let scenario = match Scenario::named(asked) {
        Some(scenario) => scenario,
        None if asked.contains('/') || has_toml_name(asked) => Scenario::parse(&read(asked)?),
        None => return Err(unknown(asked)),
    };
    let scenario = scenario.map_err(|error| usage(format!("scenario {asked}: {error}")))?;
    let name = Path::new(asked)
        .file_stem()
        .map_or(asked.into(), |stem| stem.to_string_lossy());
    Ok(Named {
        name: Text::new(&name),
        scenario,
    })
}

fn has_toml_name(asked: &str) -> bool {
    Path::new(asked)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn read(path: &str) -> Result<String, Usage> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    read.map_err(|error| usage(format!("the scenario {path} cannot be read: {error}")))?;
    Ok(text)
}

fn unknown(asked: &str) -> Usage {
    let advice = nearest(asked, NAMES.into_iter()).map_or_else(String::new, |name| format!("did you mean {name}? "));
    let names = NAMES.join(", ");
    usage(format!(
        "there is no scenario {asked:?}; {advice}There are: {names}; or name a file, such as ./{asked}.toml"
    ))
}

fn usage(message: impl AsRef<str>) -> Usage {
    // A name and a file may hold anything.
    Usage {
        message: Text::new(message.as_ref()).to_string(),
    }
}

/// Takes any word, and offers the names of the scenarios to completion.
#[derive(Debug, Clone, Copy)]
pub struct Scenarios;

impl TypedValueParser for Scenarios {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.into_iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_gets_a_suggestion_and_the_list() {
        let told = find("helathy").unwrap_err().to_string();
        assert!(
            told.contains("did you mean healthy?") && told.contains("node-lost, zone-lost"),
            "{told}"
        );
    }

    #[test]
    fn a_wrong_file_is_told_with_line_and_column() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, "about = \"x\"\n[cluster]\nworkers = \"many\"\n").unwrap();
        let told = find(path.to_str().unwrap()).unwrap_err().to_string();
        assert!(told.contains("mine.toml: line 3, column 11: "), "{told}");
        std::fs::write(&path, "about = \"x\"\n").unwrap();
        assert_eq!(find(path.to_str().unwrap()).unwrap().name, "mine");
        assert!(find("./gone.toml").unwrap_err().to_string().contains("gone.toml"));
    }
}
