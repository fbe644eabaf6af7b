//! Who may do what: `system:masters` everything, everybody else nothing but look at health, version and discovery and ask
//! about himself. A closed rule, enough to try out missing rights.

use super::query::Query;
use super::route::{Route, Sub};
use super::{Call, Method};
use crate::sim::world::resource::Resource;
use crate::sim::world::status::ApiError;

/// Refuses with 403 what the user may not do.
pub(super) fn check(call: &Call<'_>, route: &Route, query: &Query) -> Result<(), ApiError> {
    if call.user.is_admin() {
        return Ok(());
    }
    let may = match route {
        Route::Version | Route::Health(..) => true,
        Route::Discovery(_) | Route::Review(_) => !call.user.is_anonymous(),
        _ => false,
    };
    if may { Ok(()) } else { Err(refusal(call, route, query)) }
}

fn refusal(call: &Call<'_>, route: &Route, query: &Query) -> ApiError {
    let user = &call.user.name;
    let (resource, namespace, name, sub) = match route {
        Route::Objects { resource, namespace } => (resource, namespace.as_deref().unwrap_or_default(), "", Sub::None),
        Route::Object { resource, key, sub } => (resource, key.0.as_str(), key.1.as_str(), *sub),
        _ => {
            let verb = raw_verb(call.method);
            let because = format!("User {user:?} cannot {verb} path {:?}", call.path);
            return ApiError::forbidden("", "", &because);
        }
    };
    let verb = verb(call.method, name.is_empty(), query.is_true("watch"));
    let because = format!("User {user:?} cannot {verb} {}", place(*resource, namespace, sub));
    ApiError::forbidden(&resource.qualified(), name, &because)
}

fn place(resource: Resource, namespace: &str, sub: Sub) -> String {
    let info = resource.info();
    let part = if sub == Sub::None { "" } else { "/" };
    let what = format!("{}{part}{}", info.plural, sub.name());
    let scope = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    format!("resource {what:?} in API group {:?} {scope}", info.group)
}

const fn verb(method: Method, is_collection: bool, is_watch: bool) -> &'static str {
    match (method, is_collection) {
        (Method::Get, _) if is_watch => "watch",
        (Method::Get, true) => "list",
        (Method::Get, false) => "get",
        (Method::Post, _) => "create",
        (Method::Put, _) => "update",
        (Method::Patch, _) => "patch",
        (Method::Delete, true) => "deletecollection",
        (Method::Delete, false) => "delete",
        (Method::Other, _) => "",
    }
}

const fn raw_verb(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
        Method::Other => "",
    }
}
