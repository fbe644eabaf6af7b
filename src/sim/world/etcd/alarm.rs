//! NOSPACE: the database of one member is full, and with it the whole cluster takes no more writes.

use super::super::World;
use super::super::host::HostId;

impl World {
    /// The leader's database is full.
    pub(in crate::sim::world) fn raise_no_space(&mut self) -> Result<(), String> {
        let leader = self.etcd.leader.and_then(|leader| self.etcd.homes.get(&leader));
        let Some(leader) = leader else {
            return Err("etcd has no leader now, so its database cannot fill up".to_owned());
        };
        self.etcd.full = Some(leader.id);
        Ok(())
    }

    /// Somebody made room on the member of a host and disarmed the alarm.
    pub(in crate::sim::world) fn clear_no_space(&mut self, host: HostId) {
        let own = self.etcd.homes.get(&host).map(|home| home.id);
        if self.etcd.full.is_some() && self.etcd.full == own {
            self.etcd.full = None;
        }
    }
}
