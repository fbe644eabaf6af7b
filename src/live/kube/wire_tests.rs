//! The real client against a scripted API server: first in memory with a moved clock, then over loopback.
#![allow(clippy::unwrap_used, clippy::panic)]

mod admission;
mod answering;
mod following;
mod loopback;
mod rights;
mod sessions;

use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::catalog::Catalog;
use super::follow::{Shared, follow};
use super::server::Server;
use super::session::{Deadlines, Session};
use super::wire::Wire;
use crate::base::{Clock, WhyKind};
use crate::model::{FeedId, KubeKind};
use crate::port::{KubeEvent, Observation, Observed, Report, Sink};

/// Longer than anything here takes, on the clock that tests move.
const PATIENCE: Duration = Duration::from_mins(10);

/// A source's observations as a test reads them.
struct Reader(mpsc::Receiver<Observed>);

impl Reader {
    /// The next observation that `pick` takes.
    async fn next<T>(&mut self, mut pick: impl FnMut(&Observation) -> Option<T>) -> T {
        let found = async {
            loop {
                let observed = self.0.recv().await.unwrap();
                if let Some(found) = pick(&observed.what) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap()
    }

    /// The next report on a feed.
    async fn report(&mut self, wanted: FeedId) -> Report {
        self.next(|what| match what {
            Observation::Feed { feed, report } if *feed == wanted => Some(report.clone()),
            _ => None,
        })
        .await
    }

    /// The kind of the next failure of a feed.
    async fn failure(&mut self, wanted: FeedId) -> crate::base::Why {
        loop {
            if let Report::Failed(why) = self.report(wanted).await {
                return why;
            }
        }
    }

    /// The next change of objects.
    async fn event(&mut self) -> KubeEvent {
        self.next(|what| match what {
            Observation::Kube { event, .. } => Some(event.clone()),
            _ => None,
        })
        .await
    }
}

fn memory_session(wire: &Wire) -> Session {
    let server = Server::new("https://10.77.0.11:6443".parse().unwrap());
    Session::over(server, Deadlines::default(), wire.client(), wire.client())
}

/// Follows one kind in the background; the sender tells of recoveries.
fn follow_kind(kind: KubeKind, wire: &Wire) -> (Reader, watch::Sender<u64>) {
    let (sink, receiver) = Sink::channel(Clock::start());
    let (recovered, recoveries) = watch::channel(0);
    let session = memory_session(wire);
    tokio::spawn(async move {
        let shared = Shared {
            session: &session,
            catalog: &Catalog::default(),
            sink: &sink,
            epoch: 7,
            recoveries,
            doubt: &Notify::new(),
        };
        let _ = follow(kind, shared).await;
    });
    (Reader(receiver), recovered)
}

fn names(event: &KubeEvent) -> Vec<String> {
    match event {
        KubeEvent::Replace { objects, .. } => objects.iter().map(|(key, _)| key.to_string()).collect(),
        KubeEvent::Apply(key, _) => vec![format!("+{key}")],
        KubeEvent::Delete(_, key) => vec![format!("-{key}")],
    }
}

fn is(report: &Report, kind: WhyKind) -> bool {
    matches!(report, Report::Failed(why) | Report::Off(why) if why.kind == kind)
}
