//! The simulated cluster behind real servers on loopback, so that the product runs its real client code against it.
//! Start reading at [`Cluster::start`], then [`door`].

mod addresses;
mod api;
mod cluster;
mod door;
mod entry;
mod gated;
mod member;
mod metrics;
mod outside;
mod peer;
mod pki;
mod plug;
mod pods;
mod root;
mod sshd;
mod status;
mod stored;

pub use cluster::{Cluster, Handle};

pub mod kube;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::world::World;

/// The world as the servers share it.
#[derive(Debug)]
pub struct Shared {
    world: Mutex<World>,
    revision: watch::Sender<u64>,
}

impl Shared {
    /// Shares a world.
    pub fn new(world: World) -> Self {
        let (revision, _) = watch::channel(world.store().revision());
        Self {
            world: Mutex::new(world),
            revision,
        }
    }

    /// Looks at the world or changes it, and wakes the watches if something was stored. Must not be called in `work`.
    pub fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let done = work(&mut world);
        let revision = world.store().revision();
        drop(world);
        self.revision
            .send_if_modified(|last| std::mem::replace(last, revision) != revision);
        done
    }

    /// Changes whenever something was stored.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// A panic elsewhere must not take every server with it.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
