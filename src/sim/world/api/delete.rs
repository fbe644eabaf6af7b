//! Deletion: at once, or marked and left to whoever has to finish it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::query::{Query, is_dry_run};
use super::{Answer, Call, Request, Server, media, metadata, write};
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause};
use crate::sim::world::store::{Key, Object, Part, Preconditions, Store, as_map, seconds, str_at};

/// How to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) grace_s: Option<i64>,
    pub(super) preconditions: Preconditions,
    pub(super) is_dry_run: bool,
}

impl Options {
    /// As `metav1.DeleteOptions` says it.
    pub(super) fn of(document: &Value) -> Result<Self, ApiError> {
        let text = |pointer: &str| str_at(document, pointer).map(str::to_owned);
        propagation(str_at(document, "/propagationPolicy"))?;
        if document.get("orphanDependents").is_some_and(|told| *told == true) {
            return Err(ApiError::not_simulated("deletion that orphans"));
        }
        let dry_run = document.get("dryRun").and_then(Value::as_array);
        Ok(Self {
            grace_s: document.get("gracePeriodSeconds").and_then(Value::as_i64),
            preconditions: Preconditions {
                uid: text("/preconditions/uid"),
                resource_version: text("/preconditions/resourceVersion"),
            },
            is_dry_run: is_dry_run("DeleteOptions", dry_run.map(Vec::as_slice).unwrap_or_default())?,
        })
    }

    fn of_call(call: &Call<'_>, query: &Query) -> Result<Self, ApiError> {
        if !call.body.is_empty() {
            return Self::of(&media::body(call)?);
        }
        propagation(query.text("propagationPolicy"))?;
        Ok(Self {
            grace_s: query.number("gracePeriodSeconds")?,
            preconditions: Preconditions::default(),
            is_dry_run: query.is_dry_run("DeleteOptions")?,
        })
    }
}

/// The garbage collector of the world works in the background; it knows no other way.
fn propagation(told: Option<&str>) -> Result<(), ApiError> {
    match told {
        None | Some("Background") => Ok(()),
        Some("Foreground" | "Orphan") => Err(ApiError::not_simulated("propagation but Background")),
        Some(told) => {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            let cause = Cause::not_supported("propagationPolicy", &told.into(), &known);
            Err(ApiError::invalid("DeleteOptions.meta.k8s.io", "", vec![cause]))
        }
    }
}

/// Deletes an object.
pub(super) fn answer(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let key = request.key;
    let options = Options::of_call(request.call, request.query)?;
    let last = delete(store, request.server, key, &options)?;
    if store.get(key).is_some() && !options.is_dry_run || returns_object(key.resource) {
        return Ok(Answer::Object(200, last));
    }
    let info = key.resource.info();
    let mut details = json!({"name": key.name, "kind": info.plural});
    if !info.group.is_empty() {
        details["group"] = info.group.into();
    }
    details["uid"] = last.pointer("/metadata/uid").cloned().unwrap_or_default();
    Ok(Answer::ok(json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    })))
}

/// Deletes an object, or begins to. Returns its last state.
pub(super) fn delete(store: &mut Store, server: &Server, key: &Key, options: &Options) -> Result<Object, ApiError> {
    if options.is_dry_run {
        return write::rehearse(store, |store| begin(store, server, key, options));
    }
    begin(store, server, key, options)
}

fn begin(store: &mut Store, server: &Server, key: &Key, options: &Options) -> Result<Object, ApiError> {
    let stored = Object::clone(store.must_get(key)?);
    is_meant(key, &stored, &options.preconditions)?;
    let has_finalizers = |pointer: &str| {
        let list = stored.pointer(pointer).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    match key.resource {
        Resource::Pods => {
            let grace_s = grace(&stored, options);
            if grace_s > 0 {
                return mark_pod(store, server, key, &stored, grace_s);
            }
        }
        Resource::Namespaces if has_finalizers("/spec/finalizers") => {
            return mark(store, key, &stored, server.now, None, |body| {
                body["status"] = json!({"phase": "Terminating"});
            });
        }
        _ => {}
    }
    if has_finalizers("/metadata/finalizers") {
        return mark(store, key, &stored, server.now, Some(0), |_| {});
    }
    store.remove(key).map_or_else(|| Ok(stored), Ok)
}

fn is_meant(key: &Key, stored: &Value, wanted: &Preconditions) -> Result<(), ApiError> {
    let kind = metadata::group_kind(key.resource);
    let uid = str_at(stored, "/metadata/uid").unwrap_or_default();
    if let Some(wanted) = wanted.uid.as_deref().filter(|wanted| *wanted != uid) {
        let because = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have \
             been deleted and then recreated"
        );
        return Err(ApiError::conflict(&kind, &key.name, &because));
    }
    let version = str_at(stored, "/metadata/resourceVersion").unwrap_or_default();
    if let Some(wanted) = wanted.resource_version.as_deref().filter(|wanted| *wanted != version) {
        let because = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(ApiError::conflict(&kind, &key.name, &because));
    }
    Ok(())
}

/// How long a pod has to end, in seconds. One that runs nowhere has nothing to end; of a static pod only its mirror goes.
fn grace(pod: &Value, options: &Options) -> i64 {
    let is_done = matches!(str_at(pod, "/status/phase"), Some("Succeeded" | "Failed"));
    let is_placed = str_at(pod, "/spec/nodeName").is_some_and(|node| !node.is_empty());
    let is_mirror = pod
        .pointer("/metadata/annotations")
        .is_some_and(|annotations| annotations.get("kubernetes.io/config.mirror").is_some());
    if is_done || !is_placed || is_mirror {
        return 0;
    }
    let told = options.grace_s;
    let told = told.or_else(|| {
        pod.pointer("/spec/terminationGracePeriodSeconds")
            .and_then(Value::as_i64)
    });
    match told.unwrap_or(30) {
        negative if negative < 0 => 1,
        told => told,
    }
}

/// Asks the kubelet to end a pod. A second time the grace can only become shorter.
fn mark_pod(store: &mut Store, server: &Server, key: &Key, stored: &Object, grace_s: i64) -> Result<Object, ApiError> {
    let before = stored
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64);
    let since = str_at(stored, "/metadata/deletionTimestamp").and_then(|at| at.parse::<Timestamp>().ok());
    let begun = match (since, before) {
        (Some(_), Some(before)) if grace_s >= before => return Ok(Object::clone(stored)),
        (Some(since), Some(before)) => later(since, -before),
        _ => server.now,
    };
    let at = later(begun, grace_s).max(server.now);
    mark(store, key, stored, at, Some(grace_s), |_| {})
}

fn later(at: Timestamp, by_s: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(by_s)).unwrap_or(at)
}

fn mark(
    store: &mut Store,
    key: &Key,
    stored: &Object,
    at: Timestamp,
    grace_s: Option<i64>,
    change: impl FnOnce(&mut Value),
) -> Result<Object, ApiError> {
    if stored.pointer("/metadata/deletionTimestamp").is_some() && key.resource != Resource::Pods {
        return Ok(Object::clone(stored));
    }
    let mut next = Value::clone(stored);
    if let Some(meta) = next.get_mut("metadata") {
        let meta = as_map(meta);
        meta.insert("deletionTimestamp".into(), seconds(at).into());
        if let Some(grace_s) = grace_s {
            meta.insert("deletionGracePeriodSeconds".into(), grace_s.into());
        }
    }
    change(&mut next);
    store.replace(key, next, Part::Whole)
}

const fn returns_object(resource: Resource) -> bool {
    matches!(
        resource,
        Resource::Pods | Resource::Namespaces | Resource::Services | Resource::Claims | Resource::Volumes
    )
}
