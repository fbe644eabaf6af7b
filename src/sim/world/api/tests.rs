//! The API server's answers, without a server.

mod lists;
mod writes;

use serde_json::{Value, json};

use super::*;

/// A store with an API server before it.
struct Bench {
    store: Store,
    server: Server,
    user: User,
}

impl Bench {
    /// Has the namespace `shop` and a node.
    fn new() -> Self {
        let mut bench = Self {
            store: Store::new(1),
            server: Server {
                name: "nbe-1".to_owned(),
                now: "2026-11-24T12:00:00Z".parse().unwrap(),
                toleration_s: 30,
                version: "v1.37.2+k0s.0".to_owned(),
                without_etcd_s: None,
                alarm: None,
            },
            user: User {
                name: "admin".to_owned(),
                groups: vec!["system:masters".to_owned()],
            },
        };
        bench.made("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}}));
        bench.made("/api/v1/nodes", &json!({"metadata": {"name": "node-1"}}));
        bench
    }

    fn answer(&mut self, method: Method, url: &str, content_type: &str, body: &str) -> Result<Answer, ApiError> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let call = Call {
            method,
            path,
            query,
            accept: "application/json",
            content_type,
            body: body.as_bytes(),
            user: &self.user,
        };
        answer(&mut self.store, &self.server, &call)
    }

    /// Status and document.
    fn ask(&mut self, method: Method, url: &str, content_type: &str, body: &str) -> (u16, Value) {
        match self.answer(method, url, content_type, body) {
            Ok(Answer::Object(code, object)) => (code, Value::clone(&object)),
            Ok(Answer::Text(code, text)) => (code, text.into()),
            Ok(Answer::List(list)) => {
                let names: Vec<&str> = list
                    .items
                    .iter()
                    .filter_map(|item| item["metadata"]["name"].as_str())
                    .collect();
                (
                    200,
                    json!({"kind": list.kind, "metadata": list.metadata, "names": names}),
                )
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => (error.code, error.to_json()),
        }
    }

    fn get(&mut self, url: &str) -> (u16, Value) {
        self.ask(Method::Get, url, "", "")
    }

    fn post(&mut self, url: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::Post, url, "application/json", &body.to_string())
    }

    fn put(&mut self, url: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::Put, url, "application/json", &body.to_string())
    }

    fn patch(&mut self, url: &str, kind: &str, body: &Value) -> (u16, Value) {
        self.ask(
            Method::Patch,
            url,
            &format!("application/{kind}+json"),
            &body.to_string(),
        )
    }

    fn delete(&mut self, url: &str, options: &Value) -> (u16, Value) {
        self.ask(Method::Delete, url, "application/json", &options.to_string())
    }

    fn made(&mut self, url: &str, body: &Value) -> Value {
        let (code, made) = self.post(url, body);
        assert_eq!(code, 201, "{made}");
        made
    }

    /// A pod on the node, ready or not, with the label `app=web`.
    fn pod(&mut self, name: &str, is_ready: bool) {
        let body = json!({
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 30, "containers": [{"name": "web"}]},
        });
        self.made("/api/v1/namespaces/shop/pods", &body);
        let ready = if is_ready { "True" } else { "False" };
        let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        let url = format!("/api/v1/namespaces/shop/pods/{name}/status");
        assert_eq!(self.patch(&url, "merge-patch", &status).0, 200);
    }
}

fn message(answer: &(u16, Value)) -> String {
    format!(
        "{} {} {}",
        answer.0,
        answer.1["reason"].as_str().unwrap_or_default(),
        answer.1["message"].as_str().unwrap_or_default()
    )
}

#[test]
fn unknown_paths_are_told_apart() {
    let mut bench = Bench::new();
    for path in [
        "/nothing",
        "/apis/example.com/v1/things",
        "/apis/netboxlabs.com/v1alpha1/things",
    ] {
        assert_eq!(bench.get(path), (404, "404 page not found\n".into()), "{path}");
    }
    let missing = bench.get("/api/v1/things");
    assert_eq!(
        message(&missing),
        "404 NotFound the server could not find the requested resource"
    );
    let method = bench.post("/api/v1/pods", &json!({}));
    assert_eq!(method.0, 405);
    assert_eq!(bench.get("/openapi/v3").0, 501);
    assert_eq!(bench.post("/api/v1/namespaces/shop/pods/a/binding", &json!({})).0, 501);
}

#[test]
fn discovery_tells_groups_resources_and_verbs() {
    let mut bench = Bench::new();
    let (_, groups) = bench.get("/apis");
    let apps = &groups["groups"][0];
    assert_eq!(apps["name"], "apps");
    assert_eq!(
        apps["preferredVersion"],
        json!({"groupVersion": "apps/v1", "version": "v1"})
    );
    let (_, core) = bench.get("/api/v1");
    let find = |name: &str| {
        core["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|resource| resource["name"] == name)
            .cloned()
    };
    let eviction = json!({
        "name": "pods/eviction", "singularName": "", "namespaced": true, "group": "policy", "version": "v1",
        "kind": "Eviction", "verbs": ["create"],
    });
    assert_eq!(find("pods/eviction"), Some(eviction));
    assert_eq!(find("nodes").unwrap()["namespaced"], false);
    assert_eq!(bench.get("/version").1["minor"], "37");
}

#[test]
fn readiness_names_etcd_when_it_is_lost() {
    let mut bench = Bench::new();
    assert_eq!(bench.get("/readyz"), (200, "ok".into()));
    let (_, all) = bench.get("/readyz?verbose");
    assert!(
        all.as_str().unwrap().ends_with("[+]shutdown ok\nreadyz check passed\n"),
        "{all}"
    );
    bench.server.without_etcd_s = Some(9);
    let (code, text) = bench.get("/readyz");
    let failed: Vec<&str> = text
        .as_str()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("[+]"))
        .collect();
    let expected = [
        "[-]etcd failed: reason withheld",
        "[-]etcd-readiness failed: reason withheld",
        "readyz check failed",
    ];
    assert_eq!((code, failed.as_slice()), (500, expected.as_slice()));
    assert_eq!(bench.get("/livez/ping"), (200, "ok".into()));
    assert_eq!(bench.get("/livez/etcd").0, 500);
}

#[test]
fn only_admins_may_and_others_may_ask() {
    let mut bench = Bench::new();
    let ask = json!({"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}});
    let url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(bench.made(url, &ask)["status"]["allowed"], true);
    bench.user = User {
        name: "eve".to_owned(),
        groups: Vec::new(),
    };
    assert_eq!(bench.made(url, &ask)["status"]["allowed"], false);
    let expected = "403 Forbidden nodes \"node-1\" is forbidden: User \"eve\" cannot patch resource \"nodes\" in API \
                    group \"\" at the cluster scope";
    assert_eq!(
        message(&bench.patch("/api/v1/nodes/node-1", "merge-patch", &json!({}))),
        expected
    );
    let expected = "403 Forbidden pods is forbidden: User \"eve\" cannot watch resource \"pods\" in API group \"\" in \
                    the namespace \"shop\"";
    assert_eq!(message(&bench.get("/api/v1/namespaces/shop/pods?watch=1")), expected);
    assert_eq!(bench.get("/apis").0, 200);
    bench.user = User::anonymous();
    assert_eq!(bench.get("/version").0, 200);
    assert_eq!(bench.get("/apis").0, 403);
    let who = bench.post(url, &json!({"spec": {}}));
    assert_eq!(who.0, 403);
}

#[test]
fn only_json_is_spoken() {
    let mut bench = Bench::new();
    let user = bench.user.clone();
    let mut call = Call {
        method: Method::Get,
        path: "/api/v1/nodes",
        query: "",
        accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        content_type: "",
        body: &[],
        user: &user,
    };
    assert!(answer(&mut bench.store, &bench.server, &call).is_ok());
    call.accept = "application/vnd.kubernetes.protobuf";
    assert_eq!(answer(&mut bench.store, &bench.server, &call).unwrap_err().code, 406);
    assert_eq!(bench.ask(Method::Post, "/api/v1/nodes", "text/plain", "{}").0, 415);
    let patch = "/apis/netboxlabs.com/v1alpha1/namespaces/shop/netboxenterprises/a";
    let strategic = bench.patch(patch, "strategic-merge-patch", &json!({}));
    assert_eq!(strategic.0, 415);
    let apply = bench.ask(Method::Patch, patch, "application/apply-patch+yaml", "{}");
    assert_eq!(apply.0, 501);
}

#[test]
fn logs_need_a_container_that_has_started() {
    let mut bench = Bench::new();
    bench.pod("web-0", true);
    let url = "/api/v1/namespaces/shop/pods/web-0/log";
    let waiting = bench.get(url);
    let expected = "400 BadRequest container \"web\" in pod \"web-0\" is waiting to start: ContainerCreating";
    assert_eq!(message(&waiting), expected);
    let status = json!({"status": {"containerStatuses": [
        {"name": "web", "state": {"running": {"startedAt": "2026-11-24T11:59:40Z"}}},
    ]}});
    bench.patch("/api/v1/namespaces/shop/pods/web-0/status", "merge-patch", &status);
    let Ok(Answer::Log(log)) = bench.answer(Method::Get, &format!("{url}?tailLines=2&timestamps=true"), "", "") else {
        panic!("no log");
    };
    let stretch = log.until(bench.server.now);
    let stamps: Vec<&str> = stretch
        .text
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        stamps,
        ["2026-11-24T11:59:55.000000000Z", "2026-11-24T12:00:00.000000000Z"]
    );
    let later = log.after(stretch.next, "2026-11-24T12:00:05Z".parse().unwrap());
    assert_eq!((later.text.lines().count(), later.next), (1, stretch.next + 1));
    let other = bench.get(&format!("{url}?container=nope"));
    assert_eq!(
        message(&other),
        "400 BadRequest container nope is not valid for pod web-0"
    );
    let previous = bench.get(&format!("{url}?previous=true"));
    assert!(message(&previous).ends_with("previous terminated container \"web\" in pod \"web-0\" not found"));
}
