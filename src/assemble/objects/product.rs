//! Embedded Cluster's Installation and NetBox Enterprise's own object, read field by field.

use serde_json::Value;

use super::json::{at, bool_at, conditions, list_at, text_at};
use super::{Row, json_key};
use crate::base::{Text, Why};
use crate::model::KubeKind;
use crate::model::entry::way::bracketed;
use crate::model::product::{Bucket, Installation, NetBoxEnterprise, SecretRef, Services};
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
        diode: bool_at(raw, &["spec", "diode", "enabled"]),
        urls: urls(raw),
        services: services(raw),
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

/// Where NetBox's own configuration says that services outside are; of those that run inside nothing.
fn services(raw: &Value) -> Services {
    let is_outside = |service| bool_at(raw, &["spec", service, "external"]) == Some(true);
    let config = |service, part| at(raw, &["spec", "netbox", "config", part]).filter(|_| is_outside(service));
    let (postgres, cache) = (config("postgresql", "postgres"), config("redis", "redis"));
    let secret = |config: Option<&Value>| secret(raw, config?, "password");
    let storage = at(raw, &["spec", "netbox", "config", "storage", "s3"]);
    Services {
        postgresql: postgresql(raw, postgres).filter(|_| is_outside("postgresql")),
        postgresql_password: secret(postgres),
        redis: cache.and_then(redis),
        redis_password: secret(cache),
        s3: storage.and_then(|own| bucket(raw, own)),
    }
}

/// `{name, key}` of a Secret beside the object.
fn secret(raw: &Value, config: &Value, field: &str) -> Option<SecretRef> {
    Some(SecretRef {
        namespace: text_at(raw, &["metadata", "namespace"])?,
        name: text_at(config, &[field, "name"]).filter(is_name)?,
        key: text_at(config, &[field, "key"])?,
    })
}

/// Whether it is an object's name: it becomes part of a path.
fn is_name(name: &Text) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !name.is_empty() && name.as_str().chars().all(is_of_name) && !name.as_str().contains("..")
}

/// `postgres` has user and database; host and port are there, or in the first of `spec.postgresqlProfiles` that has them.
fn postgresql(raw: &Value, config: Option<&Value>) -> Option<Text> {
    let profiles = at(raw, &["spec", "postgresqlProfiles"]);
    let profiles: Vec<&Value> = match profiles {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(Value::Object(all)) => all.values().collect(),
        _ => Vec::new(),
    };
    let mut all = config.into_iter().chain(profiles);
    let server = all.find_map(server)?;
    let word = |key| config.and_then(|own| text_at(own, &[key]));
    let user = word("user").unwrap_or_else(|| "netbox".into());
    let database = word("database").unwrap_or_else(|| "netbox".into());
    Some(Text::from(format!("postgresql://{user}@{server}/{database}")))
}

fn redis(config: &Value) -> Option<Text> {
    let server = server(config)?;
    let scheme = if at(config, &["tlsConfig"]).is_some_and(Value::is_object) {
        "rediss"
    } else {
        "redis"
    };
    let user = text_at(config, &["username"]).map(|user| format!("{user}@"));
    Some(Text::from(format!("{scheme}://{}{server}", user.unwrap_or_default())))
}

/// `HOST[:PORT]`.
fn server(config: &Value) -> Option<String> {
    let host = text_at(config, &["host"]).filter(|host| !host.is_empty())?;
    let host = bracketed(host.as_str());
    Some(match at(config, &["port"]).and_then(Value::as_u64) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// Without an endpoint it is Amazon's, of its region.
fn bucket(raw: &Value, config: &Value) -> Option<Bucket> {
    if bool_at(config, &["enabled"]) == Some(false) {
        return None;
    }
    let region = text_at(config, &["regionName"]);
    let amazon = || Some(Text::from(format!("https://s3.{}.amazonaws.com", region.as_ref()?)));
    Some(Bucket {
        endpoint: text_at(config, &["endpointUrl"]).or_else(amazon)?,
        name: text_at(config, &["bucketName"])?,
        region,
        access_key: secret(raw, config, "accessKeyId"),
        secret_key: secret(raw, config, "secretAccessKey"),
    })
}
