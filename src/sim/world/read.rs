//! Reading and changing objects as JSON, in the few ways in which the cluster's components need it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::{as_map, seconds, str_at};

/// A time as leases hold it: microseconds, UTC.
pub fn micro(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// A list inside an object, by JSON pointer; empty where there is none.
pub fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A number inside an object, by JSON pointer.
pub fn number_at(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// Puts a value below a path of fields, which are made where they are missing.
pub fn set(value: &mut Value, path: &[&str], new: Value) {
    match path {
        [] => *value = new,
        [field, rest @ ..] => set(as_map(value).entry(*field).or_insert(Value::Null), rest, new),
    }
}

/// Takes a field away below a path of fields.
pub fn unset(value: &mut Value, path: &[&str]) {
    match path {
        [] => {}
        [field] => {
            if let Some(map) = value.as_object_mut() {
                map.remove(*field);
            }
        }
        [field, rest @ ..] => {
            if let Some(inner) = value.get_mut(*field) {
                unset(inner, rest);
            }
        }
    }
}

/// A label of an object.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// An annotation of an object.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// An object's uid; empty where it has none.
pub fn uid(object: &Value) -> &str {
    object
        .get("metadata")
        .and_then(|meta| meta.get("uid"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether somebody asked for an object's end.
pub fn is_deleting(object: &Value) -> bool {
    object
        .get("metadata")
        .is_some_and(|meta| meta.get("deletionTimestamp").is_some())
}

/// The owner that controls an object: its kind, name and uid.
pub fn controller(object: &Value) -> Option<(&str, &str, &str)> {
    let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
    let owner = owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    Some((
        owner.get("kind")?.as_str()?,
        owner.get("name")?.as_str()?,
        owner.get("uid")?.as_str()?,
    ))
}

/// A reference to an object as its controller.
pub fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner.get("apiVersion"), "kind": owner.get("kind"),
        "name": str_at(owner, "/metadata/name"), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// `status.conditions`, the one of a type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.get("status")?.get("conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

/// `status` of a condition: `True`, `False` or `Unknown`; empty where there is none.
pub fn condition_status<'a>(object: &'a Value, kind: &str) -> &'a str {
    condition(object, kind)
        .and_then(|condition| condition.get("status"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether an object is Ready.
pub fn is_ready(object: &Value) -> bool {
    condition_status(object, "Ready") == "True"
}

/// Writes a condition. Its transition time moves only where its status changes; a condition that says the same already
/// stays as it is.
pub fn set_condition(object: &mut Value, kind: &str, status: &str, reason: &str, message: &str, at: Timestamp) {
    let mut new = json!({"type": kind, "status": status, "lastTransitionTime": seconds(at)});
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            set(&mut new, &[field], text.into());
        }
    }
    let all = as_map(object).entry("status").or_insert_with(|| json!({}));
    let all = as_map(all).entry("conditions").or_insert_with(|| json!([]));
    let Some(all) = all.as_array_mut() else { return };
    let Some(old) = all.iter_mut().find(|old| str_at(old, "/type") == Some(kind)) else {
        all.push(new);
        return;
    };
    if old.get("status") == new.get("status") {
        set(
            &mut new,
            &["lastTransitionTime"],
            old.get("lastTransitionTime").cloned().unwrap_or_default(),
        );
    }
    for kept in ["lastHeartbeatTime", "lastProbeTime", "observedGeneration"] {
        if let Some(value) = old.get(kept) {
            set(&mut new, &[kept], value.clone());
        }
    }
    *old = new;
}

/// Whether a `LabelSelector` selects an object. A missing one selects nothing.
pub fn selects(selector: Option<&Value>, object: &Value) -> bool {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else {
        return false;
    };
    let equal = selector.get("matchLabels").and_then(Value::as_object);
    let mut equal = equal.into_iter().flatten();
    equal.all(|(key, value)| label(object, key) == value.as_str())
        && list_at(selector, "/matchExpressions")
            .iter()
            .all(|rule| holds(rule, object))
}

/// Whether one `LabelSelectorRequirement` (or node selector requirement) holds for an object's labels.
pub fn holds(rule: &Value, object: &Value) -> bool {
    let value = str_at(rule, "/key").and_then(|key| label(object, key));
    let listed = value.is_some_and(|value| list_at(rule, "/values").iter().any(|wanted| wanted == value));
    match str_at(rule, "/operator") {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        _ => false,
    }
}

/// A CPU quantity in thousandths: `500m`, `8`.
pub fn cpu_milli(quantity: &str) -> u64 {
    match quantity.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or(0),
        None => quantity.parse::<u64>().unwrap_or(0).saturating_mul(1_000),
    }
}

/// A memory quantity in bytes: `2Gi`, `30M`, `1024`.
pub fn bytes(quantity: &str) -> u64 {
    let digits = quantity.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = quantity.get(digits.len()..).unwrap_or_default();
    let factor = match unit {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or(0).saturating_mul(factor)
}

/// What a pod asks for: thousandths of a CPU, bytes.
pub fn requests(spec: &Value) -> (u64, u64) {
    let own = |container: &Value, name: &str| {
        let asked = container
            .pointer("/resources/requests")
            .and_then(|asked| asked.get(name));
        asked.and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    list_at(spec, "/containers")
        .iter()
        .fold((0, 0), |(cpu, memory), container| {
            (
                cpu + cpu_milli(&own(container, "cpu")),
                memory + bytes(&own(container, "memory")),
            )
        })
}
