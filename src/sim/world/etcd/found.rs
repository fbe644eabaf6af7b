//! etcd as it was found somewhere, instead of as a cluster begins.

use super::{Alarm, Contents, Database, Etcd, Home, Member};
use crate::sim::scenario::EtcdLine;
use crate::sim::world::host::HostId;

/// What somebody knows of an etcd cluster at one moment.
#[derive(Debug, Clone)]
pub struct FoundEtcd {
    /// Its id.
    pub cluster_id: u64,
    /// Its members.
    pub members: Vec<Member>,
    /// On which hosts there is a data directory, and of which member.
    pub homes: Vec<(HostId, u64)>,
    /// Raft's term.
    pub term: u64,
    /// The host of its leader, where that is known.
    pub leader: Option<HostId>,
    /// The store's revision.
    pub revision: u64,
    /// Of a member's file: its size and what is in use, in bytes.
    pub database: (u64, u64),
    /// In bytes; None: etcd's default.
    pub quota: Option<u64>,
    /// Members that say NOSPACE.
    pub full: Vec<u64>,
}

impl Etcd {
    /// A cluster as it was found: everybody knows what is committed. Objects are yet to come.
    pub fn found(line: EtcdLine, found: &FoundEtcd) -> Self {
        let (file, used) = found.database;
        let contents = Contents::found(used, found.revision);
        let mut members = found.members.clone();
        members.sort_by_key(|member| member.id);
        let home = |id: u64| Home {
            id,
            view: members.clone(),
            revision: found.revision,
            index: found.revision,
            term: found.term,
            database: Database::found(file, found.revision, contents),
            is_removed: false,
        };
        let fresh = Self::new(line, &[]);
        Self {
            cluster_id: found.cluster_id,
            homes: found.homes.iter().map(|(host, id)| (*host, home(*id))).collect(),
            members,
            term: found.term,
            leader: found.leader,
            alarms: found.full.iter().map(|id| (Alarm::NoSpace, *id)).collect(),
            contents,
            quota: found.quota.unwrap_or(fresh.quota),
            ..fresh
        }
    }
}
