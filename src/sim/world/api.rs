//! What an API server answers: the semantics of Kubernetes' HTTP interface over a [`Store`], as plain functions. Knows
//! neither HTTP nor the rest of the world; `sim::wire::kube` puts it behind a server. What is not imitated answers 501.
//!
//! Unlike the real one, nothing is defaulted beyond what the cluster's controllers read, fields are not validated beyond
//! metadata, field managers are not tracked (`managedFields`), and discovery leaves out short names, categories and
//! storage hashes. Start reading at [`answer`].

mod access;
mod admission;
mod delete;
mod discovery;
mod evict;
mod health;
mod list;
mod log;
mod media;
mod metadata;
mod patch;
mod query;
mod review;
mod route;
mod scale;
mod selector;
mod strategic;
mod update;
mod watch;
mod write;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use jiff::Timestamp;
use serde_json::Value;

pub use self::list::List;
pub use self::log::{Log, Stretch};
pub use self::watch::{Event, Watch};

use self::query::Query;
use self::route::{Route, Sub};
use super::etcd::Alarm;
use super::resource::Resource;
use super::status::ApiError;
use super::store::{ChangeKind, Key, Object, Store};

/// Who asks: name and groups of the client certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Its common name.
    pub name: String,
    /// Its organizations.
    pub groups: Vec<String>,
}

impl User {
    /// Somebody without a certificate.
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
        }
    }

    /// May everything. Nobody else may anything, beyond what every user may.
    pub fn is_admin(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }

    fn is_anonymous(&self) -> bool {
        self.groups.iter().any(|group| group == "system:unauthenticated")
    }
}

/// The methods that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Other,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What to do.
    pub method: Method,
    /// The path.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: &'a str,
    /// The header `Accept`; empty for none.
    pub accept: &'a str,
    /// The header `Content-Type`; empty for none.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// Who asks.
    pub user: &'a User,
}

/// The API server that answers.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its host.
    pub name: String,
    /// What its clock says.
    pub now: Timestamp,
    /// Its `--default-*-toleration-seconds`.
    pub toleration_s: u32,
    /// Which Kubernetes it is, such as `v1.37.2+k0s.0`.
    pub version: String,
    /// For how many seconds etcd behind it has had no quorum; None while it has one.
    pub without_etcd_s: Option<u64>,
    /// For what etcd refuses writes.
    pub alarm: Option<Alarm>,
}

/// One request for one object, and who answers it.
struct Request<'a> {
    server: &'a Server,
    call: &'a Call<'a>,
    query: &'a Query,
    key: &'a Key,
    sub: Sub,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Only the process.
    Nothing,
    /// Objects, however old: resourceVersion 0.
    Cache,
    /// A quorum.
    Etcd,
}

/// What comes back.
#[derive(Debug)]
pub enum Answer {
    /// A document.
    Object(u16, Object),
    /// Plain text.
    Text(u16, String),
    /// Objects.
    List(List),
    /// Events from now on.
    Watch(Watch),
    /// A container's log.
    Log(Log),
    /// 204.
    Empty,
}

impl Answer {
    fn ok(document: Value) -> Self {
        Self::Object(200, Object::new(document))
    }

    fn created(document: Value) -> Self {
        Self::Object(201, Object::new(document))
    }
}

/// What a request needs, so that whoever serves it knows what to do without etcd.
pub fn needs(call: &Call<'_>) -> Needs {
    let query = Query::parse(call.query);
    match Route::find(call.path) {
        Route::Objects { .. } | Route::Object { sub: Sub::None, .. }
            if call.method == Method::Get && (query.get("resourceVersion") == Some("0") || query.is_true("watch")) =>
        {
            Needs::Cache
        }
        Route::Objects { .. } | Route::Object { .. } => Needs::Etcd,
        _ => Needs::Nothing,
    }
}

/// Answers one request at once; watches and logs go on elsewhere.
pub fn answer(store: &mut Store, server: &Server, call: &Call<'_>) -> Result<Answer, ApiError> {
    if let Some(alarm) = server.alarm
        && call.method != Method::Get
    {
        let mut trial = store.clone();
        dispatch(&mut trial, server, call)?;
        let mut changes = trial.changes_after(store.revision())?;
        if changes.any(|change| alarm == Alarm::Corrupt || change.kind != ChangeKind::Deleted) {
            return Err(ApiError::new(500, "", alarm.refusal()));
        }
    }
    dispatch(store, server, call)
}

fn dispatch(store: &mut Store, server: &Server, call: &Call<'_>) -> Result<Answer, ApiError> {
    let query = Query::parse(call.query);
    let route = Route::find(call.path);
    access::check(call, &route, &query)?;
    match route {
        Route::Unknown => Ok(Answer::Text(404, "404 page not found\n".to_owned())),
        Route::Missing => Err(ApiError::of_code(404)),
        Route::NotSimulated(what) => Err(ApiError::not_simulated(what)),
        Route::Objects { resource, namespace } => {
            media::accept(call)?;
            collection(store, server, call, &query, resource, namespace.as_deref())
        }
        Route::Object { resource, key, sub } => {
            let (key, query) = (&Key::new(resource, key.0, key.1), &query);
            let request = Request {
                server,
                call,
                query,
                key,
                sub,
            };
            object(store, &request)
        }
        Route::Review(review) if call.method == Method::Post => {
            media::accept(call)?;
            review::answer(server, call, review).map(Answer::created)
        }
        Route::Review(_) => Err(ApiError::of_code(405)),
        Route::Health(endpoint, check) => Ok(health::answer(server, endpoint, check, &query)),
        _ if call.method != Method::Get => Err(ApiError::of_code(405)),
        Route::Version => Ok(Answer::ok(discovery::version(server))),
        Route::Discovery(page) => {
            media::accept(call)?;
            Ok(Answer::ok(discovery::document(server, &page)))
        }
    }
}

fn collection(
    store: &mut Store,
    server: &Server,
    call: &Call<'_>,
    query: &Query,
    resource: Resource,
    namespace: Option<&str>,
) -> Result<Answer, ApiError> {
    let is_whole = !resource.info().is_namespaced || namespace.is_some();
    match call.method {
        Method::Get if query.is_true("watch") => watch::open(store, query, resource, namespace).map(Answer::Watch),
        Method::Get => list::list(store, query, resource, namespace).map(Answer::List),
        Method::Post if is_whole => {
            let key = Key::new(resource, namespace.unwrap_or_default(), "");
            let body = media::document(call, resource)?;
            let made = write::rehearsed(store, query, "CreateOptions", |store| {
                write::create(store, server, &key, body)
            })?;
            Ok(Answer::Object(201, made))
        }
        Method::Delete if is_whole => Err(ApiError::not_simulated("deletion of whole collections")),
        _ => Err(ApiError::of_code(405)),
    }
}

fn object(store: &mut Store, request: &Request<'_>) -> Result<Answer, ApiError> {
    let Request { call, query, key, .. } = *request;
    if request.sub == Sub::Log {
        // It is text: its Accept is nobody's business.
        return match call.method {
            Method::Get => log::answer(store, request.server, query, key),
            _ => Err(ApiError::of_code(405)),
        };
    }
    media::accept(call)?;
    match (call.method, request.sub) {
        (Method::Get, Sub::None | Sub::Status) if query.is_true("watch") => {
            Err(ApiError::not_simulated("watch of a single path: use a field selector"))
        }
        (Method::Get, Sub::None | Sub::Status) => Ok(Answer::Object(200, Object::clone(store.must_get(key)?))),
        (Method::Put, Sub::None | Sub::Status) => update::put(store, request),
        (Method::Patch, Sub::None | Sub::Status) => update::patch(store, request),
        (Method::Delete, Sub::None) => delete::answer(store, request),
        (Method::Get | Method::Put | Method::Patch, Sub::Scale) => scale::answer(store, request),
        (Method::Post, Sub::Eviction) => evict::answer(store, request),
        _ => Err(ApiError::of_code(405)),
    }
}
