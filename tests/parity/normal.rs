//! The closed list of what is made equal before answers are compared. Everything else must be the same.
//!
//! | what | becomes |
//! |---|---|
//! | a uid, wherever it stands | `<uid N>`, N by first appearance: the same object keeps its N |
//! | `resourceVersion` of an object | `<revision N>`, likewise: what did not change keeps its N |
//! | `resourceVersion` of a list, revisions in messages about them | `<revision>`: others write too |
//! | `continue` | `<token>` |
//! | times | `<time>` |
//! | what `generateName` added | `<5 letters>` |
//! | `/version`: `gitVersion`, `gitCommit`, `gitTreeState`, `buildDate`, `goVersion`, `compiler`, `platform` | `<build>` |
//! | `managedFields`; in discovery `shortNames`, `categories`, `storageVersionHash` | left out: not imitated |
//! | the first three numbers of host addresses | `<net>` |
//! | etcd's ids of members and cluster, wherever they stand | `<id N>`, like uids |

use std::collections::BTreeMap;

use serde_json::{Map, Value};

const TIMES: &[&str] = &["creationTimestamp", "deletionTimestamp", "Now"];
const BUILD: &[&str] = &[
    "gitVersion",
    "gitCommit",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
];
const LEFT_OUT: &[&str] = &["managedFields", "shortNames", "categories", "storageVersionHash"];
const IDS: &[&str] = &["id", "leader", "member_id", "cluster_id"];

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub struct Normal {
    uids: Vec<String>,
    revisions: Vec<String>,
    ids: Vec<String>,
    net: Option<String>,
}

impl Normal {
    /// The same for both clusters.
    pub fn of(&mut self, body: &Value) -> Value {
        self.learn(body);
        self.value(body, false)
    }

    /// Uids are known before the words that contain them are read.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(uid) = fields.get("uid").and_then(Value::as_str) {
                    number(&mut self.uids, uid);
                }
                if let Some(net) = fields.get("net").and_then(Value::as_str) {
                    self.net = Some(net.to_owned());
                }
                fields.values().for_each(|value| self.learn(value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.learn(value)),
            _ => {}
        }
    }

    fn value(&mut self, value: &Value, is_list: bool) -> Value {
        match value {
            Value::Object(fields) => self.object(fields, is_list),
            Value::Array(values) => values.iter().map(|value| self.value(value, false)).collect(),
            Value::String(text) => self.text(text).into(),
            _ => value.clone(),
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, is_list: bool) -> Value {
        let mut normal = BTreeMap::new();
        let is_about_list = fields.get("items").is_some();
        for (name, value) in fields {
            let known = name.as_str();
            let told = value.as_str().unwrap_or_default();
            let value = match known {
                _ if LEFT_OUT.contains(&known) => continue,
                "uid" if value.is_string() => self.text(told).into(),
                "resourceVersion" if is_list => "<revision>".into(),
                "resourceVersion" if !told.is_empty() => {
                    format!("<revision {}>", number(&mut self.revisions, told)).into()
                }
                "continue" if !told.is_empty() => "<token>".into(),
                "name" if fields.contains_key("generateName") => generated(told, &fields["generateName"]).into(),
                "net" => continue,
                _ if TIMES.contains(&known) => "<time>".into(),
                _ if BUILD.contains(&known) => "<build>".into(),
                _ if IDS.contains(&known) && value.is_u64() => {
                    format!("<id {}>", number(&mut self.ids, &value.to_string())).into()
                }
                _ => self.value(value, is_about_list && known == "metadata"),
            };
            normal.insert(name.clone(), value);
        }
        normal.into_iter().collect::<Map<_, _>>().into()
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (index, uid) in self.uids.iter().enumerate() {
            text = text.replace(uid.as_str(), &format!("<uid {}>", index + 1));
        }
        for (index, id) in self.ids.iter().enumerate() {
            text = text.replace(id.as_str(), &format!("<id {}>", index + 1));
        }
        if let Some(net) = &self.net {
            text = text.replace(net.as_str(), "<net>");
        }
        if text.contains("resource version: ") || text.contains("ResourceVersion in the precondition") {
            text = without_revisions(&text);
        }
        text
    }
}

/// The number of a thing, by first appearance.
fn number(seen: &mut Vec<String>, text: &str) -> usize {
    let at = seen.iter().position(|known| known == text).unwrap_or_else(|| {
        seen.push(text.to_owned());
        seen.len() - 1
    });
    at + 1
}

fn generated(name: &str, prefix: &Value) -> String {
    match name.strip_prefix(prefix.as_str().unwrap_or_default()) {
        Some(rest) => format!("{}<{} letters>", prefix.as_str().unwrap_or_default(), rest.len()),
        None => name.to_owned(),
    }
}

/// The cluster's own revision stands in parentheses or after `current: `.
fn without_revisions(text: &str) -> String {
    let mut words = Vec::new();
    let mut is_current = false;
    for word in text.split(' ') {
        let digits = word.trim_matches(['(', ')', '.']);
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        let is_own = is_number && (is_current || digits.len() < word.len());
        words.push(if is_own {
            word.replace(digits, "<revision>")
        } else {
            word.to_owned()
        });
        is_current = word == "current:";
    }
    words.join(" ")
}
