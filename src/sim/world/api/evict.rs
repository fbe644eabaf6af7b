//! Eviction: deletion of a pod that a PodDisruptionBudget may refuse.

use serde_json::{Value, json};

use super::delete::{self, Options};
use super::selector::Selection;
use super::{Answer, Request, Server, media};
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause, Details};
use crate::sim::world::store::{Key, Object, Store, as_map, seconds, str_at};

/// Evicts a pod.
pub(super) fn answer(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let Request {
        server,
        call,
        query,
        key,
        ..
    } = *request;
    let body = media::body(call)?;
    media::is_of(&body, "policy/v1", "Eviction")?;
    if str_at(&body, "/metadata/name") != Some(&key.name) {
        return Err(ApiError::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let told = body.get("deleteOptions").filter(|told| !told.is_null());
    let mut options = Options::of(told.unwrap_or(&json!({})))?;
    options.is_dry_run |= query.is_dry_run("CreateOptions")?;
    let pod = Object::clone(store.must_get(key)?);
    if !is_over(&pod)
        && let Some(budget) = budget(store, key, &pod)?
    {
        spend(store, request, &pod, &budget, options.is_dry_run)?;
    }
    if !options.is_dry_run {
        options.preconditions.resource_version = mark(store, server, key, &options)?;
    }
    delete::delete(store, server, key, &options)?;
    Ok(Answer::created(json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
    })))
}

/// Nobody is disrupted by the end of a pod that does not serve.
fn is_over(pod: &Value) -> bool {
    matches!(str_at(pod, "/status/phase"), Some("Succeeded" | "Failed" | "Pending"))
        || pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// The one budget that the pod falls under.
fn budget(store: &Store, key: &Key, pod: &Value) -> Result<Option<Key>, ApiError> {
    let mut all = store
        .list(Resource::DisruptionBudgets, Some(&key.namespace))
        .filter(|(_, budget)| {
            let selector = budget.pointer("/spec/selector");
            let selection = selector.and_then(Selection::of_object);
            selection.is_some_and(|selection| selection.takes(pod))
        })
        .map(|(key, _)| key.clone());
    let first = all.next();
    if all.next().is_some() {
        let message =
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(ApiError::new(500, "", message));
    }
    Ok(first)
}

/// Takes one disruption from the budget, or refuses.
fn spend(
    store: &mut Store,
    request: &Request<'_>,
    pod: &Value,
    budget: &Key,
    is_dry_run: bool,
) -> Result<(), ApiError> {
    let stored = Object::clone(store.must_get(budget)?);
    let number = |pointer: &str| stored.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let (current, desired) = (number("/status/currentHealthy"), number("/status/desiredHealthy"));
    let is_guarded = current < desired || desired == 0;
    let is_always = str_at(&stored, "/spec/unhealthyPodEvictionPolicy") == Some("AlwaysAllow");
    if !is_ready(pod) && (is_always || !is_guarded) {
        return Ok(());
    }
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let because = format!(
            "The disruption budget {} is still being processed by the server.",
            budget.name
        );
        return Err(refusal(because, 10));
    }
    let allowed = number("/status/disruptionsAllowed");
    if allowed <= 0 {
        let because = if current <= desired {
            format!(
                "The disruption budget {} needs {desired} healthy pods and has {current} currently",
                budget.name
            )
        } else {
            format!(
                "The disruption budget {} does not allow evicting pods currently",
                budget.name
            )
        };
        return Err(refusal(because, 0));
    }
    if !is_dry_run {
        store.change(budget, |next| {
            let status = as_map(as_map(next).entry("status").or_insert_with(|| json!({})));
            status.insert("disruptionsAllowed".into(), (allowed - 1).into());
            let pods = as_map(status.entry("disruptedPods").or_insert_with(|| json!({})));
            pods.insert(request.key.name.clone(), seconds(request.server.now).into());
        });
    }
    Ok(())
}

fn refusal(because: String, retry_after_s: u32) -> ApiError {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    ApiError::new(429, "TooManyRequests", message).with(Details {
        causes: vec![Cause {
            reason: "DisruptionBudget",
            message: because,
            field: String::new(),
        }],
        retry_after_s,
        ..Details::default()
    })
}

fn conditions(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is_ready(pod: &Value) -> bool {
    conditions(pod).any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Says on the pod why it goes. Returns the revision that the deletion must find, where the client named one.
fn mark(store: &mut Store, server: &Server, key: &Key, options: &Options) -> Result<Option<String>, ApiError> {
    // The condition must not appear on a pod that is not meant.
    let trial = Options {
        is_dry_run: true,
        ..options.clone()
    };
    delete::delete(store, server, key, &trial)?;
    let marked = store.change(key, |pod| {
        let mut next: Vec<Value> = conditions(pod)
            .filter(|condition| condition["type"] != "DisruptionTarget")
            .cloned()
            .collect();
        next.push(json!({
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastTransitionTime": seconds(server.now),
        }));
        as_map(as_map(pod).entry("status").or_insert_with(|| json!({}))).insert("conditions".into(), next.into());
    });
    let version = marked.and_then(|pod| str_at(&pod, "/metadata/resourceVersion").map(str::to_owned));
    Ok(version.filter(|_| options.preconditions.resource_version.is_some()))
}
