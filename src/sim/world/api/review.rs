//! Questions about oneself: may I, and who am I.

use serde_json::{Value, json};

use super::route::Review;
use super::{Call, Server, media};
use crate::sim::world::status::{ApiError, Cause};
use crate::sim::world::store::{as_map, seconds};

/// Answers a review: the question with its status filled in.
pub(super) fn answer(server: &Server, call: &Call<'_>, review: Review) -> Result<Value, ApiError> {
    let mut body = media::body(call)?;
    let (api_version, kind, status) = match review {
        Review::Access => (
            "authorization.k8s.io/v1",
            "SelfSubjectAccessReview",
            json!({"allowed": call.user.is_admin()}),
        ),
        Review::Subject => (
            "authentication.k8s.io/v1",
            "SelfSubjectReview",
            json!({"userInfo": {"username": call.user.name, "groups": groups(call)}}),
        ),
    };
    media::is_of(&body, api_version, kind)?;
    if review == Review::Access {
        is_one_question(&body)?;
    }
    let root = as_map(&mut body);
    root.insert("apiVersion".into(), api_version.into());
    root.insert("kind".into(), kind.into());
    let mut metadata = json!({});
    if review == Review::Subject {
        metadata["creationTimestamp"] = seconds(server.now).into();
    }
    root.insert("metadata".into(), metadata);
    root.insert("status".into(), status);
    Ok(body)
}

fn groups<'a>(call: &'a Call<'_>) -> Vec<&'a str> {
    let own = call.user.groups.iter().map(String::as_str);
    let everybody = (!call.user.is_anonymous()).then_some("system:authenticated");
    own.chain(everybody).collect()
}

fn is_one_question(body: &Value) -> Result<(), ApiError> {
    let asks = |pointer: &str| body.pointer(pointer).is_some_and(|asked| !asked.is_null());
    let (resource, path) = (asks("/spec/resourceAttributes"), asks("/spec/nonResourceAttributes"));
    let because = match (resource, path) {
        (true, true) => "cannot be specified in combination with resourceAttributes",
        (false, false) => "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        _ => return Ok(()),
    };
    let field = if resource {
        "spec.nonResourceAttributes"
    } else {
        "spec.resourceAttributes"
    };
    let value = body
        .pointer(&format!("/{}", field.replace('.', "/")))
        .cloned()
        .unwrap_or_default();
    let cause = Cause::invalid(field, &value, because);
    Err(ApiError::invalid(
        "SelfSubjectAccessReview.authorization.k8s.io",
        "",
        vec![cause],
    ))
}
