//! Reading fields of objects whose schema is not ours: what is missing or of another type is None.

use jiff::Timestamp;
use serde_json::Value;

use crate::base::Text;
use crate::model::kube::{Condition, Tri};

/// The value below a path of field names.
pub fn at<'a>(raw: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(raw, |value, name| value.get(name))
}

/// The string below a path.
pub fn str_at<'a>(raw: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(raw, path)?.as_str()
}

/// The string below a path, cleaned.
pub fn text_at(raw: &Value, path: &[&str]) -> Option<Text> {
    str_at(raw, path).map(Text::new)
}

/// The boolean below a path.
pub fn bool_at(raw: &Value, path: &[&str]) -> Option<bool> {
    at(raw, path)?.as_bool()
}

/// The list below a path; empty where there is none.
pub fn list_at<'a>(raw: &'a Value, path: &[&str]) -> &'a [Value] {
    at(raw, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `status.conditions`; entries without a type are left out.
pub fn conditions(raw: &Value) -> Vec<Condition> {
    let read = |entry: &Value| {
        let field = |name: &str| text_at(entry, &[name]).unwrap_or_default();
        Some(Condition {
            kind: text_at(entry, &["type"])?,
            status: Tri::parse(str_at(entry, &["status"]).unwrap_or_default()),
            reason: field("reason"),
            message: field("message"),
            changed: str_at(entry, &["lastTransitionTime"]).and_then(|time| time.parse::<Timestamp>().ok()),
        })
    };
    list_at(raw, &["status", "conditions"])
        .iter()
        .filter_map(read)
        .collect()
}
