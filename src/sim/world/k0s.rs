//! What k0s itself does: its lease, the work of its leader (`etcd_member_reconciler`: learners become voters, members that
//! should leave do), and joining. The families of k0s differ in how a member comes and goes.

mod join;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::Value;

pub(super) use self::join::Join;
use super::World;
use super::etcd::EtcdError;
use super::fault::Fault;
use super::host::{Component, HostId};
use super::lease::{NODE_LEASES, Office};
use super::read::{set, set_condition};
use super::resource::Resource;
use super::store::{Key, str_at};
use crate::sim::scenario::K0sFamily;

/// How often each k0s renews the lease that says that it lives.
const LEASE_MS: u64 = 5_000;
const LEASE_LASTS_S: u64 = 60;
/// How often the leader looks at the members.
const RECONCILE_MS: u64 = 10_000;
/// How long the newest family waits for a silent member that should leave.
const OFFLINE: Duration = Duration::from_mins(5);

impl World {
    /// Lets every k0s work.
    pub(super) fn run_k0s(&mut self) {
        self.run_joins();
        if !self.now_ms.is_multiple_of(LEASE_MS) {
            return;
        }
        let hosts: Vec<HostId> = self.controllers().collect();
        for host in hosts {
            if self.may_write(host, Component::K0s) && !self.is_joining(host) && !self.is_stopping(host) {
                let key = self.controller_lease(host);
                let holder = self.invocation_id(host).to_owned();
                self.renew_lease(host, &key, &holder, LEASE_LASTS_S);
            }
        }
        if self.now_ms.is_multiple_of(RECONCILE_MS)
            && let Some(leader) = self.in_office(Office::K0s)
        {
            self.promote_learner(leader);
            self.reconcile_members(leader);
        }
    }

    pub(super) fn controller_lease(&self, host: HostId) -> Key {
        Key::new(
            Resource::Leases,
            NODE_LEASES,
            format!("k0s-ctrl-{}", self.name_of(host)),
        )
    }

    fn promote_learner(&mut self, leader: HostId) {
        let mut learners = self.members().iter().filter(|member| member.is_learner);
        let Some(id) = learners.find(|member| !member.name.is_empty()).map(|member| member.id) else {
            return;
        };
        // Refused while it is behind: the next pass tries again.
        let _ = self.member_promote(leader, id);
    }

    fn reconcile_members(&mut self, leader: HostId) {
        for (key, object) in self.objects(Resource::EtcdMembers) {
            let hex = str_at(&object, "/status/memberID").unwrap_or_default();
            let Ok(id) = u64::from_str_radix(hex, 16) else { continue };
            let is_listed = self.members().iter().any(|member| member.id == id);
            let leaves = object.pointer("/spec/leave") == Some(&Value::Bool(true));
            match (is_listed, leaves) {
                (false, _) if self.plan.cluster.k0s == K0sFamily::From135_5 => {
                    self.tell_member(&key, "False", "No such member ID", "Success");
                }
                (true, true) => self.let_go(leader, &key, id),
                (true | false, _) => {}
            }
        }
    }

    /// `spec.leave`: at once, or when the lease of its k0s has run out, or five minutes after its last renewal.
    fn let_go(&mut self, leader: HostId, key: &Key, id: u64) {
        let family = self.plan.cluster.k0s;
        if family == K0sFamily::UpTo134_3 {
            self.remove_member(leader, key, id);
            return;
        }
        if self.members().iter().filter(|member| !member.is_learner).count() == 1 {
            let message = "The only active controller cannot leave the etcd cluster; either bring another controller online or \
                           clear spec.leave";
            self.tell_member(key, "True", message, "Failed");
            return;
        }
        let lease = Key::new(Resource::Leases, NODE_LEASES, format!("k0s-ctrl-{}", key.name));
        let Some(stored) = self.store.get(&lease).cloned() else {
            self.tell_member(key, "True", "No k0s controller lease found", "Failed");
            return;
        };
        if !self.is_expired(&stored) {
            self.tell_member(key, "True", "Member is still active; waiting for it to shutdown", "");
            self.shut_down(leader, &key.name, id);
            return;
        }
        let is_released = str_at(&stored, "/spec/holderIdentity").unwrap_or_default().is_empty();
        let is_recent = self.lease_age(&stored).is_some_and(|age| age < OFFLINE);
        if family == K0sFamily::From135_5 && is_recent && !is_released {
            self.tell_member(key, "True", "Member is offline; waiting for it to leave", "");
            return;
        }
        self.remove_member(leader, key, id);
    }

    /// A living member that should leave stops; in the newest family it leaves etcd itself before.
    fn shut_down(&mut self, leader: HostId, name: &str, id: u64) {
        let target = self
            .host_named(name)
            .filter(|host| *host != leader && self.is_running(*host, Component::K0s));
        let Some(target) = target else { return };
        if self.plan.cluster.k0s == K0sFamily::From135_5 && self.member_remove(target, id).is_err() {
            return;
        }
        let lease = self.controller_lease(target);
        self.store
            .change(&lease, |lease| set(lease, &["spec", "holderIdentity"], "".into()));
        for component in Component::ALL {
            self.end_process(target, component);
        }
    }

    fn remove_member(&mut self, leader: HostId, key: &Key, id: u64) {
        match self.member_remove(leader, id) {
            Ok(_) => self.tell_member(key, "False", "Member removed from cluster", "Success"),
            Err(EtcdError::Refused { message, .. }) => {
                let message = format!("Failed to delete member from cluster: {message}");
                self.tell_member(key, "True", &message, "Failed");
            }
            Err(EtcdError::NoReply) => {}
        }
    }

    fn tell_member(&mut self, key: &Key, joined: &str, message: &str, outcome: &str) {
        let at = self.wall();
        self.store.change(key, |object| {
            set_condition(
                object,
                "Joined",
                joined,
                "",
                if joined == "True" { "Member joined" } else { message },
                at,
            );
            set(object, &["status", "message"], message.into());
            set(object, &["status", "reconcileStatus"], outcome.into());
        });
    }

    /// `k0s etcd leave --peer-address` on a survivor.
    pub(super) fn leave(&mut self, host: HostId) -> Result<(), String> {
        let url = self.peer_url(host);
        let member = self.members().iter().find(|member| member.peer_urls.contains(&url));
        let Some(id) = member.map(|member| member.id) else {
            return Err(format!("etcd lists no member at {url}"));
        };
        let Some(asked) = self.helper(host) else {
            return Err(format!(
                "no other controller has a quorum, so etcd cannot forget {host}"
            ));
        };
        match self.member_remove(asked, id) {
            Ok(_) => Ok(()),
            Err(EtcdError::NoReply) => Err("etcd did not answer".to_owned()),
            Err(EtcdError::Refused { message, .. }) => {
                Err(format!("etcd does not forget {}: {message}", self.name_of(host)))
            }
        }
    }

    /// Embedded Cluster's reset, and k0s's leave before it.
    pub(super) fn reset(&mut self, host: HostId) -> Result<(), String> {
        self.leave(host)?;
        let name = self.name_of(host).to_owned();
        // Off already: so much the better.
        let _ = self.inject(&Fault::Kill { host });
        for resource in [Resource::Nodes, Resource::ControlNodes, Resource::EtcdMembers] {
            self.store.remove(&Key::new(resource, "", name.clone()));
        }
        Ok(())
    }

    /// Another controller whose etcd has a quorum.
    fn helper(&self, host: HostId) -> Option<HostId> {
        let mut others = self.controllers().filter(|other| *other != host);
        others.find(|other| self.has_quorum(*other))
    }
}
