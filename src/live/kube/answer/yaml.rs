//! One object as YAML, without what must not be seen.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::session::Session;
use super::paths;
use crate::base::{Text, Why, WhyKind};
use crate::model::question::{ObjectRef, Told};

/// What `kubectl apply` keeps of an object: all of it, and so a Secret's data once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What stands in every private key in PEM, and in every kubeconfig that can be used.
const KEYS: [&str; 5] = [
    "PRIVATE KEY-----",
    "client-key-data",
    "client-certificate-data",
    "current-context",
    "kind: Config\n",
];
/// More lines than anybody reads.
const MOST_LINES: usize = 20_000;

/// Reads an object.
pub async fn read(session: &Session, of: &ObjectRef, managed_fields: bool) -> Result<Told, Fault> {
    let mut missing: Fault = Why::new(
        WhyKind::NotFound,
        format!("{} serves no {}", session.server, of.kind.word()),
    )
    .into();
    for path in paths(session, of).await? {
        match session.get(&path).await {
            Ok(body) => {
                let garbage = || Fault::garbage(&session.server, "answered something that is no object");
                let object: Value = serde_json::from_slice(&body).map_err(|_| garbage())?;
                return lines(object, managed_fields).map(Told::Yaml).ok_or_else(garbage);
            }
            Err(fault) if fault.why.kind == WhyKind::NotFound => missing = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(missing)
}

/// The object in lines.
fn lines(mut object: Value, managed_fields: bool) -> Option<Vec<Text>> {
    if !managed_fields && let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    if object.get("kind").and_then(Value::as_str) == Some("Secret") {
        seal(&mut object);
    }
    hide(&mut object);
    hide_keys(&mut object);
    let text = serde_saphyr::to_string(&object).ok()?;
    Some(text.lines().take(MOST_LINES).map(Text::new).collect())
}

/// Takes the data out of a Secret.
fn seal(secret: &mut Value) {
    for part in ["data", "stringData"] {
        let values = secret.get_mut(part).and_then(Value::as_object_mut);
        values.into_iter().flatten().for_each(|(_, value)| blind(value));
    }
    let annotations = secret
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// Blinds what is named like a secret, wherever it stands: `password: x`, and `name: DB_PASSWORD` with its `value`.
fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_named = fields.get("name").and_then(Value::as_str).is_some_and(is_secret);
            for (name, field) in fields.iter_mut() {
                let is_told = field.is_string() && (is_secret(name) || (is_named && name == "value"));
                if is_told {
                    blind(field);
                } else if name == LAST_APPLIED {
                    hide_within(field);
                } else {
                    hide(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Blinds every text that holds a private key or a kubeconfig, whatever it is called.
fn hide_keys(value: &mut Value) {
    let holds_key = |text: &str| KEYS.iter().any(|sign| text.contains(sign));
    match value {
        Value::String(text) if holds_key(text) => blind(value),
        Value::Object(fields) => fields.values_mut().for_each(hide_keys),
        Value::Array(items) => items.iter_mut().for_each(hide_keys),
        _ => {}
    }
}

/// Hides in an object that is written as a text.
fn hide_within(field: &mut Value) {
    let inner = field.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match inner {
        Some(mut inner) => {
            hide(&mut inner);
            *field = Value::String(inner.to_string());
        }
        None => blind(field),
    }
}

/// Whether a field of this name holds a secret. Names of Secrets, such as `secretName`, are none.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    let ends = [
        "password",
        "passwd",
        "token",
        "secret",
        "secretkey",
        "apikey",
        "privatekey",
        "keydata",
        "credentials",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// What is left of a secret: how long it was.
fn blind(value: &mut Value) {
    let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
    *value = Value::String(format!("(hidden, {length} bytes)"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(object: Value, managed_fields: bool) -> String {
        let lines = lines(object, managed_fields).unwrap();
        lines.iter().map(Text::as_str).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_secret_shows_lengths_alone() {
        let applied = json!({"kind": "Secret", "data": {"user": "aHVudGVyMg=="}}).to_string();
        let page = page(
            json!({
                "kind": "Secret", "data": {"user": "aHVudGVyMg=="}, "stringData": {"x": "hunter2"},
                "metadata": {"name": "s", "annotations": {LAST_APPLIED: applied}},
            }),
            true,
        );
        assert!(!page.contains("aHVudGVyMg") && !page.contains("hunter2"), "{page}");
        assert!(
            page.contains("(hidden, 12 bytes)") && page.contains("name: s"),
            "{page}"
        );
    }

    #[test]
    fn what_is_named_like_a_secret_is_hidden_and_references_stay() {
        let spec = json!({
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "ZONE", "value": "a"}],
            "redis": {"password": "hunter2", "passwordSecret": {"name": "redis-secret"}, "secretName": "tls"},
        });
        let applied = json!({"spec": spec}).to_string();
        let page = page(
            json!({"kind": "X", "spec": spec, "metadata": {"annotations": {LAST_APPLIED: applied}}}),
            false,
        );
        assert!(!page.contains("hunter2"), "{page}");
        assert!(
            page.contains("redis-secret") && page.contains("secretName: tls"),
            "{page}"
        );
    }

    #[test]
    fn no_kubeconfig_and_no_private_key_is_shown_whatever_they_are_called() {
        let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: k0s\nusers:\n- name: admin\n  user:\n    \
                          client-key-data: aHVudGVyMg==\n";
        let pem = "-----BEGIN EC PRIVATE KEY-----\naHVudGVyMg==\n-----END EC PRIVATE KEY-----\n";
        let user = json!({"client-key-data": "aHVudGVyMg==", "client-certificate": "/etc/k0s/admin.crt"});
        let spec = json!({"files": {"admin.conf": kubeconfig, "server.pem": pem}, "args": [pem], "user": user});
        let applied = json!({"spec": spec}).to_string();
        let page = page(
            json!({"kind": "X", "spec": spec, "metadata": {"annotations": {LAST_APPLIED: applied}}}),
            true,
        );
        assert!(
            !page.contains("aHVudGVyMg") && !page.contains("current-context"),
            "{page}"
        );
        assert!(
            page.contains("/etc/k0s/admin.crt") && page.contains("admin.conf"),
            "{page}"
        );
    }

    #[test]
    fn managed_fields_come_when_asked_for_and_every_line_is_clean() {
        let object = json!({"metadata": {"name": "n\u{1b}[31m", "managedFields": [{"manager": "k0s"}]}});
        assert!(!page(object.clone(), false).contains("k0s"));
        let all = page(object, true);
        assert!(all.contains("manager: k0s") && !all.contains('\u{1b}'), "{all}");
    }
}
