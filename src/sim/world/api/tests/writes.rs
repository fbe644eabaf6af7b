//! Changes.

use super::*;

const PODS: &str = "/api/v1/namespaces/shop/pods";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/shop/leases";

#[test]
fn a_new_object_is_checked() {
    let mut bench = Bench::new();
    let elsewhere = bench.post("/api/v1/namespaces/nowhere/pods", &json!({"metadata": {"name": "a"}}));
    assert_eq!(message(&elsewhere), "404 NotFound namespaces \"nowhere\" not found");
    let (code, bad) = bench.post(PODS, &json!({"metadata": {"name": "Bad_Name"}}));
    assert_eq!((code, &bad["details"]["kind"]), (422, &json!("Pod")));
    let cause = &bad["details"]["causes"][0];
    assert_eq!(
        (&cause["reason"], &cause["field"]),
        (&json!("FieldValueInvalid"), &json!("metadata.name"))
    );
    let nameless = bench.post(PODS, &json!({"metadata": {}}));
    let expected = "422 Invalid Pod \"\" is invalid: metadata.name: Required value: name or generateName is required";
    assert_eq!(message(&nameless), expected);
    let other = bench.post(PODS, &json!({"metadata": {"name": "a", "namespace": "b"}}));
    assert_eq!(other.0, 400);
    let label = bench.patch(
        "/api/v1/nodes/node-1",
        "merge-patch",
        &json!({"metadata": {"labels": {"zone": "a b"}}}),
    );
    assert!(
        message(&label).starts_with("422 Invalid Node \"node-1\" is invalid: metadata.labels: Invalid value: \"a b\"")
    );
    let kind = bench.post(PODS, &json!({"kind": "Node", "metadata": {"name": "a"}}));
    assert_eq!(kind.0, 400);
    bench.pod("web-0", true);
    let again = bench.post(PODS, &json!({"metadata": {"name": "web-0"}}));
    assert_eq!(message(&again), "409 AlreadyExists pods \"web-0\" already exists");
}

#[test]
fn a_new_pod_tolerates_lost_nodes_as_this_server_says() {
    let mut bench = Bench::new();
    let own = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "tolerationSeconds": 5}]);
    let made = bench.made(
        PODS,
        &json!({"metadata": {"generateName": "web-"}, "spec": {"tolerations": own}}),
    );
    let name = made["metadata"]["name"].as_str().unwrap();
    assert_eq!((name.len(), name.starts_with("web-")), (9, true));
    let seconds: Vec<&Value> = made["spec"]["tolerations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| &own["tolerationSeconds"])
        .collect();
    assert_eq!(seconds, [5, 30]);
    assert_eq!(made["status"], json!({"phase": "Pending"}));
}

#[test]
fn a_rehearsed_write_keeps_nothing() {
    let mut bench = Bench::new();
    bench.pod("web-0", true);
    let before = bench.store.revision();
    let made = bench.made(&format!("{PODS}?dryRun=All"), &json!({"metadata": {"name": "web-1"}}));
    assert_eq!(made["metadata"].get("resourceVersion"), None);
    let (_, patched) = bench.patch(
        "/api/v1/nodes/node-1?dryRun=All",
        "merge-patch",
        &json!({"spec": {"unschedulable": true}}),
    );
    assert_eq!(patched["spec"]["unschedulable"], true);
    let stored = bench.get("/api/v1/nodes/node-1").1;
    assert_eq!(
        (&patched["metadata"]["resourceVersion"], stored.get("spec")),
        (&stored["metadata"]["resourceVersion"], None)
    );
    assert_eq!(
        bench.delete(&format!("{PODS}/web-0"), &json!({"dryRun": ["All"]})).0,
        200
    );
    assert_eq!(bench.delete(&format!("{LEASES}/none?dryRun=All"), &json!({})).0, 404);
    let evicted = json!({"metadata": {"name": "web-0"}});
    assert_eq!(
        bench.post(&format!("{PODS}/web-0/eviction?dryRun=All"), &evicted).0,
        201
    );
    assert_eq!(bench.store.revision(), before);
    assert_eq!(
        bench
            .post(&format!("{PODS}?dryRun=some"), &json!({"metadata": {"name": "x"}}))
            .0,
        422
    );
}

#[test]
fn a_lease_is_taken_by_the_one_who_saw_its_last_state() {
    let mut bench = Bench::new();
    let lease = bench.made(
        LEASES,
        &json!({"metadata": {"name": "lock"}, "spec": {"holderIdentity": "a"}}),
    );
    let mut mine = lease.clone();
    mine["spec"]["holderIdentity"] = "b".into();
    assert_eq!(bench.put(&format!("{LEASES}/lock"), &mine).0, 200);
    let late = bench.put(&format!("{LEASES}/lock"), &mine);
    let expected = "409 Conflict Operation cannot be fulfilled on leases.coordination.k8s.io \"lock\": the object has \
                    been modified; please apply your changes to the latest version and try again";
    assert_eq!(message(&late), expected);
    let blind = bench.put(
        &format!("{LEASES}/lock"),
        &json!({"metadata": {"name": "lock"}, "spec": {}}),
    );
    assert!(message(&blind).ends_with("metadata.resourceVersion: Invalid value: 0: must be specified for an update"));
    let made = bench.put(&format!("{LEASES}/new"), &json!({"metadata": {"name": "new"}}));
    assert_eq!(made.0, 201);
    assert_eq!(
        bench
            .put(&format!("{PODS}/new"), &json!({"metadata": {"name": "new"}}))
            .0,
        404
    );
}

#[test]
fn patches_of_three_kinds() {
    let mut bench = Bench::new();
    let node = "/api/v1/nodes/node-1";
    bench.patch(
        node,
        "merge-patch",
        &json!({"metadata": {"labels": {"a": "1", "b": "2"}}}),
    );
    let (_, merged) = bench.patch(node, "merge-patch", &json!({"metadata": {"labels": {"a": null}}}));
    assert_eq!(merged["metadata"]["labels"], json!({"b": "2"}));
    let (_, json) = bench.patch(
        node,
        "json-patch",
        &json!([{"op": "add", "path": "/metadata/labels/c", "value": "3"}]),
    );
    assert_eq!(json["metadata"]["labels"], json!({"b": "2", "c": "3"}));
    let failed = bench.patch(
        node,
        "json-patch",
        &json!([{"op": "test", "path": "/metadata/labels/c", "value": "4"}]),
    );
    assert_eq!(
        message(&failed),
        "422 Invalid the server rejected our request due to an error in our request"
    );
    let conditions = |conditions: Value| json!({"status": {"conditions": conditions}});
    let status = format!("{node}/status");
    bench.patch(
        &status,
        "strategic-merge-patch",
        &conditions(json!([{"type": "Ready", "status": "True"}])),
    );
    let more = json!([{"type": "Ready", "status": "False"}, {"type": "DiskPressure", "status": "False"}]);
    let (_, both) = bench.patch(&status, "strategic-merge-patch", &conditions(more.clone()));
    assert_eq!(both["status"]["conditions"], more);
    let gone = json!([{"$patch": "delete", "type": "DiskPressure"}]);
    let (_, one) = bench.patch(&status, "strategic-merge-patch", &conditions(gone));
    assert_eq!(
        one["status"]["conditions"],
        json!([{"type": "Ready", "status": "False"}])
    );
    let taints = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
    bench.patch(node, "strategic-merge-patch", &taints);
    let other = json!({"spec": {"taints": [{"key": "b", "effect": "NoSchedule"}]}});
    let (_, tainted) = bench.patch(node, "strategic-merge-patch", &other);
    assert_eq!(tainted["spec"], other["spec"]);
    let renamed = bench.patch(node, "merge-patch", &json!({"metadata": {"name": "x"}}));
    assert_eq!(renamed.0, 422);
    let stale = bench.patch(node, "merge-patch", &json!({"metadata": {"resourceVersion": "1"}}));
    assert_eq!(stale.0, 409);
}

#[test]
fn status_and_the_rest_are_apart() {
    let mut bench = Bench::new();
    bench.pod("web-0", true);
    let url = format!("{PODS}/web-0");
    let both = json!({"metadata": {"labels": {"x": "y"}}, "status": {"phase": "Failed"}});
    let (_, plain) = bench.patch(&url, "merge-patch", &both);
    assert_eq!(
        (&plain["status"]["phase"], &plain["metadata"]["labels"]["x"]),
        (&json!("Running"), &json!("y"))
    );
    let both = json!({"spec": {"nodeName": "node-2"}, "status": {"phase": "Failed"}});
    let (_, status) = bench.patch(&format!("{url}/status"), "merge-patch", &both);
    assert_eq!(
        (&status["status"]["phase"], &status["spec"]["nodeName"]),
        (&json!("Failed"), &json!("node-1"))
    );
}

#[test]
fn a_running_pod_is_asked_to_end_and_others_go_at_once() {
    let mut bench = Bench::new();
    bench.pod("web-0", true);
    let url = format!("{PODS}/web-0");
    let (code, marked) = bench.delete(&url, &json!({}));
    assert_eq!(
        (code, &marked["metadata"]["deletionTimestamp"]),
        (200, &json!("2026-11-24T12:00:30Z"))
    );
    let (_, shorter) = bench.delete(&url, &json!({"gracePeriodSeconds": 5}));
    assert_eq!(shorter["metadata"]["deletionTimestamp"], "2026-11-24T12:00:05Z");
    let (_, longer) = bench.delete(&url, &json!({"gracePeriodSeconds": 60}));
    assert_eq!(longer["metadata"]["deletionGracePeriodSeconds"], 5);
    // Nobody takes it back.
    bench.patch(&url, "merge-patch", &json!({"metadata": {"deletionTimestamp": null}}));
    assert_eq!(bench.get(&url).1["metadata"]["deletionGracePeriodSeconds"], 5);
    assert_eq!(bench.delete(&url, &json!({"gracePeriodSeconds": 0})).0, 200);
    assert_eq!(bench.get(&url).0, 404);
    bench.made(PODS, &json!({"metadata": {"name": "waiting"}}));
    bench.delete(&format!("{PODS}/waiting"), &json!({}));
    assert_eq!(bench.get(&format!("{PODS}/waiting")).0, 404);
}

#[test]
fn deletion_asks_whether_it_is_the_right_object() {
    let mut bench = Bench::new();
    let made = bench.made(
        LEASES,
        &json!({"metadata": {"name": "lock", "finalizers": ["example.com/wait"]}}),
    );
    let url = format!("{LEASES}/lock");
    let (code, other) = bench.delete(&url, &json!({"preconditions": {"uid": "other"}}));
    assert_eq!((code, &other["details"]["kind"]), (409, &json!("Lease")));
    let right = json!({"preconditions": {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}});
    let (_, waiting) = bench.delete(&url, &right);
    assert_eq!(waiting["metadata"]["deletionTimestamp"], "2026-11-24T12:00:00Z");
    assert_eq!(
        bench
            .patch(&url, "merge-patch", &json!({"metadata": {"finalizers": null}}))
            .0,
        200
    );
    assert_eq!(bench.get(&url).0, 404);
    bench.made(LEASES, &json!({"metadata": {"name": "lock"}}));
    let (_, gone) = bench.delete(&url, &json!({}));
    assert_eq!(
        (&gone["status"], &gone["details"]["kind"]),
        (&json!("Success"), &json!("leases"))
    );
    assert_eq!(bench.delete(&url, &json!({"propagationPolicy": "Orphan"})).0, 501);
    let (_, ending) = bench.delete("/api/v1/namespaces/shop", &json!({}));
    assert_eq!(ending["status"]["phase"], "Terminating");
    let late = bench.post(LEASES, &json!({"metadata": {"name": "late"}}));
    assert_eq!(
        (late.0, &late.1["details"]["causes"][0]["reason"]),
        (403, &json!("NamespaceTerminating"))
    );
}

#[test]
fn a_budget_refuses_the_eviction_that_it_cannot_afford() {
    let mut bench = Bench::new();
    bench.pod("web-0", true);
    bench.pod("web-1", true);
    bench.pod("web-2", false);
    let budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
    bench.made(
        budgets,
        &json!({"metadata": {"name": "web"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
    );
    let evict = |bench: &mut Bench, pod: &str| {
        bench.post(
            &format!("{PODS}/{pod}/eviction"),
            &json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}),
        )
    };
    let unseen = evict(&mut bench, "web-0");
    assert_eq!((unseen.0, &unseen.1["details"]["retryAfterSeconds"]), (429, &json!(10)));
    let status = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 3,
    }});
    bench.patch(&format!("{budgets}/web/status"), "merge-patch", &status);
    assert_eq!(evict(&mut bench, "web-0").0, 201);
    let pod = bench.get(&format!("{PODS}/web-0")).1;
    assert_eq!(pod["status"]["conditions"][1]["reason"], "EvictionByEvictionAPI");
    assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 30);
    // The budget's controller has seen it by now.
    bench.patch(
        &format!("{budgets}/web/status"),
        "merge-patch",
        &json!({"status": {"currentHealthy": 1}}),
    );
    let (code, refused) = evict(&mut bench, "web-1");
    assert_eq!(
        (code, &refused["message"]),
        (
            429,
            &json!("Cannot evict pod as it would violate the pod's disruption budget.")
        )
    );
    let cause = json!([{"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 1 currently"}]);
    assert_eq!(refused["details"]["causes"], cause);
    // It does not count, so it may go.
    assert_eq!(evict(&mut bench, "web-2").0, 201);
    assert_eq!(
        message(&evict(&mut bench, "web-9")),
        "404 NotFound pods \"web-9\" not found"
    );
}

#[test]
fn scale_changes_replicas_alone() {
    let mut bench = Bench::new();
    let url = "/apis/apps/v1/namespaces/shop/deployments";
    let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}});
    bench.made(url, &json!({"metadata": {"name": "web"}, "spec": spec}));
    let (_, scale) = bench.patch(
        &format!("{url}/web/scale"),
        "merge-patch",
        &json!({"spec": {"replicas": 3}}),
    );
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!("Scale"), &json!(3), &json!("app=web"))
    );
    assert_eq!(bench.get(&format!("{url}/web")).1["metadata"]["generation"], 2);
    let mut old = scale.clone();
    old["metadata"]["resourceVersion"] = "1".into();
    assert_eq!(bench.put(&format!("{url}/web/scale"), &old).0, 409);
}

#[test]
fn a_full_database_takes_deletions_alone_and_a_corrupt_one_nothing() {
    let mut bench = Bench::new();
    bench.made(LEASES, &json!({"metadata": {"name": "lock"}}));
    bench.server.alarm = Some(Alarm::NoSpace);
    let full = bench.post(LEASES, &json!({"metadata": {"name": "new"}}));
    assert_eq!(message(&full), "500  etcdserver: mvcc: database space exceeded");
    assert_eq!(bench.get(&format!("{LEASES}/new")).0, 404);
    let lock = format!("{LEASES}/lock");
    bench.server.alarm = Some(Alarm::Corrupt);
    let corrupt = bench.delete(&lock, &json!({}));
    assert_eq!(message(&corrupt), "500  etcdserver: corrupt cluster");
    bench.server.alarm = Some(Alarm::NoSpace);
    assert_eq!(bench.delete(&lock, &json!({})).0, 200);
}
