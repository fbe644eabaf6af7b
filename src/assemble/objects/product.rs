//! Embedded Cluster's Installation and NetBox Enterprise's own object, read field by field.

use serde_json::Value;

use super::json::{at, bool_at, conditions, list_at, text_at};
use super::{Row, json_key};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::product::{Installation, NetBoxEnterprise};
use crate::port::KubeObject;

/// embeddedcluster.replicated.com Installation.
pub fn installation(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::Installations, raw)?;
    let row = Installation {
        state: text_at(raw, &["status", "state"]).unwrap_or_default(),
        reason: text_at(raw, &["status", "reason"]).unwrap_or_default(),
        high_availability: bool_at(raw, &["spec", "highAvailability"]).unwrap_or(false),
        air_gap: bool_at(raw, &["spec", "airGap"]).unwrap_or(false),
        version: text_at(raw, &["spec", "config", "version"]),
        conditions: conditions(raw),
    };
    Ok((key, KubeObject::Installation(row)))
}

/// netboxlabs.com NetBoxEnterprise.
pub fn netbox_enterprise(raw: &Value) -> Result<Row, Why> {
    let key = json_key(KubeKind::NetBoxEnterprises, raw)?;
    let number = |path: &[&str]| at(raw, path).and_then(Value::as_i64);
    let row = NetBoxEnterprise {
        api_version: text_at(raw, &["apiVersion"]).unwrap_or_default(),
        ready: bool_at(raw, &["status", "ready"]),
        message: text_at(raw, &["status", "message"]).unwrap_or_default(),
        generation: number(&["metadata", "generation"]),
        converged_generation: number(&["status", "convergedGeneration"]),
        conditions: conditions(raw),
        external_postgresql: bool_at(raw, &["spec", "postgresql", "external"]),
        external_redis: bool_at(raw, &["spec", "redis", "external"]),
        urls: urls(raw),
    };
    Ok((key, KubeObject::NetBoxEnterprise(row)))
}

/// No more URLs than this are kept.
const MAX_URLS: usize = 16;

/// `spec.netbox.urls` (NetBoxEnterprise CRD reference 2.1).
fn urls(raw: &Value) -> Vec<Text> {
    let urls = list_at(raw, &["spec", "netbox", "urls"]).iter();
    urls.filter_map(Value::as_str).take(MAX_URLS).map(Text::new).collect()
}
