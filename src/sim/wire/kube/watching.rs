//! Watches on the wire: lines as things happen, bookmarks when nothing does, and an end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Reply, Shared, reply};
use crate::sim::world::Serving;
use crate::sim::world::api::{Event, Watch};
use crate::sim::world::host::HostId;

/// From one bookmark to the next.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// The last bookmark comes this long before the end.
const BEFORE_END: Duration = Duration::from_secs(2);
/// A silent watch outlives its timeout: the client has to notice. Not for ever, though.
const SILENT_FOR: Duration = Duration::from_mins(5);
/// How often a silent watch looks whether it may speak again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A watch as the answer to a request.
pub(super) fn reply(shared: &Arc<Shared>, host: HostId, watch: Watch) -> Reply {
    let now = Instant::now();
    let end = now + Duration::from_secs(watch.timeout_s);
    let watching = Watching {
        revisions: shared.revisions(),
        shared: Arc::clone(shared),
        host,
        bookmark: watch.wants_bookmarks.then(|| next_bookmark(now, end)).flatten(),
        watch,
        end,
        is_over: false,
    };
    let lines = stream::unfold(watching, |mut watching| async {
        let bytes = watching.next().await?;
        Some((Ok::<_, io::Error>(Frame::data(bytes)), watching))
    });
    let mut reply = Response::new(StreamBody::new(lines).boxed_unsync());
    reply::headers(&mut reply, 200, "application/json");
    reply
}

struct Watching {
    shared: Arc<Shared>,
    revisions: watch::Receiver<u64>,
    host: HostId,
    watch: Watch,
    /// When the next bookmark is due, if there is one.
    bookmark: Option<Instant>,
    end: Instant,
    is_over: bool,
}

/// What a look at the world brought.
enum Look {
    Silent,
    Events(Vec<Event>),
}

impl Watching {
    /// The next lines; None at the end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            self.revisions.mark_unchanged();
            let now = Instant::now();
            match self.look() {
                Look::Silent if now >= self.end + SILENT_FOR => break,
                Look::Silent => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Look::Events(events) if !events.is_empty() => {
                    self.is_over = events.iter().any(Event::is_error);
                    return Some(lines(&events));
                }
                Look::Events(_) if now >= self.end => break,
                Look::Events(_) => {}
            }
            if self.bookmark.is_some_and(|due| now >= due) {
                self.bookmark = next_bookmark(now, self.end);
                return Some(lines(&[self.watch.bookmark()]));
            }
            let due = self.bookmark.unwrap_or(self.end).min(self.end);
            if let Ok(Err(_)) = tokio::time::timeout_at(due, self.revisions.changed()).await {
                // The world is gone.
                break;
            }
        }
        None
    }

    /// Without etcd an API server hears of nothing, and its watches stay open.
    fn look(&mut self) -> Look {
        let (host, watch) = (self.host, &mut self.watch);
        self.shared.with(|world| {
            if world.is_watch_silent(host) {
                return Look::Silent;
            }
            match world.serving(host) {
                Serving::Well => Look::Events(watch.poll(world.store())),
                Serving::WithoutEtcd | Serving::Refusing(_) => Look::Events(Vec::new()),
            }
        })
    }
}

/// Once a minute, and just before the end, so that a client can go on from there.
fn next_bookmark(now: Instant, end: Instant) -> Option<Instant> {
    let last = end.checked_sub(BEFORE_END)?;
    Some((now + BOOKMARK_EVERY).min(last)).filter(|due| *due > now)
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    object: &'a Value,
}

fn lines(events: &[Event]) -> Bytes {
    let mut bytes = Vec::new();
    for event in events {
        let line = Line {
            kind: event.kind,
            object: &event.object,
        };
        // Writing JSON into memory cannot fail.
        let _ = serde_json::to_writer(&mut bytes, &line);
        bytes.push(b'\n');
    }
    Bytes::from(bytes)
}
