//! The etcd member on this host, over gRPC on its client port: its status, and its member list read both ways. A read that
//! it answers alone means "it answers"; one through consensus means "it has quorum". Only reads are in reach: the clients
//! used here have no other calls; [`change`] has. Knows no Kubernetes and draws no conclusions. Start reading at [`observe`].

mod answers;
pub mod change;
mod connection;
mod disk;
pub mod snapshot;
pub mod store;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tonic::{Response, Status};

use self::connection::{Clients, Connection};
use super::dial::{Hop, Target, broken, failed, timed_out};
use super::tls::{Identity, Loader, PemFiles};
use crate::base::{Why, WhyKind};
use crate::model::FeedId;
use crate::model::etcd::{LocalStatus, MembershipView};
use crate::port::{Closed, Observation, Report, Sink};

/// etcd's certificates on a controller, as k0s lays them out below `pki/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdPki {
    /// `etcd/ca.crt`
    pub ca: PathBuf,
    /// `apiserver-etcd-client.crt`
    pub client_cert: PathBuf,
    /// `apiserver-etcd-client.key`
    pub client_key: PathBuf,
    /// `etcd/peer.crt`
    pub peer_cert: PathBuf,
    /// `etcd/peer.key`
    pub peer_key: PathBuf,
}

impl EtcdPki {
    /// Who we are at a client port.
    pub fn client_files(&self) -> PemFiles {
        PemFiles {
            ca: self.ca.clone(),
            cert: self.client_cert.clone(),
            key: self.client_key.clone(),
        }
    }

    /// Who we are at a peer port.
    pub fn peer_files(&self) -> PemFiles {
        PemFiles {
            ca: self.ca.clone(),
            cert: self.peer_cert.clone(),
            key: self.peer_key.clone(),
        }
    }
}

/// How often to ask, and how long to wait.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Between two rounds of what the member answers alone, and how long one may take.
    local: (Duration, Duration),
    /// The same for what it answers through consensus.
    linearizable: (Duration, Duration),
    /// The same for its metrics.
    disk: (Duration, Duration),
    /// TCP and TLS together.
    connect: Duration,
    /// The shortest and the longest pause before connecting again.
    pause: (Duration, Duration),
    /// Between two looks for certificates that are not there.
    no_access: Duration,
}

const PACE: Pace = Pace {
    local: (Duration::from_secs(1), Duration::from_secs(1)),
    linearizable: (Duration::from_secs(2), Duration::from_secs(2)),
    disk: (Duration::from_secs(10), Duration::from_secs(3)),
    connect: Duration::from_secs(1),
    pause: (Duration::from_millis(500), Duration::from_secs(2)),
    no_access: Duration::from_secs(5),
};

/// Observes the member at `endpoint` (`https://127.0.0.1:2379`) until nobody reads any more. Errors are observations too.
pub async fn observe(pki: EtcdPki, endpoint: String, sink: Sink) {
    let Err(Closed) = run(&pki, &endpoint, &sink, PACE).await;
    tracing::debug!(endpoint, "etcd is no longer observed");
}

async fn run(pki: &EtcdPki, endpoint: &str, sink: &Sink, pace: Pace) -> Result<Infallible, Closed> {
    sink.report(FeedId::EtcdLocal, Report::Begun).await?;
    sink.report(FeedId::EtcdDisk, Report::Begun).await?;
    let mut loader = Loader::new(pki.client_files(), connection::ALPN);
    let mut pause = pace.pause.0;
    loop {
        let (target, identity) = match access(endpoint, &mut loader, pace).await {
            Ok(access) => access,
            Err(why) => {
                sink.send(Observation::EtcdNoAccess(why.clone())).await?;
                sink.report(FeedId::EtcdLocal, Report::Failed(why.clone())).await?;
                sink.report(FeedId::EtcdDisk, Report::Failed(why)).await?;
                sleep(pace.no_access).await;
                continue;
            }
        };
        let begun = Instant::now();
        match connect(&target, &identity, pace).await {
            Ok(connection) => Session { target, sink, pace }.run(connection).await?,
            Err(why) => everything_failed(sink, &why).await?,
        }
        // Grows while connections fail or do not last.
        sleep(pause).await;
        pause = if begun.elapsed() > pace.pause.1 + pause {
            pace.pause.0
        } else {
            (pause * 2).min(pace.pause.1)
        };
    }
}

/// What is needed before anything can be asked.
async fn access(endpoint: &str, loader: &mut Loader, pace: Pace) -> Result<(Target, Identity), Why> {
    let target = Target::parse(endpoint)?;
    match timeout(pace.connect, loader.load()).await {
        Ok(identity) => Ok((target, identity?)),
        Err(_) => Err(timed_out(&target, Hop::Files, pace.connect)),
    }
}

async fn connect(target: &Target, identity: &Identity, pace: Pace) -> Result<Connection, Why> {
    let mut hop = Hop::Connect;
    let connected = timeout(pace.connect, connection::open(target, identity, &mut hop)).await;
    let outcome = connected.unwrap_or_else(|_| Err(timed_out(target, hop, pace.connect)));
    outcome.map_err(|why| match why.kind {
        WhyKind::Refused => why.hint("etcd does not run here: look at `systemctl status k0scontroller`"),
        _ => why,
    })
}

/// Without a connection nothing answers.
async fn everything_failed(sink: &Sink, why: &Why) -> Result<(), Closed> {
    for feed in [FeedId::EtcdLocal, FeedId::EtcdDisk] {
        sink.report(feed, Report::Failed(why.clone())).await?;
    }
    for linearizable in [false, true] {
        let outcome = Err(why.clone());
        sink.send(Observation::EtcdRead { linearizable, outcome }).await?;
    }
    Ok(())
}

/// The questions that are asked over one connection.
struct Session<'a> {
    target: Target,
    sink: &'a Sink,
    pace: Pace,
}

impl Session<'_> {
    /// Asks until the connection ends, or a whole round stays silent. Then all questions in flight are dropped.
    async fn run(&self, connection: Connection) -> Result<(), Closed> {
        let Connection { clients, driver, .. } = connection;
        tokio::select! {
            ended = self.local_rounds(&clients, driver) => ended,
            Err(closed) = self.linearizable_reads(&clients) => Err(closed),
            Err(closed) = self.disk_times(&clients) => Err(closed),
        }
    }

    /// Status and the member's own list, side by side.
    async fn local_rounds(&self, clients: &Clients, mut driver: connection::Driver) -> Result<(), Closed> {
        let mut tick = interval(self.pace.local.0);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_open = true;
        while is_open {
            tokio::select! {
                _ = tick.tick() => {}
                () = &mut driver => return Ok(()),
            }
            let round = async { tokio::join!(self.status(clients), self.members(clients, false)) };
            tokio::pin!(round);
            // The driver carries the answers; when it ends, the questions in flight get to know.
            let (status, members) = tokio::select! {
                answered = &mut round => answered,
                () = &mut driver => {
                    is_open = false;
                    round.await
                }
            };
            is_open &= [status?, members?].contains(&Heard::Something);
        }
        Ok(())
    }

    async fn linearizable_reads(&self, clients: &Clients) -> Result<Infallible, Closed> {
        let mut tick = interval(self.pace.linearizable.0);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.members(clients, true).await?;
        }
    }

    /// How fast its disk is: of late, from the second reading on.
    async fn disk_times(&self, clients: &Clients) -> Result<Infallible, Closed> {
        let hop = Hop::Request("GET /metrics");
        let mut timing = disk::Timing::default();
        let mut tick = interval(self.pace.disk.0);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let read = match timeout(self.pace.disk.1, clients.metrics()).await {
                Ok(Ok(text)) => text
                    .and_then(|text| timing.read(&text, self.sink.clock().now()))
                    .ok_or_else(|| failed(&self.target, hop, WhyKind::Garbage, "no histogram of its disk")),
                Ok(Err(error)) => Err(broken(&self.target, hop, &error)),
                Err(_) => Err(timed_out(&self.target, hop, self.pace.disk.1)),
            };
            match read {
                Ok(times) => self.sink.send(Observation::EtcdDisk(times)).await?,
                Err(why) => self.sink.report(FeedId::EtcdDisk, Report::Failed(why)).await?,
            }
        }
    }

    async fn status(&self, clients: &Clients) -> Result<Heard, Closed> {
        let call = "Status";
        let asked = self.ask(call, self.pace.local.1, clients.status()).await;
        let outcome = asked.and_then(|answer| self.sensible(call, LocalStatus::try_from(answer)));
        let heard = Heard::from(&outcome);
        match outcome {
            Ok(status) => self.sink.send(Observation::EtcdStatus(status)).await?,
            Err(why) => self.sink.report(FeedId::EtcdLocal, Report::Failed(why)).await?,
        }
        Ok(heard)
    }

    async fn members(&self, clients: &Clients, linearizable: bool) -> Result<Heard, Closed> {
        let (call, (_, deadline)) = if linearizable {
            ("linearizable MemberList", self.pace.linearizable)
        } else {
            ("MemberList", self.pace.local)
        };
        let asked = self.ask(call, deadline, clients.members(linearizable)).await;
        let outcome = asked.and_then(|answer| self.sensible(call, MembershipView::try_from(answer)));
        let heard = Heard::from(&outcome);
        self.sink.send(Observation::EtcdRead { linearizable, outcome }).await?;
        Ok(heard)
    }

    async fn ask<T>(
        &self,
        call: &'static str,
        deadline: Duration,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Why> {
        let hop = Hop::Request(call);
        match timeout(deadline, answer).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(answers::why(&self.target, hop, &status)),
            Err(_) => Err(timed_out(&self.target, hop, deadline)),
        }
    }

    fn sensible<T>(&self, call: &'static str, parsed: Result<T, answers::NoHeader>) -> Result<T, Why> {
        parsed.map_err(|error| failed(&self.target, Hop::Request(call), WhyKind::Garbage, error.to_string()))
    }
}

/// Whether anything came back on the connection, if only an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Something,
    Nothing,
}

impl<T> From<&Result<T, Why>> for Heard {
    fn from(outcome: &Result<T, Why>) -> Self {
        match outcome {
            Err(why) if matches!(why.kind, WhyKind::TimedOut | WhyKind::Broken) => Heard::Nothing,
            Ok(_) | Err(_) => Heard::Something,
        }
    }
}
