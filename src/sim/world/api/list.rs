//! Lists: of now, of a past revision, in pages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::query::Query;
use super::route::is_custom;
use super::selector::Selection;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Cause, Details};
use crate::sim::world::store::{Key, Object, Store};

/// Objects of one resource at one revision.
#[derive(Debug)]
pub struct List {
    /// Such as `v1`.
    pub api_version: String,
    /// Such as `PodList`.
    pub kind: String,
    /// `resourceVersion`, `continue`, `remainingItemCount`.
    pub metadata: Value,
    /// The objects.
    pub items: Vec<Object>,
    /// Whether the objects say their kind: those of built-in resources do not.
    pub are_self_describing: bool,
}

/// Where the next page begins, as the real one writes it.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    v: String,
    /// -1: at the newest revision.
    rv: i64,
    start: String,
}

/// A list.
pub(super) fn list(
    store: &Store,
    query: &Query,
    resource: Resource,
    namespace: Option<&str>,
) -> Result<List, ApiError> {
    validate(query)?;
    let selection = Selection::of(query, resource)?;
    let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(0);
    let token = token(query)?;
    let at = match &token {
        Some(token) => u64::try_from(token.rv).ok(),
        None => asked_revision(store, query, limit > 0)?,
    };
    let prefix = prefix(resource, namespace);
    let start = token.as_ref().map(|token| format!("{prefix}{}", token.start));
    let all = match at {
        Some(revision) if revision != store.revision() => {
            past(store, resource, namespace, revision).map_err(|error| match &token {
                Some(token) => expired_token(token),
                None => error,
            })?
        }
        _ => store
            .list(resource, namespace)
            .map(|(key, object)| (key.clone(), Object::clone(object)))
            .collect(),
    };
    let revision = at.unwrap_or_else(|| store.revision());
    let rest = all
        .into_iter()
        .filter(|(key, _)| start.as_deref().is_none_or(|start| key.etcd().as_str() >= start));
    let mut rest = rest.filter(|(_, object)| selection.takes(object)).peekable();
    let mut items = Vec::new();
    let mut last = String::new();
    while limit == 0 || items.len() < limit {
        let Some((key, object)) = rest.next() else { break };
        last = key.etcd();
        items.push(object);
    }
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if rest.peek().is_some() {
        let start = format!("{}\0", last.strip_prefix(prefix.as_str()).unwrap_or(&last));
        metadata["continue"] = encode(i64::try_from(revision).unwrap_or(i64::MAX), start).into();
        // With a selector the real one cannot tell.
        if selection.is_empty() {
            metadata["remainingItemCount"] = rest.count().into();
        }
    }
    Ok(List {
        api_version: resource.api_version(),
        kind: format!("{}List", resource.info().kind),
        metadata,
        items,
        are_self_describing: is_custom(resource.info().group),
    })
}

/// Combinations of options that make no sense.
fn validate(query: &Query) -> Result<(), ApiError> {
    const MATCH: &str = "resourceVersionMatch";
    let mut causes = Vec::new();
    let version = query.text("resourceVersion");
    if let Some(told) = query.text(MATCH) {
        if version.is_none() {
            let because = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            causes.push(Cause::forbidden(MATCH, because));
        }
        if query.text("continue").is_some() {
            let because = "resourceVersionMatch is forbidden when continue is provided";
            causes.push(Cause::forbidden(MATCH, because));
        }
        if !["Exact", "NotOlderThan"].contains(&told) {
            causes.push(Cause::not_supported(
                MATCH,
                &told.into(),
                &["Exact", "NotOlderThan", ""],
            ));
        }
        if told == "Exact" && version == Some("0") {
            let because = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            causes.push(Cause::forbidden(MATCH, because));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        causes.push(Cause::forbidden(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for list",
        ));
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid("ListOptions.meta.k8s.io", "", causes))
    }
}

/// Which revision is to be shown; None for the newest. A page of a revision is of exactly that one, as ever.
fn asked_revision(store: &Store, query: &Query, is_paged: bool) -> Result<Option<u64>, ApiError> {
    let Some(asked) = revision(query, "resourceVersion")?.filter(|asked| *asked > 0) else {
        return Ok(None);
    };
    if asked > store.revision() {
        return Err(too_large(asked, store.revision()));
    }
    let is_exact = match query.text("resourceVersionMatch") {
        Some(told) => told == "Exact",
        None => is_paged,
    };
    Ok(is_exact.then_some(asked))
}

/// A resourceVersion in a query.
pub(super) fn revision(query: &Query, name: &str) -> Result<Option<u64>, ApiError> {
    let wrong = |told: &str| {
        ApiError::bad_request(format!(
            "invalid resource version: {name}: Invalid value: {told:?}: strconv.ParseUint: parsing {told:?}: invalid syntax"
        ))
    };
    query
        .text(name)
        .map(|told| told.parse().map_err(|_| wrong(told)))
        .transpose()
}

fn too_large(asked: u64, current: u64) -> ApiError {
    let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
    ApiError::new(504, "Timeout", message).with(Details {
        causes: vec![Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        }],
        retry_after_s: 1,
        ..Details::default()
    })
}

/// What there was at a revision: what there is, with the history undone.
fn past(
    store: &Store,
    resource: Resource,
    namespace: Option<&str>,
    revision: u64,
) -> Result<BTreeMap<Key, Object>, ApiError> {
    let concerns = |key: &Key| key.resource == resource && namespace.is_none_or(|namespace| key.namespace == namespace);
    let changes: Vec<_> = store
        .changes_after(revision)
        .map_err(|_| ApiError::new(410, "Expired", EXPIRED))?
        .filter(|change| concerns(&change.key))
        .collect();
    let now = store.list(resource, namespace);
    let mut all: BTreeMap<Key, Object> = now.map(|(key, object)| (key.clone(), Object::clone(object))).collect();
    for change in changes.into_iter().rev() {
        match &change.before {
            Some(before) => all.insert(change.key.clone(), Object::clone(before)),
            None => all.remove(&change.key),
        };
    }
    Ok(all)
}

const EXPIRED: &str = "The resourceVersion for the provided list is too old.";
const INCONSISTENT: &str = "The provided continue parameter is too old to display a consistent list result. You can \
    start a new list without the continue parameter, or use the continue token in this response to retrieve the \
    remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were \
    created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

fn expired_token(token: &Token) -> ApiError {
    let mut error = ApiError::new(410, "Expired", INCONSISTENT);
    error.resume = Some(encode(-1, token.start.clone()));
    error
}

fn token(query: &Query) -> Result<Option<Token>, ApiError> {
    let Some(raw) = query.text("continue") else {
        return Ok(None);
    };
    if query.text("resourceVersion").is_some_and(|version| version != "0") {
        let message = "specifying resource version is not allowed when using continue";
        return Err(ApiError::bad_request(message));
    }
    let wrong = |why: &str| ApiError::bad_request(format!("invalid continue token: {why}"));
    let bytes = URL_SAFE_NO_PAD
        .decode(raw)
        .map_err(|_| wrong("continue key is not valid: illegal base64 data"))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| wrong("continue key is not valid"))?;
    if token.v != "meta.k8s.io/v1" {
        return Err(wrong(
            "continue key is not valid: server does not recognize this encoded version",
        ));
    }
    Ok(Some(token))
}

fn encode(rv: i64, start: String) -> String {
    let v = "meta.k8s.io/v1".to_owned();
    let token = serde_json::to_vec(&Token { v, rv, start }).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(token)
}

/// What the keys of a list have in common.
fn prefix(resource: Resource, namespace: Option<&str>) -> String {
    let registry = resource.info().registry;
    match namespace {
        Some(namespace) => format!("/registry/{registry}/{namespace}/"),
        None => format!("/registry/{registry}/"),
    }
}
