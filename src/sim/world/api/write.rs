//! New objects, and what all writes share.

use serde_json::Value;

use super::query::Query;
use super::{Server, admission, metadata};
use crate::sim::world::resource::Resource;
use crate::sim::world::status::ApiError;
use crate::sim::world::store::{Key, Object, Store, as_map, str_at};

/// Does a write; with `dryRun=All` on a copy, so that every rule applies and nothing is kept. `options` is the kind that
/// the server speaks of when the value is wrong.
pub(super) fn rehearsed(
    store: &mut Store,
    query: &Query,
    options: &str,
    work: impl FnOnce(&mut Store) -> Result<Object, ApiError>,
) -> Result<Object, ApiError> {
    if !query.is_dry_run(options)? {
        return work(store);
    }
    rehearse(store, work)
}

/// The same where it is known to be a rehearsal. The object shows the revision that it has, or none.
pub(super) fn rehearse(
    store: &Store,
    work: impl FnOnce(&mut Store) -> Result<Object, ApiError>,
) -> Result<Object, ApiError> {
    let newest = store.revision();
    let done = work(&mut store.clone())?;
    let version = str_at(&done, "/metadata/resourceVersion").and_then(|version| version.parse::<u64>().ok());
    if version.is_none_or(|version| version <= newest) {
        return Ok(done);
    }
    let uid = str_at(&done, "/metadata/uid").unwrap_or_default();
    let kept = store
        .all()
        .find(|(_, object)| str_at(object, "/metadata/uid") == Some(uid));
    let kept = kept.and_then(|(_, object)| object.pointer("/metadata/resourceVersion").cloned());
    let mut done = Value::clone(&done);
    if let Some(meta) = done.get_mut("metadata") {
        match kept {
            Some(version) => as_map(meta).insert("resourceVersion".into(), version),
            None => as_map(meta).remove("resourceVersion"),
        };
    }
    Ok(Object::new(done))
}

/// A new object. The name in `key` is empty: the body has it, or a prefix for one.
pub(super) fn create(store: &mut Store, server: &Server, key: &Key, mut body: Value) -> Result<Object, ApiError> {
    let resource = key.resource;
    same_namespace(key, &body)?;
    admission::namespace(store, key, &body)?;
    metadata::validate(resource, &body)?;
    if str_at(&body, "/metadata/resourceVersion").is_some_and(|version| !version.is_empty()) {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(ApiError::new(500, "", message));
    }
    if let Some(meta) = body.get_mut("metadata") {
        for own in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "managedFields",
            "selfLink",
        ] {
            as_map(meta).remove(own);
        }
    }
    admission::initial(resource, &mut body);
    if resource == Resource::Pods {
        admission::tolerations(server, &mut body);
    }
    let key = Key {
        name: str_at(&body, "/metadata/name").unwrap_or_default().to_owned(),
        ..key.clone()
    };
    store.create(&key, body, server.now)
}

/// The namespace in a body must be that of the path.
pub(super) fn same_namespace(key: &Key, body: &Value) -> Result<(), ApiError> {
    let told = str_at(body, "/metadata/namespace").unwrap_or_default();
    if told.is_empty() || told == key.namespace {
        return Ok(());
    }
    let message = "the namespace of the provided object does not match the namespace sent on the request";
    Err(ApiError::bad_request(message))
}
