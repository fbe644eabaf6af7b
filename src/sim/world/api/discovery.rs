//! What there is: versions, groups, resources and their verbs. The older form of discovery, which every client knows.

use serde_json::{Value, json};

use super::Server;
use super::route::{Page, REVIEWS, is_scalable};
use crate::sim::world::resource::Resource;

/// `/version`.
pub(super) fn version(server: &Server) -> Value {
    let minor = server.version.split('.').nth(1).unwrap_or_default();
    let before = minor.parse::<u32>().unwrap_or_default().saturating_sub(1).to_string();
    json!({
        "major": "1", "minor": minor, "emulationMajor": "1", "emulationMinor": minor,
        "minCompatibilityMajor": "1", "minCompatibilityMinor": before, "gitVersion": server.version, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-10-14T12:00:00Z", "goVersion": "go1.26", "compiler": "gc", "platform": "linux/amd64",
    })
}

/// A document of discovery.
pub(super) fn document(server: &Server, page: &Page) -> Value {
    match page {
        Page::Paths => paths(),
        Page::Core => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server.name}],
        }),
        Page::Groups => {
            let groups: Vec<Value> = groups()
                .into_iter()
                .map(|(group, version)| group_of(group, version))
                .collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        Page::Group(name) => {
            let found = groups().into_iter().find(|(group, _)| group == name);
            let mut group = found.map_or(Value::Null, |(group, version)| group_of(group, version));
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        Page::Resources(group, version) => json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": if group.is_empty() { version.clone() } else { format!("{group}/{version}") },
            "resources": resources(group),
        }),
    }
}

fn paths() -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for (group, version) in groups() {
        paths.push(format!("/apis/{group}"));
        paths.push(format!("/apis/{group}/{version}"));
    }
    paths.extend(["/healthz", "/livez", "/readyz", "/version"].map(str::to_owned));
    json!({"paths": paths})
}

/// Groups with names, in the order of the table, each once.
fn groups() -> Vec<(&'static str, &'static str)> {
    let own = Resource::ALL.into_iter().map(Resource::info);
    let own = own
        .map(|info| (info.group, info.version))
        .filter(|(group, _)| !group.is_empty());
    let mut groups: Vec<(&str, &str)> = Vec::new();
    for group in own.chain(REVIEWS) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn group_of(group: &str, version: &str) -> Value {
    let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn resources(group: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for resource in Resource::ALL {
        let info = resource.info();
        if info.group != group {
            continue;
        }
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
        let singular = info.kind.to_ascii_lowercase();
        all.push(entry(info.plural, &singular, info.is_namespaced, info.kind, &verbs));
        let parts: &[(&str, bool, &[&str])] = &[
            ("status", info.has_status, &["get", "patch", "update"]),
            ("scale", is_scalable(resource), &["get", "patch", "update"]),
            ("eviction", resource == Resource::Pods, &["create"]),
            ("log", resource == Resource::Pods, &["get"]),
        ];
        for (part, is_there, verbs) in parts {
            if *is_there {
                all.push(sub_entry(resource, part, verbs));
            }
        }
    }
    match group {
        "authorization.k8s.io" => all.push(entry(
            "selfsubjectaccessreviews",
            "selfsubjectaccessreview",
            false,
            "SelfSubjectAccessReview",
            &["create"],
        )),
        "authentication.k8s.io" => all.push(entry(
            "selfsubjectreviews",
            "selfsubjectreview",
            false,
            "SelfSubjectReview",
            &["create"],
        )),
        _ => {}
    }
    all
}

fn sub_entry(resource: Resource, part: &str, verbs: &[&str]) -> Value {
    let info = resource.info();
    let (kind, foreign) = match part {
        "scale" => ("Scale", Some(("autoscaling", "v1"))),
        "eviction" => ("Eviction", Some(("policy", "v1"))),
        _ => (info.kind, None),
    };
    let mut entry = entry(&format!("{}/{part}", info.plural), "", info.is_namespaced, kind, verbs);
    if let Some((group, version)) = foreign {
        entry["group"] = group.into();
        entry["version"] = version.into();
    }
    entry
}

fn entry(name: &str, singular: &str, is_namespaced: bool, kind: &str, verbs: &[&str]) -> Value {
    json!({"name": name, "singularName": singular, "namespaced": is_namespaced, "kind": kind, "verbs": verbs})
}
