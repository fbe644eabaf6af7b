//! Watches: what happened after a revision, as one client may see it.

use serde_json::{Value, json};

use super::list::revision;
use super::query::Query;
use super::selector::Selection;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::ApiError;
use crate::sim::world::store::{Change, Object, Store, as_map};

/// How long a watch lives whose client does not say, in seconds: the real one takes 30 to 60 minutes.
const DEFAULT_TIMEOUT_S: u64 = 2700;

/// An open watch. It holds no reference to the store and may be carried across threads.
#[derive(Debug)]
pub struct Watch {
    /// After this many seconds the server closes it.
    pub timeout_s: u64,
    /// Whether the client wants to hear how far it is when nothing happens.
    pub wants_bookmarks: bool,
    resource: Resource,
    namespace: Option<String>,
    selection: Selection,
    from: u64,
    /// What there was at the beginning, for a client that does not name a revision.
    initial: Vec<Event>,
}

/// One line of a watch.
#[derive(Debug, Clone)]
pub struct Event {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub kind: &'static str,
    /// The object; of an error, a Status.
    pub object: Object,
}

impl Event {
    /// After an error nothing follows.
    pub fn is_error(&self) -> bool {
        self.kind == "ERROR"
    }
}

/// Opens a watch. That its revision is too old is said in the stream, as by the real one.
pub(super) fn open(
    store: &Store,
    query: &Query,
    resource: Resource,
    namespace: Option<&str>,
) -> Result<Watch, ApiError> {
    if query.get("sendInitialEvents").is_some() {
        return Err(ApiError::not_simulated("streaming lists (sendInitialEvents)"));
    }
    if query.get("resourceVersionMatch").is_some() {
        let cause = crate::sim::world::status::Cause::forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        );
        return Err(ApiError::invalid("ListOptions.meta.k8s.io", "", vec![cause]));
    }
    let selection = Selection::of(query, resource)?;
    let asked = revision(query, "resourceVersion")?.filter(|asked| *asked > 0);
    let initial = match asked {
        Some(_) => Vec::new(),
        None => store
            .list(resource, namespace)
            .filter(|(_, object)| selection.takes(object))
            .map(|(_, object)| Event {
                kind: "ADDED",
                object: Object::clone(object),
            })
            .collect(),
    };
    let timeout_s = query
        .number("timeoutSeconds")?
        .and_then(|seconds| u64::try_from(seconds).ok());
    Ok(Watch {
        timeout_s: timeout_s.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_TIMEOUT_S),
        wants_bookmarks: query.is_true("allowWatchBookmarks"),
        resource,
        namespace: namespace.map(str::to_owned),
        selection,
        from: asked.unwrap_or_else(|| store.revision()),
        initial,
    })
}

impl Watch {
    /// What happened since the last call.
    pub fn poll(&mut self, store: &Store) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.initial);
        match store.changes_after(self.from) {
            Ok(changes) => events.extend(changes.filter_map(|change| self.event(change))),
            Err(error) => events.push(Event {
                kind: "ERROR",
                object: Object::new(error.to_json()),
            }),
        }
        // A client may know a revision that this store does not have yet.
        self.from = self.from.max(store.revision());
        events
    }

    /// How far it is: everything up to the last [`Watch::poll`] was told.
    pub fn bookmark(&self) -> Event {
        let object = json!({
            "kind": self.resource.info().kind,
            "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": self.from.to_string()},
        });
        Event {
            kind: "BOOKMARK",
            object: Object::new(object),
        }
    }

    /// A change as this client sees it: an object that leaves the selection is gone, one that enters is new.
    fn event(&self, change: &Change) -> Option<Event> {
        let key = &change.key;
        if key.resource != self.resource || self.namespace.as_ref().is_some_and(|own| *own != key.namespace) {
            return None;
        }
        let is_deleted = change.kind == crate::sim::world::store::ChangeKind::Deleted;
        let is_in = !is_deleted && self.selection.takes(&change.object);
        let was_in = change.before.as_ref().filter(|before| self.selection.takes(before));
        match (was_in, is_in) {
            (None, false) => None,
            (None, true) => Some(event("ADDED", &change.object)),
            (Some(_), true) => Some(event("MODIFIED", &change.object)),
            (Some(_), false) if is_deleted => Some(event("DELETED", &change.object)),
            (Some(before), false) => Some(Event {
                kind: "DELETED",
                object: Object::new(at_revision(before, change.revision)),
            }),
        }
    }
}

fn event(kind: &'static str, object: &Object) -> Event {
    Event {
        kind,
        object: Object::clone(object),
    }
}

/// An object as it was, with the revision at which it left.
fn at_revision(before: &Value, revision: u64) -> Value {
    let mut last = before.clone();
    if let Some(metadata) = last.get_mut("metadata") {
        as_map(metadata).insert("resourceVersion".into(), revision.to_string().into());
    }
    last
}
