//! The table of keys: the name of every setting, its variable, how it is put and how it is shown. Flags, environment,
//! files, `quorate config` and the test of the template all go by this table. Start reading at [`KEYS`].

use std::time::Duration;

use toml::de::DeValue;

use super::error::Problem;
use super::settings::Settings;
use super::value::{Origin, Value};

/// A value as it was written.
#[derive(Debug, Clone, Copy)]
pub enum Written<'a> {
    /// In a flag or a variable.
    Word(&'a str),
    /// In a file.
    Toml(&'a DeValue<'a>),
}

impl Written<'_> {
    /// Reads it.
    pub fn read<T: Value>(self) -> Result<T, Problem> {
        match self {
            Written::Word(word) => T::parse(word),
            Written::Toml(value) => T::from_toml(value),
        }
    }
}

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its name, with its section: `theme`, `policy.heartbeat_late`.
    pub name: &'static str,
    /// The variable that holds it.
    pub variable: Option<&'static str>,
    /// Puts a value into the settings.
    pub put: fn(&mut Settings, Written<'_>, Origin) -> Result<(), Problem>,
    /// The value as it would be written, and its level.
    pub shown: fn(&Settings) -> (String, &Origin),
}

macro_rules! key {
    ($name:literal, $variable:expr, $($field:ident).+) => {
        Key {
            name: $name,
            variable: $variable,
            put: |settings, written, origin| settings.$($field).+.put(written, origin),
            shown: |settings| settings.$($field).+.shown(),
        }
    };
    ($name:literal, $variable:expr, $($field:ident).+, $least:expr, $most:expr) => {
        Key {
            put: |settings, written, origin| settings.$($field).+.put_within(written, origin, $least..=$most),
            ..key!($name, $variable, $($field).+)
        }
    };
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Every setting, in the order of the template. Durations with the least and the most that make sense.
pub const KEYS: &[Key] = &[
    key!("kubeconfig", Some("KUBECONFIG"), kubeconfig),
    key!("context", Some("QUORATE_CONTEXT"), context),
    key!("cluster", None, cluster),
    key!("user", None, user),
    key!("as", None, act_as),
    key!("as_group", None, act_as_group),
    // Shorter than a connection may take, it would only fail.
    key!(
        "request_timeout",
        None,
        request_timeout,
        SECOND,
        Duration::from_mins(10)
    ),
    key!("k0s_dir", Some("QUORATE_K0S_DIR"), k0s_dir),
    key!("etcd_pki", Some("QUORATE_ETCD_PKI"), etcd_pki),
    key!("look_from_there", None, look_from_there),
    key!("theme", Some("QUORATE_THEME"), theme),
    key!("color", None, color),
    key!("ascii", None, ascii),
    key!("linear", None, linear),
    key!(
        "timeout",
        Some("QUORATE_TIMEOUT"),
        timeout,
        Duration::from_millis(100),
        HOUR
    ),
    key!("log_file", None, log_file),
    key!("log_level", None, log_level),
    key!("admission.probe", None, admission.probe),
    // A source that is silent for longer than this counts as late.
    key!("admission.every", None, admission.every, SECOND * 10, SECOND * 600),
    key!("entry.probe", None, entry.probe),
    key!("entry.url", None, entry.url),
    // The same.
    key!("entry.every", None, entry.every, SECOND, SECOND * 120),
    key!("external.probe", None, external.probe),
    // The same.
    key!("external.every", None, external.every, SECOND * 10, SECOND * 600),
    key!("external.ca_file", None, external.ca_file),
    key!("external.postgresql", None, external.postgresql),
    key!(
        "external.postgresql_password_file",
        None,
        external.postgresql_password_file
    ),
    key!("external.redis", None, external.redis),
    key!("external.redis_password_file", None, external.redis_password_file),
    key!("external.sentinel", None, external.sentinel),
    key!("external.sentinel_master", None, external.sentinel_master),
    key!("external.sentinel_password_file", None, external.sentinel_password_file),
    key!("external.s3_endpoint", None, external.s3_endpoint),
    key!("external.s3_bucket", None, external.s3_bucket),
    key!("external.s3_region", None, external.s3_region),
    key!("external.s3_access_key", None, external.s3_access_key),
    key!("external.s3_secret_file", None, external.s3_secret_file),
    key!("external.s3_may_write", None, external.s3_may_write),
    key!("external.read_secrets", None, external.read_secrets),
    key!(
        "policy.certificate_warning",
        None,
        policy.certificate_warning,
        HOUR,
        DAY * 3650
    ),
    key!(
        "policy.certificate_critical",
        None,
        policy.certificate_critical,
        HOUR,
        DAY * 3650
    ),
    // Kubelets renew every 10 s: less would always be late.
    key!("policy.heartbeat_late", None, policy.heartbeat_late, SECOND * 11, HOUR),
    key!("policy.detection_slow", None, policy.detection_slow, SECOND, HOUR),
    key!("policy.eviction_slow", None, policy.eviction_slow, SECOND, DAY),
    key!("policy.recovery_slow", None, policy.recovery_slow, SECOND, DAY),
    // k0s promotes about every 10 s.
    key!("policy.learner_stuck", None, policy.learner_stuck, SECOND * 10, DAY),
    key!("policy.pending_late", None, policy.pending_late, SECOND, DAY),
    key!("policy.site", None, policy.site),
    key!("policy.node_cpus", None, policy.node_cpus),
    key!("policy.node_memory_gb", None, policy.node_memory_gb),
    key!("policy.node_disk_gb", None, policy.node_disk_gb),
    key!(
        "policy.latency_high",
        None,
        policy.latency_high,
        MILLISECOND,
        SECOND * 10
    ),
    key!("policy.latency_far", None, policy.latency_far, MILLISECOND, SECOND * 10),
    key!("policy.link_mbit", None, policy.link_mbit),
    key!("policy.zones", None, policy.zones),
    key!("keys", None, keys),
];

/// The setting with a name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether keys stand in a section of that name.
pub fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| split(key.name).0 == Some(name))
}

/// Section and key.
fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('.') {
        Some((section, key)) => (Some(section), key),
        None => (None, name),
    }
}

/// There is no such setting; perhaps another was meant.
pub fn unknown(name: &str) -> Problem {
    let problem = Problem::new(format!("there is no setting {name:?}"));
    match nearest(name) {
        Some(known) => problem.hint(advice(name, known)),
        None => problem.hint("`quorate config` lists every setting"),
    }
}

/// The known name that `name` looks most like, sections aside: a key in the wrong section is close to itself.
fn nearest(name: &str) -> Option<&'static str> {
    /// From here on, two words look alike.
    const ALIKE: f64 = 0.8;
    let sections = KEYS.iter().filter_map(|key| split(key.name).0);
    let names = KEYS.iter().map(|key| key.name).chain(sections);
    let likeness = |known: &str| strsim::jaro_winkler(split(known).1, split(name).1);
    names
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn advice(name: &str, known: &str) -> String {
    let (section, key) = split(known);
    if section == split(name).0 {
        return format!("did you mean {key:?}?");
    }
    match section {
        Some(section) => format!("did you mean {key:?} in section [{section}]?"),
        None => format!("did you mean {key:?}, before the first section?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_recognized() {
        let hint = |name: &str| unknown(name).hint.unwrap_or_default();
        assert_eq!(hint("theem"), "did you mean \"theme\"?");
        assert_eq!(hint("colour"), "did you mean \"color\"?");
        assert_eq!(hint("polcy"), "did you mean \"policy\"?");
        assert_eq!(hint("policy.hartbeat_late"), "did you mean \"heartbeat_late\"?");
        assert_eq!(
            hint("pending_late"),
            "did you mean \"pending_late\" in section [policy]?"
        );
        assert_eq!(
            hint("policy.theme"),
            "did you mean \"theme\", before the first section?"
        );
        assert_eq!(hint("xyzzy"), "`quorate config` lists every setting");
    }

    #[test]
    fn names_are_unique_and_variables_too() {
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        let mut variables: Vec<_> = KEYS.iter().filter_map(|key| key.variable).collect();
        for list in [&mut names, &mut variables] {
            let before = list.len();
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), before);
        }
        assert!(is_section("policy") && !is_section("theme"));
    }
}
