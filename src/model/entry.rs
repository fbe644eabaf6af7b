//! The ways into the cluster, as they were probed from this host: the name that users go to, the gateway on each node, and
//! the Admin Console on each node. Pure. Start reading at [`Entry`]; [`way`] says which ways there are.

pub mod way;

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::snapshot::Snapshot;
use crate::base::{Stamp, Text, Why, WhyKind};

/// How many probes of one way are remembered.
pub const RECENT: usize = 32;
/// So many probes in a row tell that a way does not serve: one may be lost on its way.
pub const TELLING: u32 = 2;

/// One way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryId {
    /// The name that users go to: the load balancer, where there is one.
    Balancer,
    /// The gateway on a node, asked for the same name.
    Users(IpAddr),
    /// The Admin Console on a node.
    Console(IpAddr),
}

impl EntryId {
    /// The node's address; None for the name that users go to.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            EntryId::Balancer => None,
            EntryId::Users(address) | EntryId::Console(address) => Some(address),
        }
    }

    /// Whether users come in there.
    pub const fn is_for_users(self) -> bool {
        match self {
            EntryId::Balancer | EntryId::Users(_) => true,
            EntryId::Console(_) => false,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryId::Balancer => f.pad("balancer"),
            EntryId::Users(address) => f.pad(&format!("users.{address}")),
            EntryId::Console(address) => f.pad(&format!("console.{address}")),
        }
    }
}

impl FromStr for EntryId {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let unknown = || format!("no way in is called {raw:?}");
        match raw.split_once('.') {
            None if raw == "balancer" => Ok(EntryId::Balancer),
            Some(("users", address)) => address.parse().map(EntryId::Users).map_err(|_| unknown()),
            Some(("console", address)) => address.parse().map(EntryId::Console).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Text::deserialize(deserializer)?;
        raw.as_str().parse().map_err(serde::de::Error::custom)
    }
}

/// The certificate that a server showed. Whether its CA is one that users trust is not known here and not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    /// Its subject.
    pub subject: Text,
    /// Host names and addresses that it is made for.
    pub names: Vec<Text>,
    /// Its end.
    pub not_after: Timestamp,
}

impl Presented {
    /// Whether a browser that goes to `name` would find itself in the certificate (RFC 6125: `*` stands for one label).
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|own| matches(own.as_str(), name))
    }

    /// Whether it can be the certificate of a host. Where the host's name has no domain, one with any domain counts.
    pub fn covers_host(&self, host: &str) -> bool {
        let is_short = !host.contains('.');
        let fits = |own: &Text| match own.as_str().split_once('.') {
            Some((first, _)) => first == "*" || first.eq_ignore_ascii_case(host),
            None => false,
        };
        self.covers(host) || (is_short && self.names.iter().any(fits))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(domain) => name
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// What came of one probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The status of the answer.
    pub status: Option<u16>,
    /// From the first packet to the answer, in microseconds.
    pub took_us: Option<u64>,
    /// What TLS showed.
    pub certificate: Option<Presented>,
    /// What came instead of an answer.
    pub why: Option<Why>,
}

/// What a probe proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Users get a page there.
    Served,
    /// It answers, but not with the page: the path or the host name may not be the right one.
    Odd,
    /// It says that it cannot serve, or the connection was refused or broke.
    Failed,
    /// Nothing came back.
    Silent,
}

impl Service {
    /// It in one word or two.
    pub const fn word(self) -> &'static str {
        match self {
            Service::Served => "serves",
            Service::Odd => "answers oddly",
            Service::Failed => "fails",
            Service::Silent => "silent",
        }
    }
}

impl Probed {
    /// What it proves. 401 and 403 come from the application, which is there.
    pub fn service(&self) -> Service {
        match (self.status, &self.why) {
            (Some(200..=399 | 401 | 403), _) => Service::Served,
            (Some(500..), _) => Service::Failed,
            (Some(_), _) => Service::Odd,
            (None, Some(why)) if matches!(why.kind, WhyKind::TimedOut | WhyKind::Unreachable) => Service::Silent,
            (None, _) => Service::Failed,
        }
    }

    /// It in a few words: `HTTP 200`, or why there is none.
    pub fn words(&self) -> String {
        match (self.status, &self.why) {
            (Some(status), _) => format!("HTTP {status}"),
            (None, Some(why)) => why.text.to_string(),
            (None, None) => "no answer".to_owned(),
        }
    }
}

/// A time in which a way in did not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last probe that was served before it, if one was.
    pub last_served: Option<Stamp>,
    /// The first probe that was not.
    pub since: Stamp,
    /// The first probe that was served again; None while it lasts.
    pub until: Option<Stamp>,
    /// How many probes were not served.
    pub failed: u32,
}

impl Gap {
    /// How long it lasted at least, between the first probe that was not served and the next that was.
    pub fn length(&self, now: Stamp) -> Duration {
        self.until.unwrap_or(now).since(self.since)
    }
}

/// A probe of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it ended.
    pub at: Stamp,
    /// Whether users were served.
    pub served: bool,
}

/// How a load balancer fared while a node did not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Since when a node did not serve.
    pub since: Stamp,
    /// The last request that counts.
    pub until: Stamp,
    /// Requests through it that were served, of the last [`RECENT`]. Those of the first 30 s do not count.
    pub served: usize,
    /// Those that were not.
    pub failed: usize,
}

/// Health checks need this long to see a dead node: a few rounds of the usual 5 to 10 s.
const NOTICES: Duration = Duration::from_secs(30);
/// Probes that are not further apart than this are of one time: while all is calm, a way is probed once a minute.
const BESIDE: Duration = Duration::from_mins(1);

impl Trial {
    /// How it fares now: None while every node serves, or none.
    pub fn of(entries: &BTreeMap<EntryId, Entry>) -> Option<Self> {
        let balancer = entries.get(&EntryId::Balancer)?;
        let is_beside = |own: &Entry| balancer.at.since(own.at) <= BESIDE && own.at.since(balancer.at) <= BESIDE;
        let nodes = entries.iter().filter(|(id, _)| matches!(id, EntryId::Users(_)));
        let nodes: Vec<&Entry> = nodes.map(|(_, own)| own).filter(|own| is_beside(own)).collect();
        let gaps = nodes.iter().filter_map(|own| own.gap.filter(|gap| gap.until.is_none()));
        let since = gaps.map(|gap| gap.since).min_by_key(|since| since.mono_ms)?;
        if !nodes.iter().any(|own| own.service() == Service::Served) {
            return None;
        }
        let counted = balancer.recent.iter().filter(|own| own.at.since(since) >= NOTICES);
        let (served, failed): (Vec<&Try>, Vec<&Try>) = counted.partition(|own| own.served);
        Some(Self {
            since,
            until: balancer.at,
            served: served.len(),
            failed: failed.len(),
        })
    }
}

/// One way in, and what came of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it was dialled: host and port.
    pub target: Text,
    /// The host name that it was asked for.
    pub name: Text,
    /// The path that it was asked for.
    pub path: Text,
    /// The last probe.
    pub last: Probed,
    /// When that was.
    pub at: Stamp,
    /// The last probes, oldest first; at most [`RECENT`].
    pub recent: Vec<Try>,
    /// The newest time in which it did not serve.
    pub gap: Option<Gap>,
    /// Of the load balancer: how it fared when a node did not serve, the last time that one did not.
    #[serde(default)]
    pub trial: Option<Trial>,
}

impl Entry {
    /// A way in after its first probe.
    pub fn first(target: Text, name: Text, path: Text, at: Stamp, probed: Probed) -> Self {
        let mut entry = Self {
            target,
            name,
            path,
            last: Probed::default(),
            at,
            recent: Vec::new(),
            gap: None,
            trial: None,
        };
        entry.take(at, probed);
        entry
    }

    /// Takes in another probe.
    pub fn take(&mut self, at: Stamp, probed: Probed) {
        let served = probed.service() == Service::Served;
        let last_served = self.recent.iter().rfind(|own| own.served).map(|own| own.at);
        match &mut self.gap {
            Some(gap) if gap.until.is_none() => {
                if served {
                    gap.until = Some(at);
                } else {
                    gap.failed = gap.failed.saturating_add(1);
                }
            }
            Some(_) | None if !served => {
                self.gap = Some(Gap {
                    last_served,
                    since: at,
                    until: None,
                    failed: 1,
                });
            }
            Some(_) | None => {}
        }
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Try { at, served });
        // A probe that did not come to TLS says nothing of the certificate; the last one that was seen stands.
        let certificate = probed.certificate.clone().or(self.last.certificate.take());
        self.last = Probed { certificate, ..probed };
        self.at = at;
    }

    /// What the last probe proves.
    pub fn service(&self) -> Service {
        self.last.service()
    }

    /// Whether a probe was not served and the next one, a second later, is to tell whether that lasts.
    pub fn is_half_told(&self) -> bool {
        self.gap.is_some_and(|gap| gap.until.is_none() && gap.failed < TELLING)
    }
}

/// A way that does not serve is watched closely for so long; then it is no news.
const NEWS: Duration = Duration::from_mins(10);

impl Snapshot {
    /// Whether users' ways in are to be watched closely: a host is lost, or one of the ways does not serve.
    pub fn watches_entry_closely(&self) -> bool {
        let is_news = |gap: Gap| gap.until.is_none() && gap.length(self.now) < NEWS;
        let mut users = self.entry.iter().filter(|(id, _)| id.is_for_users());
        self.is_host_lost() || users.any(|(_, own)| own.gap.is_some_and(is_news))
    }

    /// Whether a node is not Ready, or a member of etcd is dead.
    pub fn is_host_lost(&self) -> bool {
        let mut nodes = self.kube.nodes.values();
        nodes.any(|node| node.ready.status != super::kube::Tri::True)
            || self.quorum().members.iter().any(|state| state.health.is_dead())
    }
}

#[cfg(test)]
#[path = "entry/tests.rs"]
mod tests;
