//! A plan's digest: what was shown is what runs, also in another process and after a year.

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::step::Plan;
use crate::base::Text;

impl Plan {
    /// SHA-256 of the plan's JSON with sorted keys, in lower-case hex.
    pub fn digest(&self) -> Text {
        // A `Value` keeps its keys sorted, and every field of a plan has a JSON form; a plan without one would have the
        // digest of `null`, which no journal line carries.
        let json = serde_json::to_value(self).unwrap_or(Value::Null).to_string();
        let hash = digest(&SHA256, json.as_bytes());
        let bytes = hash.as_ref().iter();
        let hex: Vec<String> = bytes.map(|byte| format!("{byte:02x}")).collect();
        Text::from(hex.concat())
    }
}
