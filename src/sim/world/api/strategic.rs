//! Strategic merge patches: like merge patches, but some lists are merged by a key. Only the lists that kubectl and
//! controllers patch are known; all others are replaced, as the real ones without a merge key are.

use serde_json::{Map, Value};

use crate::sim::world::status::ApiError;

/// Lists that are merged, by the end of their path, and the field that tells their entries apart.
const MERGED: &[(&str, &str)] = &[
    ("metadata.ownerReferences", "uid"),
    ("status.addresses", "type"),
    ("status.conditions", "type"),
    ("spec.containers", "name"),
    ("spec.initContainers", "name"),
    ("spec.volumes", "name"),
    ("spec.imagePullSecrets", "name"),
    ("spec.topologySpreadConstraints", "topologyKey"),
    ("containers.env", "name"),
    ("containers.ports", "containerPort"),
    ("containers.volumeMounts", "mountPath"),
    ("initContainers.env", "name"),
    ("initContainers.volumeMounts", "mountPath"),
];

/// Lists of plain values that are merged.
const MERGED_PLAIN: &[&str] = &["metadata.finalizers", "spec.podCIDRs"];

const DELETE_PLAIN: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    merge_at("", object, patch)
}

fn merge_at(place: &str, target: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(patch));
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return Ok(());
    };
    for (field, value) in patch {
        merge_field(place, target, field, value)?;
    }
    Ok(())
}

fn merge_field(place: &str, target: &mut Map<String, Value>, field: &str, value: &Value) -> Result<(), ApiError> {
    if field == "$patch" || field.starts_with(ORDER) {
        return Ok(());
    }
    if let Some(list) = field.strip_prefix(DELETE_PLAIN) {
        let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(list) = target.get_mut(list).and_then(Value::as_array_mut) {
            list.retain(|entry| !gone.contains(entry));
        }
        return Ok(());
    }
    if field == "$retainKeys" {
        let kept = value.as_array().map(Vec::as_slice).unwrap_or_default();
        target.retain(|own, _| kept.iter().any(|kept| kept == own));
        return Ok(());
    }
    if field.starts_with('$') {
        return Err(ApiError::not_simulated("such directive of strategic merge patches"));
    }
    let path = format!("{}.{field}", place.rsplit('.').next().unwrap_or_default());
    let path = path.trim_start_matches('.');
    match value {
        Value::Null => {
            target.remove(field);
        }
        Value::Object(_) => merge_at(path, target.entry(field).or_insert(Value::Null), value)?,
        Value::Array(entries) if MERGED_PLAIN.contains(&path) => {
            let list = list_of(target, field);
            for entry in entries {
                if !list.contains(entry) {
                    list.push(entry.clone());
                }
            }
        }
        Value::Array(entries) => match MERGED.iter().find(|(known, _)| *known == path) {
            Some((_, key)) => merge_list(path, key, list_of(target, field), entries)?,
            None => {
                target.insert(field.to_owned(), value.clone());
            }
        },
        _ => {
            target.insert(field.to_owned(), value.clone());
        }
    }
    Ok(())
}

fn list_of<'a>(target: &'a mut Map<String, Value>, field: &str) -> &'a mut Vec<Value> {
    let list = target.entry(field).or_insert(Value::Null);
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    match list {
        Value::Array(list) => list,
        _ => unreachable!("it was just made a list"),
    }
}

fn merge_list(path: &str, key: &str, list: &mut Vec<Value>, entries: &[Value]) -> Result<(), ApiError> {
    let directive = |entry: &Value| entry.get("$patch").and_then(Value::as_str).map(str::to_owned);
    if entries
        .iter()
        .any(|entry| directive(entry).as_deref() == Some("replace"))
    {
        list.clear();
        list.extend(entries.iter().filter(|entry| directive(entry).is_none()).cloned());
        return Ok(());
    }
    for entry in entries {
        let Some(name) = entry.get(key) else {
            let message = format!("map: {entry} does not contain declared merge key: {key}");
            return Err(ApiError::bad_request(message));
        };
        let place = list.iter().position(|own| own.get(key) == Some(name));
        match (directive(entry).as_deref(), place) {
            (Some("delete"), Some(place)) => {
                list.remove(place);
            }
            (Some("delete"), None) => {}
            (_, Some(place)) => {
                if let Some(own) = list.get_mut(place) {
                    merge_at(path, own, entry)?;
                }
            }
            (_, None) => list.push(entry.clone()),
        }
    }
    Ok(())
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    let plain = patch.iter().filter(|(field, _)| !field.starts_with('$'));
    plain.map(|(field, value)| (field.clone(), value.clone())).collect()
}
