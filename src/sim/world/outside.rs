//! The services outside the cluster: PostgreSQL with a standby, Redis with a replica and three Sentinels, and a bucket, on
//! machines of their own. Only what is wrong with them is kept. Start reading at [`World::is_outside`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::World;
use super::host::Run;

/// What may be wrong with a service outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// Nothing: all is mended.
    Well,
    /// No PostgreSQL listens.
    PostgresqlDead,
    /// PostgreSQL only reads.
    PrimaryReadOnly,
    /// No standby streams.
    StandbyGone,
    /// The database `diode` is missing.
    DatabaseMissing,
    /// No Redis listens; its Sentinels know.
    RedisDead,
    /// The replica is gone.
    ReplicaGone,
    /// Too few Sentinels are left.
    SentinelBelowQuorum,
    /// The bucket is missing.
    BucketMissing,
    /// The object storage takes changes only while all of its servers live.
    S3NoSpare,
    /// No object storage listens.
    S3Dead,
}

/// One service outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum OutsideService {
    Postgresql,
    Redis,
    Sentinel,
    S3,
}

impl OutsideService {
    /// Every service.
    pub const ALL: [OutsideService; 4] = [
        OutsideService::Postgresql,
        OutsideService::Redis,
        OutsideService::Sentinel,
        OutsideService::S3,
    ];
}

/// What is wrong now.
pub(super) type Wrongs = BTreeSet<Outside>;

impl World {
    /// Whether this is wrong.
    pub fn is_outside(&self, what: Outside) -> bool {
        self.outside.contains(&what)
    }

    /// Whether a service talks without TLS.
    pub fn is_plain(&self, service: OutsideService) -> bool {
        self.plan.cluster.plain_services.contains(&service)
    }

    /// How a service fares.
    pub fn outside_run(&self, service: OutsideService) -> Run {
        let is_dead = match service {
            OutsideService::Postgresql => self.is_outside(Outside::PostgresqlDead),
            OutsideService::Redis => self.is_outside(Outside::RedisDead),
            OutsideService::Sentinel => false,
            OutsideService::S3 => self.is_outside(Outside::S3Dead),
        };
        if is_dead { Run::Dead } else { Run::Running }
    }

    /// Something goes wrong outside, or all is mended.
    pub(super) fn strike_outside(&mut self, what: Outside) {
        if what == Outside::Well {
            self.outside.clear();
        } else {
            self.outside.insert(what);
        }
    }
}
