//! Media types: JSON is the only one that is spoken.

use serde_json::Value;

use super::Call;
use super::patch::PatchKind;
use super::route::is_custom;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::{ApiError, Details};

const JSON: &str = "application/json";

/// Whether the client takes plain JSON. Tables and protobuf are preferences that clients name before JSON.
pub(super) fn accept(call: &Call<'_>) -> Result<(), ApiError> {
    let is_plain = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        [JSON, "application/*", "*/*"].contains(&media) && !parts.any(|part| part.starts_with("as="))
    };
    if call.accept.trim().is_empty() || call.accept.split(',').any(is_plain) {
        return Ok(());
    }
    // The real server has more to offer; whoever takes one of those is not understood here all the same.
    let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
                   application/vnd.kubernetes.protobuf";
    Err(ApiError::new(406, "NotAcceptable", message).with(Details::default()))
}

/// The JSON object in the body.
pub(super) fn body(call: &Call<'_>) -> Result<Value, ApiError> {
    let media = media_type(call);
    if !media.is_empty() && media != JSON {
        return Err(unsupported(JSON));
    }
    parse(call.body)
}

/// The object of a resource in the body.
pub(super) fn document(call: &Call<'_>, resource: Resource) -> Result<Value, ApiError> {
    let document = body(call)?;
    is_of(&document, &resource.api_version(), resource.info().kind)?;
    Ok(document)
}

/// Whether a document is of a kind; what it does not say is not held against it.
pub(super) fn is_of(document: &Value, api_version: &str, kind: &str) -> Result<(), ApiError> {
    let told = |field: &str| {
        document
            .get(field)
            .and_then(Value::as_str)
            .filter(|told| !told.is_empty())
    };
    if let Some(told) = told("apiVersion").filter(|told| *told != api_version) {
        let message =
            format!("the API version in the data ({told}) does not match the expected API version ({api_version})");
        return Err(ApiError::bad_request(message));
    }
    match told("kind").filter(|told| *told != kind) {
        Some(told) => {
            let (group, version) = api_version.rsplit_once('/').unwrap_or(("core", api_version));
            // The packages of the two types, by which the real decoder knows them.
            let package = group.split('.').next().unwrap_or(group);
            Err(ApiError::bad_request(format!(
                "{told} in version {version:?} cannot be handled as a {kind}: converting ({version}.{told}) to \
                 ({package}.{kind}): unknown conversion"
            )))
        }
        None => Ok(()),
    }
}

/// Which kind of patch the body is.
pub(super) fn patch_kind(call: &Call<'_>, resource: Resource) -> Result<PatchKind, ApiError> {
    let kind = PatchKind::ALL
        .into_iter()
        .find(|kind| kind.media_type() == media_type(call));
    let is_custom = is_custom(resource.info().group);
    match kind {
        Some(PatchKind::Strategic) if is_custom => Err(unsupported(&patches())),
        Some(kind) => Ok(kind),
        None if media_type(call).starts_with("application/apply-patch+") => {
            Err(ApiError::not_simulated("server-side apply"))
        }
        None if is_custom => Err(unsupported(&patches())),
        None => Err(unsupported_here()),
    }
}

/// What custom resources take.
fn patches() -> String {
    // The real one takes the last too; here the type is known and what it asks for is refused.
    let apply = "application/apply-patch+yaml";
    [PatchKind::Json.media_type(), PatchKind::Merge.media_type(), apply].join(", ")
}

/// Built-in resources refuse it before anybody looks at the resource.
fn unsupported_here() -> ApiError {
    ApiError::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(Details::default())
}

/// A JSON object.
pub(super) fn parse(raw: &[u8]) -> Result<Value, ApiError> {
    let wrong = |error: &dyn std::fmt::Display| {
        ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
    };
    match serde_json::from_slice::<Value>(raw) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(wrong(&"the body is no JSON object")),
        Err(error) => Err(wrong(&error)),
    }
}

fn media_type<'a>(call: &Call<'a>) -> &'a str {
    call.content_type.split(';').next().unwrap_or_default().trim()
}

fn unsupported(known: &str) -> ApiError {
    let message = format!("the body of the request was in an unknown format - accepted media types include: {known}");
    ApiError::new(415, "UnsupportedMediaType", message)
}
