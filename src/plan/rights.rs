//! What RBAC calls a request, and what plans ask of the Kubernetes API: one specimen of each request, for whoever writes a
//! role that permits them. Knows no roles and no client. Start reading at [`deeds`].

use super::action::{Action, ObjectKind, Target};
use super::make::host::LEASES;
use super::request::{self, Call, Method};
use crate::base::Text;
use crate::model::ObjectKey;

/// Stands for every name and every namespace.
pub const ANY: &str = "ANY";

/// One request as RBAC judges it (Kubernetes, `apiserver/pkg/endpoints/request`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// A GET of a path that is no object's, without its query.
    Path(String),
    /// Something about objects.
    Objects(Attributes),
}

/// What is asked about objects. What a request does not name is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Attributes {
    pub verb: &'static str,
    pub group: String,
    pub version: String,
    pub namespace: String,
    pub resource: String,
    pub name: String,
    pub subresource: String,
}

impl Attributes {
    /// The resource as a rule names it, such as `pods/eviction`.
    pub fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

impl Asked {
    /// A read: `path` with its query.
    pub fn get(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        match attributes("get", path) {
            Some(asked) if asked.name.is_empty() => Asked::Objects(Attributes {
                verb: if query.split('&').any(|part| part == "watch=true") {
                    "watch"
                } else {
                    "list"
                },
                ..asked
            }),
            Some(asked) => Asked::Objects(asked),
            None => Asked::Path(path.to_owned()),
        }
    }

    /// What would permit it, for whoever may not.
    pub fn needs(&self) -> String {
        match self {
            Asked::Path(path) => format!("needs a rule: nonResourceURLs [{path:?}], verbs [\"get\"]"),
            Asked::Objects(asked) => format!(
                "needs a rule: apiGroups [{:?}], resources [{:?}], verbs [{:?}]",
                asked.group,
                asked.resource(),
                asked.verb
            ),
        }
    }
}

/// A change, as RBAC judges it; None for a path that is no object's.
pub fn change(method: Method, path: &str) -> Option<Attributes> {
    let verb = match method {
        Method::Post => "create",
        Method::Patch => "patch",
        Method::Delete => "delete",
    };
    attributes(verb, path)
}

fn attributes(verb: &'static str, path: &str) -> Option<Attributes> {
    let mut parts = path.trim_start_matches('/').split('/');
    let group = match parts.next()? {
        "apis" => parts.next()?,
        "api" => "",
        _ => return None,
    };
    let version = parts.next()?;
    let mut rest: Vec<&str> = parts.collect();
    let mut namespace = "";
    if rest.len() > 2 && rest[0] == "namespaces" {
        namespace = rest[1];
        rest.drain(..2);
    }
    let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
    (!rest.is_empty()).then(|| Attributes {
        verb,
        group: group.to_owned(),
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        resource: part(0),
        name: part(1),
        subresource: part(2),
    })
}

/// A request that plans hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// The actions that ask it.
    pub of: &'static str,
    /// A specimen. [`ANY`] stands where each plan says something else.
    pub call: Call,
}

/// Every request to the Kubernetes API that a plan can hold. The planners' tests compare it with what they plan.
pub fn deeds() -> Vec<Deed> {
    let node = || target(ObjectKind::Node, "");
    let delete = |kind, namespace| Action::Delete {
        target: target(kind, namespace),
    };
    let evict = Action::Evict {
        pod: target(ObjectKind::Pod, ANY),
    };
    let cordon = Action::Cordon { node: node(), on: true };
    let all = [
        ("label-zones, cordon, uncordon, drain and out-of-service", cordon),
        ("drain, rebalance and replace-node", evict),
        ("replace-node: its Node", delete(ObjectKind::Node, "")),
        ("replace-node: k0s's ControlNode", delete(ObjectKind::ControlNode, "")),
        ("replace-node: k0s's EtcdMember", delete(ObjectKind::EtcdMember, "")),
        ("replace-node: k0s's lease", delete(ObjectKind::Lease, LEASES)),
    ];
    let specimen = |(of, action): (&'static str, Action)| {
        let call = request::call(&action, None)?;
        Some(Deed { of, call })
    };
    all.into_iter().filter_map(specimen).collect()
}

fn target(kind: ObjectKind, namespace: &str) -> Target {
    Target {
        kind,
        key: ObjectKey::new(namespace, ANY),
        uid: Text::default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn words(asked: &Asked) -> String {
        match asked {
            Asked::Path(path) => path.clone(),
            Asked::Objects(asked) => format!(
                "{} {:?} {} ns {:?} name {:?}",
                asked.verb,
                asked.group,
                asked.resource(),
                asked.namespace,
                asked.name
            ),
        }
    }

    #[test]
    fn paths_become_what_rbac_judges() {
        for (path, expected) in [
            ("/livez?verbose", "/livez"),
            ("/apis", "/apis"),
            ("/api/v1/nodes?limit=500", "list \"\" nodes ns \"\" name \"\""),
            ("/api/v1/nodes?&watch=true&x=1", "watch \"\" nodes ns \"\" name \"\""),
            (
                "/api/v1/namespaces/kube-system",
                "get \"\" namespaces ns \"\" name \"kube-system\"",
            ),
            (
                "/api/v1/namespaces/a/pods/b/log?follow=true",
                "get \"\" pods/log ns \"a\" name \"b\"",
            ),
            (
                "/apis/apps/v1/namespaces/a/deployments/b",
                "get \"apps\" deployments ns \"a\" name \"b\"",
            ),
        ] {
            assert_eq!(words(&Asked::get(path)), expected);
        }
    }

    #[test]
    fn every_specimen_is_a_request_about_objects() {
        let deeds = deeds();
        assert_eq!(deeds.len(), 6);
        let mut asked: Vec<Attributes> = deeds
            .iter()
            .map(|deed| change(deed.call.method, &deed.call.path).unwrap())
            .collect();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 6, "each is named once");
    }
}
