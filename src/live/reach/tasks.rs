//! A task for each controller that there is: begun when it appears, ended when it goes. Knows nothing of what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::net::IpAddr;

use tokio::task::{AbortHandle, JoinSet};

use crate::port::Closed;

/// The tasks that run, by address. Dropping it ends them.
#[derive(Default)]
pub struct Tasks {
    tasks: JoinSet<Result<(), Closed>>,
    running: BTreeMap<IpAddr, AbortHandle>,
}

impl Tasks {
    /// Ends those that are no longer wanted. Whether who is wanted has changed.
    pub fn keep(&mut self, wanted: &BTreeSet<IpAddr>) -> bool {
        if self.running.keys().eq(wanted) {
            return false;
        }
        self.running.retain(|address, task| {
            let stays = wanted.contains(address) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        true
    }

    /// Begins the task of an address, unless it runs.
    pub fn begin<Run>(&mut self, address: IpAddr, run: impl FnOnce() -> Run)
    where
        Run: Future<Output = Result<(), Closed>> + Send + 'static,
    {
        let tasks = &mut self.tasks;
        self.running.entry(address).or_insert_with(|| tasks.spawn(run()));
    }

    /// Waits for one that found that nobody reads. One that was ended is no news. May be dropped at any time.
    pub async fn closed(&mut self) -> Closed {
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(Err(closed)) = ended {
                return closed;
            }
        }
        future::pending().await
    }
}
