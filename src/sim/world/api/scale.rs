//! `/scale`: replicas alone.

use serde_json::{Value, json};

use super::route::Sub;
use super::{Answer, Method, Request, media, patch, update, write};
use crate::sim::world::status::ApiError;
use crate::sim::world::store::{Object, Store, as_map, str_at};

/// Reads or changes the number of replicas.
pub(super) fn answer(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let Request { call, key, .. } = *request;
    let stored = Object::clone(store.must_get(key)?);
    let now = scale(&stored);
    let (wanted, options) = match call.method {
        Method::Get => return Ok(Answer::ok(now)),
        Method::Put => {
            let body = media::body(call)?;
            media::is_of(&body, "autoscaling/v1", "Scale")?;
            (body, "UpdateOptions")
        }
        _ => {
            let kind = media::patch_kind(call, key.resource)?;
            (patch::apply(kind, &now, call.body)?, "PatchOptions")
        }
    };
    let replicas = wanted.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    let done = write::rehearsed(store, request.query, options, |store| {
        let mut next = Value::clone(&stored);
        as_map(as_map(&mut next).entry("spec").or_insert_with(|| json!({}))).insert("replicas".into(), replicas.into());
        let version = str_at(&wanted, "/metadata/resourceVersion").filter(|version| !version.is_empty());
        if let (Some(version), Some(meta)) = (version, next.get_mut("metadata")) {
            as_map(meta).insert("resourceVersion".into(), version.into());
        }
        update::replace(store, request.server, key, next, Sub::Scale)
    })?;
    Ok(Answer::ok(scale(&done)))
}

/// An object as a Scale shows it.
fn scale(object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.get("metadata").and_then(|meta| meta.get(field)) {
            metadata[field] = value.clone();
        }
    }
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let mut status = json!({"replicas": number("/status/replicas").unwrap_or(0)});
    if let Some(labels) = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object) {
        let pairs = labels
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        status["selector"] = pairs.collect::<Vec<_>>().join(",").into();
    }
    let mut spec = json!({});
    match number("/spec/replicas").unwrap_or(1) {
        0 => {}
        replicas => spec["replicas"] = replicas.into(),
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
}
