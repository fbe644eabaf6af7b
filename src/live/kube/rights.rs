//! The roles that permit what quorate asks of the Kubernetes API, and nothing else: a viewer's from the kinds that are
//! followed and the questions that are answered, an operator's with what plans ask and the lock of a run. Sends nothing.
//! Start reading at [`roles`].

use super::answer::events;
use super::catalog::GROUPS;
use super::change::REVIEWS;
use super::follow::VERSION;
use super::{heartbeat, lease};
use crate::model::KubeKind;
use crate::plan::request::Method;
use crate::plan::rights::{ANY, Asked, Attributes, change, deeds};

/// Who is to use quorate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Who looks.
    Viewer,
    /// Who looks, and runs actions.
    Operator,
}

impl Who {
    /// As the command line and the roles' names say it.
    pub const fn name(self) -> &'static str {
        match self {
            Who::Viewer => "viewer",
            Who::Operator => "operator",
        }
    }
}

/// Rules that hold in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The one namespace; None: the cluster, a ClusterRole.
    pub namespace: Option<String>,
    /// What is permitted, and nothing else.
    pub rules: Vec<Rule>,
}

/// One rule. Without it, exactly what it is for does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is for.
    pub purpose: String,
    /// What it permits.
    pub grants: Grants,
}

/// What a rule permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// A GET of paths that are no object's.
    Paths(Vec<String>),
    /// Something about objects of one resource.
    Objects {
        /// The API group; empty for core.
        group: String,
        /// With its subresource, such as `pods/log`.
        resource: String,
        /// The only name; None: all.
        name: Option<String>,
        /// As RBAC writes them.
        verbs: Vec<&'static str>,
    },
}

impl Role {
    /// The rules that permit a request.
    pub fn granting<'a>(&'a self, asked: &'a Asked) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .iter()
            .filter(|rule| rule.grants.permit(self.namespace.as_deref(), asked))
    }
}

impl Grants {
    fn permit(&self, place: Option<&str>, asked: &Asked) -> bool {
        match (self, asked) {
            (Grants::Paths(paths), Asked::Path(path)) => paths.contains(path),
            (
                Grants::Objects {
                    group,
                    resource,
                    name,
                    verbs,
                },
                Asked::Objects(asked),
            ) => {
                let is_here = place.is_none_or(|place| place == asked.namespace);
                let is_named = name.as_ref().is_none_or(|name| *name == asked.name);
                is_here
                    && is_named
                    && *group == asked.group
                    && *resource == asked.resource()
                    && verbs.contains(&asked.verb)
            }
            (Grants::Paths(_), Asked::Objects(_)) | (Grants::Objects { .. }, Asked::Path(_)) => false,
        }
    }
}

/// What somebody needs: the cluster-wide role first, then those of single namespaces.
pub fn roles(who: Who) -> Vec<Role> {
    let mut roles = vec![Role {
        namespace: None,
        rules: looking(),
    }];
    match who {
        Who::Viewer => {}
        Who::Operator => acting()
            .into_iter()
            .for_each(|(place, rule)| put(&mut roles, place, rule)),
    }
    roles
}

fn put(roles: &mut Vec<Role>, namespace: Option<String>, rule: Rule) {
    match roles.iter_mut().find(|role| role.namespace == namespace) {
        Some(known) => known.rules.push(rule),
        None => roles.push(Role {
            namespace,
            rules: vec![rule],
        }),
    }
}

fn looking() -> Vec<Rule> {
    let read = |purpose: &str, paths: &[&str]| rule(purpose, paths.iter().map(|path| Asked::get(path)));
    let kinds = KubeKind::ALL.map(|kind| Rule {
        purpose: format!("the feed {}, and the YAML of one {}", kind.plural(), kind.word()),
        grants: Grants::Objects {
            group: kind.group().to_owned(),
            resource: kind.plural().to_owned(),
            name: None,
            verbs: vec!["get", "list", "watch"],
        },
    });
    let others = [
        read(
            "proof that etcd has quorum, and so that anything the API server tells is of now",
            &[heartbeat::PATH],
        ),
        read("events", &[events::ALL]),
        read("logs of pods", &["/api/v1/namespaces/ANY/pods/ANY/log"]),
        read(
            "which versions of k0s's, Embedded Cluster's and NetBox Enterprise's kinds are served",
            &[GROUPS],
        ),
        read("the server's version", &[VERSION]),
    ];
    kinds.into_iter().chain(others.into_iter().flatten()).collect()
}

/// Rules beside those for looking, and the namespace of each.
fn acting() -> Vec<(Option<String>, Rule)> {
    let lock = format!("{}/{}", lease::COLLECTION, lease::NAME);
    let own = [
        ("what one may, asked before a plan begins", Method::Post, REVIEWS),
        ("the lock of a run: making it", Method::Post, lease::COLLECTION),
        (
            "the lock of a run: taking, renewing, giving it back",
            Method::Patch,
            &lock,
        ),
    ];
    let own = own.map(|(purpose, method, path)| (purpose, change(method, path)));
    let deeds = deeds();
    let planned = deeds
        .iter()
        .map(|deed| (deed.of, change(deed.call.method, &deed.call.path)));
    planned
        .chain(own)
        .filter_map(|(purpose, asked)| {
            let asked = asked?;
            let place = Some(asked.namespace.clone()).filter(|name| !name.is_empty() && name != ANY);
            Some((place, rule(purpose, [Asked::Objects(asked)])?))
        })
        .collect()
}

/// The rule for requests that differ in path or verb alone; None for no request.
fn rule(purpose: &str, asked: impl IntoIterator<Item = Asked>) -> Option<Rule> {
    let mut paths = Vec::new();
    let mut objects: Option<Attributes> = None;
    for asked in asked {
        match asked {
            Asked::Path(path) => paths.push(path),
            Asked::Objects(asked) => objects = Some(asked),
        }
    }
    let grants = match objects {
        Some(asked) => Grants::Objects {
            resource: asked.resource(),
            name: Some(asked.name).filter(|name| !name.is_empty() && name != ANY),
            group: asked.group,
            verbs: vec![asked.verb],
        },
        None if paths.is_empty() => return None,
        None => Grants::Paths(paths),
    };
    Some(Rule {
        purpose: purpose.to_owned(),
        grants,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// How many rules permit it.
    fn count(who: Who, asked: &Asked) -> usize {
        roles(who).iter().map(|role| role.granting(asked).count()).sum()
    }

    fn asked(method: Method, path: &str) -> Asked {
        Asked::Objects(change(method, path).unwrap())
    }

    #[test]
    fn an_operator_may_do_what_plans_hold_and_a_viewer_may_not() {
        let lock = format!("{}/{}", lease::COLLECTION, lease::NAME);
        let planned = deeds().into_iter().map(|deed| (deed.call.method, deed.call.path));
        let own = [
            (Method::Post, REVIEWS.to_owned()),
            (Method::Post, lease::COLLECTION.to_owned()),
            (Method::Patch, lock),
        ];
        for (method, path) in planned.chain(own) {
            let asked = asked(method, &path);
            assert_eq!(count(Who::Operator, &asked), 1, "{asked:?}");
            assert_eq!(count(Who::Viewer, &asked), 0, "{asked:?}");
        }
    }

    #[test]
    fn nothing_else_is_permitted() {
        for path in [
            "/api/v1/secrets",
            "/api/v1/namespaces/a/secrets/b",
            "/api/v1/configmaps",
            "/api/v1/namespaces",
            "/api/v1/namespaces/default",
            "/metrics",
        ] {
            assert_eq!(count(Who::Operator, &Asked::get(path)), 0, "{path}");
        }
        for (method, path) in [
            (Method::Delete, "/api/v1/namespaces/a/pods/b"),
            (Method::Patch, "/api/v1/namespaces/a/pods/b"),
            (
                Method::Delete,
                "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
            ),
            (
                Method::Patch,
                "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
            ),
            (Method::Delete, "/apis/apps/v1/namespaces/a/deployments/b"),
        ] {
            assert_eq!(count(Who::Operator, &asked(method, path)), 0, "{path}");
        }
    }
}
