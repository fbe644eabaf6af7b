//! The real sources, each in a task of its own, and the task that assembles what they say. A source never ends because
//! the cluster does: it reports and goes on. Start reading at [`Observer::begin`].

pub mod act;
pub mod dial;
pub mod entry;
pub mod etcd;
mod exchange;
pub mod external;
pub mod host;
pub mod kube;
pub mod layout;
pub mod probe;
pub mod program;
pub mod reach;
pub mod resolve;
pub mod shell;
#[cfg(test)]
mod test_pki;
pub mod tls;
pub mod visit;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::assemble::Assembler;
use crate::base::{Clock, Stamp};
use crate::model::{Simulated, Snapshot};
use crate::port::act::Observe;
use crate::port::{CHANNEL_BOUND, Observed, Sink};

/// Changes within this time become one snapshot.
const GATHER: Duration = Duration::from_millis(50);
/// A snapshot comes at least this often, so that ages advance when every source is dead.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Running sources. Dropping it ends them.
#[derive(Debug)]
pub struct Observer {
    /// The newest snapshot.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    tasks: JoinSet<()>,
}

impl Observer {
    /// Starts to assemble. Sources are added with [`Observer::add`]. `simulated` says so where nothing is real.
    pub fn begin(clock: &Clock, simulated: Option<Simulated>) -> (Self, Sink) {
        let (sink, receiver) = Sink::channel(clock.clone());
        let mark = Mark {
            simulated,
            clock: clock.clone(),
        };
        let first = Snapshot {
            simulated: mark.now(),
            ..Snapshot::empty(clock.now())
        };
        let (sender, snapshots) = watch::channel(Arc::new(first));
        let mut tasks = JoinSet::new();
        tasks.spawn(assemble(mark, receiver, sender));
        (Self { snapshots, tasks }, sink)
    }

    /// Runs a source until this value is dropped.
    pub fn add(&mut self, source: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(source);
    }
}

/// Hands out the newest snapshots to a run.
#[derive(Debug, Clone)]
pub struct Lookout(pub watch::Receiver<Arc<Snapshot>>);

impl Observe for Lookout {
    async fn newer(&mut self, since: Stamp) -> Snapshot {
        let newer = self.0.wait_for(|snapshot| snapshot.now > since).await;
        let newer = newer.ok().map(|snapshot| Snapshot::clone(&snapshot));
        match newer {
            Some(snapshot) => snapshot,
            // Nobody observes any more: nothing new will ever be known.
            None => std::future::pending().await,
        }
    }
}

/// Says of every snapshot whether it is real.
struct Mark {
    simulated: Option<Simulated>,
    clock: Clock,
}

impl Mark {
    fn now(&self) -> Option<Simulated> {
        Some(Simulated {
            speed: self.clock.speed(),
            ..self.simulated.clone()?
        })
    }
}

/// Assembles until every source is gone or nobody looks any more.
async fn assemble(mark: Mark, mut receiver: mpsc::Receiver<Observed>, sender: watch::Sender<Arc<Snapshot>>) {
    let mut assembler = Assembler::new();
    let mut batch = Vec::with_capacity(CHANNEL_BOUND);
    let mut publish_at = Instant::now();
    let mut is_dirty = false;
    loop {
        tokio::select! {
            biased;
            () = sleep_until(publish_at) => {
                assembler.simulated(mark.now());
                let snapshot = assembler.snapshot(mark.clock.now());
                if sender.send(Arc::new(snapshot)).is_err() {
                    return;
                }
                is_dirty = false;
                publish_at = Instant::now() + HEARTBEAT;
            }
            count = receiver.recv_many(&mut batch, CHANNEL_BOUND) => {
                if count == 0 {
                    return;
                }
                batch.drain(..).for_each(|observed| assembler.apply(observed));
                if !is_dirty {
                    is_dirty = true;
                    publish_at = publish_at.min(Instant::now() + GATHER);
                }
            }
        }
    }
}
