//! Answers as HTTP.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Reply;
use crate::sim::world::api::{Answer, List};
use crate::sim::world::status::ApiError;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// An answer that is complete.
pub(super) fn of(answer: Answer) -> Reply {
    match answer {
        Answer::Object(code, object) => whole(code, JSON, serde_json::to_vec(&*object).unwrap_or_default()),
        Answer::List(list) => whole(200, JSON, serde_json::to_vec(&Shown(&list)).unwrap_or_default()),
        Answer::Text(code, text) => whole(code, TEXT, text.into_bytes()),
        // Watches and logs are streams, and never come here.
        Answer::Watch(_) | Answer::Log(_) | Answer::Empty => whole(204, TEXT, Vec::new()),
    }
}

/// A Status.
pub(super) fn refusal(error: &ApiError) -> Reply {
    let mut reply = whole(
        error.code,
        JSON,
        serde_json::to_vec(&error.to_json()).unwrap_or_default(),
    );
    if let Some(seconds) = error.retry_after_s() {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

/// Text that is complete.
pub(super) fn text(text: String) -> Reply {
    whole(200, "text/plain", text.into_bytes())
}

/// The head of every answer.
pub(super) fn headers(reply: &mut Reply, code: u16, media: &'static str) {
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    let mut insert = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    insert(CACHE_CONTROL, "no-cache, private");
    insert(CONTENT_TYPE, media);
}

fn whole(code: u16, media: &'static str, bytes: Vec<u8>) -> Reply {
    let body = Full::new(Bytes::from(bytes)).map_err(|never| match never {});
    let mut reply = Response::new(body.boxed_unsync());
    headers(&mut reply, code, media);
    reply
}

/// A list as JSON.
struct Shown<'a>(&'a List);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = self.0;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("kind", &list.kind)?;
        map.serialize_entry("apiVersion", &list.api_version)?;
        map.serialize_entry("metadata", &list.metadata)?;
        let items: Vec<Item<'_>> = list
            .items
            .iter()
            .map(|object| Item {
                object,
                says_kind: list.are_self_describing,
            })
            .collect();
        map.serialize_entry("items", &items)?;
        map.end()
    }
}

/// An object of a list.
struct Item<'a> {
    object: &'a Value,
    says_kind: bool,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.object.as_object().into_iter().flatten();
        let shown = fields.filter(|(name, _)| self.says_kind || !["kind", "apiVersion"].contains(&name.as_str()));
        serializer.collect_map(shown)
    }
}
