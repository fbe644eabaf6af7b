//! One watch: a stream of events, one JSON line each, from a resourceVersion on.

use http_body_util::BodyExt;
use hyper::StatusCode;
use kube::client::Body;
use kube::core::Request;
use kube::core::params::WatchParams;
use serde::Deserialize;
use serde_json::Value;

use super::fault::Fault;
use super::session::Session;

/// How long the server keeps a watch open, in seconds. It sends a bookmark before it closes, and the next watch goes on
/// from there: so each kind proves itself this often.
pub const WATCH_S: u64 = 25;
/// etcd takes no object above 1.5 MB; as JSON it may be larger.
const MAX_LINE_BYTES: usize = 16 << 20;

/// What a watch says.
#[derive(Debug)]
pub enum Event {
    /// An object is new or changed.
    Applied(Value),
    /// An object is gone; this was its last state.
    Deleted(Value),
    /// Nothing happened up to this resourceVersion.
    Bookmark(String),
}

/// How a watch ends.
#[derive(Debug)]
pub enum End {
    /// The server closed it, as it should: go on from the last resourceVersion.
    Closed,
    /// The connection broke: list again, later, and doubt the server.
    Broken(Fault),
    /// The server cannot go on from there: list again.
    Lost(Fault),
}

/// An open watch.
pub struct Stream<'a> {
    session: &'a Session,
    body: Body,
    buffer: Vec<u8>,
    /// Bytes of `buffer` known to hold no line end.
    searched: usize,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

/// Opens a watch of `resource`.
pub async fn open<'a>(session: &'a Session, resource: &str, from: &str) -> Result<Stream<'a>, Fault> {
    let params = WatchParams::default().timeout(u32::try_from(WATCH_S).unwrap_or(u32::MAX));
    let request = Request::new(resource).watch(&params, from);
    let request = request.map_err(|_| Fault::garbage(&session.server, "sent an unusable resourceVersion"))?;
    // kube's own query says timeoutSeconds and allowWatchBookmarks.
    let body = session.open_stream(&request.uri().to_string()).await?;
    Ok(Stream {
        session,
        body,
        buffer: Vec::new(),
        searched: 0,
    })
}

impl Stream<'_> {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Result<Event, End> {
        loop {
            if let Some(line) = self.take_line() {
                return self.read(&line);
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(End::Lost(Fault::garbage(
                    &self.session.server,
                    "sent an endless watch event",
                )));
            }
            self.fill().await?;
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| end + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        self.searched = 0;
        let rest = self.buffer.split_off(end + 1);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    /// Waits for more bytes: a connection that died on the way says nothing, so silence has a limit.
    async fn fill(&mut self) -> Result<(), End> {
        let server = &self.session.server;
        let limit = self.session.deadlines.silence;
        match tokio::time::timeout(limit, self.body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.buffer.extend_from_slice(data);
                }
                Ok(())
            }
            Ok(Some(Err(error))) => Err(End::Broken(Fault::of_error(
                server,
                &error,
                self.session.deadlines.connect,
            ))),
            Ok(None) if self.buffer.is_empty() => Err(End::Closed),
            Ok(None) => {
                let why = crate::base::Why::new(
                    crate::base::WhyKind::Broken,
                    format!("{server}: a watch ended in the middle of an event"),
                );
                Err(End::Broken(why.into()))
            }
            Err(_) => Err(End::Broken(Fault::late(server, "a watch said nothing", limit))),
        }
    }

    fn read(&self, line: &[u8]) -> Result<Event, End> {
        let server = &self.session.server;
        let garbage = |what: &str| End::Lost(Fault::garbage(server, what));
        let line: Line = serde_json::from_slice(line).map_err(|_| garbage("sent what is no watch event"))?;
        match line.kind.as_str() {
            "ADDED" | "MODIFIED" => Ok(Event::Applied(line.object)),
            "DELETED" => Ok(Event::Deleted(line.object)),
            "BOOKMARK" => {
                let version = version_of(&line.object).ok_or_else(|| garbage("sent a bookmark without a version"))?;
                Ok(Event::Bookmark(version.to_owned()))
            }
            "ERROR" => {
                let code = line
                    .object
                    .get("code")
                    .and_then(Value::as_u64)
                    .and_then(|code| u16::try_from(code).ok());
                let status = code.and_then(|code| StatusCode::from_u16(code).ok());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let told = serde_json::to_vec(&line.object).unwrap_or_default();
                Err(End::Lost(Fault::of_status(
                    server,
                    status,
                    &hyper::HeaderMap::new(),
                    &told,
                )))
            }
            _ => Err(garbage("sent a watch event of an unknown type")),
        }
    }
}

/// An object's resourceVersion.
pub fn version_of(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("resourceVersion")?.as_str()
}
