//! One session: heartbeats on one side, all kinds on the other, until another server is better or the kubeconfig changes.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::catalog::Catalog;
use super::elect::elect;
use super::fault::Fault;
use super::follow::{self, Shared, follow};
use super::heartbeat::{self, Pulse, beat};
use super::kubeconfig::Access;
use super::pause::Backoff;
use super::session::Session;
use super::{Snapshots, explain};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::Endpoint;
use crate::model::{FeedId, KubeKind};
use crate::port::{Closed, Observation, Report, Sink};

/// How often a heartbeat is sent.
const PERIOD: Duration = Duration::from_secs(2);

/// Why a session ended.
pub enum Ended {
    /// Another server answers and this one does not.
    Moved(Box<Session>),
    /// The credentials do not work, and their files were written since.
    Changed,
}

/// Keeps one session.
pub struct Watchman<'a> {
    access: &'a Access,
    session: &'a Session,
    sink: &'a Sink,
    endpoint: Endpoint,
}

impl<'a> Watchman<'a> {
    /// For a server that was just chosen.
    pub fn new(access: &'a Access, session: &'a Session, sink: &'a Sink, epoch: u64) -> Self {
        let endpoint = Endpoint {
            server: Text::from(session.server.to_string()),
            epoch,
            is_preferred: session.server == access.preferred,
            since: sink.clock().now(),
            version: None,
            cluster: None,
        };
        Self {
            access,
            session,
            sink,
            endpoint,
        }
    }

    /// Announces the server and uses it. Dropping the future ends all its requests.
    pub async fn watch(&self, snapshots: &mut Snapshots) -> Result<Ended, Closed> {
        self.sink.send(Observation::Endpoint(self.endpoint.clone())).await?;
        for kind in KubeKind::ALL {
            self.sink.report(FeedId::Kube(kind), Report::Begun).await?;
        }
        let (recovered, recoveries) = watch::channel(0);
        let (catalog, doubt) = (Catalog::default(), Notify::new());
        let kinds = KubeKind::ALL.map(|kind| {
            let shared = Shared {
                session: self.session,
                catalog: &catalog,
                sink: self.sink,
                epoch: self.endpoint.epoch,
                recoveries: recoveries.clone(),
                doubt: &doubt,
            };
            follow(kind, shared)
        });
        tokio::select! {
            ended = self.heartbeats(&recovered, &doubt, snapshots) => ended,
            Err(closed) = try_join_all(kinds) => Err(closed),
            Err(closed) = self.introduce() => Err(closed),
        }
    }

    async fn heartbeats(
        &self,
        recovered: &watch::Sender<u64>,
        doubt: &Notify,
        snapshots: &mut Snapshots,
    ) -> Result<Ended, Closed> {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trouble = Trouble::default();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = doubt.notified(), if trouble.is_none() => ticks.reset(),
            }
            match beat(self.session).await {
                Pulse::Proven => {
                    if trouble.is_over() {
                        recovered.send_modify(|count| *count += 1);
                    }
                    self.sink.report(FeedId::Api, Report::Verified).await?;
                    continue;
                }
                Pulse::Answered(why) => self.fail(why).await?,
                Pulse::Failed(why) => {
                    let must_search = trouble.grows(why.kind);
                    self.fail(why).await?;
                    if must_search {
                        match elect(self.access, snapshots, Some(&self.session.server)).await {
                            Ok(next) => return Ok(Ended::Moved(Box::new(next))),
                            Err(_) => trouble.found_nobody(),
                        }
                    }
                }
            }
            if self.access.has_changed().await {
                return Ok(Ended::Changed);
            }
        }
    }

    async fn fail(&self, why: Why) -> Result<(), Closed> {
        let why = explain(why, self.access);
        self.sink.report(FeedId::Api, Report::Failed(why)).await
    }

    /// Asks for the version until it is told or forbidden, and once for the cluster's name.
    async fn introduce(&self) -> Result<(), Closed> {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        loop {
            let version = follow::server_version(self.session).await;
            let is_forbidden = |fault: &Fault| fault.why.kind == WhyKind::Forbidden;
            if version.as_ref().map_or_else(is_forbidden, |_| true) {
                let endpoint = Endpoint {
                    version: version.ok(),
                    cluster: heartbeat::cluster(self.session).await,
                    ..self.endpoint.clone()
                };
                return self.sink.send(Observation::Endpoint(endpoint)).await;
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }
}

/// A run of failed heartbeats.
struct Trouble {
    failures: u32,
    search_at: Option<Instant>,
    backoff: Backoff,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            failures: 0,
            search_at: None,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(5)),
        }
    }
}

impl Trouble {
    fn is_none(&self) -> bool {
        self.failures == 0
    }

    /// One more failure. Whether to look for another server now: one failure may be chance, unless nobody listens there.
    fn grows(&mut self, kind: WhyKind) -> bool {
        self.failures = self.failures.saturating_add(1);
        let is_serious = self.failures >= 2 || kind == WhyKind::Refused;
        is_serious && self.search_at.is_none_or(|at| Instant::now() >= at)
    }

    /// A search was in vain; the next one waits.
    fn found_nobody(&mut self) {
        self.search_at = Some(Instant::now() + self.backoff.next());
    }

    /// A heartbeat came through. Whether there was trouble before.
    fn is_over(&mut self) -> bool {
        let was = !self.is_none();
        *self = Self::default();
        was
    }
}
