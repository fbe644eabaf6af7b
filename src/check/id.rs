//! The names of the checks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::Text;

/// A check's name: family, dot, subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum CheckId {
    EtcdQuorum,
    EtcdSpare,
    EtcdMemberLost,
    EtcdLearner,
    EtcdViewsDiffer,
    EtcdAlarm,
    MembersZombie,
    MembersStranger,
    NodeHeartbeat,
    NodeNotReady,
    NodesThreeControllers,
    ZoneLabels,
    ZoneThree,
    NodesMachines,
    NodesSize,
    NodesSsd,
    NodesSwap,
    HaEnabled,
    NbeReady,
    HaStore,
    HaAirGap,
    ProductUpgrade,
    OperatorReplicas,
    ExternalPostgresql,
    ExternalPostgresqlPrimary,
    ExternalPostgresqlStandby,
    ExternalPostgresqlDatabases,
    ExternalRedis,
    ExternalRedisSentinel,
    ExternalS3,
    ExternalS3Availability,
    ExternalTls,
    PlacementWebSpread,
    PlacementSingleDomain,
    PlacementPending,
    PlacementSoftSpread,
    PlacementScaling,
    PlacementHeadroom,
    PlacementReplacement,
    StorageMedia,
    StoragePinned,
    FailoverEviction,
    FailoverDetection,
    CertExpiry,
    FailoverTime,
    FailoverMixed,
    FailoverHeartbeat,
    FailoverFlapping,
    NetworkLatency,
    NetworkNat,
    NetworkLinkSpeed,
    NetworkPorts,
    NetworkPairs,
    NetworkEtcdClient,
    NetworkOverlay,
    NetworkEncryption,
    EntryUsers,
    EntryBalancer,
    EntryNames,
    EntryExpiry,
    EntryConsole,
    HostControlPlane,
    HostClock,
    HostDisk,
    EtcdDisk,
    FeedsStale,
}

impl CheckId {
    /// Every check.
    pub const ALL: [CheckId; 66] = [
        CheckId::EtcdQuorum,
        CheckId::EtcdSpare,
        CheckId::EtcdMemberLost,
        CheckId::EtcdLearner,
        CheckId::EtcdViewsDiffer,
        CheckId::EtcdAlarm,
        CheckId::MembersZombie,
        CheckId::MembersStranger,
        CheckId::NodeHeartbeat,
        CheckId::NodeNotReady,
        CheckId::NodesThreeControllers,
        CheckId::ZoneLabels,
        CheckId::ZoneThree,
        CheckId::NodesMachines,
        CheckId::NodesSize,
        CheckId::NodesSsd,
        CheckId::NodesSwap,
        CheckId::HaEnabled,
        CheckId::NbeReady,
        CheckId::HaStore,
        CheckId::HaAirGap,
        CheckId::ProductUpgrade,
        CheckId::OperatorReplicas,
        CheckId::ExternalPostgresql,
        CheckId::ExternalPostgresqlPrimary,
        CheckId::ExternalPostgresqlStandby,
        CheckId::ExternalPostgresqlDatabases,
        CheckId::ExternalRedis,
        CheckId::ExternalRedisSentinel,
        CheckId::ExternalS3,
        CheckId::ExternalS3Availability,
        CheckId::ExternalTls,
        CheckId::PlacementWebSpread,
        CheckId::PlacementSingleDomain,
        CheckId::PlacementPending,
        CheckId::PlacementSoftSpread,
        CheckId::PlacementScaling,
        CheckId::PlacementHeadroom,
        CheckId::PlacementReplacement,
        CheckId::StorageMedia,
        CheckId::StoragePinned,
        CheckId::FailoverEviction,
        CheckId::FailoverDetection,
        CheckId::CertExpiry,
        CheckId::FailoverTime,
        CheckId::FailoverMixed,
        CheckId::FailoverHeartbeat,
        CheckId::FailoverFlapping,
        CheckId::NetworkLatency,
        CheckId::NetworkNat,
        CheckId::NetworkLinkSpeed,
        CheckId::NetworkPorts,
        CheckId::NetworkPairs,
        CheckId::NetworkEtcdClient,
        CheckId::NetworkOverlay,
        CheckId::NetworkEncryption,
        CheckId::EntryUsers,
        CheckId::EntryBalancer,
        CheckId::EntryNames,
        CheckId::EntryExpiry,
        CheckId::EntryConsole,
        CheckId::HostControlPlane,
        CheckId::HostClock,
        CheckId::HostDisk,
        CheckId::EtcdDisk,
        CheckId::FeedsStale,
    ];

    /// The name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            CheckId::EtcdQuorum => "etcd.quorum",
            CheckId::EtcdSpare => "etcd.spare",
            CheckId::EtcdMemberLost => "etcd.member-lost",
            CheckId::EtcdLearner => "etcd.learner",
            CheckId::EtcdViewsDiffer => "etcd.views-differ",
            CheckId::EtcdAlarm => "etcd.alarm",
            CheckId::MembersZombie => "members.zombie",
            CheckId::MembersStranger => "members.stranger",
            CheckId::NodeHeartbeat => "node.heartbeat",
            CheckId::NodeNotReady => "node.not-ready",
            CheckId::NodesThreeControllers => "nodes.three-controllers",
            CheckId::ZoneLabels => "zone.labels",
            CheckId::ZoneThree => "zone.three",
            CheckId::NodesMachines => "nodes.machines",
            CheckId::NodesSize => "nodes.size",
            CheckId::NodesSsd => "nodes.ssd",
            CheckId::NodesSwap => "nodes.swap",
            CheckId::HaEnabled => "ha.enabled",
            CheckId::NbeReady => "nbe.ready",
            CheckId::HaStore => "ha.store",
            CheckId::HaAirGap => "ha.air-gap",
            CheckId::ProductUpgrade => "product.upgrade",
            CheckId::OperatorReplicas => "operator.replicas",
            CheckId::ExternalPostgresql => "external.postgresql",
            CheckId::ExternalPostgresqlPrimary => "external.postgresql-primary",
            CheckId::ExternalPostgresqlStandby => "external.postgresql-standby",
            CheckId::ExternalPostgresqlDatabases => "external.postgresql-databases",
            CheckId::ExternalRedis => "external.redis",
            CheckId::ExternalRedisSentinel => "external.redis-sentinel",
            CheckId::ExternalS3 => "external.s3",
            CheckId::ExternalS3Availability => "external.s3-availability",
            CheckId::ExternalTls => "external.tls",
            CheckId::PlacementWebSpread => "placement.web-spread",
            CheckId::PlacementSingleDomain => "placement.single-domain",
            CheckId::PlacementPending => "placement.pending",
            CheckId::PlacementSoftSpread => "placement.soft-spread",
            CheckId::PlacementScaling => "placement.scaling",
            CheckId::PlacementHeadroom => "placement.headroom",
            CheckId::PlacementReplacement => "placement.replacement",
            CheckId::StorageMedia => "storage.media",
            CheckId::StoragePinned => "storage.pinned",
            CheckId::FailoverEviction => "failover.eviction",
            CheckId::FailoverDetection => "failover.detection",
            CheckId::CertExpiry => "cert.expiry",
            CheckId::FailoverTime => "failover.time",
            CheckId::FailoverMixed => "failover.mixed-eviction",
            CheckId::FailoverHeartbeat => "failover.heartbeat",
            CheckId::FailoverFlapping => "failover.flapping",
            CheckId::NetworkLatency => "network.latency",
            CheckId::NetworkNat => "network.nat",
            CheckId::NetworkLinkSpeed => "network.link-speed",
            CheckId::NetworkPorts => "network.ports",
            CheckId::NetworkPairs => "network.pairs",
            CheckId::NetworkEtcdClient => "network.etcd-client",
            CheckId::NetworkOverlay => "network.overlay",
            CheckId::NetworkEncryption => "network.encryption",
            CheckId::EntryUsers => "entry.users",
            CheckId::EntryBalancer => "entry.balancer",
            CheckId::EntryNames => "entry.names",
            CheckId::EntryExpiry => "entry.expiry",
            CheckId::EntryConsole => "entry.console",
            CheckId::HostControlPlane => "host.control-plane",
            CheckId::HostClock => "host.clock",
            CheckId::HostDisk => "host.disk",
            CheckId::EtcdDisk => "etcd.disk",
            CheckId::FeedsStale => "feeds.stale",
        }
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no such check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no check {0:?}")]
pub struct UnknownCheck(pub String);

impl FromStr for CheckId {
    type Err = UnknownCheck;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        CheckId::ALL
            .into_iter()
            .find(|id| id.name() == raw)
            .ok_or_else(|| UnknownCheck(raw.to_owned()))
    }
}

impl Serialize for CheckId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for CheckId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer)?
            .as_str()
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
