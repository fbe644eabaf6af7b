//! Stamps in few letters. Most of what changes each second on a quiet cluster are moments, and written out each is a hundred
//! bytes: `~MONO,OFFSET,AHEAD` tells the same beside an anchor. OFFSET is by how many nanoseconds the wall clock is elsewhere than
//! the monotonic one says; zeros at the end are left out.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::base::Stamp;

/// What begins a stamp; a text that begins so has it twice.
const MARK: char = '~';

/// Where the wall clock would be at `mono_ms`, in nanoseconds.
fn expected(anchor: Stamp, mono_ms: u64) -> i128 {
    let passed = i128::from(mono_ms) - i128::from(anchor.mono_ms);
    anchor.wall.as_nanosecond() + passed * 1_000_000
}

/// Shortens every stamp in a value.
pub fn pack(value: &mut Value, anchor: Stamp) {
    match value {
        Value::Object(fields) => {
            if let Some(short) = short(fields, anchor) {
                *value = Value::String(short);
            } else {
                fields.values_mut().for_each(|field| pack(field, anchor));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| pack(item, anchor)),
        Value::String(text) if text.starts_with(MARK) => text.insert(0, MARK),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn short(fields: &Map<String, Value>, anchor: Stamp) -> Option<String> {
    let mono_ms = fields.get("mono_ms")?.as_u64()?;
    let raw = fields.get("wall")?.as_str()?;
    let wall: Timestamp = raw.parse().ok()?;
    let ahead = fields.get("ahead_ms").map_or(Some(0), Value::as_u64)?;
    let known = 2 + usize::from(fields.contains_key("ahead_ms"));
    let offset = wall.as_nanosecond() - expected(anchor, mono_ms);
    let short = match (offset, ahead) {
        (0, 0) => format!("{MARK}{mono_ms}"),
        (_, 0) => format!("{MARK}{mono_ms},{offset}"),
        _ => format!("{MARK}{mono_ms},{offset},{ahead}"),
    };
    // Only what comes back as it was.
    (fields.len() == known && wall.to_string() == raw && (ahead > 0) == (known == 3)).then_some(short)
}

/// Writes every stamp in a value out again. The error names what is no stamp.
pub fn unpack(value: &mut Value, anchor: Stamp) -> Result<(), String> {
    match value {
        Value::Object(fields) => fields.values_mut().try_for_each(|field| unpack(field, anchor)),
        Value::Array(items) => items.iter_mut().try_for_each(|item| unpack(item, anchor)),
        Value::String(text) if text.starts_with(MARK) => {
            let rest = text.split_off(1);
            *value = if rest.starts_with(MARK) {
                Value::String(rest)
            } else {
                long(&rest, anchor).ok_or_else(|| format!("{rest:?} is no moment"))?
            };
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn long(short: &str, anchor: Stamp) -> Option<Value> {
    let mut parts = short.splitn(3, ',');
    let mono_ms: u64 = parts.next()?.parse().ok()?;
    let offset: i64 = parts.next().map_or(Ok(0), str::parse).ok()?;
    let ahead: u64 = parts.next().map_or(Ok(0), str::parse).ok()?;
    let wall = Timestamp::from_nanosecond(expected(anchor, mono_ms) + i128::from(offset)).ok()?;
    let mut fields = Map::new();
    fields.insert("mono_ms".to_owned(), mono_ms.into());
    fields.insert("wall".to_owned(), wall.to_string().into());
    if ahead > 0 {
        fields.insert("ahead_ms".to_owned(), ahead.into());
    }
    Some(Value::Object(fields))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn anchor() -> Stamp {
        crate::model::example::now()
    }

    proptest! {
        #[test]
        fn a_stamp_comes_back_as_it_was(mono_ms in any::<u32>(), offset in any::<i32>(), ahead_ms in 0..3u64) {
            let wall = Timestamp::from_nanosecond(anchor().wall.as_nanosecond() + i128::from(offset)).unwrap();
            let stamp = Stamp { mono_ms: mono_ms.into(), wall, ahead_ms };
            let whole = json!({ "at": [stamp] });
            let mut value = whole.clone();
            pack(&mut value, anchor());
            prop_assert!(value["at"][0].is_string());
            unpack(&mut value, anchor()).unwrap();
            prop_assert_eq!(value, whole);
        }

        #[test]
        fn texts_that_look_like_stamps_stay(text in "~{0,3}[0-9]{0,9}[,a]{0,2}") {
            let mut value = json!([text.clone()]);
            pack(&mut value, anchor());
            unpack(&mut value, anchor()).unwrap();
            prop_assert_eq!(value, json!([text]));
        }

        #[test]
        fn what_is_no_stamp_is_an_error_and_no_panic(text in "~[-0-9,a]{0,30}") {
            let _ = unpack(&mut json!([text]), anchor());
        }
    }
}
