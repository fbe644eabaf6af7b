//! The API server of each host, as its answers depend on the world.

use super::host::HostId;
use super::{World, api};

impl World {
    /// The API server of a host.
    pub fn api_server(&self, host: HostId) -> api::Server {
        let since_ms = self.machine(host).and_then(|machine| machine.without_etcd_since_ms);
        let lost_s = since_ms.map_or(0, |since_ms| self.now_ms.saturating_sub(since_ms) / 1000);
        api::Server {
            name: self.name_of(host).to_owned(),
            now: self.wall_of(host),
            toleration_s: self.default_toleration_s(host),
            version: self.plan.versions.k0s.clone(),
            without_etcd_s: (!self.has_quorum(host)).then_some(lost_s),
            alarm: self.alarm(),
        }
    }

    /// Remembers since when API servers are without etcd: their caches answer a little longer.
    pub(super) fn watch_etcd(&mut self) {
        let controllers: Vec<HostId> = self.controllers().collect();
        for host in controllers {
            let has_etcd = self.has_quorum(host);
            let now_ms = self.now_ms;
            if let Some(machine) = self.machine_mut(host) {
                machine.without_etcd_since_ms = match machine.without_etcd_since_ms {
                    _ if has_etcd => None,
                    None => Some(now_ms),
                    since => since,
                };
            }
        }
    }
}
