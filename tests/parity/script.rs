//! The script, as data. It makes everything that it looks at, in the namespace `default`, and removes it again. `{step:/pointer}`
//! stands for a part of an earlier answer.

mod etcd;

use serde_json::{Value, json};

/// One question or command.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub id: &'static str,
    /// What is asked.
    pub ask: Ask,
    /// What of the answer is compared.
    pub show: Show,
    /// It is repeated until this part of the answer (the empty pointer: the status code) has this value.
    pub until: Option<(&'static str, Value)>,
}

/// What is asked of whom.
#[derive(Debug, Clone)]
pub enum Ask {
    /// The API server.
    Http(Request),
    /// etcd's client port, and the one argument.
    Etcd(Call, String),
    /// etcd's peer port: a GET.
    Peer {
        /// The path.
        path: &'static str,
        /// The address to dial from.
        from: From,
    },
}

/// A request to the API server.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub content_type: &'static str,
    pub accept: &'static str,
    pub body: String,
}

impl Request {
    /// Whether its answer is a sequence of lines.
    pub fn is_watch(&self) -> bool {
        self.path.contains("watch=1")
    }
}

/// A call of etcd. The argument: an id, a revision, a URL (`<peer>` and `<net>` stand for the member's own) or a prefix of
/// keys.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Call {
    Status,
    Members {
        linearizable: bool,
    },
    Add {
        is_learner: bool,
    },
    Remove,
    Promote,
    Range {
        keys_only: bool,
        count_only: bool,
        limit: i64,
    },
    /// A read of the store at a revision.
    RangeAt,
    Compact,
    Defragment,
    /// An alarm: what to do with it, and which (etcd's numbers).
    Alarm {
        action: i32,
        alarm: i32,
    },
    Snapshot,
}

/// Where a peer connection comes from.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// The address in the peer certificate.
    OwnAddress,
    /// 127.0.0.1, which is in no peer certificate.
    Loopback,
}

/// What of an answer is compared, beside the status code.
#[derive(Debug, Clone, Copy)]
pub enum Show {
    /// Not even the status code: the step only waits or cleans up.
    Nothing,
    /// All of it.
    Body,
    /// These parts.
    Only(&'static [&'static str]),
    /// The lines of a watch.
    Events,
}

impl Step {
    fn show(self, show: Show) -> Self {
        Self { show, ..self }
    }

    fn until(self, pointer: &'static str, value: Value) -> Self {
        Self {
            until: Some((pointer, value)),
            ..self
        }
    }

    fn http(mut self, change: impl FnOnce(&mut Request)) -> Self {
        if let Ask::Http(request) = &mut self.ask {
            change(request);
        }
        self
    }
}

fn step(id: &'static str, ask: Ask) -> Step {
    Step {
        id,
        ask,
        show: Show::Body,
        until: None,
    }
}

fn http(id: &'static str, method: &'static str, path: &str, body: &str) -> Step {
    let content_type = if body.is_empty() { "" } else { "application/json" };
    let (path, body) = (path.to_owned(), body.to_owned());
    step(
        id,
        Ask::Http(Request {
            method,
            path,
            content_type,
            accept: "application/json",
            body,
        }),
    )
}

fn get(id: &'static str, path: &str) -> Step {
    http(id, "GET", path, "")
}

fn post(id: &'static str, path: &str, body: &str) -> Step {
    http(id, "POST", path, body)
}

fn put(id: &'static str, path: &str, body: &str) -> Step {
    http(id, "PUT", path, body)
}

fn delete(id: &'static str, path: &str, body: &str) -> Step {
    http(id, "DELETE", path, body)
}

fn patch(id: &'static str, content_type: &'static str, path: &str, body: &str) -> Step {
    http(id, "PATCH", path, body).http(|request| request.content_type = content_type)
}

fn watch(id: &'static str, path: &str) -> Step {
    get(id, path).show(Show::Events)
}

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const MAP: &str = "/api/v1/namespaces/default/configmaps/parity-a";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const PODS: &str = "/api/v1/namespaces/default/pods";
const POD: &str = "/api/v1/namespaces/default/pods/parity";
const EVICTION: &str = "/api/v1/namespaces/default/pods/parity/eviction";
const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
const BUDGET: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/parity";
/// Its API server began to watch them late: what was before is in etcd or nowhere.
const MEMBERS: &str = "/apis/etcd.k0sproject.io/v1beta1/etcdmembers";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// In front of what a part of the script is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Three controllers, nothing wrong.
    Healthy,
    /// A fourth joins as a learner while the k0s that leads is frozen: for a minute, nobody makes it a voter.
    Learner,
}

/// The chapters of a stage, in order.
pub fn chapters(stage: Stage) -> Vec<(&'static str, Vec<Step>)> {
    match stage {
        Stage::Healthy => healthy(),
        Stage::Learner => vec![("promotion", etcd::promotion())],
    }
}

fn healthy() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("discovery", discovery()),
        ("writes", writes()),
        ("patches", patches()),
        ("deletions", deletions()),
        ("lists", lists()),
        ("watches", watches()),
        ("eviction", eviction()),
        ("precondition", precondition()),
        ("etcd", etcd::etcd()),
        ("history", etcd::history()),
        ("alarms", etcd::alarms()),
        ("peers", etcd::peers()),
    ]
}

fn discovery() -> Vec<Step> {
    vec![
        get("version", "/version"),
        get("group", "/apis/coordination.k8s.io"),
        get("resources", "/apis/coordination.k8s.io/v1").show(Show::Only(&[
            "/kind",
            "/groupVersion",
            "/resources/0/name",
            "/resources/0/namespaced",
            "/resources/0/kind",
        ])),
        get("livez", "/livez"),
        get("unknown-path", "/no/such/path"),
        get("unknown-group", "/apis/example.com/v1/things"),
        get("unknown-resource", "/api/v1/things"),
        post(
            "may-list-nodes",
            REVIEWS,
            r#"{"spec":{"resourceAttributes":{"verb":"list","resource":"nodes"}}}"#,
        ),
        post(
            "may-evict",
            REVIEWS,
            r#"{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":
            {"namespace":"default","verb":"create","resource":"pods","subresource":"eviction"}}}"#,
        ),
    ]
}

fn writes() -> Vec<Step> {
    let b = format!("{MAPS}/parity-b");
    let lease = format!("{LEASES}/parity-lock");
    vec![
        post("create", MAPS, r#"{"metadata":{"name":"parity-a"},"data":{"x":"1"}}"#),
        post("create-again", MAPS, r#"{"metadata":{"name":"parity-a"}}"#),
        get("get", MAP),
        get("get-missing", &b),
        post(
            "create-dry",
            &format!("{MAPS}?dryRun=All"),
            r#"{"metadata":{"name":"parity-b"}}"#,
        ),
        get("dry-stored-nothing", &b),
        post(
            "create-dry-wrong",
            &format!("{MAPS}?dryRun=Some"),
            r#"{"metadata":{"name":"parity-b"}}"#,
        ),
        post("generate-name", MAPS, r#"{"metadata":{"generateName":"parity-"}}"#),
        delete(
            "delete-generated",
            &format!("{MAPS}/{{generate-name:/metadata/name}}"),
            "",
        )
        .show(Show::Only(&["/kind", "/status"])),
        post("invalid-name", MAPS, r#"{"metadata":{"name":"Bad_Name"}}"#),
        post("no-name", MAPS, "{}"),
        post(
            "no-namespace",
            "/api/v1/namespaces/nowhere/configmaps",
            r#"{"metadata":{"name":"a"}}"#,
        ),
        post(
            "other-namespace",
            MAPS,
            r#"{"metadata":{"name":"a","namespace":"nowhere"}}"#,
        ),
        post(
            "wrong-kind",
            MAPS,
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}"#,
        ),
        post("wrong-method", "/api/v1/configmaps", r#"{"metadata":{"name":"a"}}"#),
        get("wrong-accept", MAP).http(|request| request.accept = "image/png"),
        put("replace", MAP, r#"{"metadata":{"name":"parity-a"},"data":{"x":"2"}}"#),
        put(
            "replace-same",
            MAP,
            r#"{"metadata":{"name":"parity-a"},"data":{"x":"2"}}"#,
        ),
        put(
            "replace-stale",
            MAP,
            r#"{"metadata":{"name":"parity-a","resourceVersion":"{create:/metadata/resourceVersion}"}}"#,
        ),
        put(
            "replace-other-uid",
            MAP,
            r#"{"metadata":{"name":"parity-a","uid":"other"}}"#,
        ),
        put("replace-other-name", MAP, r#"{"metadata":{"name":"parity-b"}}"#),
        put("replace-missing", &b, r#"{"metadata":{"name":"parity-b"}}"#),
        put(
            "replace-dry",
            &format!("{MAP}?dryRun=All"),
            r#"{"metadata":{"name":"parity-a"},"data":{"x":"3"}}"#,
        ),
        get("replace-dry-stored-nothing", MAP),
        post(
            "lock",
            LEASES,
            r#"{"metadata":{"name":"parity-lock"},"spec":{"holderIdentity":"one","leaseDurationSeconds":15}}"#,
        ),
        put(
            "lock-without-revision",
            &lease,
            r#"{"metadata":{"name":"parity-lock"},"spec":{"holderIdentity":"two"}}"#,
        ),
        put(
            "lock-renew",
            &lease,
            r#"{"metadata":{"name":"parity-lock","resourceVersion":"{lock:/metadata/resourceVersion}"},
            "spec":{"holderIdentity":"one","leaseDurationSeconds":15,"renewTime":"2026-01-02T03:04:05.000006Z"}}"#,
        ),
        put(
            "lock-lost",
            &lease,
            r#"{"metadata":{"name":"parity-lock","resourceVersion":"{lock:/metadata/resourceVersion}"},
            "spec":{"holderIdentity":"two"}}"#,
        ),
        delete("unlock", &lease, ""),
    ]
}

fn patches() -> Vec<Step> {
    vec![
        patch(
            "merge",
            MERGE,
            MAP,
            r#"{"metadata":{"labels":{"quorate":"parity"}},"data":{"x":null,"y":"1"}}"#,
        ),
        patch("merge-nothing", MERGE, MAP, r#"{"data":{"y":"1"}}"#),
        patch(
            "merge-dry",
            MERGE,
            &format!("{MAP}?dryRun=All"),
            r#"{"data":{"y":"2"}}"#,
        ),
        patch(
            "merge-stale",
            MERGE,
            MAP,
            r#"{"metadata":{"resourceVersion":"{create:/metadata/resourceVersion}"},"data":{"y":"3"}}"#,
        ),
        patch("merge-missing", MERGE, &format!("{MAPS}/parity-b"), "{}"),
        patch(
            "json",
            JSON,
            MAP,
            r#"[{"op":"test","path":"/data/y","value":"1"},{"op":"add","path":"/data/z","value":"1"}]"#,
        ),
        patch(
            "json-test-fails",
            JSON,
            MAP,
            r#"[{"op":"test","path":"/data/y","value":"9"}]"#,
        ),
        patch("strategic", STRATEGIC, MAP, r#"{"metadata":{"annotations":{"a":"b"}}}"#),
        patch("wrong-type", "application/x", MAP, "{}"),
    ]
}

fn deletions() -> Vec<Step> {
    vec![
        delete("delete-dry", &format!("{MAP}?dryRun=All"), ""),
        get("delete-dry-kept-it", MAP),
        delete("delete-other-uid", MAP, r#"{"preconditions":{"uid":"other"}}"#),
        delete(
            "delete-stale",
            MAP,
            r#"{"preconditions":{"resourceVersion":"{create:/metadata/resourceVersion}"}}"#,
        ),
        delete("delete", MAP, r#"{"preconditions":{"uid":"{create:/metadata/uid}"}}"#),
        delete("delete-again", MAP, ""),
    ]
}

fn lists() -> Vec<Step> {
    let lease = |name: &str| {
        format!(
            r#"{{"metadata":{{"name":"parity-{name}","labels":{{"parity":"{name}"}}}},"spec":{{"holderIdentity":"{name}"}}}}"#
        )
    };
    vec![
        get("nothing", LEASES),
        post("first", LEASES, &lease("1")),
        post("second", LEASES, &lease("2")),
        post("third", LEASES, &lease("3")),
        get("all", LEASES),
        get("page-1", &format!("{LEASES}?limit=1")),
        get(
            "page-2",
            &format!("{LEASES}?limit=1&continue={{page-1:/metadata/continue}}"),
        ),
        get(
            "page-3",
            &format!("{LEASES}?limit=1&continue={{page-2:/metadata/continue}}"),
        ),
        get(
            "page-with-revision",
            &format!("{LEASES}?limit=1&resourceVersion=5&continue={{page-1:/metadata/continue}}"),
        ),
        get("selected-page", &format!("{LEASES}?limit=1&labelSelector=parity")),
        get("labelled", &format!("{LEASES}?labelSelector=parity+in+(1,3)")),
        get("named", &format!("{LEASES}?fieldSelector=metadata.name%3Dparity-2")),
        get("wrong-label", &format!("{LEASES}?labelSelector=a%3Db%3Dc")),
        get("wrong-field", &format!("{LEASES}?fieldSelector=spec.x%3D1")),
        get(
            "as-it-was",
            &format!("{LEASES}?resourceVersionMatch=Exact&resourceVersion={{second:/metadata/resourceVersion}}"),
        ),
        get("match-alone", &format!("{LEASES}?resourceVersionMatch=Exact")),
        get("future", &format!("{LEASES}?resourceVersion=99999999")),
        get("no-number", &format!("{LEASES}?resourceVersion=x")),
    ]
}

fn watches() -> Vec<Step> {
    let after = "resourceVersion={third:/metadata/resourceVersion}";
    vec![
        patch(
            "renew",
            MERGE,
            &format!("{LEASES}/parity-1"),
            r#"{"spec":{"holderIdentity":"other"}}"#,
        ),
        patch(
            "relabel",
            MERGE,
            &format!("{LEASES}/parity-2"),
            r#"{"metadata":{"labels":{"parity":"4"}}}"#,
        ),
        delete("remove", &format!("{LEASES}/parity-3"), ""),
        watch("since", &format!("{LEASES}?watch=1&timeoutSeconds=1&{after}")),
        watch(
            "since-selected",
            &format!("{LEASES}?watch=1&timeoutSeconds=1&labelSelector=parity+in+(1,2)&{after}"),
        ),
        watch(
            "since-named",
            &format!("{LEASES}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dparity-3&{after}"),
        ),
        watch("from-now", &format!("{LEASES}?watch=1&timeoutSeconds=1")),
        watch(
            "from-cache",
            &format!("{LEASES}?watch=1&timeoutSeconds=1&resourceVersion=0"),
        ),
        watch(
            "bookmarks",
            &format!("{LEASES}?watch=1&timeoutSeconds=4&allowWatchBookmarks=true&{after}"),
        ),
        get(
            "watch-with-match",
            &format!("{LEASES}?watch=0&resourceVersionMatch=Exact&resourceVersion=0"),
        ),
        delete("remove-1", &format!("{LEASES}/parity-1"), ""),
        delete("remove-2", &format!("{LEASES}/parity-2"), ""),
    ]
}

fn eviction() -> Vec<Step> {
    let evict = r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"parity"}}"#;
    let budget = &[
        "/status/currentHealthy",
        "/status/desiredHealthy",
        "/status/disruptionsAllowed",
        "/status/expectedPods",
    ];
    vec![
        post(
            "budget",
            BUDGETS,
            r#"{"metadata":{"name":"parity"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"parity"}}}}"#,
        )
        .show(Show::Only(&[
            "/kind",
            "/apiVersion",
            "/metadata/name",
            "/metadata/generation",
            "/spec",
        ])),
        post(
            "pod",
            PODS,
            r#"{"metadata":{"name":"parity","labels":{"app":"parity"}},"spec":{"terminationGracePeriodSeconds":1,
            "containers":[{"name":"only","image":"registry.k8s.io/pause:3.10"}]}}"#,
        )
        .show(Show::Only(&[
            "/kind",
            "/apiVersion",
            "/metadata/name",
            "/metadata/labels",
            "/status/phase",
        ])),
        get("one-is-healthy", BUDGET)
            .show(Show::Only(budget))
            .until("/status/currentHealthy", json!(1)),
        post("evict-refused", EVICTION, evict),
        post("evict-refused-dry", &format!("{EVICTION}?dryRun=All"), evict),
        patch("budget-of-none", MERGE, BUDGET, r#"{"spec":{"minAvailable":0}}"#)
            .show(Show::Only(&["/metadata/generation", "/spec/minAvailable"])),
        get("one-may-go", BUDGET)
            .show(Show::Only(budget))
            .until("/status/disruptionsAllowed", json!(1)),
        post("evict-dry", &format!("{EVICTION}?dryRun=All"), evict),
        get("evict-dry-kept-it", POD).show(Show::Only(&["/metadata/name", "/metadata/deletionTimestamp"])),
        post(
            "evict-other-name",
            EVICTION,
            r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"x"}}"#,
        ),
        post(
            "evict",
            EVICTION,
            r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"parity"},
            "deleteOptions":{"preconditions":{"uid":"{pod:/metadata/uid}"}}}"#,
        ),
        get("evicted", POD).until("", json!(404)),
        post("evict-again", EVICTION, evict),
        delete("no-budget", BUDGET, ""),
    ]
}

/// The real server spends the budget before it looks whether the pod is the one that is meant.
fn precondition() -> Vec<Step> {
    let (pod, budget) = (format!("{PODS}/parity-2"), format!("{BUDGETS}/parity-2"));
    let eviction = format!("{pod}/eviction");
    let numbers = &[
        "/status/currentHealthy",
        "/status/desiredHealthy",
        "/status/disruptionsAllowed",
        "/status/expectedPods",
    ];
    vec![
        post(
            "budget-2",
            BUDGETS,
            r#"{"metadata":{"name":"parity-2"},"spec":{"minAvailable":0,"selector":{"matchLabels":{"app":"parity-2"}}}}"#,
        )
        .show(Show::Only(&["/kind", "/metadata/name"])),
        post(
            "pod-2",
            PODS,
            r#"{"metadata":{"name":"parity-2","labels":{"app":"parity-2"}},"spec":{"terminationGracePeriodSeconds":1,
            "containers":[{"name":"only","image":"registry.k8s.io/pause:3.10"}]}}"#,
        )
        .show(Show::Only(&["/kind", "/metadata/name"])),
        get("one-may-go-2", &budget)
            .show(Show::Only(numbers))
            .until("/status/disruptionsAllowed", json!(1)),
        post(
            "evict-other-uid",
            &eviction,
            r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"parity-2"},
            "deleteOptions":{"preconditions":{"uid":"other"}}}"#,
        ),
        get("kept", &pod).show(Show::Only(&["/metadata/name", "/metadata/deletionTimestamp"])),
        get("budget-is-spent", &budget)
            .show(Show::Only(numbers))
            .until("/status/currentHealthy", json!(0)),
        post(
            "evict-spent",
            &eviction,
            r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"parity-2"}}"#,
        ),
        delete("no-budget-2", &budget, ""),
        delete("no-pod-2", &pod, "").show(Show::Nothing),
    ]
}
