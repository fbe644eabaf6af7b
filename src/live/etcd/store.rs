//! Kubernetes' objects from the etcd member on this host: what the API servers would tell, and cannot. Each kind is read page
//! by page with serializable ranges, which the member answers alone, at one revision. Started side by side with the API,
//! stopped when that is live, begun again when it is lost. Draws no conclusions. Start reading at [`observe`].

mod read;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::connection::{self, Connection};
use super::{EtcdPki, PACE, Pace, access, connect};
use crate::assemble::NOT_NEEDED;
use crate::base::{Why, WhyKind};
use crate::live::dial::{Hop, failed};
use crate::live::tls::Loader;
use crate::model::stored::is_lit;
use crate::model::{FeedId, FeedState, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// Between two looks whether the store has moved on.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Observes the store of the member at `endpoint` while no API server tells what is true, until nobody reads any more.
pub async fn observe(pki: EtcdPki, endpoint: String, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let Err(Closed) = run(&pki, &endpoint, &sink, Light(snapshots)).await;
    tracing::debug!(endpoint, "etcd's store is no longer observed");
}

async fn run(pki: &EtcdPki, endpoint: &str, sink: &Sink, mut light: Light) -> Result<Infallible, Closed> {
    let mut loader = Loader::new(pki.client_files(), connection::ALPN);
    loop {
        sink.report(FeedId::EtcdStore, Report::Begun).await?;
        tokio::select! {
            biased;
            () = light.comes() => {}
            Err(closed) = read_on(&mut loader, endpoint, sink, PACE) => return Err(closed),
        }
        let off = Report::Off(Why::new(WhyKind::Disabled, NOT_NEEDED));
        sink.report(FeedId::EtcdStore, off).await?;
        light.goes().await;
    }
}

/// Reads, and connects again when that fails.
async fn read_on(loader: &mut Loader, endpoint: &str, sink: &Sink, pace: Pace) -> Result<Infallible, Closed> {
    let mut pause = pace.pause.0;
    loop {
        let begun = Instant::now();
        let why = match access(endpoint, loader, pace).await {
            Ok((target, identity)) => match connect(&target, &identity, pace).await {
                Ok(Connection { clients, driver, .. }) => {
                    let reader = read::Reader::new(&target, &clients, pace.local.1 * 2);
                    tokio::select! {
                        ended = rounds(&reader, sink) => ended?,
                        () = driver => failed(&target, Hop::Request("Range"), WhyKind::Broken, "the connection was closed"),
                    }
                }
                Err(why) => why,
            },
            Err(why) => why,
        };
        sink.report(FeedId::EtcdStore, Report::Failed(why)).await?;
        sleep(pause).await;
        // Grows while connections fail or do not last.
        pause = if begun.elapsed() > pace.pause.1 + pause {
            pace.pause.0
        } else {
            (pause * 2).min(pace.pause.1)
        };
    }
}

/// Reads everything, and again when there is a newer revision. Returns why it cannot go on.
async fn rounds(reader: &read::Reader<'_>, sink: &Sink) -> Result<Why, Closed> {
    let mut last = None;
    loop {
        match reader.everything_after(last).await {
            Ok(Some(read)) => {
                last = Some(read.revision);
                sink.send(Observation::Stored(read)).await?;
            }
            Ok(None) => sink.report(FeedId::EtcdStore, Report::Verified).await?,
            Err(why) => return Ok(why),
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Whether the API tells what is true.
struct Light(watch::Receiver<Arc<Snapshot>>);

impl Light {
    async fn comes(&mut self) {
        self.wait(|snapshot| is_lit(&snapshot.feeds)).await;
    }

    /// A late heartbeat is no darkness yet.
    async fn goes(&mut self) {
        let is_dark = |snapshot: &Arc<Snapshot>| {
            let api = snapshot.feed(FeedId::Api);
            !is_lit(&snapshot.feeds) && !matches!(api, FeedState::Lagging { .. })
        };
        self.wait(is_dark).await;
    }

    /// For ever when there will be no other snapshot.
    async fn wait(&mut self, is_so: impl FnMut(&Arc<Snapshot>) -> bool) {
        if self.0.wait_for(is_so).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
