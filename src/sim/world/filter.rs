//! Firewalls: packets of one machine to one port are dropped. The ports on which the control plane itself depends are not
//! among them; a machine whose packets are all lost is cut off. Start reading at [`World::is_filtered`].

use serde::{Deserialize, Serialize};

use super::World;
use super::host::HostId;
use super::outside::OutsideService;

/// What cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Filtered {
    Kubelet,
    Join,
    Console,
    Overlay,
    Postgresql,
    Redis,
    Sentinel,
    S3,
}

impl Filtered {
    /// The service outside the cluster, where it is one.
    pub const fn outside(self) -> Option<OutsideService> {
        match self {
            Filtered::Kubelet | Filtered::Join | Filtered::Console | Filtered::Overlay => None,
            Filtered::Postgresql => Some(OutsideService::Postgresql),
            Filtered::Redis => Some(OutsideService::Redis),
            Filtered::Sentinel => Some(OutsideService::Sentinel),
            Filtered::S3 => Some(OutsideService::S3),
        }
    }
}

impl From<OutsideService> for Filtered {
    fn from(service: OutsideService) -> Self {
        match service {
            OutsideService::Postgresql => Filtered::Postgresql,
            OutsideService::Redis => Filtered::Redis,
            OutsideService::Sentinel => Filtered::Sentinel,
            OutsideService::S3 => Filtered::S3,
        }
    }
}

impl World {
    /// Whether packets of a machine to a port are dropped: of another machine, or (None) outside the cluster.
    pub fn is_filtered(&self, from: HostId, to: Option<HostId>, port: Filtered) -> bool {
        self.machine(from)
            .is_some_and(|machine| machine.filters.contains(&(to, port)))
    }

    pub(super) fn filter(&mut self, from: HostId, to: Option<HostId>, port: Filtered) -> Result<(), String> {
        if to.is_some() == port.outside().is_some() {
            return Err("a port of the cluster is that of a host, one outside is nobody's".to_owned());
        }
        if let Some(unknown) = to.filter(|to| *to == from || self.machine(*to).is_none()) {
            return Err(format!("{from} has no way to {unknown} that could be filtered"));
        }
        self.touch(from, |machine| {
            machine.filters.insert((to, port));
        })
    }
}
