//! What a path means.

use crate::sim::world::resource::Resource;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Which build this is.
    Version,
    /// `/livez`, `/readyz` or `/healthz`, and one check of it.
    Health(Endpoint, Option<String>),
    /// A document of discovery.
    Discovery(Page),
    /// A question about oneself.
    Review(Review),
    /// All objects of a resource, of one namespace or of all.
    Objects {
        resource: Resource,
        namespace: Option<String>,
    },
    /// One object: namespace and name.
    Object {
        resource: Resource,
        key: (String, String),
        sub: Sub,
    },
    /// A path that the real server serves and this one does not.
    NotSimulated(&'static str),
    /// No resource of a group that is served.
    Missing,
    /// Nothing of Kubernetes.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Livez,
    Readyz,
    Healthz,
}

/// A document of discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// `/`
    Paths,
    /// `/api`
    Core,
    /// `/apis`
    Groups,
    /// `/apis/<group>`
    Group(String),
    /// `/api/v1` and `/apis/<group>/<version>`
    Resources(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Review {
    /// May I?
    Access,
    /// Who am I?
    Subject,
}

/// A part of an object with a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sub {
    None,
    Status,
    Scale,
    Eviction,
    Log,
}

impl Sub {
    /// As in a URL.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Sub::None => "",
            Sub::Status => "status",
            Sub::Scale => "scale",
            Sub::Eviction => "eviction",
            Sub::Log => "log",
        }
    }
}

impl Route {
    /// What a path means.
    pub(super) fn find(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            [""] => Route::Discovery(Page::Paths),
            ["version"] => Route::Version,
            ["livez"] => Route::Health(Endpoint::Livez, None),
            ["readyz"] => Route::Health(Endpoint::Readyz, None),
            ["healthz"] => Route::Health(Endpoint::Healthz, None),
            ["livez", check @ ..] => Route::Health(Endpoint::Livez, Some(check.join("/"))),
            ["readyz", check @ ..] => Route::Health(Endpoint::Readyz, Some(check.join("/"))),
            ["healthz", check @ ..] => Route::Health(Endpoint::Healthz, Some(check.join("/"))),
            ["openapi", ..] => Route::NotSimulated("OpenAPI document"),
            ["metrics", ..] => Route::NotSimulated("metrics of kube-apiserver"),
            ["api"] => Route::Discovery(Page::Core),
            ["apis"] => Route::Discovery(Page::Groups),
            ["api", "v1"] => Route::Discovery(Page::Resources(String::new(), "v1".to_owned())),
            ["api", "v1", rest @ ..] => objects("", "v1", rest),
            ["apis", group] if is_served(group, None) => Route::Discovery(Page::Group((*group).to_owned())),
            ["apis", group, version] if is_served(group, Some(version)) => {
                Route::Discovery(Page::Resources((*group).to_owned(), (*version).to_owned()))
            }
            ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => Route::Review(Review::Access),
            ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"] => Route::Review(Review::Subject),
            ["apis", group, version, rest @ ..] if is_served(group, Some(version)) => objects(group, version, rest),
            _ => Route::Unknown,
        }
    }
}

/// Groups of questions, which have no objects.
pub(super) const REVIEWS: [(&str, &str); 2] = [("authentication.k8s.io", "v1"), ("authorization.k8s.io", "v1")];

/// Whether a group is served, in a version.
fn is_served(group: &str, version: Option<&str>) -> bool {
    let is_it = |(own, at): (&str, &str)| own == group && version.is_none_or(|version| version == at);
    let own = Resource::ALL.into_iter().map(Resource::info);
    !group.is_empty() && (own.map(|info| (info.group, info.version)).any(is_it) || REVIEWS.into_iter().any(is_it))
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Route {
    let find = |plural: &str| Resource::find(group, version, plural);
    match rest {
        ["watch", ..] => Route::NotSimulated("watch paths: use the query parameter watch"),
        ["namespaces", name, "status"] if group.is_empty() => object(Resource::Namespaces, "", name, "status"),
        ["namespaces", _, "finalize"] if group.is_empty() => Route::NotSimulated("finalize of namespaces"),
        ["namespaces", namespace, plural] => match find(plural) {
            Some(resource) if resource.info().is_namespaced => Route::Objects {
                resource,
                namespace: Some((*namespace).to_owned()),
            },
            _ => missing(group),
        },
        ["namespaces", namespace, plural, name, sub @ ..] => match find(plural) {
            Some(resource) if resource.info().is_namespaced => object(resource, namespace, name, &sub.join("/")),
            _ => missing(group),
        },
        [plural] => find(plural).map_or(missing(group), |resource| Route::Objects {
            resource,
            namespace: None,
        }),
        [plural, name, sub @ ..] => match find(plural) {
            Some(resource) if !resource.info().is_namespaced => object(resource, "", name, &sub.join("/")),
            _ => missing(group),
        },
        [] => Route::Unknown,
    }
}

/// Built-in groups say it in JSON; the server of custom resources leaves it to the last handler.
fn missing(group: &str) -> Route {
    if is_custom(group) {
        Route::Unknown
    } else {
        Route::Missing
    }
}

/// Whether a group consists of custom resources.
pub(super) fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn object(resource: Resource, namespace: &str, name: &str, sub: &str) -> Route {
    let group = resource.info().group;
    let is_pod = resource == Resource::Pods;
    let sub = match sub {
        "" => Sub::None,
        "status" if resource.info().has_status => Sub::Status,
        "scale" if is_scalable(resource) => Sub::Scale,
        "eviction" if is_pod => Sub::Eviction,
        "log" if is_pod => Sub::Log,
        "binding" if is_pod => return Route::NotSimulated("binding of pods by clients"),
        "attach" | "ephemeralcontainers" | "exec" | "portforward" | "resize" if is_pod => {
            return Route::NotSimulated("way into a pod");
        }
        _ if sub == "proxy" || sub.starts_with("proxy/") => return Route::NotSimulated("proxy"),
        _ => return missing(group),
    };
    Route::Object {
        resource,
        key: (namespace.to_owned(), name.to_owned()),
        sub,
    }
}

/// Whether it has replicas.
pub(super) const fn is_scalable(resource: Resource) -> bool {
    matches!(
        resource,
        Resource::Deployments | Resource::ReplicaSets | Resource::StatefulSets
    )
}
