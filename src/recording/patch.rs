//! What differs between two JSON values, as a JSON value: `[new]` for another value, `[]` for a field that is gone, and an
//! object for what differs inside, by field or by place in a list. Start reading at [`between`].

use serde_json::{Map, Value};

/// What makes `now` of `before`; None where they are equal.
pub fn between(before: &Value, now: &Value) -> Option<Value> {
    if before == now {
        return None;
    }
    let inside = match (before, now) {
        (Value::Object(before), Value::Object(now)) => fields(before, now),
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => items(before, now),
        _ => return Some(set(now.clone())),
    };
    Some(Value::Object(inside))
}

/// Another value, whatever was before.
pub fn set(now: Value) -> Value {
    Value::Array(vec![now])
}

/// Nothing any more.
pub const fn gone() -> Value {
    Value::Array(Vec::new())
}

fn fields(before: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let kept = now.iter().filter_map(|(name, value)| {
        let patch = match before.get(name) {
            Some(old) => between(old, value)?,
            None => set(value.clone()),
        };
        Some((name.clone(), patch))
    });
    let lost = before.keys().filter(|name| !now.contains_key(*name));
    kept.chain(lost.map(|name| (name.clone(), gone()))).collect()
}

fn items(before: &[Value], now: &[Value]) -> Map<String, Value> {
    let pairs = before.iter().zip(now).enumerate();
    pairs
        .filter_map(|(place, (old, new))| Some((place.to_string(), between(old, new)?)))
        .collect()
}

/// Makes of a value what it became; None where it is gone. The error says where the patch does not fit.
pub fn apply(value: Option<Value>, patch: Value) -> Result<Option<Value>, String> {
    match (patch, value) {
        (Value::Array(mut new), _) if new.len() < 2 => Ok(new.pop()),
        (Value::Object(patches), Some(Value::Object(mut fields))) => {
            for (name, patch) in patches {
                let old = fields.remove(&name);
                if let Some(new) = apply(old, patch).map_err(|why| format!("{name}.{why}"))? {
                    fields.insert(name, new);
                }
            }
            Ok(Some(Value::Object(fields)))
        }
        (Value::Object(patches), Some(Value::Array(mut items))) => {
            for (place, patch) in patches {
                let item = place.parse().ok().and_then(|place: usize| items.get_mut(place));
                let item = item.ok_or_else(|| format!("{place}: there is no such place"))?;
                let new = apply(Some(item.take()), patch).map_err(|why| format!("{place}.{why}"))?;
                *item = new.ok_or_else(|| format!("{place}: a place of a list cannot be gone"))?;
            }
            Ok(Some(Value::Array(items)))
        }
        _ => Err("the difference does not fit what was before".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3u8).prop_map(Value::from),
            "[ab]".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_one_of_the_other(before in any_value(), now in any_value()) {
            match between(&before, &now) {
                None => prop_assert_eq!(before, now),
                Some(patch) => prop_assert_eq!(apply(Some(before), patch), Ok(Some(now))),
            }
        }

        #[test]
        fn what_does_not_fit_is_an_error_and_no_panic(value in any_value(), patch in any_value()) {
            let _ = apply(Some(value), patch);
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({ "a": 1, "b": [1, { "c": 2, "d": 3 }], "e": 5 });
        let now = json!({ "a": 1, "b": [1, { "c": 2, "d": 4 }], "f": null });
        let patch = between(&before, &now).unwrap();
        assert_eq!(patch, json!({ "b": { "1": { "d": [4] } }, "e": [], "f": [null] }));
    }
}
