//! Changes of the membership, with the guards of `strict-reconfig-check` (etcd `server.go` mayAdd, mayRemove, mayPromote;
//! `membership/cluster.go`; 3.5.33 and 3.6.16 agree). Each is judged by the member that is asked, by its own connections,
//! before anything is proposed; only what passes needs a leader.

use super::super::World;
use super::super::host::{Component, HostId};
use super::{Database, EtcdError, Home, Member, not_for_learners};

/// How long a member must have been connected to count as healthy (etcd `HealthInterval`).
const HEALTHY_MS: u64 = 5_000;

/// A learner whose every write takes so long never catches up with its leader.
const SLOW_MS: u32 = 300;

const UNAVAILABLE: i32 = 14;
const FAILED_PRECONDITION: i32 = 9;
const NOT_FOUND: i32 = 5;
const INVALID_ARGUMENT: i32 = 3;

const fn refused(code: i32, message: &'static str) -> EtcdError {
    EtcdError::Refused { code, message }
}

const UNHEALTHY: EtcdError = refused(UNAVAILABLE, "etcdserver: unhealthy cluster");
const NOT_ENOUGH_STARTED: EtcdError = refused(
    FAILED_PRECONDITION,
    "etcdserver: re-configuration failed due to not enough started members",
);
const MEMBER_NOT_FOUND: EtcdError = refused(NOT_FOUND, "etcdserver: member not found");
const NOT_IN_SYNC: EtcdError = refused(
    FAILED_PRECONDITION,
    "etcdserver: can only promote a learner member which is in sync with leader",
);

impl World {
    /// Adds a member through a host's member. Returns it and the new list.
    pub fn member_add(
        &mut self,
        host: HostId,
        peer_urls: &[String],
        is_learner: bool,
    ) -> Result<(Member, Vec<Member>), EtcdError> {
        let home = self.voice(host)?.clone();
        if peer_urls.is_empty() || !peer_urls.iter().all(|url| is_peer_url(url)) {
            return Err(refused(INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"));
        }
        let voters = count_voters(&home);
        if !is_learner && !may_add_voter(&home) {
            return Err(NOT_ENOUGH_STARTED);
        }
        if voters > 1 && self.healthy_voters(host, &home) < voters.div_ceil(2) + 1 {
            return Err(UNHEALTHY);
        }
        self.propose(host)?;
        let mut known = self.etcd.members.iter().flat_map(|member| &member.peer_urls);
        if known.any(|url| peer_urls.contains(url)) {
            return Err(refused(FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"));
        }
        if is_learner && self.etcd.members.iter().any(|member| member.is_learner) {
            return Err(refused(
                FAILED_PRECONDITION,
                "etcdserver: too many learner members in cluster",
            ));
        }
        let member = Member {
            id: self.dice.u64(1 << 60..),
            name: String::new(),
            peer_urls: peer_urls.to_vec(),
            client_urls: Vec::new(),
            is_learner,
        };
        self.etcd.members.push(member.clone());
        self.etcd.members.sort_by_key(|member| member.id);
        Ok((member, self.committed()))
    }

    /// Removes a member through a host's member. Returns the new list.
    pub fn member_remove(&mut self, host: HostId, id: u64) -> Result<Vec<Member>, EtcdError> {
        let home = self.voice(host)?.clone();
        let is_learner = home.view.iter().any(|member| member.id == id && member.is_learner);
        if !is_learner {
            self.may_remove_voter(host, &home, id)?;
        }
        self.propose(host)?;
        if self.etcd.member(id).is_none() {
            return Err(MEMBER_NOT_FOUND);
        }
        self.etcd.members.retain(|member| member.id != id);
        let list = self.committed();
        // A leader that removed itself is followed by an election.
        self.etcd.is_stirred = true;
        self.run_etcd();
        Ok(list)
    }

    /// Makes a learner a voter through a host's member. Returns the new list.
    pub fn member_promote(&mut self, host: HostId, id: u64) -> Result<Vec<Member>, EtcdError> {
        let home = self.voice(host)?.clone();
        // The leader decides; others pass the request on to it.
        self.propose(host)?;
        let Some(member) = self.etcd.member(id) else {
            return Err(MEMBER_NOT_FOUND);
        };
        if !member.is_learner {
            return Err(refused(
                FAILED_PRECONDITION,
                "etcdserver: can only promote a learner member",
            ));
        }
        let keeps_up = |learner: HostId| self.follows(learner) && self.write_ms(learner) < SLOW_MS;
        if !self.etcd.home_of(id).is_some_and(keeps_up) {
            return Err(NOT_IN_SYNC);
        }
        let started = home
            .view
            .iter()
            .filter(|member| !member.is_learner && !member.name.is_empty());
        if started.count() + 1 < count_voters(&home).div_ceil(2) + 1 {
            return Err(NOT_ENOUGH_STARTED);
        }
        if let Some(member) = self.etcd.member_mut(id) {
            member.is_learner = false;
        }
        Ok(self.committed())
    }

    /// etcd of a host starts for the first time, as the member that was added for it.
    pub(in crate::sim::world) fn start_member(&mut self, host: HostId, id: u64) {
        let (name, client_urls) = (self.name_of(host).to_owned(), self.client_urls(host));
        if let Some(member) = self.etcd.member_mut(id) {
            member.name = name;
            member.client_urls = client_urls;
        }
        let home = Home {
            id,
            view: self.etcd.members.clone(),
            revision: 0,
            index: 0,
            term: self.etcd.term,
            database: Database::default(),
            is_removed: false,
        };
        self.etcd.homes.insert(host, home);
        self.etcd.extra_entries += 1;
        self.etcd.is_stirred = true;
        self.run_etcd();
    }

    /// The id of a host's member, as long as etcd lists it.
    pub(in crate::sim::world) fn member_of(&self, host: HostId) -> Option<u64> {
        let id = self.etcd.homes.get(&host)?.id;
        self.etcd.member(id).map(|member| member.id)
    }

    /// What is committed, whoever knows it.
    pub fn members(&self) -> &[Member] {
        &self.etcd.members
    }

    /// The member that answers for a host, unless it is a learner.
    pub(super) fn voice(&self, host: HostId) -> Result<&Home, EtcdError> {
        let home = self.home(host)?;
        if self.is_learner(home.id) {
            return Err(not_for_learners(self.etcd.line));
        }
        Ok(home)
    }

    fn may_remove_voter(&self, host: HostId, home: &Home, id: u64) -> Result<(), EtcdError> {
        let others = home.view.iter().filter(|member| !member.is_learner && member.id != id);
        let (mut count, mut started) = (0, 0);
        for member in others {
            count += 1;
            started += usize::from(!member.name.is_empty());
        }
        if count == 0 || started < count / 2 + 1 {
            return Err(NOT_ENOUGH_STARTED);
        }
        let target = self.etcd.home_of(id);
        let is_active = id == home.id || target.is_some_and(|target| self.linked_since(host, target).is_some());
        let left = self.healthy_voters(host, home).saturating_sub(1);
        if is_active && left < 1 + (count_voters(home) - 1) / 2 {
            return Err(UNHEALTHY);
        }
        Ok(())
    }

    /// Voters that a host's member has been connected to for long enough, itself included.
    fn healthy_voters(&self, host: HostId, home: &Home) -> usize {
        let voters = home.view.iter().filter(|member| !member.is_learner);
        let is_healthy = |member: &&Member| {
            member.id == home.id
                || self
                    .etcd
                    .home_of(member.id)
                    .and_then(|other| self.linked_since(host, other))
                    .is_some_and(|since| self.now_ms.saturating_sub(since) >= HEALTHY_MS)
        };
        voters.filter(is_healthy).count()
    }

    /// A proposal gets through only where there is a leader; otherwise it waits for as long as its caller does.
    pub(super) fn propose(&mut self, host: HostId) -> Result<(), EtcdError> {
        if !self.has_quorum(host) || !self.is_running(host, Component::Etcd) {
            return Err(EtcdError::NoReply);
        }
        self.etcd.extra_entries += 1;
        Ok(())
    }

    fn committed(&mut self) -> Vec<Member> {
        self.replicate();
        self.etcd.members.clone()
    }
}

fn count_voters(home: &Home) -> usize {
    home.view.iter().filter(|member| !member.is_learner).count()
}

/// Enough members must have started once to carry one more that has not; a single member may get a second.
fn may_add_voter(home: &Home) -> bool {
    let voters = home.view.iter().filter(|member| !member.is_learner);
    let started = voters.filter(|member| !member.name.is_empty()).count();
    let after = count_voters(home) + 1;
    (started == 1 && after == 2) || started > after / 2
}

/// etcd takes `http` and `https` URLs with a host, a port and no path.
fn is_peer_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let port = rest.and_then(|rest| rest.rsplit_once(':'));
    port.is_some_and(|(name, port)| !name.is_empty() && !name.contains('/') && port.parse::<u16>().is_ok())
}
