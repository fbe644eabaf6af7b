//! The services that keep NetBox's data outside the cluster, as they were asked from this host: PostgreSQL, Redis, its
//! Sentinels, and object storage. No secret is in here. Pure. Start reading at [`External`]; [`site`] says where they are.

pub mod site;

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{Stamp, Text, Why, WhyKind, plural};

/// The databases that NetBox Enterprise needs (HA document, "PostgreSQL").
pub const DATABASES: [&str; 3] = ["netbox", "diode", "hydra"];

/// One service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum ServiceId {
    Postgresql,
    Redis,
    Sentinel,
    S3,
}

impl ServiceId {
    /// Every service.
    pub const ALL: [ServiceId; 4] = [
        ServiceId::Postgresql,
        ServiceId::Redis,
        ServiceId::Sentinel,
        ServiceId::S3,
    ];

    /// Its name in a feed id, and in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            ServiceId::Postgresql => "postgresql",
            ServiceId::Redis => "redis",
            ServiceId::Sentinel => "sentinel",
            ServiceId::S3 => "s3",
        }
    }

    /// Its name as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            ServiceId::Postgresql => "PostgreSQL",
            ServiceId::Redis => "Redis",
            ServiceId::Sentinel => "Sentinel",
            ServiceId::S3 => "object storage",
        }
    }

    /// The setting that says where it is.
    pub const fn setting(self) -> &'static str {
        match self {
            ServiceId::Postgresql => "external.postgresql",
            ServiceId::Redis => "external.redis",
            ServiceId::Sentinel => "external.sentinel",
            ServiceId::S3 => "external.s3_endpoint and external.s3_bucket",
        }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ServiceId {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let found = ServiceId::ALL.into_iter().find(|id| id.name() == raw);
        found.ok_or_else(|| format!("no service is called {raw:?}"))
    }
}

impl Serialize for ServiceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ServiceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Text::deserialize(deserializer)?;
        raw.as_str().parse().map_err(serde::de::Error::custom)
    }
}

/// One service, and what it told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// When.
    pub at: Stamp,
    /// What.
    pub told: Told,
}

/// What a service told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service", content = "servers", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Told {
    Postgresql(Vec<Server<Database>>),
    Redis(Vec<Server<Cache>>),
    Sentinel(Vec<Server<Watch>>),
    S3(Vec<Server<Bucket>>),
}

impl Told {
    /// Of which service it is.
    pub const fn service(&self) -> ServiceId {
        match self {
            Told::Postgresql(_) => ServiceId::Postgresql,
            Told::Redis(_) => ServiceId::Redis,
            Told::Sentinel(_) => ServiceId::Sentinel,
            Told::S3(_) => ServiceId::S3,
        }
    }

    /// Its servers, each as every service has it.
    pub fn servers(&self) -> Vec<Seen<'_>> {
        match self {
            Told::Postgresql(all) => all.iter().map(|own| own.seen(Database::words)).collect(),
            Told::Redis(all) => all.iter().map(|own| own.seen(Cache::words)).collect(),
            Told::Sentinel(all) => all.iter().map(|own| own.seen(Watch::words)).collect(),
            Told::S3(all) => all.iter().map(|own| own.seen(Bucket::words)).collect(),
        }
    }
}

/// A server of any service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Host and port.
    pub target: &'a Text,
    /// Whether its connection is encrypted.
    pub secured: &'a Secured,
    /// Whether somebody answered there: also one who says no does, and one whose certificate we do not accept.
    pub is_reached: bool,
    /// What came instead of an answer.
    pub why: Option<&'a Why>,
    /// What its name stands for.
    pub addresses: &'a [IpAddr],
    /// What it told, or what came instead, in a few words.
    pub words: String,
}

/// One server that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server<T> {
    /// Host and port.
    pub target: Text,
    /// Whether its connection is encrypted.
    pub secured: Secured,
    /// What its name stands for, as this host looks it up; empty where it did not come so far.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// What it told, or what came instead.
    pub answer: Result<T, Why>,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secured {
    /// It did not come so far.
    Unknown,
    /// Whoever is on the way can read it.
    Plain,
    /// TLS with a certificate that a CA which we trust has signed for this name.
    Tls {
        /// The certificate's end.
        not_after: Timestamp,
    },
}

impl Secured {
    /// It in one word, for a column `TLS`.
    pub const fn word(&self) -> &'static str {
        match self {
            Secured::Unknown => "-",
            Secured::Plain => "no",
            Secured::Tls { .. } => "yes",
        }
    }
}

impl<T> Server<T> {
    fn seen(&self, words: impl Fn(&T) -> String) -> Seen<'_> {
        let why = self.answer.as_ref().err();
        Seen {
            target: &self.target,
            secured: &self.secured,
            is_reached: self.is_reached(),
            why,
            addresses: &self.addresses,
            words: self.answer.as_ref().map_or_else(|why| why.text.to_string(), words),
        }
    }

    fn is_reached(&self) -> bool {
        match &self.answer {
            Ok(_) => true,
            Err(why) => match why.kind {
                WhyKind::Unauthenticated
                | WhyKind::Forbidden
                | WhyKind::NotFound
                | WhyKind::Throttled
                | WhyKind::Tls => true,
                WhyKind::Refused
                | WhyKind::TimedOut
                | WhyKind::Unreachable
                | WhyKind::Broken
                | WhyKind::Unavailable
                | WhyKind::Garbage
                | WhyKind::Missing
                | WhyKind::Denied
                | WhyKind::Config
                | WhyKind::NotYet
                | WhyKind::NoOccasion
                | WhyKind::Disabled => false,
            },
        }
    }
}

/// What a PostgreSQL server told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its version, such as `15.6`.
    pub version: Text,
    /// `pg_is_in_recovery()`: it is a standby.
    pub in_recovery: bool,
    /// `transaction_read_only`: it takes no changes.
    pub read_only: bool,
    /// Which of [`DATABASES`] exist.
    pub databases: Vec<Text>,
    /// `pg_stat_replication`: a state for each that may be a standby; empty where we have no right to see it.
    pub standbys: Vec<Text>,
    /// Who streams from here and is no standby: it has a logical slot, or reports no replay, as `pg_receivewal` and a backup.
    #[serde(default)]
    pub other_receivers: usize,
}

impl Database {
    /// Whether it takes changes.
    pub const fn is_writable(&self) -> bool {
        !self.in_recovery && !self.read_only
    }

    fn words(&self) -> String {
        let role = match (self.in_recovery, self.read_only) {
            (true, _) => "standby",
            (false, true) => "no standby, but takes no changes",
            (false, false) => "primary",
        };
        let streaming = self.standbys.iter().filter(|state| *state == "streaming").count();
        let databases: Vec<&str> = self.databases.iter().map(AsRef::as_ref).collect();
        let databases = if databases.is_empty() {
            "none of the databases".to_owned()
        } else {
            databases.join(" ")
        };
        format!(
            "PostgreSQL {}, {role}, {streaming} streaming, has {databases}",
            self.version
        )
    }
}

/// What a Redis server told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// `role`: `master` or `slave`.
    pub role: Text,
    /// `connected_slaves`.
    pub replicas: u64,
    /// `master_link_status` of a replica: whether it hears its master.
    pub hears_master: Option<bool>,
}

impl Cache {
    fn words(&self) -> String {
        let cut_off = if self.hears_master == Some(false) {
            ", cut off from its master"
        } else {
            ""
        };
        format!("role {}, {}{cut_off}", self.role, plural_u64(self.replicas, "replica"))
    }
}

fn plural_u64(count: u64, what: &str) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), what)
}

/// What a Sentinel told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The masters that it watches; those that were asked for, where names were set.
    pub masters: Vec<Master>,
    /// Masters that were asked for, and that it does not know.
    pub unknown: Vec<Text>,
}

impl Watch {
    fn words(&self) -> String {
        let of = |master: &Master| {
            let state = if master.is_down { "down" } else { "up" };
            let quorum = if master.no_quorum.is_some() {
                "no quorum"
            } else {
                "quorum"
            };
            let (replicas, sentinels) = (
                plural_u64(master.replicas, "replica"),
                plural_u64(master.sentinels, "Sentinel"),
            );
            format!("{} {state}, {replicas}, {sentinels}, {quorum}", master.name)
        };
        let all: Vec<String> = self.masters.iter().map(of).collect();
        if all.is_empty() {
            "watches no master".to_owned()
        } else {
            all.join("; ")
        }
    }
}

/// A master as a Sentinel sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its name.
    pub name: Text,
    /// Host and port.
    pub address: Text,
    /// Whether the Sentinel holds it for dead (`s_down`, `o_down`).
    pub is_down: bool,
    /// Replicas that hear it.
    pub replicas: u64,
    /// Replicas that are down or cut off from it.
    pub replicas_down: u64,
    /// Sentinels that watch it, this one among them.
    pub sentinels: u64,
    /// How many must agree that it is dead.
    pub quorum: u64,
    /// `SENTINEL CKQUORUM`: None where a failover can be agreed on and carried out; else why not, in its words.
    pub no_quorum: Option<Text>,
}

/// What object storage told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: Text,
    /// Whether it is there: None where we have no right to see it.
    pub exists: Option<bool>,
    /// What came of writing and removing a small object; None where that is not allowed.
    pub written: Option<Result<(), Why>>,
    /// What MinIO says of itself: whether the storage goes on taking changes without the server that answered. None where it is
    /// another's, or does not say.
    #[serde(default)]
    pub spares_server: Option<bool>,
}

impl Bucket {
    fn words(&self) -> String {
        let exists = match self.exists {
            Some(true) => "exists",
            Some(false) => "does not exist",
            None => "may not be seen",
        };
        let written = match &self.written {
            Some(Ok(())) => ", can be written",
            Some(Err(_)) => ", cannot be written",
            None => "",
        };
        format!("bucket {} {exists}{written}", self.name)
    }
}

/// How the best known managed services name their hosts. Google's Memorystore has an address alone.
const MANAGED: [&str; 8] = [
    ".rds.amazonaws.com",
    ".cache.amazonaws.com",
    ".rds.amazonaws.com.cn",
    ".cache.amazonaws.com.cn",
    ".database.azure.com",
    ".redis.cache.windows.net",
    ".redis.azure.net",
    ".sql.goog",
];

/// Whether a server belongs to a managed service, by its name. One without such a name may yet be.
pub fn is_managed(target: &str) -> bool {
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    MANAGED.iter().any(|suffix| host.ends_with(suffix))
}

/// How the best known managed services of object storage name their endpoints, Amazon's apart.
const MANAGED_STORAGE: [&str; 5] = [
    "storage.googleapis.com",
    ".r2.cloudflarestorage.com",
    ".digitaloceanspaces.com",
    ".backblazeb2.com",
    ".wasabisys.com",
];

/// The same of an endpoint of object storage.
pub fn is_managed_storage(target: &str) -> bool {
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_amazon = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let is_s3 = |label: &str| label == "s3" || label.starts_with("s3-");
    (is_amazon && host.split('.').any(is_s3)) || MANAGED_STORAGE.iter().any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managed_services_are_known_by_their_names() {
        assert!(is_managed("db.abc.eu-central-1.rds.amazonaws.com:5432"));
        assert!(is_managed("NB.postgres.database.azure.com.:5432"));
        assert!(is_managed("nb.abc.cnn1.cache.amazonaws.com.cn:6379"));
        assert!(!is_managed("db.example.com:5432"));
        assert!(!is_managed("[fd00::1]:5432"));
        assert!(is_managed_storage("s3.eu-central-1.amazonaws.com:443"));
        assert!(is_managed_storage("storage.googleapis.com:443"));
        assert!(!is_managed_storage("ec2-192-0-2-1.compute-1.amazonaws.com:443"));
        assert!(!is_managed_storage("s3.example.com:443"));
    }

    #[test]
    fn who_says_no_is_reached() {
        let server = |answer| Server::<Bucket> {
            target: "s3.example.com:443".into(),
            secured: Secured::Unknown,
            addresses: Vec::new(),
            answer,
        };
        assert!(server(Err(Why::new(WhyKind::Unauthenticated, "x"))).is_reached());
        assert!(!server(Err(Why::new(WhyKind::Refused, "x"))).is_reached());
    }
}
