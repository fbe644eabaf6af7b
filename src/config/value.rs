//! The types of settings: how each is written, read and shown. Start reading at [`Value`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::error::Problem;
use super::key::Written;
use crate::base::Text;
use crate::model::entry::way;
use crate::model::external::site::{MAX_SERVERS, PostgresqlSite, RedisSite, S3Site};
use crate::model::intent::read_zones;
use crate::model::policy::Site;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its level.
    pub origin: Origin,
}

/// A level of settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Origin {
    /// The command line.
    Flag,
    /// A variable of the environment, by its name.
    Environment(&'static str),
    /// The user's file, or the one that `--config` names.
    UserFile(#[serde(serialize_with = "path_as_text")] PathBuf),
    /// The file for every user of this host.
    SystemFile(#[serde(serialize_with = "path_as_text")] PathBuf),
    /// Built in.
    Default,
}

/// Paths need not be UTF-8; JSON must.
fn path_as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    Text::new(&path.to_string_lossy()).serialize(serializer)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.pad("command line"),
            Origin::Environment(name) => f.pad(&format!("environment {name}")),
            Origin::UserFile(path) | Origin::SystemFile(path) => f.pad(Text::new(&path.to_string_lossy()).as_str()),
            Origin::Default => f.pad("default"),
        }
    }
}

impl<T: Value> Setting<T> {
    /// A built-in value.
    pub fn default(value: T) -> Self {
        let origin = Origin::Default;
        Self { value, origin }
    }

    /// Takes a value as written. A wrong one leaves what was there.
    pub fn put(&mut self, written: Written<'_>, origin: Origin) -> Result<(), Problem> {
        let value = written.read()?;
        *self = Self { value, origin };
        Ok(())
    }

    /// The value as a person would write it, and its level.
    pub fn shown(&self) -> (String, &Origin) {
        (self.value.show(), &self.origin)
    }
}

impl Setting<Duration> {
    /// Takes a duration that makes sense.
    pub fn put_within(
        &mut self,
        written: Written<'_>,
        origin: Origin,
        range: RangeInclusive<Duration>,
    ) -> Result<(), Problem> {
        let value: Duration = written.read()?;
        if !range.contains(&value) {
            let (least, most) = (range.start().show(), range.end().show());
            return Err(Problem::new(format!(
                "{} is not between {least} and {most}",
                value.show()
            )));
        }
        *self = Self { value, origin };
        Ok(())
    }
}

/// What a setting may be.
pub trait Value: Sized {
    /// Reads the value from a word: a flag, a variable or a string in a file.
    fn parse(word: &str) -> Result<Self, Problem>;

    /// Reads the value from a file. Most are strings there.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        match value {
            DeValue::String(word) => Self::parse(word),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let problem = Problem::new(format!("expected text in quotes, found {}", kind_of(value)));
                Err(problem.hint("write \"…\" around the value"))
            }
        }
    }

    /// The value as it would be written.
    fn show(&self) -> String;
}

/// The kind of a value, with its article.
pub(super) fn kind_of(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

impl Value for String {
    fn parse(word: &str) -> Result<Self, Problem> {
        if word.is_empty() {
            return Err(Problem::new("may not be empty"));
        }
        Ok(word.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    fn parse(word: &str) -> Result<Self, Problem> {
        if word.starts_with('~') {
            return Err(Problem::new(format!("{word:?} begins with ~")).hint("write the home directory out"));
        }
        String::parse(word).map(PathBuf::from)
    }

    fn show(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// Empty means: not set.
impl<T: Value> Value for Option<T> {
    fn parse(word: &str) -> Result<Self, Problem> {
        if word.is_empty() {
            return Ok(None);
        }
        T::parse(word).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map_or(String::new(), T::show)
    }
}

/// Separated by colons, as in `KUBECONFIG`.
impl Value for Vec<PathBuf> {
    fn parse(word: &str) -> Result<Self, Problem> {
        word.split(':')
            .filter(|path| !path.is_empty())
            .map(PathBuf::parse)
            .collect()
    }

    fn show(&self) -> String {
        let paths: Vec<String> = self.iter().map(Value::show).collect();
        paths.join(":")
    }
}

/// `NODE=ZONE NODE=ZONE`
impl Value for BTreeMap<Text, Text> {
    fn parse(word: &str) -> Result<Self, Problem> {
        read_zones(word).map_err(Problem::new)
    }

    fn show(&self) -> String {
        let pairs: Vec<String> = self.iter().map(|(node, zone)| format!("{node}={zone}")).collect();
        pairs.join(" ")
    }
}

impl Value for bool {
    fn parse(word: &str) -> Result<Self, Problem> {
        one_of(word, &[("true", true), ("false", false)])
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        value
            .as_bool()
            .ok_or_else(|| Problem::new(format!("expected true or false, found {}", kind_of(value))))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A count, written as a number in a file.
impl Value for u64 {
    fn parse(word: &str) -> Result<Self, Problem> {
        let count = word.parse::<u64>().ok().filter(|count| *count <= MAX_COUNT);
        count.ok_or_else(|| Problem::new(format!("expected a whole number up to {MAX_COUNT}, found {word:?}")))
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        match value.as_integer() {
            Some(integer) if integer.radix() == 10 => Self::parse(integer.as_str()),
            Some(_) | None => Err(Problem::new(format!(
                "expected a whole number, found {}",
                kind_of(value)
            ))),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// No count that is set is larger.
const MAX_COUNT: u64 = 1_000_000;

impl Value for Site {
    fn parse(word: &str) -> Result<Self, Problem> {
        let choices = [Site::Auto, Site::SingleLocation, Site::MultiZone];
        one_of(word, &choices.map(|site| (site_word(site), site)))
    }

    fn show(&self) -> String {
        site_word(*self).to_owned()
    }
}

const fn site_word(site: Site) -> &'static str {
    match site {
        Site::Auto => "auto",
        Site::SingleLocation => "single-location",
        Site::MultiZone => "multi-zone",
    }
}

/// Where users go.
impl Value for way::Site {
    fn parse(word: &str) -> Result<Self, Problem> {
        let site = way::Site::parse(word, false);
        site.ok_or_else(|| Problem::new("is not https://HOST[:PORT][/PATH]"))
    }

    fn show(&self) -> String {
        self.url()
    }
}

impl Value for PostgresqlSite {
    fn parse(word: &str) -> Result<Self, Problem> {
        Self::parse(word).map_err(Problem::new)
    }

    fn show(&self) -> String {
        self.url()
    }
}

impl Value for RedisSite {
    fn parse(word: &str) -> Result<Self, Problem> {
        Self::parse(word, 6379, false).map_err(Problem::new)
    }

    fn show(&self) -> String {
        self.url()
    }
}

impl Value for S3Site {
    fn parse(word: &str) -> Result<Self, Problem> {
        Self::parse(word).map_err(Problem::new)
    }

    fn show(&self) -> String {
        self.url()
    }
}

/// The Sentinels: a list, or words separated by commas.
impl Value for Vec<RedisSite> {
    fn parse(word: &str) -> Result<Self, Problem> {
        words(word)
            .map(sentinel)
            .collect::<Result<_, _>>()
            .and_then(not_too_many)
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        list(value)?
            .into_iter()
            .map(sentinel)
            .collect::<Result<_, _>>()
            .and_then(not_too_many)
    }

    fn show(&self) -> String {
        let all: Vec<String> = self.iter().map(RedisSite::url).collect();
        all.join(",")
    }
}

fn sentinel(word: &str) -> Result<RedisSite, Problem> {
    RedisSite::parse(word, 26_379, true).map_err(Problem::new)
}

/// Names: a list, or words separated by commas.
impl Value for Vec<Text> {
    fn parse(word: &str) -> Result<Self, Problem> {
        not_too_many(words(word).map(Text::from).collect())
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        not_too_many(list(value)?.into_iter().map(Text::from).collect())
    }

    fn show(&self) -> String {
        let all: Vec<&str> = self.iter().map(AsRef::as_ref).collect();
        all.join(",")
    }
}

fn words(word: &str) -> impl Iterator<Item = &str> {
    word.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The words of a list in a file, or of one word with commas.
fn list<'a>(value: &'a DeValue<'_>) -> Result<Vec<&'a str>, Problem> {
    let all = match value {
        DeValue::String(word) => return Ok(words(word).collect()),
        DeValue::Array(all) => all.iter().map(|own| own.get_ref().as_str()).collect(),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            None
        }
    };
    all.ok_or_else(|| Problem::new("expected a list of texts").hint("write [\"…\", \"…\"]"))
}

fn not_too_many<T>(all: Vec<T>) -> Result<Vec<T>, Problem> {
    if all.len() > MAX_SERVERS {
        return Err(Problem::new(format!("names more than {MAX_SERVERS}")));
    }
    Ok(all)
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Value for Color {
    fn parse(word: &str) -> Result<Self, Problem> {
        let choices = [Color::Auto, Color::Always, Color::Never];
        one_of(word, &choices.map(|choice| (choice.word(), choice)))
    }

    fn show(&self) -> String {
        self.word().to_owned()
    }
}

impl Color {
    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Color::Auto => "auto",
            Color::Always => "always",
            Color::Never => "never",
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Value for LogLevel {
    fn parse(word: &str) -> Result<Self, Problem> {
        use LogLevel::{Debug, Error, Info, Trace, Warn};
        let choices = [Error, Warn, Info, Debug, Trace];
        one_of(word, &choices.map(|choice| (choice.word(), choice)))
    }

    fn show(&self) -> String {
        self.word().to_owned()
    }
}

impl LogLevel {
    /// As it is written, here and by `tracing`.
    pub const fn word(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

fn one_of<T: Copy>(word: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(Problem::new(format!("expected {}, found {word:?}", names.join(", "))))
}

/// Units of durations in milliseconds, largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Whole numbers with units, largest unit first: `500ms`, `15s`, `1h30m`, `30d`.
impl Value for Duration {
    fn parse(word: &str) -> Result<Self, Problem> {
        parse_duration(word).ok_or_else(|| {
            Problem::new(format!("{word:?} is not a duration"))
                .hint("whole numbers with units, such as 500ms, 15s, 2m, 1h30m or 30d")
        })
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        match value {
            DeValue::String(word) => Self::parse(word),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let problem = Problem::new(format!("expected a duration, found {}", kind_of(value)));
                Err(problem.hint("write it in quotes and with a unit, such as \"15s\""))
            }
        }
    }

    fn show(&self) -> String {
        let mut rest = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let mut out = String::new();
        for (unit, ms) in UNITS {
            let count = rest / ms;
            if count > 0 {
                out.push_str(&count.to_string());
                out.push_str(unit);
            }
            rest %= ms;
        }
        if out.is_empty() { "0s".to_owned() } else { out }
    }
}

fn parse_duration(word: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut total = 0u64;
    let mut rest = word;
    while !rest.is_empty() {
        let (count, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        // Goes on behind the last unit, so that each comes once and smaller than the one before.
        let (_, ms) = units.find(|(name, _)| *name == unit)?;
        total = count.parse::<u64>().ok()?.checked_mul(*ms)?.checked_add(total)?;
        rest = after;
    }
    (!word.is_empty()).then_some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(parse_duration("30d"), Some(Duration::from_hours(720)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        for wrong in [
            "",
            "10",
            "s",
            "10 s",
            "1.5s",
            "-1s",
            "1m1h",
            "1s1s",
            "5y",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lists_and_options_may_be_empty_and_words_may_not() {
        assert_eq!(
            Vec::<PathBuf>::parse("/a::/b").unwrap(),
            [PathBuf::from("/a"), PathBuf::from("/b")]
        );
        assert_eq!(Vec::<PathBuf>::parse("").unwrap(), Vec::<PathBuf>::new());
        assert_eq!(Option::<PathBuf>::parse("").unwrap(), None);
        assert!(String::parse("").is_err());
        assert!(Option::<PathBuf>::parse("~/x").is_err());
    }

    #[test]
    fn choices_are_listed() {
        let problem = Color::parse("maybe").unwrap_err();
        assert_eq!(problem.message, "expected auto, always, never, found \"maybe\"");
        assert_eq!(LogLevel::parse("debug"), Ok(LogLevel::Debug));
    }

    proptest! {
        #[test]
        fn durations_read_back(ms in 0u64..10_000_000_000_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&duration.show()), Some(duration));
        }

        #[test]
        fn no_word_makes_it_panic(word in any::<String>()) {
            let _ = (parse_duration(&word), Vec::<PathBuf>::parse(&word), bool::parse(&word));
        }
    }
}
