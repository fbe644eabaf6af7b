//! A value with its source and its age.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::feed::FeedId;
use crate::base::{Natural, Stamp, Text};

/// A value that a feed reported. When it was last *verified* is the feed's `as_of`: one answer verifies all rows of a
/// feed, so the rows need not be written again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// What was reported.
    pub value: T,
    /// Who reported it.
    pub feed: FeedId,
    /// When we saw this value first. Ages of heartbeats count from here: other hosts' clocks differ from ours.
    pub changed_at: Stamp,
    /// Whether we saw the value change at least once. Before that, `changed_at` is only when we came to look.
    pub seen_changing: bool,
}

/// Names one object of a kind. Keys are ordered as people count: `nbe-2` before `nbe-10`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Empty for cluster-scoped kinds.
    pub namespace: Text,
    /// Unique within kind and namespace at any one time; may be reused after a deletion.
    pub name: Text,
}

impl ObjectKey {
    /// A key from its two parts.
    pub fn new(namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_namespace = Natural(&self.namespace).cmp(&Natural(&other.namespace));
        by_namespace.then_with(|| Natural(&self.name).cmp(&Natural(&other.name)))
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}", self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// The rows of one kind, in order of their keys. Cheap to clone: a snapshot shares its rows with the next one.
/// Serialized as a list of pairs, because JSON keys are strings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(ObjectKey, Arc<Fact<T>>)>", into = "Vec<(ObjectKey, Arc<Fact<T>>)>")]
#[serde(bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>"))]
pub struct Table<T>(Arc<BTreeMap<ObjectKey, Arc<Fact<T>>>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> From<Vec<(ObjectKey, Arc<Fact<T>>)>> for Table<T> {
    fn from(rows: Vec<(ObjectKey, Arc<Fact<T>>)>) -> Self {
        Self(Arc::new(rows.into_iter().collect()))
    }
}

impl<T> From<Table<T>> for Vec<(ObjectKey, Arc<Fact<T>>)> {
    fn from(table: Table<T>) -> Self {
        table
            .0
            .iter()
            .map(|(key, fact)| (key.clone(), Arc::clone(fact)))
            .collect()
    }
}

/// A row that is otherwise: its key, what it was, and what it is.
type Change<'a, T> = (&'a ObjectKey, Option<&'a Fact<T>>, Option<&'a Fact<T>>);

impl<T> Table<T> {
    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Fact<T>)> {
        self.0.iter().map(|(key, fact)| (key, &**fact))
    }

    /// All values, in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values().map(|fact| &fact.value)
    }

    /// One row.
    pub fn get(&self, key: &ObjectKey) -> Option<&Fact<T>> {
        self.0.get(key).map(|fact| &**fact)
    }

    /// Whether it is the same table, not only an equal one: what one snapshot shares with the next did not change.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The rows that are otherwise than in an earlier table, in order: as they were, and as they are.
    pub fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = Change<'a, T>> {
        let (mut old, mut new) = (before.0.iter().peekable(), self.0.iter().peekable());
        let mut next = move || {
            let order = match (old.peek(), new.peek()) {
                (Some((was, _)), Some((is, _))) => was.cmp(is),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            Some((was.or(is)?.0, was.map(|(_, fact)| fact), is.map(|(_, fact)| fact)))
        };
        std::iter::from_fn(move || {
            loop {
                let (key, was, is) = next()?;
                if !was.zip(is).is_some_and(|(was, is)| Arc::ptr_eq(was, is)) {
                    return Some((key, was.map(|fact| &**fact), is.map(|fact| &**fact)));
                }
            }
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The map, for whoever assembles a table.
    pub fn rows_mut(&mut self) -> &mut BTreeMap<ObjectKey, Arc<Fact<T>>> {
        Arc::make_mut(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &Arc<Fact<u8>>)]) -> Table<u8> {
        let rows = rows.iter();
        let rows: Vec<_> = rows
            .map(|(name, fact)| (ObjectKey::new("", *name), Arc::clone(fact)))
            .collect();
        rows.into()
    }

    #[test]
    fn rows_that_are_otherwise_are_told_in_order_and_no_others() {
        let fact = |value| {
            Arc::new(Fact {
                value,
                feed: FeedId::Api,
                changed_at: crate::model::example::now(),
                seen_changing: false,
            })
        };
        let (same, old, new) = (fact(0), fact(1), fact(2));
        let before = table(&[
            ("a", &same),
            ("c", &old),
            ("nbe-2", &same),
            ("nbe-10", &old),
            ("z", &old),
        ]);
        let now = table(&[
            ("a", &same),
            ("b", &new),
            ("nbe-2", &same),
            ("nbe-10", &new),
            ("z", &old),
        ]);
        let told = |now: &Table<u8>, before: &Table<u8>| -> Vec<(String, Option<u8>, Option<u8>)> {
            let value = |fact: Option<&Fact<u8>>| fact.map(|fact| fact.value);
            let changes = now.since(before);
            changes
                .map(|(key, was, is)| (key.to_string(), value(was), value(is)))
                .collect()
        };
        let wanted = [("b", None, Some(2)), ("c", Some(1), None), ("nbe-10", Some(1), Some(2))];
        let wanted = wanted.map(|(name, was, is)| (name.to_owned(), was, is));
        assert_eq!(told(&now, &before), wanted);
        assert_eq!(told(&now, &now), []);
        assert_eq!(told(&now, &Table::default()).len(), 5);
    }
}
