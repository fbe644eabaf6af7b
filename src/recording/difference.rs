//! What is otherwise in a snapshot than in the one before: rows of tables by their keys, everything else field by field. Start
//! reading at [`Before`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{patch, stamps};
use crate::base::{Stamp, Text};
use crate::model::fact::Fact;
use crate::model::{ObjectKey, Snapshot, Table};

/// The difference.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Difference {
    /// By table: its rows that are otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rows: Rows,
    /// What is otherwise in everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Value>,
}

/// Rows by the name of their table.
pub type Rows = BTreeMap<String, Vec<Row>>;

/// Namespace and name, and what makes the row of what it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row(Text, Text, Value);

/// The snapshot before, and everything of it that is in no table.
#[derive(Debug, Clone)]
pub struct Before {
    anchor: Stamp,
    snapshot: Arc<Snapshot>,
    rest: Value,
}

/// Calls for every table that has many rows. One that is forgotten here is told with everything else, at greater length.
macro_rules! each_table {
    ($call:ident) => {
        $call!(
            nodes,
            pods,
            leases,
            deployments,
            replica_sets,
            stateful_sets,
            daemon_sets,
            claims,
            volumes,
            disruption_budgets,
            etcd_members,
            control_nodes
        )
    };
}

impl Before {
    /// Begins with a snapshot that is known as a whole.
    pub fn begin(snapshot: Arc<Snapshot>, anchor: Stamp) -> Result<Self, serde_json::Error> {
        Ok(Self {
            rest: rest(&snapshot, anchor)?,
            anchor,
            snapshot,
        })
    }

    /// What is otherwise in the next one.
    pub fn next(&mut self, now: Arc<Snapshot>) -> Result<Difference, serde_json::Error> {
        let mut told = Difference::default();
        macro_rules! compare {
            ($($table:ident),*) => {
                $(
                    let rows = changed(&self.snapshot.kube.$table, &now.kube.$table, self.anchor)?;
                    if !rows.is_empty() {
                        told.rows.insert(stringify!($table).to_owned(), rows);
                    }
                )*
            };
        }
        each_table!(compare);
        let rest = rest(&now, self.anchor)?;
        told.rest = patch::between(&self.rest, &rest);
        self.rest = rest;
        self.snapshot = now;
        Ok(told)
    }

    /// The next one from what is otherwise in it. The error says what does not fit.
    pub fn follow(&mut self, told: Difference) -> Result<Arc<Snapshot>, String> {
        if let Some(difference) = told.rest {
            let rest = patch::apply(Some(std::mem::take(&mut self.rest)), difference)?;
            self.rest = rest.ok_or("the snapshot is gone")?;
        }
        let mut snapshot: Snapshot = read(self.rest.clone(), self.anchor)?;
        fill(&mut snapshot, &self.snapshot, told.rows, self.anchor)?;
        self.snapshot = Arc::new(snapshot);
        Ok(Arc::clone(&self.snapshot))
    }
}

/// Gives a snapshot without rows those of the one before, as far as they are not told otherwise. The error says what does not
/// fit.
pub fn fill(snapshot: &mut Snapshot, before: &Snapshot, mut rows: Rows, anchor: Stamp) -> Result<(), String> {
    macro_rules! fill {
        ($($table:ident),*) => {
            $(
                let own = rows.remove(stringify!($table)).unwrap_or_default();
                snapshot.kube.$table = followed(&before.kube.$table, own, anchor)?;
            )*
        };
    }
    each_table!(fill);
    match rows.keys().next() {
        Some(table) => Err(format!("there is no table {table:?}")),
        None => Ok(()),
    }
}

/// The snapshot with no row in its tables.
pub fn without_rows(snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    macro_rules! empty {
        ($($table:ident),*) => { $( snapshot.kube.$table = Table::default(); )* };
    }
    each_table!(empty);
    snapshot
}

/// Every row of a snapshot, written one at a time: as [`Rows`] they would take many times the room of the tables.
#[derive(Debug)]
pub struct EveryRow<'a>(pub &'a Snapshot, pub Stamp);

impl Serialize for EveryRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tables = serializer.serialize_map(None)?;
        macro_rules! write {
            ($($table:ident),*) => {
                $( tables.serialize_entry(stringify!($table), &TableRows(&self.0.kube.$table, self.1))?; )*
            };
        }
        each_table!(write);
        tables.end()
    }
}

struct TableRows<'a, T>(&'a Table<T>, Stamp);

impl<T: Serialize> Serialize for TableRows<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(None)?;
        for (key, fact) in self.0.iter() {
            let row = written(fact, self.1).map_err(S::Error::custom)?;
            rows.serialize_element(&Row(key.namespace.clone(), key.name.clone(), patch::set(row)))?;
        }
        rows.end()
    }
}

fn rest(snapshot: &Snapshot, anchor: Stamp) -> Result<Value, serde_json::Error> {
    written(&without_rows(snapshot), anchor)
}

fn written<T: Serialize>(value: &T, anchor: Stamp) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(value)?;
    stamps::pack(&mut value, anchor);
    Ok(value)
}

fn read<T: DeserializeOwned>(mut value: Value, anchor: Stamp) -> Result<T, String> {
    stamps::unpack(&mut value, anchor)?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn changed<T: Serialize>(before: &Table<T>, now: &Table<T>, anchor: Stamp) -> Result<Vec<Row>, serde_json::Error> {
    let mut rows = Vec::new();
    if now.is_same(before) {
        return Ok(rows);
    }
    for (key, was, is) in now.since(before) {
        let difference = match (was, is) {
            (Some(was), Some(is)) => patch::between(&written(was, anchor)?, &written(is, anchor)?),
            (None, Some(is)) => Some(patch::set(written(is, anchor)?)),
            (_, None) => Some(patch::gone()),
        };
        rows.extend(difference.map(|difference| Row(key.namespace.clone(), key.name.clone(), difference)));
    }
    Ok(rows)
}

fn followed<T: Clone + Serialize + DeserializeOwned>(
    before: &Table<T>,
    rows: Vec<Row>,
    anchor: Stamp,
) -> Result<Table<T>, String> {
    let mut table = before.clone();
    for Row(namespace, name, difference) in rows {
        let key = ObjectKey { namespace, name };
        let was = table.get(&key).map(|fact| written(fact, anchor)).transpose();
        let was = was.map_err(|error| error.to_string())?;
        match patch::apply(was, difference).map_err(|why| format!("{key}: {why}"))? {
            Some(row) => {
                let fact: Fact<T> = read(row, anchor)?;
                table.rows_mut().insert(key, Arc::new(fact));
            }
            None => drop(table.rows_mut().remove(&key)),
        }
    }
    Ok(table)
}
