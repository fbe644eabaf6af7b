//! Where users and administrators get in, probed as a browser would come: the name that users go to, and the gateway and
//! the Admin Console on each node. One GET at a time over a connection of its own, at low frequency; each second for users'
//! ways while a host is lost, so that a gap is measured, and a second after one that was not served, to tell it from
//! chance. No certificate is refused, because what is shown is what is to be told; nothing secret is sent. Knows the nodes
//! only from the snapshots that it is given. Start reading at [`observe`].

mod ask;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use self::ask::Asker;
use crate::base::{Text, Why, WhyKind};
use crate::live::tls::any_certificate;
use crate::model::entry::way::{Way, Wish, bracketed};
use crate::model::entry::{EntryId, Service, TELLING};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// What is probed, and how often.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Which ways in; None: none, because the operator wants it so.
    pub wish: Option<Wish>,
    /// From one probe to the next.
    pub every: Duration,
}

/// How often to ask, and how long to wait.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// From one probe to the next.
    every: Duration,
    /// The same for users' ways while a host is lost.
    closely: Duration,
    /// One TCP connect.
    connect: Duration,
    /// A whole probe.
    whole: Duration,
    /// For Kubernetes to tell which nodes there are.
    head_start: Duration,
}

impl Pace {
    const fn of(every: Duration) -> Self {
        Self {
            every,
            closely: Duration::from_secs(1),
            connect: Duration::from_millis(1500),
            whole: Duration::from_secs(3),
            head_start: Duration::from_secs(8),
        }
    }
}

/// Whose feed says why nothing is probed.
const BALANCER: FeedId = FeedId::Entry(EntryId::Balancer);

/// Probes until nobody reads any more, or no more snapshots come.
pub async fn observe(watch: Watch, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let Some(wish) = watch.wish else {
        let why = Why::new(WhyKind::Disabled, "the settings say: do not probe (entry.probe)");
        // Where nobody reads, nobody misses it.
        let _ = sink.report(BALANCER, Report::Off(why)).await;
        return;
    };
    let _ = supervise(&wish, &sink, snapshots, Pace::of(watch.every)).await;
    tracing::debug!("the entry point is no longer probed");
}

/// The probers that run. Dropping it ends them.
struct Probers {
    tasks: JoinSet<Result<(), Closed>>,
    running: BTreeMap<EntryId, (Way, AbortHandle)>,
    /// Why the name that users go to is not probed, as told last.
    off: Option<Why>,
    tls: Arc<ClientConfig>,
}

async fn supervise(
    wish: &Wish,
    sink: &Sink,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    pace: Pace,
) -> Result<(), Closed> {
    sink.report(BALANCER, Report::Begun).await?;
    let tls = match any_certificate() {
        Ok(tls) => tls,
        Err(why) => return sink.report(BALANCER, Report::Failed(why)).await,
    };
    // Whoever comes later is probed from then on.
    let _ = timeout(pace.head_start, snapshots.wait_for(|snapshot| is_told(snapshot))).await;
    let (lost, is_lost) = watch::channel(false);
    let mut probers = Probers {
        tasks: JoinSet::new(),
        running: BTreeMap::new(),
        off: None,
        tls,
    };
    loop {
        let (ways, why_off, is_host_lost) = {
            let snapshot = snapshots.borrow_and_update();
            (
                snapshot.ways_in(wish),
                why_off(&snapshot, wish),
                snapshot.watches_entry_closely(),
            )
        };
        lost.send_if_modified(|old| std::mem::replace(old, is_host_lost) != is_host_lost);
        probers.follow(ways, why_off, sink, &is_lost, pace).await?;
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
            // One that was ended is no news; one that ends by itself found that nobody reads.
            Some(Ok(Err(closed))) = probers.tasks.join_next() => return Err(closed),
        }
    }
}

/// Whether this host has said who it is, which the Admin Console's port comes with, and Kubernetes, or etcd's store in its place,
/// which nodes there are and where users go, or will not.
fn is_told(snapshot: &Snapshot) -> bool {
    let kinds = [KubeKind::Nodes, KubeKind::NetBoxEnterprises, KubeKind::Deployments];
    let is_told = |kind: &KubeKind| match snapshot.feeds.get(&FeedId::Kube(*kind)) {
        Some(FeedState::Lost { why, .. }) => matches!(
            why.kind,
            WhyKind::Forbidden | WhyKind::Unauthenticated | WhyKind::Missing | WhyKind::Denied | WhyKind::Config
        ),
        Some(FeedState::Syncing { .. }) | None => false,
        Some(FeedState::Live { .. } | FeedState::Lagging { .. } | FeedState::Stored { .. } | FeedState::Off { .. }) => {
            true
        }
    };
    let is_stored = || matches!(snapshot.feed(FeedId::EtcdStore), FeedState::Stored { .. });
    !snapshot.host.name.is_empty() && (kinds.iter().all(is_told) || is_stored())
}

/// Why the name that users go to is not probed, if so.
fn why_off(snapshot: &Snapshot, wish: &Wish) -> Option<Why> {
    if snapshot.users_go_to(wish).is_none() {
        let why = Why::new(WhyKind::Config, "nobody says where users go");
        return Some(why.hint("set entry.url, such as https://netbox.example.com/login/"));
    }
    None
}

impl Probers {
    /// Ends those whose way is gone or has changed, and starts those that are missing.
    async fn follow(
        &mut self,
        ways: Vec<Way>,
        off: Option<Why>,
        sink: &Sink,
        is_lost: &watch::Receiver<bool>,
        pace: Pace,
    ) -> Result<(), Closed> {
        let is_running = |way: &Way, running: &BTreeMap<EntryId, (Way, AbortHandle)>| {
            running
                .get(&way.id)
                .is_some_and(|(own, task)| own == way && !task.is_finished())
        };
        let wanted: BTreeSet<EntryId> = ways.iter().map(|way| way.id).collect();
        let fresh: Vec<Way> = ways.into_iter().filter(|way| !is_running(way, &self.running)).collect();
        let had = self.running.len();
        self.running.retain(|id, (_, task)| {
            let stays = wanted.contains(id) && !fresh.iter().any(|way| way.id == *id);
            if !stays {
                task.abort();
            }
            stays
        });
        if had != self.running.len() || !fresh.is_empty() {
            sink.send(Observation::Entries(wanted)).await?;
        }
        for way in &fresh {
            sink.report(FeedId::Entry(way.id), Report::Begun).await?;
        }
        for way in fresh {
            let prober = Prober {
                asker: Asker::new(way.clone(), Arc::clone(&self.tls), pace.connect, pace.whole),
                sink: sink.clone(),
                is_lost: is_lost.clone(),
                pace,
            };
            self.running.insert(way.id, (way, self.tasks.spawn(prober.run())));
        }
        if off != self.off {
            self.off.clone_from(&off);
            if let Some(why) = off {
                sink.report(BALANCER, Report::Off(why)).await?;
            }
        }
        Ok(())
    }
}

/// Probes one way in.
struct Prober {
    asker: Asker,
    sink: Sink,
    is_lost: watch::Receiver<bool>,
    pace: Pace,
}

impl Prober {
    async fn run(mut self) -> Result<(), Closed> {
        let Way {
            id,
            host,
            port,
            name,
            path,
        } = self.asker.way().clone();
        let target = Text::from(format!("{}:{port}", bracketed(host.as_str())));
        let mut lost = 0_u32;
        loop {
            let began = Instant::now();
            match self.asker.ask().await {
                Ok(probed) => {
                    let is_served = probed.service() == Service::Served;
                    lost = if is_served { 0 } else { lost.saturating_add(1) };
                    let entry = Observation::Entry {
                        id,
                        target: target.clone(),
                        name: name.clone(),
                        path: path.clone(),
                        probed,
                    };
                    self.sink.send(entry).await?;
                }
                Err(why) => self.sink.report(FeedId::Entry(id), Report::Failed(why)).await?,
            }
            self.pause(began, id.is_for_users(), lost).await;
        }
    }

    /// Waits for the next probe: short for users' ways while a host is lost, as soon as one is, and while so few probes in a
    /// row were lost that it may be chance.
    async fn pause(&mut self, began: Instant, is_for_users: bool, lost: u32) {
        sleep_until(began + self.pace.closely).await;
        let calm = began + self.pace.every;
        let is_half_told = (1..TELLING).contains(&lost);
        if is_for_users && !is_half_told {
            let _ = timeout_at(calm, self.is_lost.wait_for(|lost| *lost)).await;
        } else if !is_for_users {
            sleep_until(calm).await;
        }
    }
}
