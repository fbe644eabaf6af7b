//! Changes of objects: whole (PUT) and in part (PATCH), of the object or of its status.

use serde_json::{Value, json};

use super::route::{Sub, is_custom};
use super::{Answer, Request, Server, admission, media, metadata, patch, write};
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause};
use crate::sim::world::store::{Key, Object, Part, Store, as_map, str_at};

/// Replaces an object. Where the resource allows it, an unknown one is made.
pub(super) fn put(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let Request { server, call, key, .. } = *request;
    let body = media::document(call, key.resource)?;
    named(key, &body)?;
    write::same_namespace(key, &body)?;
    let is_new = store.get(key).is_none() && request.sub == Sub::None && may_be_made_by_put(key.resource);
    let done = write::rehearsed(store, request.query, "UpdateOptions", |store| {
        if is_new {
            let collection = Key::new(key.resource, &*key.namespace, "");
            return write::create(store, server, &collection, body);
        }
        has_version(store, key, &body)?;
        replace(store, server, key, body, request.sub)
    })?;
    Ok(Answer::Object(if is_new { 201 } else { 200 }, done))
}

/// Changes an object in part.
pub(super) fn patch(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let Request { call, key, .. } = *request;
    let kind = media::patch_kind(call, key.resource)?;
    let done = write::rehearsed(store, request.query, "PatchOptions", |store| {
        let stored = Value::clone(store.must_get(key)?);
        let next = patch::apply(kind, &stored, call.body)?;
        let immutable = |field: &str| {
            let path = format!("metadata.{field}");
            let told = next.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
            let cause = Cause::invalid(path, &told, "field is immutable");
            ApiError::invalid(&metadata::group_kind(key.resource), &key.name, vec![cause])
        };
        for field in ["name", "namespace"] {
            let pointer = format!("/metadata/{field}");
            if next.pointer(&pointer) != stored.pointer(&pointer) {
                return Err(immutable(field));
            }
        }
        replace(store, request.server, key, next, request.sub)
    })?;
    Ok(Answer::Object(200, done))
}

/// Stores the next state of an object, by the rules for clients.
pub(super) fn replace(
    store: &mut Store,
    server: &Server,
    key: &Key,
    mut body: Value,
    sub: Sub,
) -> Result<Object, ApiError> {
    let stored = Object::clone(store.must_get(key)?);
    metadata::validate(key.resource, &body)?;
    keep_deletion(&stored, &mut body);
    let part = if sub == Sub::Status { Part::Status } else { Part::Spec };
    if key.resource == Resource::Pods && part == Part::Spec {
        admission::tolerations(server, &mut body);
    }
    store.replace(key, body, part)
}

/// No client starts a deletion by writing it, or takes it back.
fn keep_deletion(stored: &Value, body: &mut Value) {
    let meta = as_map(as_map(body).entry("metadata").or_insert_with(|| json!({})));
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        match stored.get("metadata").and_then(|meta| meta.get(field)) {
            Some(value) => meta.insert(field.into(), value.clone()),
            None => meta.remove(field),
        };
    }
}

fn named(key: &Key, body: &Value) -> Result<(), ApiError> {
    let told = str_at(body, "/metadata/name").unwrap_or_default();
    if told == key.name {
        return Ok(());
    }
    let message = if told.is_empty() {
        "name must be provided".to_owned()
    } else {
        format!(
            "the name of the object ({told}) does not match the name on the URL ({})",
            key.name
        )
    };
    Err(ApiError::bad_request(message))
}

/// Some resources take no update that does not say which state it is based on.
fn has_version(store: &Store, key: &Key, body: &Value) -> Result<(), ApiError> {
    store.must_get(key)?;
    let is_told = str_at(body, "/metadata/resourceVersion").is_some_and(|version| !version.is_empty());
    let resource = key.resource;
    let is_strict =
        is_custom(resource.info().group) || matches!(resource, Resource::Leases | Resource::DisruptionBudgets);
    if is_told || !is_strict {
        return Ok(());
    }
    let cause = Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
    Err(ApiError::invalid(&resource.qualified(), &key.name, vec![cause]))
}

const fn may_be_made_by_put(resource: Resource) -> bool {
    matches!(
        resource,
        Resource::Leases | Resource::Endpoints | Resource::Events | Resource::Services
    )
}
