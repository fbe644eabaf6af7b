//! The simulated cluster as a synchronous state machine: same seed, same faults, same calls, same history. It has no
//! socket, no thread and no clock of its own; whoever drives it says how late it is. Start reading at [`World::advance`].

pub mod etcd;
pub mod fault;
pub mod host;
pub mod resource;
pub mod status;
pub mod store;

use jiff::Timestamp;

use self::etcd::{EtcdError, Member, MemberStatus};
use self::fault::Fault;
use self::host::{Component, Host, HostId, Path, Run};
use self::store::Store;
use super::scenario::Scenario;

/// How the API server of a host answers, if it runs at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// As it should.
    Well,
    /// It lives, but etcd behind it has no quorum or is gone: what needs etcd hangs until the client gives up.
    WithoutEtcd,
    /// It answers every request with this status (429 or 503).
    Refusing(u16),
}

/// Where the hosts are on the network: the wire chooses, the world puts it into its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The first three parts of every host's address; the fourth is 10 plus the host's number (at most 245 hosts).
    pub prefix: [u8; 3],
    /// Of every API server.
    pub api_port: u16,
    /// Of every etcd's peer listener.
    pub peer_port: u16,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            prefix: [10, 77, 0],
            api_port: 6443,
            peer_port: 2380,
        }
    }
}

/// The cluster.
#[derive(Debug)]
pub struct World {
    store: Store,
    hosts: Vec<Host>,
    start: Timestamp,
    now_ms: u64,
}

impl World {
    /// The cluster at the beginning of its time, which is `start` on the wall clock.
    pub fn new(scenario: &Scenario, network: &Network, start: Timestamp) -> Self {
        let _ = (scenario, network);
        Self {
            store: Store::new(0),
            hosts: Vec::new(),
            start,
            now_ms: 0,
        }
    }

    /// World milliseconds since its beginning.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The true wall clock.
    pub fn wall(&self) -> Timestamp {
        Timestamp::from_millisecond(self.start.as_millisecond().saturating_add_unsigned(self.now_ms))
            .unwrap_or(self.start)
    }

    /// Lets time pass. A moment that is past changes nothing.
    pub fn advance(&mut self, to_ms: u64) {
        self.now_ms = self.now_ms.max(to_ms);
    }

    /// Something happens, now. The error is a sentence.
    pub fn inject(&mut self, fault: &Fault) -> Result<(), String> {
        Err(format!("{fault:?} is not possible"))
    }

    /// The machines, controllers first.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// How a component of a host fares.
    pub fn run(&self, host: HostId, component: Component) -> Run {
        let _ = (host, component);
        Run::Running
    }

    /// What becomes of packets between two hosts. A host always reaches itself.
    pub fn path(&self, from: HostId, to: HostId) -> Path {
        let _ = (from, to);
        Path::Open
    }

    /// How the API server of a host answers.
    pub fn serving(&self, host: HostId) -> Serving {
        let _ = host;
        Serving::Well
    }

    /// Whether the API server of a host says nothing on its watches.
    pub fn is_watch_silent(&self, host: HostId) -> bool {
        let _ = host;
        false
    }

    /// Whether the reply to the change that was just made through a host is to be lost; counts down.
    pub fn loses_reply(&mut self, host: HostId) -> bool {
        let _ = host;
        false
    }

    /// What the API servers read and write.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// For the API servers: changes by clients.
    pub const fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// `Maintenance.Status` of a host's member. Answers without quorum.
    pub fn etcd_status(&self, host: HostId) -> Result<MemberStatus, EtcdError> {
        let _ = host;
        Err(EtcdError::NoReply)
    }

    /// The member list, through consensus or as the host's member has it. A learner refuses.
    pub fn member_list(&self, host: HostId, linearizable: bool) -> Result<Vec<Member>, EtcdError> {
        let _ = (host, linearizable);
        Err(EtcdError::NoReply)
    }

    /// Adds a member through a host's member. Returns it and the new list.
    pub fn member_add(
        &mut self,
        host: HostId,
        peer_urls: &[String],
        is_learner: bool,
    ) -> Result<(Member, Vec<Member>), EtcdError> {
        let _ = (host, peer_urls, is_learner);
        Err(EtcdError::NoReply)
    }

    /// Removes a member through a host's member. Returns the new list.
    pub fn member_remove(&mut self, host: HostId, id: u64) -> Result<Vec<Member>, EtcdError> {
        let _ = (host, id);
        Err(EtcdError::NoReply)
    }

    /// Makes a learner a voter through a host's member. Returns the new list.
    pub fn member_promote(&mut self, host: HostId, id: u64) -> Result<Vec<Member>, EtcdError> {
        let _ = (host, id);
        Err(EtcdError::NoReply)
    }

    /// Whether a read of the store through a host's member works, one way or the other.
    pub fn may_read(&self, host: HostId, linearizable: bool) -> Result<(), EtcdError> {
        let _ = (host, linearizable);
        Err(EtcdError::NoReply)
    }
}
