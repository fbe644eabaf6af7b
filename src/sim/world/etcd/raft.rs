//! Who leads, who follows, and who has a quorum. A leader that no longer reaches a quorum steps down; one or two seconds
//! later the others elect another one, if they can (election timeout 1 s, randomised as etcd does).

use super::super::World;
use super::super::host::{Component, HostId, Path, Run};
use super::database::owned;

const ELECTION_MS: u64 = 1_000;

impl World {
    /// Lets etcd work: connections, election, replication.
    pub(in crate::sim::world) fn run_etcd(&mut self) {
        self.guard_quota();
        let is_flapping = self.machines.iter().any(|machine| machine.flap.is_some());
        if !self.etcd.is_stirred && !is_flapping && self.etcd.election_ms.is_none() {
            self.commit();
            return;
        }
        self.etcd.is_stirred = false;
        self.connect();
        self.elect();
        self.replicate();
    }

    /// What nobody disturbs goes on: the followers learn the newest numbers.
    fn commit(&mut self) {
        let revision = self.store.revision();
        if self.etcd.told == revision {
            return;
        }
        self.etcd.told = revision;
        let index = revision + self.etcd.extra_entries;
        for host in &self.etcd.followers {
            if let Some(home) = self.etcd.homes.get_mut(host) {
                home.catch_up(revision, self.store.compacted(), self.etcd.contents);
                home.index = index;
            }
        }
        self.leave_behind();
    }

    /// Who does not follow keeps what it had, as soon as the others have more.
    fn leave_behind(&mut self) {
        for (host, home) in &mut self.etcd.homes {
            let is_behind = home.revision < self.store.revision() && !self.etcd.followers.contains(host);
            if is_behind && home.database.stale.is_none() {
                // One that never followed has nothing.
                home.database.stale = Some(self.store.at(home.revision).as_ref().map(owned).unwrap_or_default());
            }
        }
    }

    /// Whether two hosts' members are connected.
    fn is_linked(&self, a: HostId, b: HostId) -> bool {
        a == b || self.etcd.links.contains_key(&(a.min(b), a.max(b)))
    }

    /// Since when two hosts' members have been connected, in world milliseconds.
    pub(super) fn linked_since(&self, a: HostId, b: HostId) -> Option<u64> {
        self.etcd.links.get(&(a.min(b), a.max(b))).copied()
    }

    fn connect(&mut self) {
        let hosts: Vec<HostId> = self.etcd.homes.keys().copied().collect();
        for (n, a) in hosts.iter().enumerate() {
            for b in hosts.iter().skip(n + 1) {
                let runs = |host: HostId| self.is_running(host, Component::Etcd);
                let is_open = runs(*a) && runs(*b) && self.path(*a, *b) == Path::Open;
                if is_open {
                    self.etcd.links.entry((*a, *b)).or_insert(self.now_ms);
                } else {
                    self.etcd.links.remove(&(*a, *b));
                }
            }
        }
    }

    fn elect(&mut self) {
        let is_well = self.etcd.leader.is_some_and(|leader| self.may_lead(leader));
        if is_well {
            return;
        }
        if self.etcd.leader.take().is_some() || self.etcd.election_ms.is_none() {
            self.call_election();
        }
        if self.etcd.election_ms.is_some_and(|due| self.now_ms < due) {
            return;
        }
        let candidates: Vec<HostId> = self
            .etcd
            .homes
            .keys()
            .copied()
            .filter(|host| self.may_lead(*host))
            .collect();
        // Without a majority nobody's term grows: members ask before they campaign (pre-vote).
        if candidates.is_empty() {
            self.call_election();
            return;
        }
        self.etcd.leader = candidates.get(self.dice.usize(..candidates.len())).copied();
        self.etcd.term += 1;
        self.etcd.extra_entries += 1;
        self.etcd.election_ms = None;
    }

    fn call_election(&mut self) {
        let within = self.dice.u64(..ELECTION_MS);
        self.etcd.election_ms = Some(self.now_ms + ELECTION_MS + within);
    }

    /// Whether a host's member is a voter that reaches a quorum and keeps up.
    fn may_lead(&self, host: HostId) -> bool {
        let Some(home) = self.etcd.homes.get(&host).filter(|home| !home.is_removed) else {
            return false;
        };
        let is_voter = self.etcd.voters().any(|member| member.id == home.id);
        let is_slow = u64::from(self.write_ms(host)) >= ELECTION_MS;
        is_voter
            && !is_slow
            && self.is_running(host, Component::Etcd)
            && self.reached_voters(host) >= self.etcd.quorum()
    }

    /// Voters that a host's member is connected to, itself included.
    fn reached_voters(&self, host: HostId) -> usize {
        let voters = self.etcd.voters().filter_map(|member| self.etcd.home_of(member.id));
        voters.filter(|voter| self.is_linked(host, *voter)).count()
    }

    /// Whether a host's member follows a leader that works, or is it.
    pub(super) fn follows(&self, host: HostId) -> bool {
        let is_member = self.etcd.homes.get(&host).is_some_and(|home| !home.is_removed);
        let leader = self.etcd.leader;
        is_member
            && self.is_running(host, Component::Etcd)
            && leader.is_some_and(|leader| self.is_linked(host, leader) && self.may_lead(leader))
    }

    /// Whether a host's member answers linearizable reads and takes writes.
    pub fn has_quorum(&self, host: HostId) -> bool {
        let is_voter = |id: u64| self.etcd.voters().any(|member| member.id == id);
        self.follows(host) && self.etcd.homes.get(&host).is_some_and(|home| is_voter(home.id))
    }

    /// The leader's id as a host's member knows it; 0 for none.
    pub(super) fn leader_seen_by(&self, host: HostId) -> u64 {
        let leader = self.etcd.leader.filter(|_| self.follows(host));
        leader
            .and_then(|leader| self.etcd.homes.get(&leader))
            .map_or(0, |home| home.id)
    }

    /// Everybody who follows learns what is committed. Who learns that it was removed ends.
    pub(super) fn replicate(&mut self) {
        let index = self.store.revision() + self.etcd.extra_entries;
        let hosts = self.etcd.homes.keys().copied();
        let followers: Vec<HostId> = hosts.filter(|host| self.follows(*host)).collect();
        for host in &followers {
            let etcd = &mut self.etcd;
            let Some(home) = etcd.homes.get_mut(host) else { continue };
            if home.view != etcd.members {
                home.view.clone_from(&etcd.members);
            }
            home.catch_up(self.store.revision(), self.store.compacted(), etcd.contents);
            home.index = index;
            home.term = etcd.term;
            home.is_removed = !etcd.members.iter().any(|member| member.id == home.id);
        }
        self.etcd.followers = followers;
        self.etcd.told = self.store.revision();
        self.leave_behind();
        self.end_removed();
    }

    fn end_removed(&mut self) {
        let homes = self.etcd.homes.iter().filter(|(_, home)| home.is_removed);
        let removed: Vec<HostId> = homes.map(|(host, _)| *host).collect();
        for host in removed {
            if self.is_running(host, Component::Etcd)
                && let Some(machine) = self.machine_mut(host)
            {
                machine.set_run(Component::Etcd, Run::Dead);
                self.etcd.is_stirred = true;
            }
        }
    }
}
