//! etcd: members, leader, quorum, learners, and the words in which it refuses. Here is what it tells about itself;
//! `raft` elects leaders and replicates, `change` guards the membership. Start reading at `Etcd`.

mod change;
mod database;
mod found;
mod raft;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::database::{Contents, Database, QUOTA_BYTES};
pub use self::found::FoundEtcd;
use super::World;
use super::host::{Component, HostId};
use crate::sim::scenario::EtcdLine;

/// What a member says to all of them is wrong with its database (etcd `AlarmType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// It is full: nothing but deletions and compactions is applied.
    NoSpace,
    /// It is otherwise than those of the others: nothing is applied.
    Corrupt,
}

impl Alarm {
    /// As a status tells it.
    const fn word(self) -> &'static str {
        match self {
            Alarm::NoSpace => "NOSPACE",
            Alarm::Corrupt => "CORRUPT",
        }
    }

    /// The words in which writes are refused (`api/v3rpc/rpctypes/error.go`).
    pub const fn refusal(self) -> &'static str {
        match self {
            Alarm::NoSpace => "etcdserver: mvcc: database space exceeded",
            Alarm::Corrupt => "etcdserver: corrupt cluster",
        }
    }
}

/// One row of the member list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Empty until it has started once.
    pub name: String,
    /// One URL.
    pub peer_urls: Vec<String>,
    /// `https://127.0.0.1:2379` alone on every k0s controller (observed); empty until it has started.
    pub client_urls: Vec<String>,
    /// Replicates without a vote.
    pub is_learner: bool,
}

/// One member about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Whose cluster.
    pub cluster_id: u64,
    /// Who answers.
    pub member_id: u64,
    /// The store's revision.
    pub revision: u64,
    /// Raft's term.
    pub term: u64,
    /// 0 while it knows none.
    pub leader: u64,
    /// Committed.
    pub raft_index: u64,
    /// Applied.
    pub applied_index: u64,
    /// Such as `3.6.16`.
    pub version: String,
    /// Bytes.
    pub db_size: u64,
    /// Bytes in use.
    pub db_size_in_use: u64,
    /// Bytes; None on 3.5, which does not tell.
    pub quota: Option<u64>,
    /// The newest compacted revision; None before the first compaction.
    pub compacted: Option<u64>,
    /// `3.6.0`; None on 3.5.
    pub storage_version: Option<&'static str>,
    /// Complaints and alarms, such as `etcdserver: no leader`.
    pub errors: Vec<String>,
    /// Replicates without a vote.
    pub is_learner: bool,
}

/// Why etcd does not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtcdError {
    /// It waits for a quorum that does not come: no answer until the caller gives up.
    NoReply,
    /// It refuses.
    Refused {
        /// The gRPC status code: 3 InvalidArgument, 5 NotFound, 8 ResourceExhausted, 9 FailedPrecondition,
        /// 11 OutOfRange, 14 Unavailable, 15 DataLoss.
        code: i32,
        /// Its words, such as `etcdserver: unhealthy cluster`.
        message: &'static str,
    },
}

impl EtcdError {
    fn refused(code: i32, message: &'static str) -> Self {
        EtcdError::Refused { code, message }
    }
}

/// The whole etcd cluster: what is committed, and what each member knows of it.
#[derive(Debug, Clone)]
pub(super) struct Etcd {
    cluster_id: u64,
    line: EtcdLine,
    /// As committed.
    members: Vec<Member>,
    /// Data directories, by host.
    homes: BTreeMap<HostId, Home>,
    term: u64,
    leader: Option<HostId>,
    /// When the next election is, while there is no leader.
    election_ms: Option<u64>,
    /// Raft's entries besides the store's revisions.
    extra_entries: u64,
    /// What is wrong, and which member says so.
    alarms: BTreeSet<(Alarm, u64)>,
    contents: Contents,
    /// Of every member's database, in bytes.
    quota: u64,
    /// Since when two running members have been connected, in world milliseconds.
    links: BTreeMap<(HostId, HostId), u64>,
    /// Something happened that may concern connections, leader or membership.
    pub is_stirred: bool,
    /// Hosts whose members hear from the leader, since the last stir.
    followers: Vec<HostId>,
    /// The newest revision that they know.
    told: u64,
}

/// One member's data directory: what it knew when it last heard from the leader.
#[derive(Debug, Clone)]
struct Home {
    id: u64,
    view: Vec<Member>,
    revision: u64,
    index: u64,
    term: u64,
    database: Database,
    /// etcd forgot it: it will never run again.
    is_removed: bool,
}

/// An etcd member id and the name that goes with it, of a controller that exists from the beginning.
pub(super) struct Founder {
    pub host: HostId,
    pub name: String,
    pub peer_url: String,
    pub client_urls: Vec<String>,
    pub id: u64,
}

impl Etcd {
    /// A cluster whose members have all started. The first one leads.
    pub fn new(line: EtcdLine, founders: &[Founder]) -> Self {
        let member = |founder: &Founder| Member {
            id: founder.id,
            name: founder.name.clone(),
            peer_urls: vec![founder.peer_url.clone()],
            client_urls: founder.client_urls.clone(),
            is_learner: false,
        };
        let mut members: Vec<Member> = founders.iter().map(member).collect();
        members.sort_by_key(|member| member.id);
        let home = |founder: &Founder| Home {
            id: founder.id,
            view: members.clone(),
            revision: 0,
            index: 0,
            term: 2,
            database: Database::default(),
            is_removed: false,
        };
        Self {
            cluster_id: 0xa7f3_c36c_4b26_e66f,
            line,
            homes: founders.iter().map(|founder| (founder.host, home(founder))).collect(),
            members,
            term: 2,
            leader: founders.first().map(|founder| founder.host),
            election_ms: None,
            extra_entries: 12,
            alarms: BTreeSet::new(),
            contents: Contents::default(),
            quota: QUOTA_BYTES,
            links: BTreeMap::new(),
            is_stirred: true,
            followers: Vec::new(),
            told: 0,
        }
    }

    fn home_of(&self, id: u64) -> Option<HostId> {
        let mut homes = self.homes.iter();
        homes.find(|(_, home)| home.id == id).map(|(host, _)| *host)
    }

    fn member(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    fn member_mut(&mut self, id: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.is_learner)
    }

    fn quorum(&self) -> usize {
        self.voters().count() / 2 + 1
    }
}

impl World {
    /// `Maintenance.Status` of a host's member. Answers without quorum.
    pub fn etcd_status(&self, host: HostId) -> Result<MemberStatus, EtcdError> {
        let etcd = &self.etcd;
        let home = self.home(host)?;
        let is_new = etcd.line == EtcdLine::V36;
        let leader = self.leader_seen_by(host);
        let mut errors = Vec::new();
        if leader == 0 {
            errors.push("etcdserver: no leader".to_owned());
        }
        // As etcd prints a protobuf message: with a space at the end.
        let alarms = etcd.alarms.iter();
        errors.extend(alarms.map(|(alarm, id)| format!("memberID:{id} alarm:{} ", alarm.word())));
        Ok(MemberStatus {
            cluster_id: etcd.cluster_id,
            member_id: home.id,
            revision: home.revision,
            term: home.term,
            leader,
            raft_index: home.index,
            applied_index: home.index,
            version: self.plan.versions.etcd.clone(),
            db_size: home.file_bytes(),
            db_size_in_use: home.used_bytes(),
            quota: is_new.then_some(etcd.quota),
            compacted: home.compacted(),
            storage_version: is_new.then_some("3.6.0"),
            errors,
            is_learner: home.view.iter().any(|member| member.id == home.id && member.is_learner),
        })
    }

    /// The member list, through consensus or as the host's member has it. A learner refuses.
    pub fn member_list(&self, host: HostId, linearizable: bool) -> Result<Vec<Member>, EtcdError> {
        let home = self.home(host)?;
        if home.view.iter().any(|member| member.id == home.id && member.is_learner) {
            return Err(not_for_learners(self.etcd.line));
        }
        if linearizable && !self.has_quorum(host) {
            return Err(EtcdError::NoReply);
        }
        Ok(home.view.clone())
    }

    /// The member list as the peer port of a host tells it (`GET /members`): without quorum, and of a learner too.
    pub fn members_by_peer(&self, host: HostId) -> Result<(u64, Vec<Member>), EtcdError> {
        let home = self.home(host)?;
        Ok((self.etcd.cluster_id, home.view.clone()))
    }

    /// Whether a read of the store through a host's member works, one way or the other.
    pub fn may_read(&self, host: HostId, linearizable: bool) -> Result<(), EtcdError> {
        let home = self.home(host)?;
        if linearizable && self.is_learner(home.id) {
            return Err(not_for_learners(self.etcd.line));
        }
        if linearizable && !self.has_quorum(host) {
            return Err(EtcdError::NoReply);
        }
        Ok(())
    }

    /// Whether etcd has forgotten the member of a host.
    pub(super) fn is_removed(&self, host: HostId) -> bool {
        self.etcd.homes.get(&host).is_some_and(|home| home.is_removed)
    }

    /// For what etcd refuses writes, the worst of it.
    pub fn alarm(&self) -> Option<Alarm> {
        self.etcd.alarms.last().map(|(alarm, _)| *alarm)
    }

    fn is_learner(&self, id: u64) -> bool {
        self.etcd.member(id).is_some_and(|member| member.is_learner)
    }

    fn home(&self, host: HostId) -> Result<&Home, EtcdError> {
        let home = self.etcd.homes.get(&host);
        home.filter(|_| self.is_running(host, Component::Etcd))
            .ok_or(EtcdError::NoReply)
    }
}

fn not_for_learners(line: EtcdLine) -> EtcdError {
    let code = match line {
        EtcdLine::V35 => 14,
        EtcdLine::V36 => 9,
    };
    EtcdError::refused(code, "etcdserver: rpc not supported for learner")
}
