//! etcd: members, leader, quorum, learners, and the words in which it refuses.

/// One row of the member list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Empty until it has started once.
    pub name: String,
    /// One URL.
    pub peer_urls: Vec<String>,
    /// `https://127.0.0.1:2379` on every k0s controller (observed); empty until it has started.
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
    pub version: &'static str,
    /// Bytes.
    pub db_size: u64,
    /// Bytes in use.
    pub db_size_in_use: u64,
    /// Bytes; None on 3.5, which does not tell.
    pub quota: Option<u64>,
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
        /// The gRPC status code: 3 InvalidArgument, 5 NotFound, 8 ResourceExhausted, 9 FailedPrecondition, 14 Unavailable.
        code: i32,
        /// Its words, such as `etcdserver: unhealthy cluster`.
        message: &'static str,
    },
}
