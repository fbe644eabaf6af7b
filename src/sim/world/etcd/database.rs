//! Each member's database: how large it is, what compaction and defragmentation make of it, and NOSPACE, which stops the
//! writes of the whole cluster once the file of one member has reached its quota.

use std::collections::BTreeMap;

use super::super::World;
use super::super::host::{Component, HostId};
use super::super::store::{Key, NotThere, Object};
use super::{Alarm, EtcdError, Home, not_for_learners};

/// etcd's quota where nothing else is configured (`DefaultQuotaBytes`).
pub(super) const QUOTA_BYTES: u64 = 2 << 30;
/// What a small cluster's newest revisions hold.
const NEWEST_BYTES: u64 = 24 << 20;
/// What one more revision holds.
const REVISION_BYTES: u64 = 180;
/// Free pages of a database that has been written for a while.
const FREE_BYTES: u64 = 2 << 20;
/// bbolt's pages.
const PAGE_BYTES: u64 = 4_096;
/// From one compaction by the API servers to the next (`--etcd-compaction-interval`). Each forgets what was old at the one
/// before (kube-apiserver `etcd3/compact.go`).
const COMPACT_MS: u64 = 300_000;

const COMPACTED: EtcdError = EtcdError::Refused {
    code: 11,
    message: "etcdserver: mvcc: required revision has been compacted",
};
const CORRUPT: EtcdError = EtcdError::Refused {
    code: 15,
    message: Alarm::Corrupt.refusal(),
};
const FUTURE: EtcdError = EtcdError::Refused {
    code: 11,
    message: "etcdserver: mvcc: required revision is a future revision",
};

/// What the databases of all members have in common, as committed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contents {
    /// Old revisions that somebody wrote in masses, in bytes.
    masses: u64,
    /// The newest of them.
    masses_until: u64,
    /// The newest revision at the last round of the API servers' compactor.
    noted: u64,
}

/// One member's file.
#[derive(Debug, Clone, Default)]
pub(super) struct Database {
    /// Up to here its history is gone; 0 for none.
    compacted: u64,
    masses: u64,
    /// It grows and never shrinks by itself.
    file: u64,
    /// What there was when it heard from a leader last, once others have moved on.
    pub stale: Option<BTreeMap<Key, Object>>,
}

impl Home {
    pub(super) fn used_bytes(&self) -> u64 {
        let old = self.revision.saturating_sub(self.database.compacted);
        NEWEST_BYTES + old * REVISION_BYTES + self.database.masses
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.database.file.max(self.used_bytes())
    }

    /// The newest compacted revision; None before the first compaction.
    pub(super) fn compacted(&self) -> Option<u64> {
        Some(self.database.compacted).filter(|revision| *revision > 0)
    }

    /// It learned everything that is committed.
    pub(super) fn catch_up(&mut self, revision: u64, compacted: u64, contents: Contents) {
        self.revision = revision;
        self.database.compacted = compacted;
        self.database.masses = contents.masses;
        self.database.stale = None;
        let free = if self.database.file == 0 { FREE_BYTES } else { 0 };
        self.database.file = self.file_bytes() + free;
    }
}

impl Contents {
    /// Of a database that holds so many bytes: what is more than usual are old revisions up to this one.
    pub fn found(used: u64, until: u64) -> Self {
        Self {
            masses: used.saturating_sub(NEWEST_BYTES),
            masses_until: until,
            noted: 0,
        }
    }
}

impl Database {
    /// A file of this size whose history is gone up to a revision.
    pub fn found(file: u64, compacted: u64, contents: Contents) -> Self {
        Self {
            compacted,
            masses: contents.masses,
            file,
            stale: None,
        }
    }
}

/// Objects that outlive the store's next change.
pub(super) fn owned(objects: &BTreeMap<&Key, &Object>) -> BTreeMap<Key, Object> {
    let own = |(key, object): (&&Key, &&Object)| (Key::clone(key), Object::clone(object));
    objects.iter().map(own).collect()
}

/// `etcdserver: ...` for a revision that a member cannot show.
fn must_be_kept(home: &Home, revision: u64) -> Result<(), EtcdError> {
    if revision > home.revision {
        return Err(FUTURE);
    }
    if home.compacted().is_some_and(|compacted| revision < compacted) {
        return Err(COMPACTED);
    }
    Ok(())
}

impl World {
    /// What a host's member would answer a read with: of now (revision 0) or of a revision that it still has. A member that
    /// is cut off shows what there was when it was.
    pub fn etcd_objects(&self, host: HostId, revision: u64) -> Result<BTreeMap<Key, Object>, EtcdError> {
        let home = self.home(host)?;
        if revision > 0 {
            must_be_kept(home, revision)?;
        }
        match &home.database.stale {
            Some(stale) if revision == 0 || revision == home.revision => Ok(stale.clone()),
            // Its own history is not kept: it is asked for what it had when it was cut off, or not at all.
            Some(_) => Err(COMPACTED),
            None if revision == 0 => Ok(self.store.objects().clone()),
            None => match self.store.at(revision) {
                Ok(objects) => Ok(owned(&objects)),
                Err(NotThere::Compacted) => Err(COMPACTED),
                Err(NotThere::Future) => Err(FUTURE),
            },
        }
    }

    /// Forgets the history before a revision, through a host's member. Returns the newest revision.
    pub fn etcd_compact(&mut self, host: HostId, revision: u64) -> Result<u64, EtcdError> {
        self.voice(host)?;
        self.propose(host)?;
        if self.alarm() == Some(Alarm::Corrupt) {
            return Err(CORRUPT);
        }
        if revision <= self.store.compacted() {
            return Err(COMPACTED);
        }
        if revision > self.store.revision() {
            return Err(FUTURE);
        }
        self.compact_to(revision);
        Ok(self.store.revision())
    }

    fn compact_to(&mut self, revision: u64) {
        // Who is cut off keeps what it had: that is told apart from the history, which must still be there.
        self.replicate();
        self.store.compact(revision);
        if revision >= self.etcd.contents.masses_until {
            self.etcd.contents.masses = 0;
        }
        self.replicate();
    }

    /// Gives the free pages of a host's database back. Returns how many bytes it had to write for that.
    pub fn etcd_defragment(&mut self, host: HostId) -> Result<u64, EtcdError> {
        let id = self.home(host)?.id;
        if self.is_learner(id) {
            return Err(not_for_learners(self.etcd.line));
        }
        let home = self.etcd.homes.get_mut(&host).ok_or(EtcdError::NoReply)?;
        let used = home.used_bytes();
        home.database.file = used.next_multiple_of(PAGE_BYTES);
        Ok(used)
    }

    /// The alarms and the members that raised them, through a host's member: it needs a quorum.
    pub fn etcd_alarms(&mut self, host: HostId) -> Result<Vec<(Alarm, u64)>, EtcdError> {
        self.voice(host)?;
        self.propose(host)?;
        Ok(self.etcd.alarms.iter().copied().collect())
    }

    /// Raises an alarm for a member. Returns it.
    pub fn etcd_alarm_raise(&mut self, host: HostId, alarm: (Alarm, u64)) -> Result<Vec<(Alarm, u64)>, EtcdError> {
        self.voice(host)?;
        self.propose(host)?;
        self.etcd.alarms.insert(alarm);
        Ok(vec![alarm])
    }

    /// Takes a member's alarm back; NOSPACE comes again with the next write where nobody made room. Returns it, if it was
    /// there.
    pub fn etcd_alarm_disarm(&mut self, host: HostId, alarm: (Alarm, u64)) -> Result<Vec<(Alarm, u64)>, EtcdError> {
        self.voice(host)?;
        self.propose(host)?;
        Ok(self.etcd.alarms.take(&alarm).into_iter().collect())
    }

    /// Somebody writes so much that every database reaches its quota. The leader says so first.
    pub(in crate::sim::world) fn fill_quota(&mut self) -> Result<(), String> {
        let leader = self.etcd.leader.and_then(|leader| self.etcd.homes.get(&leader));
        let Some(leader) = leader.map(|leader| leader.id) else {
            return Err("etcd has no leader now, so its database cannot fill up".to_owned());
        };
        self.etcd.contents.masses = self.etcd.quota;
        self.etcd.contents.masses_until = self.store.revision();
        self.replicate();
        self.etcd.alarms.insert((Alarm::NoSpace, leader));
        Ok(())
    }

    /// Somebody compacted, defragmented every member and disarmed NOSPACE.
    pub(in crate::sim::world) fn make_room(&mut self) {
        if self.alarm() != Some(Alarm::NoSpace) {
            return;
        }
        self.compact_to(self.store.revision());
        let hosts: Vec<HostId> = self.etcd.homes.keys().copied().collect();
        for host in hosts {
            // A member that does not run has no file that matters now.
            let _ = self.etcd_defragment(host);
        }
        self.etcd.alarms.clear();
    }

    /// Every write passes a guard on the member that takes it (`quotaKVServer`), whatever the others say.
    pub(super) fn guard_quota(&mut self) {
        if !self.now_ms.is_multiple_of(1_000) {
            return;
        }
        let over = self
            .etcd
            .homes
            .iter()
            .filter(|(_, home)| home.file_bytes() >= self.etcd.quota);
        let writing: Vec<(Alarm, u64)> = over
            .filter(|(host, _)| self.has_quorum(**host) && self.is_running(**host, Component::KubeApiserver))
            .map(|(_, home)| (Alarm::NoSpace, home.id))
            .collect();
        self.etcd.alarms.extend(writing);
    }

    /// The API servers forget what is older than five to ten minutes.
    pub(in crate::sim::world) fn run_compactor(&mut self) {
        if self.now_ms == 0 || !self.now_ms.is_multiple_of(COMPACT_MS) || self.alarm().is_some() {
            return;
        }
        let is_served = self.controllers().any(|host| self.serves(host));
        if !is_served {
            return;
        }
        let noted = std::mem::replace(&mut self.etcd.contents.noted, self.store.revision());
        if noted > self.store.compacted() {
            self.compact_to(noted);
        }
    }
}
