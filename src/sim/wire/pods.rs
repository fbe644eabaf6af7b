//! The listening sockets of pods: one opens with each pod that listens, and closes with it. Start reading at
//! [`PodDoors::follow`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::door::{Door, Service, Street};
use crate::sim::world::host::HostId;

/// Who listens where.
#[derive(Default)]
pub struct PodDoors {
    doors: BTreeMap<SocketAddr, (HostId, AbortHandle)>,
    tasks: JoinSet<()>,
    /// Of the store, when it was looked at last.
    revision: Option<u64>,
}

impl PodDoors {
    /// As the world has them now.
    pub async fn follow(&mut self, street: &Street, tls: &watch::Receiver<Arc<ServerConfig>>) {
        let before = self.revision;
        let found = street.shared.with(|world| {
            let revision = world.store().revision();
            (before != Some(revision)).then(|| (revision, world.listening_pods()))
        });
        let Some((revision, pods)) = found else { return };
        self.revision = Some(revision);
        let wanted: BTreeMap<SocketAddr, HostId> = pods.into_iter().map(|(host, at)| (at, host)).collect();
        self.doors.retain(|at, (host, task)| {
            let stays = wanted.get(at) == Some(host);
            if !stays {
                task.abort();
            }
            stays
        });
        while self.tasks.try_join_next().is_some() {}
        for (at, host) in wanted {
            if !self.doors.contains_key(&at) {
                let door = Door::open(street.clone(), host, Service::Pod, at, tls.clone()).await;
                self.doors.insert(at, (host, self.tasks.spawn(door)));
            }
        }
    }
}
