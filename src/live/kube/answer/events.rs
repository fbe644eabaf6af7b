//! What happened to an object lately, or every warning of the cluster.

use jiff::Timestamp;
use serde_json::Value;

use super::super::fault::Fault;
use super::super::session::Session;
use super::segment;
use crate::base::Text;
use crate::model::KubeKind;
use crate::model::question::{Event, ObjectRef, Told};

/// All events.
pub const ALL: &str = "/api/v1/events";
/// How many are kept, the newest.
const MOST_EVENTS: usize = 500;
/// How many pages of 500 are read.
const MOST_PAGES: usize = 10;

/// Reads events.
pub async fn read(session: &Session, of: Option<&ObjectRef>) -> Result<Told, Fault> {
    let query = query(session, of)?;
    let mut events = Vec::new();
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let path = format!("{ALL}?fieldSelector={query}&limit=500{next}");
        let body = session.get(&path).await?;
        let garbage = |_| Fault::garbage(&session.server, "answered something that is no list of events");
        let page: Value = serde_json::from_slice(&body).map_err(garbage)?;
        events.extend(
            page.get("items")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(event),
        );
        match page.pointer("/metadata/continue").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => next = format!("&continue={token}"),
            Some(_) | None => break,
        }
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.last));
    let more = events.len().saturating_sub(MOST_EVENTS);
    events.truncate(MOST_EVENTS);
    Ok(Told::Events { events, more })
}

/// The field selector. A kubelet writes a node's name where its uid belongs, so nodes are found by name.
fn query(session: &Session, of: Option<&ObjectRef>) -> Result<String, Fault> {
    let Some(of) = of else {
        return Ok("type%3DWarning".to_owned());
    };
    let name = segment(session, of.key.name.as_str())?;
    let mut query = format!("involvedObject.kind%3D{},involvedObject.name%3D{name}", of.kind.word());
    if !of.key.namespace.is_empty() {
        let namespace = segment(session, of.key.namespace.as_str())?;
        query = format!("{query},involvedObject.namespace%3D{namespace}");
    }
    if let Some(uid) = of.uid.as_ref().filter(|_| of.kind != KubeKind::Nodes) {
        let uid = segment(session, uid.as_str())?;
        query = format!("{query},involvedObject.uid%3D{uid}");
    }
    Ok(query)
}

fn event(raw: &Value) -> Event {
    let text = |path: &str| Text::new(raw.pointer(path).and_then(Value::as_str).unwrap_or_default());
    let time = |path: &str| raw.pointer(path).and_then(Value::as_str)?.parse::<Timestamp>().ok();
    let count = |path: &str| raw.pointer(path).and_then(Value::as_u64);
    let last = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ];
    let namespace = text("/involvedObject/namespace");
    let slash = if namespace.is_empty() { "" } else { "/" };
    let (kind, name) = (text("/involvedObject/kind"), text("/involvedObject/name"));
    let source = [text("/source/component"), text("/reportingComponent")];
    Event {
        is_warning: text("/type") == "Warning",
        reason: text("/reason"),
        message: text("/message"),
        about: Text::from(format!("{kind} {namespace}{slash}{name}")),
        source: source.into_iter().find(|source| !source.is_empty()).unwrap_or_default(),
        count: count("/series/count")
            .or_else(|| count("/count"))
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        last: last.into_iter().find_map(time),
    }
}
