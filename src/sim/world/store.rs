//! What etcd holds for the API servers: objects, their revisions, and the history that watches read. Rules of single
//! objects only (names, uids, preconditions, generations); what objects mean is the business of others. Start reading at
//! [`Store::create`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::resource::Resource;
use super::status::ApiError;

/// How many changes watches can look back on before they are compacted away.
pub const MAX_HISTORY: usize = 20_000;

/// An object's place: resource, namespace (empty where there is none), name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// A key.
    pub fn new(resource: Resource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            resource,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key in etcd, such as `/registry/pods/kotsadm/netbox-0`.
    pub fn etcd(&self) -> String {
        let info = self.resource.info();
        if info.is_namespaced {
            format!("/registry/{}/{}/{}", info.registry, self.namespace, self.name)
        } else {
            format!("/registry/{}/{}", info.registry, self.name)
        }
    }
}

/// An object as it is stored: `apiVersion`, `kind` and `metadata` (with `uid`, `resourceVersion`, `creationTimestamp`) are
/// always there.
pub type Object = Arc<Value>;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One entry of the history. A deleted object carries the revision of its deletion, as the real one does.
#[derive(Debug, Clone)]
pub struct Change {
    /// The revision that it made.
    pub revision: u64,
    /// Whose.
    pub key: Key,
    /// What happened.
    pub kind: ChangeKind,
    /// The object after it; for a deletion, as it was last.
    pub object: Object,
    /// The object before it, if there was one: watches with a selector need it.
    pub before: Option<Object>,
}

/// Why there is no such revision to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotThere {
    /// It was compacted away.
    Compacted,
    /// It is yet to come.
    Future,
}

/// What must be true of an object for a change to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// It is this very object.
    pub uid: Option<String>,
    /// It has not changed since.
    pub resource_version: Option<String>,
}

/// Which part of an object an update may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but `status`, where that is a subresource.
    Spec,
    /// Only `status`.
    Status,
    /// Both: for the cluster's own components.
    Whole,
}

/// All objects and their history.
#[derive(Debug, Clone)]
pub struct Store {
    objects: BTreeMap<Key, Object>,
    history: VecDeque<Change>,
    revision: u64,
    compacted: u64,
    dice: fastrand::Rng,
}

impl Store {
    /// An empty store whose uids follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            revision: 1,
            compacted: 0,
            dice: fastrand::Rng::with_seed(seed ^ 0x5eed),
        }
    }

    /// The same where history has been forgotten up to a revision.
    pub(super) fn since(seed: u64, revision: u64) -> Self {
        Self {
            revision: revision.max(1),
            compacted: revision.max(1),
            ..Self::new(seed)
        }
    }

    /// The newest revision.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision up to which the history is gone.
    pub const fn compacted(&self) -> u64 {
        self.compacted
    }

    /// An object.
    pub fn get(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// An object, or 404.
    pub fn must_get(&self, key: &Key) -> Result<&Object, ApiError> {
        self.get(key)
            .ok_or_else(|| ApiError::not_found(&key.resource.qualified(), &key.name))
    }

    /// Objects of a resource, of one namespace or of all, in the order of their keys.
    pub fn list<'a>(
        &'a self,
        resource: Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Object)> {
        let from = Key::new(resource, namespace.unwrap_or_default(), "");
        self.objects
            .range(from..)
            .take_while(move |(key, _)| key.resource == resource && namespace.is_none_or(|own| key.namespace == own))
    }

    /// The objects of a namespace whose names begin so.
    pub fn named<'a>(
        &'a self,
        resource: Resource,
        namespace: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Object)> {
        let from = Key::new(resource, namespace, prefix);
        let is_named =
            move |key: &Key| key.resource == resource && key.namespace == namespace && key.name.starts_with(prefix);
        self.objects.range(from..).take_while(move |(key, _)| is_named(key))
    }

    /// Every object, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Object)> {
        self.objects.iter()
    }

    /// Every object, by key.
    pub const fn objects(&self) -> &BTreeMap<Key, Object> {
        &self.objects
    }

    /// Every object as it was at a revision.
    pub fn at(&self, revision: u64) -> Result<BTreeMap<&Key, &Object>, NotThere> {
        if revision > self.revision {
            return Err(NotThere::Future);
        }
        if revision < self.compacted {
            return Err(NotThere::Compacted);
        }
        let mut objects: BTreeMap<&Key, &Object> = self.objects.iter().collect();
        let newer = self
            .history
            .iter()
            .rev()
            .take_while(|change| change.revision > revision);
        for change in newer {
            match &change.before {
                Some(before) => objects.insert(&change.key, before),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }

    /// Stores a new object and fills in what the API server fills in. `metadata.generateName` is honoured.
    pub fn create(&mut self, key: &Key, mut body: Value, now: Timestamp) -> Result<Object, ApiError> {
        let mut key = key.clone();
        if key.name.is_empty() {
            let prefix = str_at(&body, "/metadata/generateName").unwrap_or_default().to_owned();
            key.name = format!("{prefix}{}", self.suffix());
        }
        if self.objects.contains_key(&key) {
            return Err(ApiError::exists(&key.resource.qualified(), &key.name));
        }
        if let Some(meta) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            meta.retain(|field, _| !["uid", "creationTimestamp", "generation"].contains(&field.as_str()));
        }
        Ok(self.put_found(key, body, now))
    }

    /// Stores an object as it was found elsewhere, and fills in what it does not say about itself.
    pub(super) fn put_found(&mut self, key: Key, mut body: Value, now: Timestamp) -> Object {
        let uid = self.uid();
        let info = key.resource.info();
        let root = as_map(&mut body);
        root.insert("apiVersion".into(), key.resource.api_version().into());
        root.insert("kind".into(), info.kind.into());
        let meta = as_map(root.entry("metadata").or_insert_with(|| json!({})));
        meta.insert("name".into(), key.name.clone().into());
        if info.is_namespaced {
            meta.insert("namespace".into(), key.namespace.clone().into());
        }
        meta.entry("uid").or_insert_with(|| uid.into());
        meta.entry("creationTimestamp").or_insert_with(|| seconds(now).into());
        if has_generation(key.resource) {
            meta.entry("generation").or_insert_with(|| 1.into());
        }
        self.put(key, ChangeKind::Added, body)
    }

    /// Replaces an object. `resourceVersion` and `uid` in the body, where given, must be those of the stored one.
    /// A body that changes nothing makes no revision.
    pub fn replace(&mut self, key: &Key, body: Value, part: Part) -> Result<Object, ApiError> {
        let stored = Arc::clone(self.must_get(key)?);
        let wanted = Preconditions {
            uid: str_at(&body, "/metadata/uid").map(str::to_owned),
            resource_version: str_at(&body, "/metadata/resourceVersion")
                .filter(|version| !version.is_empty())
                .map(str::to_owned),
        };
        check(key, &stored, &wanted)?;
        let next = merge_parts(key.resource, &stored, body, part);
        if next == *stored {
            return Ok(stored);
        }
        // An object that waited for its finalizers goes with the last of them.
        let is_released = next.pointer("/metadata/deletionTimestamp").is_some()
            && next
                .pointer("/metadata/finalizers")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty)
            && stored.pointer("/metadata/finalizers").is_some();
        let object = self.put(key.clone(), ChangeKind::Modified, next);
        if is_released {
            self.remove(key);
        }
        Ok(object)
    }

    /// Changes an object in place, as the cluster's own components do. Nothing happens where it is gone.
    pub fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Object> {
        let stored = Arc::clone(self.get(key)?);
        let mut next = Value::clone(&stored);
        change(&mut next);
        self.replace(key, next, Part::Whole).ok()
    }

    /// Removes an object at once, finalizers or not. Graceful deletion is the caller's business.
    pub fn remove(&mut self, key: &Key) -> Option<Object> {
        let before = self.objects.remove(key)?;
        self.revision += 1;
        let mut last = Value::clone(&before);
        set_version(&mut last, self.revision);
        let object = Arc::new(last);
        self.record(key.clone(), ChangeKind::Deleted, Arc::clone(&object), Some(before));
        Some(object)
    }

    /// Whether an object is the one that is meant.
    pub fn check(&self, key: &Key, wanted: &Preconditions) -> Result<(), ApiError> {
        let stored = self.must_get(key)?;
        check(key, stored, wanted)
    }

    /// The history after a revision, or 410 where it is gone.
    pub fn changes_after(&self, revision: u64) -> Result<impl Iterator<Item = &Change>, ApiError> {
        if revision < self.compacted {
            return Err(ApiError::expired(revision, self.compacted));
        }
        let from = self.history.partition_point(|change| change.revision <= revision);
        Ok(self.history.range(from..))
    }

    /// Forgets the history up to a revision.
    pub fn compact(&mut self, revision: u64) {
        while self.history.front().is_some_and(|change| change.revision <= revision) {
            self.history.pop_front();
        }
        self.compacted = self.compacted.max(revision.min(self.revision));
    }

    /// A random uid.
    pub fn uid(&mut self) -> String {
        let (a, b) = (self.dice.u64(..), self.dice.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }

    /// Five characters as in the names of pods.
    pub fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5)
            .filter_map(|_| LETTERS.get(self.dice.usize(..LETTERS.len())))
            .map(|letter| char::from(*letter))
            .collect()
    }

    fn put(&mut self, key: Key, kind: ChangeKind, mut body: Value) -> Object {
        self.revision += 1;
        set_version(&mut body, self.revision);
        let object = Arc::new(body);
        let before = self.objects.insert(key.clone(), Arc::clone(&object));
        self.record(key, kind, Arc::clone(&object), before);
        object
    }

    fn record(&mut self, key: Key, kind: ChangeKind, object: Object, before: Option<Object>) {
        self.history.push_back(Change {
            revision: self.revision,
            key,
            kind,
            object,
            before,
        });
        if self.history.len() > MAX_HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.revision;
        }
    }
}

/// A time as Kubernetes writes it in metadata: whole seconds, UTC.
pub fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A string inside an object, by JSON pointer.
pub fn str_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// A value as an object; whatever else it was becomes an empty one.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was just made an object"),
    }
}

fn set_version(body: &mut Value, revision: u64) {
    let meta = as_map(as_map(body).entry("metadata").or_insert_with(|| json!({})));
    meta.insert("resourceVersion".into(), revision.to_string().into());
}

/// Core objects without a controller of their own have no generation.
const fn has_generation(resource: Resource) -> bool {
    !matches!(
        resource,
        Resource::Namespaces
            | Resource::Nodes
            | Resource::Events
            | Resource::Services
            | Resource::Endpoints
            | Resource::ConfigMaps
            | Resource::Secrets
            | Resource::Claims
            | Resource::Volumes
            | Resource::Leases
    )
}

fn check(key: &Key, stored: &Value, wanted: &Preconditions) -> Result<(), ApiError> {
    let resource = key.resource.qualified();
    let uid = str_at(stored, "/metadata/uid").unwrap_or_default();
    if let Some(wanted) = wanted.uid.as_deref().filter(|wanted| *wanted != uid) {
        // As the real store words it, which found out while it wrote.
        let because = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
             UID in precondition: {wanted}, UID in object meta: {uid}",
            key.etcd()
        );
        return Err(ApiError::conflict(&resource, &key.name, &because));
    }
    let version = str_at(stored, "/metadata/resourceVersion").unwrap_or_default();
    if wanted
        .resource_version
        .as_deref()
        .is_some_and(|wanted| wanted != version)
    {
        let because = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(ApiError::conflict(&resource, &key.name, because));
    }
    Ok(())
}

/// The object after an update of one part, with what no client may change taken from the stored one.
fn merge_parts(resource: Resource, stored: &Value, mut body: Value, part: Part) -> Value {
    let info = resource.info();
    let has_status = info.has_status;
    if part == Part::Status && has_status {
        let status = as_map(&mut body).remove("status");
        body = stored.clone();
        set_or_remove(&mut body, "status", status);
    } else if part == Part::Spec && has_status {
        set_or_remove(&mut body, "status", stored.get("status").cloned());
    }
    let root = as_map(&mut body);
    for fixed in ["apiVersion", "kind"] {
        root.insert(fixed.into(), stored.get(fixed).cloned().unwrap_or_default());
    }
    let is_new_spec = resource_spec(root) != stored.as_object().map(resource_spec).unwrap_or_default();
    let meta = as_map(root.entry("metadata").or_insert_with(|| json!({})));
    for fixed in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
    ] {
        match stored.pointer("/metadata").and_then(|meta| meta.get(fixed)) {
            Some(value) => meta.insert(fixed.into(), value.clone()),
            None => meta.remove(fixed),
        };
    }
    if is_new_spec && has_generation(resource) {
        let generation = meta.get("generation").and_then(Value::as_u64).unwrap_or(0);
        meta.insert("generation".into(), (generation + 1).into());
    }
    body
}

/// What a new generation is made of: all but metadata and status.
fn resource_spec(root: &Map<String, Value>) -> Vec<(&String, &Value)> {
    root.iter()
        .filter(|(field, _)| !["metadata", "status", "apiVersion", "kind"].contains(&field.as_str()))
        .collect()
}

fn set_or_remove(body: &mut Value, field: &str, value: Option<Value>) {
    let root = as_map(body);
    match value {
        Some(value) => root.insert(field.into(), value),
        None => root.remove(field),
    };
}
