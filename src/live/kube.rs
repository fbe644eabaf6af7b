//! The Kubernetes API as a source: finds a server that works, proves every two seconds that it does, and follows one watch
//! per kind. What observes only reads; [`Changes`] alone changes. Must not know checks or screens. Start reading at
//! [`observe`].
//!
//! One task does it all, so that nothing of an old server can speak after a new one was chosen: when the server changes,
//! the futures of the old session are dropped.

pub mod admission;
mod answer;
mod catalog;
mod change;
mod clients;
mod elect;
mod fault;
mod follow;
pub mod health;
mod heartbeat;
mod kubeconfig;
pub mod lease;
mod list;
mod pause;
pub mod rights;
mod server;
mod session;
mod single;
mod stream;
mod watchman;

#[cfg(test)]
mod kubeconfig_tests;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod wire_tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::answer::{Answering, InUse, in_use};
pub use self::change::Changes;
use self::elect::elect;
use self::kubeconfig::Access;
use self::pause::Backoff;
use self::session::Session;
use self::watchman::{Ended, Watchman};
use crate::base::Why;
use crate::model::{FeedId, KubeKind, Snapshot};
use crate::port::{Closed, Report, Sink};

/// Where the way to the API is written down. The first of these that is there counts.
#[derive(Debug, Clone, Default)]
pub struct KubeSource {
    /// A file that the operator named: this one or none.
    pub kubeconfig: Option<PathBuf>,
    /// The files of `KUBECONFIG`, merged as kubectl does. They are only tried first: where none of them exists, the
    /// candidates follow.
    pub merged: Vec<PathBuf>,
    /// The usual places; the first readable one is taken.
    pub candidates: Vec<PathBuf>,
    /// A context other than the current one.
    pub context: Option<String>,
    /// A cluster other than the context's.
    pub cluster: Option<String>,
    /// A user other than the context's.
    pub user: Option<String>,
    /// Whom to act as; None: what the kubeconfig says.
    pub act_as: Option<String>,
    /// In which groups.
    pub act_as_groups: Option<Vec<String>>,
    /// How long one read may take; None: the usual time.
    pub request_timeout: Option<Duration>,
}

/// How often a kubeconfig that cannot be used is read again.
const REREAD: Duration = Duration::from_secs(5);

/// Observes the Kubernetes API until nobody reads any more. No error ends it: each is reported, with what to do.
///
/// `snapshots` tells where else the API may be served, once etcd or k0s's objects were read.
/// Questions are answered through the server that `in_use` names.
pub async fn observe(source: KubeSource, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>, in_use: InUse) {
    let snapshots = Snapshots(snapshots);
    let Err(Closed) = run(&source, &sink, snapshots, &in_use).await;
    tracing::debug!("nobody reads the Kubernetes API's facts any more");
}

async fn run(
    source: &KubeSource,
    sink: &Sink,
    mut snapshots: Snapshots,
    in_use: &InUse,
) -> Result<std::convert::Infallible, Closed> {
    report_all(sink, &Report::Begun).await?;
    let mut epoch = 0;
    let files = kubeconfig::Reader::default();
    loop {
        match files.load(source).await {
            Ok(access) => serve(&access, sink, &mut snapshots, &mut epoch, in_use).await?,
            Err(why) => {
                report_all(sink, &Report::Failed(why)).await?;
                tokio::time::sleep(REREAD).await;
            }
        }
    }
}

/// Uses one kubeconfig until its files change.
async fn serve(
    access: &Access,
    sink: &Sink,
    snapshots: &mut Snapshots,
    epoch: &mut u64,
    in_use: &InUse,
) -> Result<(), Closed> {
    in_use.set(None);
    let Some(mut session) = first_session(access, sink, snapshots).await? else {
        return Ok(());
    };
    loop {
        *epoch += 1;
        in_use.set(Some(&session));
        let watchman = Watchman::new(access, &session, sink, *epoch);
        match watchman.watch(snapshots).await? {
            Ended::Moved(next) => session = *next,
            Ended::Changed => return Ok(()),
        }
    }
}

/// Asks until some server answers; None when the kubeconfig changed meanwhile.
async fn first_session(access: &Access, sink: &Sink, snapshots: &mut Snapshots) -> Result<Option<Session>, Closed> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
    loop {
        match elect(access, snapshots, None).await {
            Ok(session) => return Ok(Some(session)),
            Err(Some(why)) => report_all(sink, &Report::Failed(why)).await?,
            Err(None) => {}
        }
        tokio::time::sleep(backoff.next()).await;
        if access.has_changed().await {
            return Ok(None);
        }
    }
}

/// Tells the same of the API and of every kind.
async fn report_all(sink: &Sink, report: &Report) -> Result<(), Closed> {
    sink.report(FeedId::Api, report.clone()).await?;
    for kind in KubeKind::ALL {
        sink.report(FeedId::Kube(kind), report.clone()).await?;
    }
    Ok(())
}

/// The newest snapshot, and when it changes.
struct Snapshots(watch::Receiver<Arc<Snapshot>>);

impl Snapshots {
    fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits for another one; for ever when there will be none.
    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The reason with a hint about an expired client certificate, where that explains it.
fn explain(why: Why, access: &Access) -> Why {
    let expired = access.identity_expiry.filter(|end| *end < jiff::Timestamp::now());
    match (why.kind, expired) {
        (crate::base::WhyKind::Unauthenticated | crate::base::WhyKind::Tls, Some(end)) => why.hint(format!(
            "the kubeconfig's client certificate expired on {end:.0}: renew it"
        )),
        _ => why,
    }
}
