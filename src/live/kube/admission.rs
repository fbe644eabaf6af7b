//! What each API server gives to new pods: it is asked to make one in a dry run, which goes through admission and persists
//! nothing. Sent only where an access review says that the operator may create pods; each server is asked for itself, by the
//! address of its controller. Seldom, and never in the way. Start reading at [`observe`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::change::may;
use super::clients::Clients;
use super::kubeconfig::{self, Access};
use super::server::{Server, controllers};
use super::session::{Session, Undone};
use super::{KubeSource, REREAD, Snapshots};
use crate::assemble::objects::toleration;
use crate::base::{Text, Why, WhyKind};
use crate::model::admission::{Admission, Stamps};
use crate::model::feed::HostPart;
use crate::model::reach::{Knock, Service};
use crate::model::{FeedId, FeedState, KubeKind, ObjectKey, Snapshot};
use crate::plan::request::{Call, Method};
use crate::port::{Closed, Observation, Report, Sink};

const FEED: FeedId = FeedId::Admission;
/// How long one server may take, for the review and the dry run together.
const WHOLE: Duration = Duration::from_secs(3);
/// A server that did not tell is asked again sooner.
const AGAIN: Duration = Duration::from_mins(1);
/// How often is looked for what changes when to ask.
const LOOK: Duration = Duration::from_secs(5);

/// Asks until nobody reads any more. `every`: from one time to the next; None: not at all, because the operator wants it so.
pub async fn observe(
    source: KubeSource,
    every: Option<Duration>,
    sink: Sink,
    snapshots: watch::Receiver<Arc<Snapshot>>,
) {
    let Some(every) = every else {
        let why = Why::new(WhyKind::Disabled, "the settings say: no dry runs (admission.probe)");
        let _ = sink.report(FEED, Report::Off(why)).await;
        return;
    };
    let Err(Closed) = run(&source, every, &sink, &mut Snapshots(snapshots)).await;
}

async fn run(
    source: &KubeSource,
    every: Duration,
    sink: &Sink,
    snapshots: &mut Snapshots,
) -> Result<std::convert::Infallible, Closed> {
    sink.report(FEED, Report::Begun).await?;
    let files = kubeconfig::Reader::default();
    loop {
        until_told(snapshots).await;
        let failure = match files.load(source).await {
            Ok(access) => match Clients::prepare(&access).await {
                Ok(clients) => {
                    keep_asking(&access, &clients, every, sink, snapshots).await?;
                    continue;
                }
                Err(why) => why,
            },
            Err(why) => why,
        };
        sink.report(FEED, Report::Failed(failure)).await?;
        tokio::time::sleep(REREAD).await;
    }
}

/// Waits until it is known which API servers there are, and whether any serves.
async fn until_told(snapshots: &mut Snapshots) {
    let sources = [
        FeedId::Api,
        FeedId::Kube(KubeKind::Nodes),
        FeedId::EtcdLocal,
        FeedId::Host(HostPart::Config),
    ];
    let is_told = |snapshot: &Snapshot| {
        let mut states = sources.iter().map(|id| snapshot.feeds.get(id));
        states.all(|state| state.is_some_and(|state| !matches!(state, FeedState::Syncing { .. })))
    };
    while !is_told(&snapshots.newest()) {
        snapshots.changed().await;
    }
}

/// Asks until the kubeconfig changes.
async fn keep_asking(
    access: &Access,
    clients: &Clients,
    every: Duration,
    sink: &Sink,
    snapshots: &Snapshots,
) -> Result<(), Closed> {
    loop {
        let mut watch = Watch::begin(&snapshots.newest(), Instant::now());
        let servers = servers(access, &snapshots.newest());
        let is_complete = match unlit(&snapshots.newest()) {
            Some(why) => {
                sink.report(FEED, Report::Failed(why)).await?;
                false
            }
            None => tell(ask_all(&servers, clients).await, sink).await?,
        };
        let due = Instant::now() + if is_complete { every } else { every.min(AGAIN) };
        let was_lit = unlit(&snapshots.newest()).is_none();
        loop {
            tokio::time::sleep(LOOK).await;
            if access.has_changed().await {
                return Ok(());
            }
            let newest = snapshots.newest();
            let is_lit = unlit(&newest).is_none();
            if Instant::now() >= due
                || watch.is_time(&newest, Instant::now())
                || (is_lit && !was_lit)
                || self::servers(access, &newest) != servers
            {
                break;
            }
        }
    }
}

/// Whether an API server was started anew since all were asked: its flags may be others now.
struct Watch {
    asked: Instant,
    seen: Signs,
    is_due: bool,
}

impl Watch {
    fn begin(snapshot: &Snapshot, asked: Instant) -> Self {
        Self {
            asked,
            seen: Signs::of(snapshot),
            is_due: false,
        }
    }

    /// Whether to ask anew: no more than once a minute, whatever crashes again and again.
    fn is_time(&mut self, snapshot: &Snapshot, now: Instant) -> bool {
        let signs = Signs::of(snapshot);
        self.is_due |= signs.tell_of_a_start(&self.seen);
        self.seen = signs;
        self.is_due && now >= self.asked + AGAIN
    }
}

/// What changes when an API server comes back.
struct Signs {
    /// How often this host's was seen to have been started anew.
    restarts: u32,
    /// Who holds the leases of k0s's controllers: each start of k0s is another holder, and starts an API server.
    holders: BTreeMap<ObjectKey, Text>,
    /// Whether the port of another host's accepts.
    accepts: BTreeMap<IpAddr, bool>,
    is_lit: bool,
}

impl Signs {
    fn of(snapshot: &Snapshot) -> Self {
        let leases = snapshot.kube.leases.iter();
        let own = leases.filter(|(key, _)| {
            let name = key.name.as_str();
            key.namespace == "kube-node-lease" && name.starts_with("k0s-ctrl-")
        });
        let ports = snapshot.reach.iter();
        Self {
            restarts: snapshot
                .host
                .restarts
                .get("kube-apiserver")
                .map_or(0, |restarts| restarts.count),
            holders: own
                .filter_map(|(key, lease)| Some((key.clone(), lease.value.holder.clone()?)))
                .collect(),
            accepts: ports
                .filter_map(|(address, host)| {
                    let port = host.ports.get(&Service::Api)?;
                    Some((*address, port.knock == Knock::Connected))
                })
                .collect(),
            is_lit: unlit(snapshot).is_none(),
        }
    }

    fn tell_of_a_start(&self, before: &Self) -> bool {
        let mut holders = self.holders.iter();
        let mut accepts = self.accepts.iter();
        self.restarts != before.restarts
            || (self.is_lit && !before.is_lit)
            || holders.any(|(lease, holder)| before.holders.get(lease).is_some_and(|old| old != holder))
            || accepts.any(|(address, accepts)| *accepts && before.accepts.get(address) == Some(&false))
    }
}

/// Why nobody is asked now: no API server serves. One that merely refuses us its heartbeat does.
fn unlit(snapshot: &Snapshot) -> Option<Why> {
    match snapshot.feed(FeedId::Api) {
        FeedState::Lost { why, .. } if why.kind != WhyKind::Forbidden => Some(why),
        FeedState::Off { why } => Some(why),
        _ => None,
    }
}

/// The API server of each controller by its address; the kubeconfig's own where no controller is known, or where the
/// credentials may not be shown to others.
fn servers(access: &Access, snapshot: &Snapshot) -> Vec<(Text, Server)> {
    let all = controllers(snapshot, &access.preferred);
    if all.is_empty() || !access.may_roam() {
        return vec![(Text::from(access.preferred.to_string()), access.preferred.clone())];
    }
    all
}

type Told = BTreeMap<Text, Result<Stamps, Why>>;

async fn ask_all(servers: &[(Text, Server)], clients: &Clients) -> Told {
    let asked = servers.iter().map(|(address, server)| async move {
        let session = clients.session(server);
        let late = || {
            let text = format!("{server}: no answer to a dry run within {} s", WHOLE.as_secs());
            Err(Why::new(WhyKind::TimedOut, text))
        };
        let told = timeout(WHOLE, ask(&session)).await;
        (address.clone(), told.unwrap_or_else(|_| late()))
    });
    join_all(asked).await.into_iter().collect()
}

/// Tells what came of a round, and whether every server gave an answer that lasts. Whoever may not ask anybody has no such
/// source.
async fn tell(servers: Told, sink: &Sink) -> Result<bool, Closed> {
    let is_forbidden = |told: &Result<Stamps, Why>| matches!(told, Err(why) if why.kind == WhyKind::Forbidden);
    let is_complete = servers.values().all(|told| told.is_ok() || is_forbidden(told));
    if let Some(Err(why)) = servers.values().next().filter(|_| servers.values().all(is_forbidden)) {
        sink.report(FEED, Report::Off(why.clone())).await?;
    } else {
        let at = sink.clock().now();
        sink.send(Observation::Admission(Admission { at, servers })).await?;
    }
    Ok(is_complete)
}

/// Asks one server.
async fn ask(session: &Session) -> Result<Stamps, Why> {
    let mut call = pod();
    may(session, &call).await?;
    // Without this it would be made.
    call.path.push_str("?dryRun=All");
    let answer = session.change(&call).await.map_err(|undone| match undone {
        Undone::Refused(fault) | Undone::Unknown(fault) => fault.why,
    })?;
    let garbage = || {
        Why::new(
            WhyKind::Garbage,
            format!("{} answered something that is no pod", session.server),
        )
    };
    let pod: Pod = serde_json::from_slice(&answer).map_err(|_| garbage())?;
    let tolerations = pod.spec.ok_or_else(garbage)?.tolerations.unwrap_or_default();
    Ok(Stamps {
        unreachable: toleration::of(&tolerations, toleration::UNREACHABLE),
        not_ready: toleration::of(&tolerations, toleration::NOT_READY),
    })
}

/// The least of a pod, such that no pod security standard objects.
fn pod() -> Call {
    let context = json!({
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    Call {
        method: Method::Post,
        path: "/api/v1/namespaces/default/pods".to_owned(),
        content_type: "application/json",
        body: json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "quorate-dry-run-"},
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{"name": "none", "image": "none", "securityContext": context}],
            },
        }),
    }
}

#[cfg(test)]
mod tests;
