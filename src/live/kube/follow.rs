//! One kind, for as long as an API server is used: list, then watch from there, for ever. Whatever goes wrong is reported on
//! the kind's feed and tried again.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::catalog::Catalog;
use super::fault::Fault;
use super::list::{Listed, MOST_ODDITIES, list};
use super::pause::Backoff;
use super::session::Session;
use super::stream::{self, End, Event, version_of};
use crate::assemble::objects::{from_json, is_wanted, key_of};
use crate::base::{Text, Why, WhyKind};
use crate::model::{FeedId, KubeKind};
use crate::port::{Closed, KubeEvent, Observation, Report, Sink};

/// How often to look again for what is forbidden or not installed. Quiet by design: 14 kinds, two looks a minute each, one
/// discovery for all, and 30 heartbeats stay below 60 requests a minute.
pub const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Where a server tells its own version.
pub const VERSION: &str = "/version";
/// A watch that ends sooner was not kept open by the server; going on at once could become a flood.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// What all kinds of one session share.
pub struct Shared<'a> {
    /// The API server.
    pub session: &'a Session,
    /// Its API groups.
    pub catalog: &'a Catalog,
    /// Where reports go.
    pub sink: &'a Sink,
    /// The endpoint's epoch.
    pub epoch: u64,
    /// Counts the heartbeats' recoveries; each one ends a pause.
    pub recoveries: watch::Receiver<u64>,
    /// Asks for a heartbeat at once.
    pub doubt: &'a Notify,
}

/// Follows one kind until nobody reads any more.
pub async fn follow(kind: KubeKind, shared: Shared<'_>) -> Result<(), Closed> {
    let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
    let mut follower = Follower {
        kind,
        shared,
        backoff,
        complained: 0,
        seen_at: None,
    };
    loop {
        let pause = follower.round().await?;
        follower.rest(pause).await;
    }
}

struct Follower<'a> {
    kind: KubeKind,
    shared: Shared<'a>,
    backoff: Backoff,
    complained: usize,
    /// Where this session listed the kind last. Then its rows are in the snapshot.
    seen_at: Option<String>,
}

/// Where a kind is served, or why it cannot be listed there.
enum Found {
    Here(String, Listed),
    NotInstalled(Why),
    Fault(Fault),
}

impl Follower<'_> {
    /// One list and the watches that go on from it. Returns how long to wait before the next list.
    async fn round(&mut self) -> Result<Duration, Closed> {
        match self.find().await {
            Found::Here(resource, listed) => {
                let version = self.replace(listed).await?;
                self.seen_at = Some(resource.clone());
                self.watch(&resource, version).await
            }
            Found::NotInstalled(why) => {
                if self.seen_at.take().is_some() {
                    // Removed while we watched: rows that nobody keeps would never age.
                    self.replace(Listed::default()).await?;
                }
                self.report(Report::Off(why)).await?;
                Ok(LOOK_AGAIN)
            }
            Found::Fault(fault) => self.failed(fault, "list").await,
        }
    }

    /// Lists the kind at the first version that serves it. Custom resources: as discovery says, never a fixed version.
    async fn find(&mut self) -> Found {
        let (session, kind) = (self.shared.session, self.kind);
        let group = kind.group();
        if !kind.is_custom() {
            let resource = builtin(kind);
            return match list(session, kind, &resource).await {
                Ok(listed) => Found::Here(resource, listed),
                Err(fault) => Found::Fault(fault),
            };
        }
        let versions = match self.shared.catalog.versions(session, group).await {
            Ok(versions) => versions,
            Err(fault) => return Found::Fault(fault),
        };
        let path = |version: &String| format!("/apis/{group}/{version}/{}", kind.plural());
        let mut resources: Vec<String> = versions.iter().map(path).collect();
        // While a server starts, discovery tells less than there is; the resource itself then says 503, not 404.
        resources.extend(self.seen_at.clone().filter(|seen| !resources.contains(seen)));
        for resource in resources {
            match list(session, kind, &resource).await {
                Ok(listed) => return Found::Here(resource, listed),
                Err(fault) if fault.why.kind == WhyKind::NotFound => {}
                Err(fault) => return Found::Fault(fault),
            }
        }
        let text = format!("{}.{group} is not installed in this cluster", kind.plural());
        Found::NotInstalled(Why::new(WhyKind::NotFound, text))
    }

    /// Watches until a new list is needed. Returns the wait before it.
    async fn watch(&mut self, resource: &str, mut version: String) -> Result<Duration, Closed> {
        loop {
            let began = Instant::now();
            let end = match stream::open(self.shared.session, resource, &version).await {
                Ok(mut watch) => self.drain(&mut watch, &mut version).await?,
                Err(fault) if fault.status.is_some() => End::Lost(fault),
                Err(fault) => End::Broken(fault),
            };
            match end {
                End::Closed => {
                    self.report(Report::Verified).await?;
                    if began.elapsed() < TOO_SHORT {
                        let pause = self.backoff.next();
                        self.rest(pause).await;
                    } else {
                        self.backoff.reset();
                    }
                }
                // Never resumed: the changes of the meantime would look as if they happened when they are told. A list's
                // are known to be older.
                End::Broken(fault) => {
                    // A watch often notices first that a server died.
                    self.shared.doubt.notify_one();
                    return self.failed(fault, "watch").await;
                }
                // 410: our version is too old for the server to remember. Nothing is wrong; list again.
                End::Lost(fault) if fault.status == Some(hyper::StatusCode::GONE) => return Ok(self.backoff.next()),
                End::Lost(fault) if fault.why.kind == WhyKind::Forbidden => {
                    tracing::info!(
                        "{} may be listed but not watched: listing every 30 s",
                        self.kind.plural()
                    );
                    return Ok(LOOK_AGAIN);
                }
                End::Lost(fault) => return self.failed(fault, "watch").await,
            }
        }
    }

    /// Passes on what a watch says until it ends.
    async fn drain(&mut self, watch: &mut stream::Stream<'_>, version: &mut String) -> Result<End, Closed> {
        loop {
            let event = match watch.next().await {
                Ok(event) => event,
                Err(end) => return Ok(end),
            };
            self.backoff.reset();
            let (object, is_deleted) = match event {
                Event::Bookmark(seen) => {
                    *version = seen;
                    self.report(Report::Verified).await?;
                    continue;
                }
                Event::Applied(object) => (object, false),
                Event::Deleted(object) => (object, true),
            };
            if let Some(seen) = version_of(&object) {
                seen.clone_into(version);
            }
            match self.change(object, is_deleted) {
                Some(event) => self.send(version, event).await?,
                None => self.report(Report::Verified).await?,
            }
        }
    }

    /// A watched object as a change of ours; None where it does not concern us.
    fn change(&mut self, object: Value, is_deleted: bool) -> Option<KubeEvent> {
        let key = key_of(&object)?;
        match from_json(self.kind, object) {
            Ok((key, row)) if !is_wanted(&key, &row) => None,
            _ if is_deleted => Some(KubeEvent::Delete(self.kind, key)),
            Ok((key, row)) => Some(KubeEvent::Apply(key, Box::new(row))),
            // As in a list: what cannot be understood is not there. An older state of it would be untrue.
            Err(why) => {
                self.complain(&why);
                Some(KubeEvent::Delete(self.kind, key))
            }
        }
    }

    async fn replace(&mut self, listed: Listed) -> Result<String, Closed> {
        for why in &listed.left_out {
            self.complain(why);
        }
        let (kind, objects) = (self.kind, listed.rows);
        self.send(&listed.resource_version, KubeEvent::Replace { kind, objects })
            .await?;
        Ok(listed.resource_version)
    }

    /// The first few oddities go to the log, the others would only repeat.
    fn complain(&mut self, why: &Why) {
        self.complained = self.complained.saturating_add(1);
        if self.complained <= MOST_ODDITIES {
            tracing::warn!("left out: {why}");
        }
    }

    /// Reports a fault; returns how long to wait.
    async fn failed(&mut self, fault: Fault, verb: &str) -> Result<Duration, Closed> {
        let kind = fault.why.kind;
        let resource = self.kind.plural();
        let mut why = Why::new(kind, format!("{verb} {resource}: {}", fault.why.text));
        why.hint = fault.why.hint;
        if kind == WhyKind::Forbidden && why.hint.is_none() {
            let group = self.kind.group();
            why = why.hint(format!(
                "needs a ClusterRole rule: apiGroups [{group:?}], resources [{resource:?}], verbs [\"list\", \"watch\"]"
            ));
        }
        self.report(Report::Failed(why)).await?;
        let pause = match kind {
            WhyKind::Forbidden | WhyKind::Unauthenticated => LOOK_AGAIN,
            _ => self.backoff.next(),
        };
        Ok(pause.max(fault.retry_after.unwrap_or_default().min(LOOK_AGAIN)))
    }

    /// Waits, unless the server recovers first.
    async fn rest(&mut self, pause: Duration) {
        let recoveries = &mut self.shared.recoveries;
        recoveries.borrow_and_update();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Ok(()) = recoveries.changed() => {}
        }
    }

    async fn report(&self, report: Report) -> Result<(), Closed> {
        self.shared.sink.report(FeedId::Kube(self.kind), report).await
    }

    async fn send(&self, revision: &str, event: KubeEvent) -> Result<(), Closed> {
        let epoch = self.shared.epoch;
        let revision = revision.parse().unwrap_or(0);
        let told = Observation::Kube { epoch, revision, event };
        self.shared.sink.send(told).await
    }
}

/// Groups of Kubernetes itself, whose v1 is here to stay.
fn builtin(kind: KubeKind) -> String {
    match kind.group() {
        "" => format!("/api/v1/{}", kind.plural()),
        group => format!("/apis/{group}/v1/{}", kind.plural()),
    }
}

/// The server's own version, once it tells.
pub async fn server_version(session: &Session) -> Result<Text, Fault> {
    let body = session.get(VERSION).await?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let version = answer.get("gitVersion").and_then(Value::as_str);
    version
        .map(Text::new)
        .ok_or_else(|| Fault::garbage(&session.server, "answered something that is no version"))
}
