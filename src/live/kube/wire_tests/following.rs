//! List and watch of one kind.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::list::list_at_most;
use super::super::wire::{Reply, Then, list_of, ok, refuse};
use super::*;

fn node(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "resourceVersion": version}})
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn is_watch(query: &str) -> bool {
    query.contains("watch=true")
}

const NODES: FeedId = FeedId::Kube(KubeKind::Nodes);

/// A server whose answer to each list and each watch follows from how many there were before.
fn scripted(
    list: impl Fn(usize) -> Reply + Send + Sync + 'static,
    watch: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> Wire {
    let (lists, watches) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Wire::new(move |_, query| {
        if is_watch(query) {
            watch(watches.fetch_add(1, Ordering::SeqCst))
        } else {
            list(lists.fetch_add(1, Ordering::SeqCst))
        }
    })
}

fn quiet() -> Reply {
    Reply::Lines(Vec::new(), Then::Silence)
}

#[tokio::test(start_paused = true)]
async fn pages_make_one_list_and_the_watch_goes_on_from_it() {
    let wire = Wire::new(|_, query| {
        if query.contains("resourceVersion=20") {
            return quiet();
        }
        if is_watch(query) {
            let lines = vec![
                event("ADDED", &node("c", "11")),
                event("MODIFIED", &node("a", "12")),
                event("DELETED", &node("b", "13")),
                event(
                    "BOOKMARK",
                    &json!({"kind": "Node", "metadata": {"resourceVersion": "20"}}),
                ),
            ];
            return Reply::Lines(lines, Then::CloseAfter(Duration::from_secs(25)));
        }
        if query.contains("continue=") {
            return list_of("99", &[node("b", "2")]);
        }
        ok(&json!({"metadata": {"resourceVersion": "10", "continue": "x/+&y"}, "items": [node("a", "1")]}))
    });
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    assert_eq!(names(&reader.event().await), ["a", "b"]);
    assert_eq!(names(&reader.event().await), ["+c"]);
    assert_eq!(names(&reader.event().await), ["+a"]);
    assert_eq!(names(&reader.event().await), ["-b"]);
    assert_eq!(reader.report(NODES).await, Report::Verified, "the bookmark");
    assert_eq!(reader.report(NODES).await, Report::Verified, "the clean end");
    reader.failure(NODES).await;
    let expected = [
        "/api/v1/nodes?&limit=500",
        "/api/v1/nodes?&limit=500&continue=x%2F%2B%26y",
        "/api/v1/nodes?&watch=true&timeoutSeconds=25&allowWatchBookmarks=true&resourceVersion=10",
        "/api/v1/nodes?&watch=true&timeoutSeconds=25&allowWatchBookmarks=true&resourceVersion=20",
    ];
    assert_eq!(wire.asked()[..4], expected);
}

#[tokio::test(start_paused = true)]
async fn a_version_too_old_lists_again_without_a_complaint() {
    let gone = event(
        "ERROR",
        &json!({"kind": "Status", "code": 410, "message": "too old resource version"}),
    );
    let wire = scripted(
        |count| list_of("1", &[node(&format!("n{count}"), "1")]),
        move |count| match count {
            0 => Reply::Lines(vec![gone.clone()], Then::CloseAfter(Duration::ZERO)),
            1 => refuse(410, "too old resource version"),
            _ => quiet(),
        },
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    for expected in ["n0", "n1", "n2"] {
        let found = reader.next(|what| Some(what.clone())).await;
        let Observation::Kube { epoch: 7, event, .. } = found else {
            panic!("{found:?}");
        };
        assert_eq!(names(&event), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_given_up_and_followed_by_a_list() {
    let wire = scripted(|_| list_of("5", &[]), |_| quiet());
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    let began = tokio::time::Instant::now();
    let why = reader.failure(NODES).await;
    assert_eq!(why.kind, WhyKind::TimedOut);
    assert_eq!(
        why.text,
        "watch nodes: https://10.77.0.11:6443: a watch said nothing within 30 s"
    );
    assert_eq!(began.elapsed().as_secs(), 30);
    reader.event().await;
    let asked = wire.asked();
    assert_eq!(asked[2], asked[0], "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_or_speaks_nonsense_is_followed_by_a_list() {
    let nonsense = [
        json!(7),
        json!({"type": "ADDED"}),
        event("SHOUTED", &node("a", "2")),
        event("BOOKMARK", &json!({})),
    ];
    let wire = scripted(
        |_| list_of("1", &[]),
        move |count| match count {
            0 => Reply::Lines(vec![event("ADDED", &node("a", "2"))], Then::Break),
            count => nonsense
                .get(count - 1)
                .map_or_else(quiet, |line| Reply::Lines(vec![line.clone()], Then::Silence)),
        },
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    assert_eq!(reader.failure(NODES).await.kind, WhyKind::Broken);
    for _ in 0..4 {
        assert_eq!(reader.failure(NODES).await.kind, WhyKind::Garbage);
    }
    assert_eq!(reader.failure(NODES).await.kind, WhyKind::TimedOut);
    let lists = wire.asked().iter().filter(|path| !is_watch(path)).count();
    assert_eq!(lists, 6, "at the start, after the break and after each nonsense");
}

#[tokio::test(start_paused = true)]
async fn a_half_event_at_the_end_is_no_clean_end() {
    let wire = scripted(
        |_| list_of("1", &[]),
        |_| Reply::Body(200, "{\"type\":\"ADD".to_owned()),
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    assert_eq!(reader.failure(NODES).await.kind, WhyKind::Broken);
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_its_kind_and_is_tried_again() {
    let cases = [
        (refuse(401, "Unauthorized"), WhyKind::Unauthenticated),
        (refuse(403, "nodes is forbidden"), WhyKind::Forbidden),
        (refuse(404, "page not found"), WhyKind::NotFound),
        (refuse(429, "slow down"), WhyKind::Throttled),
        (refuse(500, "etcdserver: no leader"), WhyKind::Unavailable),
        (refuse(503, "starting"), WhyKind::Unavailable),
        (Reply::Body(200, "<html>".to_owned()), WhyKind::Garbage),
        (Reply::Body(200, "{\"items\": []}".to_owned()), WhyKind::Garbage),
        (Reply::Body(302, String::new()), WhyKind::Garbage),
        (Reply::Hang, WhyKind::TimedOut),
    ];
    for (reply, kind) in cases {
        let shown = format!("{reply:?}");
        let wire = scripted(
            move |count| if count == 0 { reply.clone() } else { list_of("1", &[]) },
            |_| quiet(),
        );
        let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
        let why = reader.failure(NODES).await;
        assert_eq!(why.kind, kind, "{shown}");
        assert!(
            why.text.as_str().starts_with("list nodes: https://10.77.0.11:6443"),
            "{why}"
        );
        assert!(names(&reader.event().await).is_empty(), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forbidden_names_the_missing_rule_and_is_looked_at_every_half_minute() {
    let wire = scripted(
        |count| {
            if count < 2 {
                refuse(403, "no")
            } else {
                list_of("1", &[])
            }
        },
        |_| quiet(),
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Deployments, &wire);
    let began = tokio::time::Instant::now();
    let why = reader.failure(FeedId::Kube(KubeKind::Deployments)).await;
    let hint = why.hint.unwrap();
    assert!(
        hint.as_str()
            .contains("apiGroups [\"apps\"], resources [\"deployments\"]"),
        "{hint}"
    );
    reader.event().await;
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_listed_but_not_watched_stays_live() {
    let wire = scripted(
        |count| list_of("1", &[node(&format!("n{count}"), "1")]),
        |_| refuse(403, "no watch"),
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    let began = tokio::time::Instant::now();
    for expected in ["n0", "n1", "n2"] {
        let found = reader.next(|what| Some(what.clone())).await;
        assert!(matches!(found, Observation::Kube { .. }), "never a failure: {found:?}");
        let Observation::Kube { event, .. } = found else {
            unreachable!()
        };
        assert_eq!(names(&event), [expected]);
    }
    assert_eq!(began.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_ends_the_pause() {
    let wire = scripted(
        |count| {
            if count == 0 {
                refuse(403, "no")
            } else {
                list_of("1", &[])
            }
        },
        |_| quiet(),
    );
    let (mut reader, recovered) = follow_kind(KubeKind::Nodes, &wire);
    let began = tokio::time::Instant::now();
    reader.failure(NODES).await;
    // The pause begins after the report; a recovery within it counts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    recovered.send_modify(|count| *count += 1);
    reader.event().await;
    assert_eq!(began.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_watches_at_once_is_not_flooded() {
    let wire = scripted(
        |_| list_of("1", &[]),
        |_| Reply::Lines(Vec::new(), Then::CloseAfter(Duration::ZERO)),
    );
    let (_reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let asked = wire.asked().len();
    assert!((5..=15).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_understood_is_left_out() {
    let odd = json!({"metadata": {"name": "odd", "resourceVersion": "3"}, "spec": {"unschedulable": "perhaps"}});
    let watched = odd.clone();
    let wire = scripted(
        move |_| list_of("1", &[json!(7), odd.clone(), json!({}), node("fine", "1")]),
        move |_| Reply::Lines(vec![event("ADDED", &watched)], Then::Silence),
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Nodes, &wire);
    assert_eq!(names(&reader.event().await), ["fine"]);
    assert_eq!(names(&reader.event().await), ["-odd"]);
}

#[tokio::test(start_paused = true)]
async fn leases_of_others_are_not_kept() {
    let lease = |namespace: &str, name: &str| json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"holderIdentity": "somebody"}});
    let items = [
        lease("kube-system", "a"),
        lease("apps", "b"),
        lease("kube-node-lease", "c"),
    ];
    let watched = vec![
        event("MODIFIED", &lease("apps", "b")),
        event("MODIFIED", &lease("kube-system", "a")),
    ];
    let wire = scripted(
        move |_| list_of("1", &items),
        move |_| Reply::Lines(watched.clone(), Then::Silence),
    );
    let (mut reader, _recovered) = follow_kind(KubeKind::Leases, &wire);
    assert_eq!(names(&reader.event().await), ["kube-system/a", "kube-node-lease/c"]);
    assert_eq!(
        reader.report(FeedId::Kube(KubeKind::Leases)).await,
        Report::Verified,
        "another's lease is a sign of life"
    );
    assert_eq!(names(&reader.event().await), ["+kube-system/a"]);
    assert_eq!(wire.asked()[0], "/apis/coordination.k8s.io/v1/leases?&limit=500");
}

#[tokio::test(start_paused = true)]
async fn a_custom_resource_is_off_until_installed_and_its_version_is_discovered() {
    let looks = AtomicUsize::new(0);
    let wire = Wire::new(move |path, query| match path {
        "/apis" if looks.fetch_add(1, Ordering::SeqCst) == 0 => {
            ok(&json!({"groups": [{"name": "apps", "versions": []}]}))
        }
        "/apis" => ok(&json!({"groups": [{
            "name": "netboxlabs.com",
            "versions": [{"version": "v2"}, {"version": "v1beta9"}],
            "preferredVersion": {"version": "v2"},
        }]})),
        "/apis/netboxlabs.com/v1beta9/netboxenterprises" if is_watch(query) => quiet(),
        "/apis/netboxlabs.com/v1beta9/netboxenterprises" => list_of("1", &[json!({"metadata": {"name": "netbox"}})]),
        _ => refuse(404, "the server could not find the requested resource"),
    });
    let (mut reader, _recovered) = follow_kind(KubeKind::NetBoxEnterprises, &wire);
    let off = reader.report(FeedId::Kube(KubeKind::NetBoxEnterprises)).await;
    assert!(matches!(off, Report::Off(_)) && is(&off, WhyKind::NotFound), "{off:?}");
    assert_eq!(names(&reader.event().await), ["netbox"]);
    assert_eq!(wire.asked().iter().filter(|path| *path == "/apis").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_group_without_the_resource_is_not_installed_and_broken_discovery_is_a_failure() {
    let group = json!({"groups": [{"name": "etcd.k0sproject.io", "versions": [{"version": "v1beta1"}]}]});
    let wire = Wire::new(move |path, _| {
        if path == "/apis" {
            ok(&group)
        } else {
            refuse(404, "gone")
        }
    });
    let (mut reader, _recovered) = follow_kind(KubeKind::EtcdMembers, &wire);
    let off = reader.report(FeedId::Kube(KubeKind::EtcdMembers)).await;
    assert!(matches!(off, Report::Off(_)), "{off:?}");

    let wire = Wire::new(|_, _| Reply::Body(200, "[]".to_owned()));
    let (mut reader, _recovered) = follow_kind(KubeKind::EtcdMembers, &wire);
    assert_eq!(
        reader.failure(FeedId::Kube(KubeKind::EtcdMembers)).await.kind,
        WhyKind::Garbage
    );
}

#[tokio::test]
async fn a_list_longer_than_can_be_kept_is_an_error_that_says_so() {
    let items = [node("a", "1"), node("b", "1")];
    let page = ok(&json!({"metadata": {"resourceVersion": "1", "continue": "x"}, "items": items}));
    let wire = Wire::new(move |_, _| page.clone());
    let listed = list_at_most(4, &memory_session(&wire), KubeKind::Nodes, "/api/v1/nodes").await;
    let fault = listed.unwrap_err();
    assert!(
        fault.why.text.as_str().contains("has more than 4 nodes"),
        "{}",
        fault.why
    );
    assert!(fault.retry_after.is_some());
    assert_eq!(wire.asked().len(), 3);
}

/// An API server whose group of `EtcdMember`s is listed once, as told from then on; the resource itself is there `lists`
/// times.
fn vanishing(lists: usize, then: fn() -> Reply) -> Wire {
    let (looks, listed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let group = json!({"groups": [{"name": "etcd.k0sproject.io", "versions": [{"version": "v1beta1"}]}]});
    Wire::new(move |path, query| match path {
        "/apis" if looks.fetch_add(1, Ordering::SeqCst) == 0 => ok(&group),
        "/apis" => ok(&json!({"groups": []})),
        _ if is_watch(query) => Reply::Lines(Vec::new(), Then::Break),
        _ if listed.fetch_add(1, Ordering::SeqCst) < lists => list_of("1", &[json!({"metadata": {"name": "nbe-1"}})]),
        _ => then(),
    })
}

const MEMBERS: FeedId = FeedId::Kube(KubeKind::EtcdMembers);

#[tokio::test(start_paused = true)]
async fn what_is_removed_while_we_watch_leaves_no_rows() {
    let wire = vanishing(1, || refuse(404, "the server could not find the requested resource"));
    let (mut reader, _recovered) = follow_kind(KubeKind::EtcdMembers, &wire);
    assert_eq!(names(&reader.event().await), ["nbe-1"]);
    loop {
        match reader.next(|what| Some(what.clone())).await {
            Observation::Kube { event, .. } if names(&event).is_empty() => break,
            Observation::Feed { report, .. } => {
                assert!(!matches!(report, Report::Off(_)), "off before its rows are gone");
            }
            other => assert!(matches!(other, Observation::Kube { .. }), "{other:?}"),
        }
    }
    assert!(matches!(reader.report(MEMBERS).await, Report::Off(_)));
    let again = reader.next(|what| Some(what.clone())).await;
    assert!(
        matches!(
            again,
            Observation::Feed {
                report: Report::Off(_),
                ..
            }
        ),
        "told once: {again:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn discovery_alone_removes_nothing_while_a_server_starts() {
    let wire = vanishing(usize::MAX, quiet);
    let (mut reader, _recovered) = follow_kind(KubeKind::EtcdMembers, &wire);
    for _ in 0..20 {
        assert_eq!(names(&reader.event().await), ["nbe-1"]);
    }
    assert!(wire.asked().iter().filter(|path| *path == "/apis").count() > 1);

    let wire = vanishing(1, || refuse(503, "the server is starting"));
    let (mut reader, _recovered) = follow_kind(KubeKind::EtcdMembers, &wire);
    assert_eq!(names(&reader.event().await), ["nbe-1"]);
    while reader.failure(MEMBERS).await.kind != WhyKind::Unavailable {}
}
