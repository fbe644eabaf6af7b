//! By which facts a check holds: the figures behind a tick on the checklist. Worked out only where they are printed or
//! drawn, never for every snapshot. Start reading at [`of`], then one group, such as [`etcd`].

mod entry;
mod etcd;
mod external;
mod failover;
mod host;
mod network;
mod nodes;
mod placement;
mod product;

use super::CheckId;
use super::look::{evidence, need};
use crate::base::Text;
use crate::model::external::ServiceId;
use crate::model::{FeedId, Policy, Snapshot};

/// The facts by which a check holds, a few short lines. Only of a check that does: of another they prove nothing. What is
/// not known is left out, and ages are too: they would tick on a screen where nothing happens.
pub fn of(id: CheckId, snapshot: &Snapshot, policy: &Policy) -> Vec<Text> {
    evidence(match id {
        CheckId::EtcdQuorum => etcd::quorum(snapshot),
        CheckId::EtcdSpare => etcd::spare(snapshot),
        CheckId::EtcdMemberLost => etcd::members(snapshot),
        CheckId::EtcdLearner => etcd::learners(snapshot),
        CheckId::EtcdViewsDiffer => etcd::views(snapshot),
        CheckId::EtcdAlarm => etcd::alarm(snapshot),
        CheckId::MembersZombie => etcd::leftovers(snapshot),
        CheckId::MembersStranger => etcd::objects(snapshot),
        CheckId::NodeHeartbeat => nodes::heartbeats(snapshot, policy),
        CheckId::NodeNotReady => nodes::ready(snapshot),
        CheckId::NodesThreeControllers => nodes::controllers(snapshot),
        CheckId::ZoneLabels => nodes::zones(snapshot),
        CheckId::ZoneThree => nodes::members_by_zone(snapshot),
        CheckId::NodesMachines => nodes::machines(snapshot),
        CheckId::NodesSize => nodes::sizes(snapshot),
        CheckId::NodesSsd => host::device(snapshot),
        CheckId::NodesSwap => nodes::swap(snapshot),
        CheckId::HaEnabled => product::ha(snapshot),
        CheckId::NbeReady => product::netbox(snapshot),
        CheckId::HaStore => product::store(snapshot),
        CheckId::HaAirGap => product::air_gap(snapshot),
        CheckId::ProductUpgrade => product::upgrade(snapshot),
        CheckId::OperatorReplicas => product::operator(snapshot),
        CheckId::ExternalPostgresql => external::postgresql(snapshot),
        CheckId::ExternalPostgresqlPrimary
        | CheckId::ExternalPostgresqlStandby
        | CheckId::ExternalPostgresqlDatabases => external::servers(snapshot, ServiceId::Postgresql),
        CheckId::ExternalRedis => external::redis(snapshot),
        CheckId::ExternalRedisSentinel => external::servers(snapshot, ServiceId::Sentinel),
        CheckId::ExternalS3 => external::servers(snapshot, ServiceId::S3),
        CheckId::ExternalTls => external::tls(snapshot),
        CheckId::PlacementWebSpread => placement::web(snapshot),
        CheckId::PlacementSingleDomain => placement::several(snapshot),
        CheckId::PlacementPending => placement::pending(snapshot, policy),
        CheckId::PlacementSoftSpread => placement::spread(snapshot),
        CheckId::PlacementScaling => placement::scaled(snapshot),
        CheckId::PlacementHeadroom => placement::room_left(snapshot),
        CheckId::PlacementReplacement => placement::replacement(snapshot),
        CheckId::StorageMedia => placement::media(snapshot),
        CheckId::StoragePinned => placement::pinned(snapshot),
        CheckId::FailoverEviction => failover::eviction(snapshot),
        CheckId::FailoverDetection => failover::detection(snapshot),
        CheckId::CertExpiry => failover::certificates(snapshot),
        CheckId::FailoverTime => failover::time(snapshot),
        CheckId::FailoverMixed => failover::alike(snapshot),
        CheckId::FailoverHeartbeat => failover::leases(snapshot),
        CheckId::FailoverFlapping => failover::pauses(snapshot),
        CheckId::NetworkLatency => network::round_trips(snapshot),
        CheckId::NetworkNat => network::addresses(snapshot),
        CheckId::NetworkLinkSpeed => network::links(snapshot),
        CheckId::NetworkPorts => network::ports(snapshot),
        CheckId::NetworkPairs => network::pairs(snapshot),
        // It never holds: where nothing is wrong, it does not apply.
        CheckId::NetworkEtcdClient => Vec::new(),
        CheckId::ExternalS3Availability => external::storage(snapshot),
        CheckId::NetworkOverlay => network::overlay(snapshot),
        CheckId::NetworkEncryption => network::encryption(snapshot),
        CheckId::EntryUsers => entry::users(snapshot),
        CheckId::EntryBalancer => entry::balancer(snapshot),
        CheckId::EntryNames => entry::names(snapshot),
        CheckId::EntryExpiry => entry::ends(snapshot),
        CheckId::EntryConsole => entry::console(snapshot),
        CheckId::HostControlPlane => host::processes(snapshot),
        CheckId::HostClock => host::clocks(snapshot),
        CheckId::HostDisk => host::disk(snapshot),
        CheckId::EtcdDisk => host::writes(snapshot),
        CheckId::FeedsStale => host::sources(snapshot),
    })
}

/// What this host is called.
fn here(snapshot: &Snapshot) -> &str {
    if snapshot.host.name.is_empty() {
        return "this host";
    }
    snapshot.host.name.as_str()
}

/// Whether what a source said may be used as the truth of now.
fn is_current(snapshot: &Snapshot, feed: FeedId) -> bool {
    need(snapshot, feed).is_ok()
}

/// The day on which a certificate ends.
fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
