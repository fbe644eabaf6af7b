//! Lists and watches.

use super::*;
use crate::sim::world::store::str_at;

fn config_maps(bench: &mut Bench, count: usize) {
    for number in 0..count {
        let body = json!({"metadata": {"name": format!("c{number}"), "labels": {"parity": (number % 2).to_string()}}});
        bench.made("/api/v1/namespaces/shop/configmaps", &body);
    }
}

const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

#[test]
fn pages_are_of_one_moment_until_it_is_compacted() {
    let mut bench = Bench::new();
    config_maps(&mut bench, 5);
    let (_, first) = bench.get(&format!("{MAPS}?limit=2"));
    assert_eq!(
        (&first["names"], &first["metadata"]["remainingItemCount"]),
        (&json!(["c0", "c1"]), &json!(3))
    );
    // The second page shows what was there at the time of the first.
    bench.delete(&format!("{MAPS}/c2"), &json!({}));
    bench.made(MAPS, &json!({"metadata": {"name": "c9"}}));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let next = format!("{MAPS}?limit=2&continue={token}");
    let (_, second) = bench.get(&next);
    assert_eq!(second["names"], json!(["c2", "c3"]));
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let revision = bench.store.revision();
    bench.store.compact(revision);
    let (code, expired) = bench.get(&next);
    assert_eq!((code, &expired["reason"]), (410, &json!("Expired")));
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = bench.get(&format!("{MAPS}?continue={token}"));
    assert_eq!(rest["names"], json!(["c3", "c4", "c9"]));
    assert_eq!(
        message(&bench.get(&format!("{MAPS}?continue=xyz%21")))
            .split(':')
            .next(),
        Some("400 BadRequest invalid continue token")
    );
}

#[test]
fn revisions_are_exact_or_at_least() {
    let mut bench = Bench::new();
    config_maps(&mut bench, 1);
    let then = bench.store.revision();
    bench.made(MAPS, &json!({"metadata": {"name": "later"}}));
    let exact = bench.get(&format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact"));
    assert_eq!(exact.1["names"], json!(["c0"]));
    let at_least = bench.get(&format!(
        "{MAPS}?resourceVersion={then}&resourceVersionMatch=NotOlderThan"
    ));
    assert_eq!(at_least.1["names"], json!(["c0", "later"]));
    let (code, future) = bench.get(&format!("{MAPS}?resourceVersion=999"));
    assert_eq!(
        (code, &future["details"]["causes"][0]["reason"]),
        (504, &json!("ResourceVersionTooLarge"))
    );
    let bad = bench.get(&format!("{MAPS}?resourceVersionMatch=Exact"));
    let expected = "422 Invalid ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
                    resourceVersionMatch is forbidden unless resourceVersion is provided";
    assert_eq!(message(&bad), expected);
    let now = bench.store.revision();
    bench.store.compact(now);
    let gone = bench.get(&format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact"));
    assert_eq!(gone.0, 410);
}

#[test]
fn selectors_choose() {
    let mut bench = Bench::new();
    config_maps(&mut bench, 3);
    bench.pod("web-0", true);
    let names = |bench: &mut Bench, url: &str| bench.get(url).1["names"].clone();
    for (selector, expected) in [
        ("parity%3D1", json!(["c1"])),
        ("parity!=1", json!(["c0", "c2"])),
        ("parity+in+(0,1),parity", json!(["c0", "c1", "c2"])),
        ("parity+notin+(0)", json!(["c1"])),
        ("!parity", json!([])),
    ] {
        assert_eq!(
            names(&mut bench, &format!("{MAPS}?labelSelector={selector}")),
            expected,
            "{selector}"
        );
    }
    assert_eq!(
        names(&mut bench, &format!("{MAPS}?fieldSelector=metadata.name=c1")),
        json!(["c1"])
    );
    assert_eq!(
        names(
            &mut bench,
            "/api/v1/pods?fieldSelector=spec.nodeName=node-1,status.phase=Running"
        ),
        json!(["web-0"])
    );
    assert_eq!(
        names(&mut bench, "/api/v1/pods?fieldSelector=spec.nodeName!=node-1"),
        json!([])
    );
    let unknown = bench.get(&format!("{MAPS}?fieldSelector=data.x=1"));
    assert_eq!(
        message(&unknown),
        "400 BadRequest \"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
    assert_eq!(bench.get(&format!("{MAPS}?labelSelector=a%3Db%3Dc+(")).0, 400);
}

fn open(bench: &mut Bench, url: &str) -> Watch {
    match bench.answer(Method::Get, url, "", "") {
        Ok(Answer::Watch(watch)) => watch,
        other => panic!("{other:?}"),
    }
}

fn told(watch: &mut Watch, store: &Store) -> Vec<String> {
    let events = watch.poll(store).into_iter();
    let name = |event: &Event| str_at(&event.object, "/metadata/name").unwrap_or_default().to_owned();
    events.map(|event| format!("{} {}", event.kind, name(&event))).collect()
}

#[test]
fn a_watch_tells_what_enters_changes_and_leaves_its_selection() {
    let mut bench = Bench::new();
    config_maps(&mut bench, 2);
    let from = bench.store.revision();
    let mut watch = open(
        &mut bench,
        &format!("{MAPS}?watch=true&labelSelector=parity=1&resourceVersion={from}"),
    );
    assert_eq!(told(&mut watch, &bench.store), Vec::<String>::new());
    let label = |value: &str| json!({"metadata": {"labels": {"parity": value}}});
    bench.patch(&format!("{MAPS}/c0"), "merge-patch", &label("1"));
    bench.patch(&format!("{MAPS}/c0"), "merge-patch", &json!({"data": {"x": "1"}}));
    assert_eq!(told(&mut watch, &bench.store), ["ADDED c0", "MODIFIED c0"]);
    bench.patch(&format!("{MAPS}/c0"), "merge-patch", &label("0"));
    let left = watch.poll(&bench.store);
    assert_eq!((left.len(), left[0].kind), (1, "DELETED"));
    assert_eq!(left[0].object["metadata"]["labels"]["parity"], "1");
    assert_eq!(
        left[0].object["metadata"]["resourceVersion"],
        bench.store.revision().to_string()
    );
    bench.delete(&format!("{MAPS}/c1"), &json!({}));
    assert_eq!(told(&mut watch, &bench.store), ["DELETED c1"]);
    assert_eq!(
        watch.bookmark().object["metadata"]["resourceVersion"],
        bench.store.revision().to_string()
    );
}

#[test]
fn a_watch_begins_with_what_there_is_or_says_that_it_cannot() {
    let mut bench = Bench::new();
    config_maps(&mut bench, 2);
    let mut watch = open(&mut bench, &format!("{MAPS}?watch=1&timeoutSeconds=7"));
    assert_eq!(
        (told(&mut watch, &bench.store), watch.timeout_s),
        (vec!["ADDED c0".to_owned(), "ADDED c1".to_owned()], 7)
    );
    let now = bench.store.revision();
    bench.store.compact(now);
    let mut old = open(&mut bench, &format!("{MAPS}?watch=1&resourceVersion=2"));
    let events = old.poll(&bench.store);
    assert!(events[0].is_error());
    assert_eq!(
        (&events[0].object["code"], &events[0].object["reason"]),
        (&json!(410), &json!("Expired"))
    );
    assert_eq!(bench.get(&format!("{MAPS}?watch=1&sendInitialEvents=true")).0, 501);
}
