//! The query of a request.

use serde_json::Value;

use crate::sim::world::status::{ApiError, Cause};

/// Names and values, decoded, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// What stands behind the question mark.
    pub(super) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same, but an empty value is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A switch: being there is enough, `false` and `0` turn it off.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !["false", "0"].contains(&value.to_ascii_lowercase().as_str()))
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let wrong = |value: &str| ApiError::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"));
        self.text(name)
            .map(|value| value.parse().map_err(|_| wrong(value)))
            .transpose()
    }

    /// Whether nothing is to be kept. `options` is the kind that the server speaks of when the value is wrong.
    pub(super) fn is_dry_run(&self, options: &str) -> Result<bool, ApiError> {
        let values: Vec<Value> = self
            .0
            .iter()
            .filter(|(name, value)| name == "dryRun" && !value.is_empty())
            .map(|(_, value)| Value::from(value.as_str()))
            .collect();
        is_dry_run(options, &values)
    }
}

/// Whether `dryRun` says so: `All` is the only word.
pub(super) fn is_dry_run(options: &str, values: &[Value]) -> Result<bool, ApiError> {
    if values.iter().all(|value| value == "All") {
        return Ok(!values.is_empty());
    }
    let value = Value::Array(values.to_vec());
    let cause = Cause::not_supported("dryRun", &value, &["All"]);
    Err(ApiError::invalid(&format!("{options}.meta.k8s.io"), "", vec![cause]))
}

fn decode(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = raw.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
