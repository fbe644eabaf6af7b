//! What k0s itself does: its leases, its own objects, and the work of its leader.

use super::World;
use super::etcd::EtcdError;
use super::host::{Component, HostId};
use super::lease::NODE_LEASES;
use super::resource::Resource;
use super::store::Key;

/// How often each k0s renews the lease that says that it lives.
const LEASE_MS: u64 = 5_000;
const LEASE_LASTS_S: u64 = 60;

/// A machine on its way into the cluster.
#[derive(Debug, Clone)]
pub(super) struct Join {
    /// The label that it gets once it is Ready.
    pub zone: Option<String>,
}

impl World {
    /// Lets every k0s work.
    pub(super) fn run_k0s(&mut self) {
        if self.now_ms % LEASE_MS != 0 {
            return;
        }
        let hosts: Vec<HostId> = self.controllers().collect();
        for host in hosts {
            if !self.may_write(host, Component::K0s) {
                continue;
            }
            let key = Key::new(
                Resource::Leases,
                NODE_LEASES,
                format!("k0s-ctrl-{}", self.name_of(host)),
            );
            let holder = self.invocation_id(host).to_owned();
            self.renew_lease(host, &key, &holder, LEASE_LASTS_S);
        }
    }

    /// A new machine with an empty disk joins as a controller.
    pub(super) fn join(&mut self, zone: Option<String>) -> Result<(), String> {
        let _ = zone;
        Err("joining is not possible yet".to_owned())
    }

    /// A machine begins to join and dies before its etcd ever ran.
    pub(super) fn failed_join(&mut self) -> Result<(), String> {
        Err("joining is not possible yet".to_owned())
    }

    /// `k0s etcd leave --peer-address` on a survivor.
    pub(super) fn leave(&mut self, host: HostId) -> Result<(), String> {
        let url = self.peer_url(host);
        let member = self
            .committed_members()
            .iter()
            .find(|member| member.peer_urls.contains(&url));
        let Some(id) = member.map(|member| member.id) else {
            return Err(format!("etcd lists no member at {url}"));
        };
        let asked = self
            .controllers()
            .filter(|other| *other != host)
            .find(|other| self.has_quorum(*other));
        let Some(asked) = asked else {
            return Err(format!(
                "no other controller has a quorum, so etcd cannot forget {host}"
            ));
        };
        match self.member_remove(asked, id) {
            Ok(_) => Ok(()),
            Err(EtcdError::NoReply) => Err("etcd did not answer".to_owned()),
            Err(EtcdError::Refused { message, .. }) => Err(format!("etcd does not forget {host}: {message}")),
        }
    }
}
