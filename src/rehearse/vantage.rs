//! What one host sees of the world, as observations: the part that `live` plays in earnest. Asking takes no time here, so
//! that a deadline shows as a failure at once. A test compares it with what the real clients see over loopback.
//! Start reading at [`Vantage::look`].

mod entry;
mod etcd;
mod host;
mod kube;

use self::kube::Session;
use crate::base::{Stamp, Text};
use crate::model::Snapshot;
use crate::port::{Observation, Observed};
use crate::sim::world::World;
use crate::sim::world::host::{Host, HostId};

pub use self::kube::Pulse;

/// How one host looks at the world, and what it remembers of its watches.
#[derive(Debug, Clone)]
pub struct Vantage {
    here: HostId,
    etcd_endpoint: String,
    /// The API server in use, once there was one.
    session: Option<Session>,
    epoch: u64,
    is_introduced: bool,
    /// When the facts of this host are read next, in world milliseconds.
    host_due_ms: u64,
    /// The same for users' ways in.
    entry_due_ms: u64,
}

impl Vantage {
    /// From a host; `etcd_endpoint` is `HOST:PORT` of its own member's client port.
    pub const fn new(here: HostId, etcd_endpoint: String) -> Self {
        Self {
            here,
            etcd_endpoint,
            session: None,
            epoch: 0,
            is_introduced: false,
            host_due_ms: 0,
            entry_due_ms: 0,
        }
    }

    /// The host.
    pub const fn here(&self) -> HostId {
        self.here
    }

    /// The API server in use.
    pub fn api_server(&self) -> Option<HostId> {
        self.session.as_ref().map(|session| session.server)
    }

    /// Asks every source once. `snapshot` tells whom else to ask, as in earnest.
    pub fn look(&mut self, world: &World, snapshot: &Snapshot, at: Stamp) -> Vec<Observed> {
        let mut seen = Vec::new();
        if !self.is_introduced {
            self.is_introduced = true;
            seen.push(Observation::Host {
                name: name(world, self.here),
                is_root: true,
                console_port: Some(world.network().console_port),
            });
        }
        let is_due = world.now_ms() >= self.host_due_ms;
        if is_due {
            self.host_due_ms = world.now_ms() + host::EVERY_MS;
        }
        host::look(world, self.here, is_due, &mut seen);
        etcd::look(world, self.here, &self.etcd_endpoint, snapshot, &mut seen);
        self.look_at_kube(world, snapshot, at, &mut seen);
        self.look_at_entry(world, snapshot, &mut seen);
        seen.into_iter().map(|what| Observed { at, what }).collect()
    }
}

fn name(world: &World, host: HostId) -> Text {
    find(world, host).map_or_else(Text::default, |host| Text::new(&host.name))
}

fn find(world: &World, host: HostId) -> Option<&Host> {
    world.hosts().iter().find(|own| own.id == host)
}

/// The host at an address.
fn host_at<'a>(world: &'a World, address: &str) -> Option<&'a Host> {
    world.hosts().iter().find(|host| host.address == address)
}
