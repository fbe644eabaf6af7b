//! What etcd says about itself. Truth about membership is etcd's member list; everything else is joined to it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::feed::History;
use crate::base::{Stamp, Text, Why};

/// An etcd member's id. Printed as lower-case hex, as etcdctl and k0s do; above 2^53, so JSON carries it as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// An etcd cluster's id, printed as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u64);

macro_rules! hex_id {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{:x}", self.0))
            }
        }
        impl FromStr for $id {
            type Err = std::num::ParseIntError;
            fn from_str(raw: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(raw, 16).map($id)
            }
        }
        impl Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Text::deserialize(deserializer)?
                    .as_str()
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
hex_id!(MemberId);
hex_id!(ClusterId);

/// The port of every k0s member's peer listener (k0s `pkg/component/controller/etcd.go`), for members that only k0s's
/// objects name. Members that etcd lists carry their port in their peer URL.
pub const K0S_PEER_PORT: u16 = 2380;

/// One row of a member list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// The member's id; a re-created member has a new one.
    pub id: MemberId,
    /// Empty until the member has started once.
    pub name: Text,
    /// `https://HOST:PORT` of its peer listener.
    pub peer_urls: Vec<Text>,
    /// Where it says that it takes clients (`--advertise-client-urls`); empty until it has started once.
    #[serde(default)]
    pub client_urls: Vec<Text>,
    /// Replicates without a vote.
    pub is_learner: bool,
}

impl Member {
    /// Whether it ever published its name.
    pub fn has_started(&self) -> bool {
        !self.name.is_empty()
    }

    /// Host and port of the first peer URL.
    pub fn peer_authority(&self) -> Option<&str> {
        authority(self.peer_urls.first()?.as_str())
    }

    /// Host of the first peer URL, without port and brackets.
    pub fn peer_address(&self) -> Option<&str> {
        url_host(self.peer_urls.first()?.as_str())
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    (!authority.is_empty()).then_some(authority)
}

/// Host of a URL, without port and brackets.
pub fn url_host(url: &str) -> Option<&str> {
    let authority = authority(url)?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    };
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Who says who the members are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// The local member, through consensus: the truth of that moment.
    LocalLinearizable,
    /// The local member's own copy: may be behind.
    LocalSerializable,
    /// Another member's own copy, through its peer port: may be behind.
    Peer(MemberId),
}

/// One view of the membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipView {
    /// The cluster that the answering member belongs to.
    pub cluster_id: Option<ClusterId>,
    /// Sorted by id.
    pub members: Vec<Member>,
}

/// `Maintenance.Status` of the local member; answered without quorum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalStatus {
    /// The cluster it belongs to.
    pub cluster_id: ClusterId,
    /// Its own id.
    pub member_id: MemberId,
    /// Server version.
    pub version: Text,
    /// None while it knows no leader.
    pub leader: Option<MemberId>,
    /// Raft term.
    pub term: u64,
    /// Committed raft index.
    pub raft_index: u64,
    /// Applied raft index.
    pub applied_index: u64,
    /// Store revision.
    pub revision: i64,
    /// Size of the database file.
    pub db_size_bytes: i64,
    /// Of which in use.
    pub db_in_use_bytes: i64,
    /// Quota; etcd 3.5 does not say.
    pub quota_bytes: Option<i64>,
    /// Whether it has no vote.
    pub is_learner: bool,
    /// Its own complaints, such as `etcdserver: no leader` and active alarms (the Alarm call itself needs quorum).
    pub errors: Vec<Text>,
}

/// What a member's peer port told. It proves a live process there, not quorum: a member with a stalled disk answers too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerFacts {
    /// Answers and failures of the probe.
    pub history: History,
    /// Median of the last round trips on an open connection, in microseconds.
    pub rtt_us: Option<u64>,
    /// The member's clock minus ours, in milliseconds; good to about the round trip.
    pub clock_skew_ms: Option<i64>,
    /// Server version.
    pub version: Option<Text>,
    /// The end of the certificate that it showed last.
    #[serde(default)]
    pub certificate_ends: Option<Timestamp>,
}

impl PeerFacts {
    /// A member that we begin to ask now.
    pub fn begin(since: Stamp) -> Self {
        Self {
            history: History::begin(since),
            rtt_us: None,
            clock_skew_ms: None,
            version: None,
            certificate_ends: None,
        }
    }
}

/// How long the disk under a member takes, by etcd's own histograms: the upper end of the bucket that holds 99 of 100
/// writes, in microseconds. None where there were no writes, or slower ones than the last bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskTimes {
    /// `etcd_disk_wal_fsync_duration_seconds`: every write waits for it. etcd asks for less than 10 ms.
    pub fsync_p99_us: Option<u64>,
    /// `etcd_disk_backend_commit_duration_seconds`: etcd asks for less than 25 ms.
    pub commit_p99_us: Option<u64>,
    /// How many fsyncs were counted.
    pub fsyncs: u64,
    /// Over what time, in seconds; None: since the member started.
    pub over_s: Option<u64>,
}

/// One way of reading the local member, and how it went.
pub type Reads = Option<History>;

/// Everything known from etcd itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EtcdFacts {
    /// Status of the local member.
    pub local: Option<Fact<LocalStatus>>,
    /// The raft term that it told last: a new one is an election.
    #[serde(default)]
    pub term: Option<Fact<u64>>,
    /// The disk under the local member.
    #[serde(default)]
    pub disk: Option<Fact<DiskTimes>>,
    /// Serializable reads of the local member: "it answers".
    pub serializable: Reads,
    /// Linearizable reads of the local member: "it has quorum".
    pub linearizable: Reads,
    /// Every view of the membership, also those that are no longer renewed.
    #[serde(with = "pairs")]
    pub views: BTreeMap<Vantage, Fact<MembershipView>>,
    /// Every member's peer port.
    #[serde(with = "pairs")]
    pub peers: BTreeMap<MemberId, PeerFacts>,
    /// Since when we have seen no voter to spare; None while there is one or nothing is proven.
    pub spare_zero_since: Option<Stamp>,
    /// When we saw a voter to spare last before that; None where we never did.
    #[serde(default)]
    pub spare_seen: Option<Stamp>,
    /// Why there is no etcd access at all (no certificates, not root).
    pub no_access: Option<Why>,
}

/// Maps with keys that are not strings, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K, V, S>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(|rows| rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_beyond_2_53() {
        let id = MemberId(1_876_957_195_260_800_315);
        assert_eq!(id.to_string(), "1a0c4a9fe2222d3b");
        assert_eq!("1a0c4a9fe2222d3b".parse(), Ok(id));
    }

    #[test]
    fn peer_addresses() {
        let member = |url: &str| Member {
            id: MemberId(1),
            name: Text::default(),
            peer_urls: vec![url.into()],
            client_urls: Vec::new(),
            is_learner: false,
        };
        assert_eq!(member("https://10.77.0.13:2380").peer_address(), Some("10.77.0.13"));
        assert_eq!(member("https://[fd00::1]:2380").peer_address(), Some("fd00::1"));
        assert_eq!(member("https://nbe-3:2380/").peer_authority(), Some("nbe-3:2380"));
        assert_eq!(member("").peer_address(), None);
    }
}
