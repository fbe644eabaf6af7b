//! The API server over real connections in memory.

use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use super::*;
use crate::sim::scenario::Scenario;
use crate::sim::world::fault::Fault;
use crate::sim::world::host::Component;
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;
use crate::sim::world::{Network, World};

const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

fn world() -> Arc<Shared> {
    let scenario: Scenario = toml::from_str("about = 'a test'").unwrap();
    let mut world = World::new(&scenario, &Network::default(), Timestamp::UNIX_EPOCH);
    // By then etcd has a leader.
    world.advance(10_000);
    let key = Key::new(Resource::Namespaces, "", "shop");
    world
        .store_mut()
        .create(&key, json!({}), Timestamp::UNIX_EPOCH)
        .unwrap();
    Arc::new(Shared::new(world))
}

fn map(shared: &Shared, name: &str) {
    shared.with(|world| {
        let key = Key::new(Resource::ConfigMaps, "shop", name);
        world
            .store_mut()
            .create(&key, json!({}), Timestamp::UNIX_EPOCH)
            .unwrap();
    });
}

fn admin() -> User {
    User {
        name: "admin".to_owned(),
        groups: vec!["system:masters".to_owned()],
    }
}

/// A connection to the API server.
fn connect(shared: &Arc<Shared>) -> DuplexStream {
    let (client, server) = tokio::io::duplex(64 << 10);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let shared = Arc::clone(&shared);
            async move { serve(request, &shared, HostId(1), &admin()).await }
        });
        let _ = auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    client
}

async fn send(shared: &Arc<Shared>, request: Request<Full<Bytes>>) -> hyper::Result<Response<hyper::body::Incoming>> {
    let io = TokioIo::new(connect(shared));
    if request.version() == hyper::Version::HTTP_2 {
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        return sender.send_request(request).await;
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

fn request(method: &str, uri: &str, body: &Value) -> Request<Full<Bytes>> {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let request = Request::builder().method(method).uri(uri).header("host", "nbe-1");
    request
        .header("content-type", "application/json")
        .body(Full::new(body))
        .unwrap()
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    request("GET", uri, &Value::Null)
}

async fn document(response: Response<hyper::body::Incoming>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn line(response: &mut Response<hyper::body::Incoming>) -> Option<Value> {
    let frame = response.body_mut().frame().await?.unwrap();
    Some(serde_json::from_slice(&frame.into_data().unwrap()).unwrap())
}

#[tokio::test]
async fn documents_go_out_over_both_versions_of_http() {
    let shared = world();
    map(&shared, "a");
    for version in [hyper::Version::HTTP_11, hyper::Version::HTTP_2] {
        let mut wanted = get(&format!("http://nbe-1{MAPS}"));
        *wanted.version_mut() = version;
        let response = send(&shared, wanted).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let list = document(response).await;
        assert_eq!(list["kind"], "ConfigMapList");
        // Objects of built-in resources do not say their kind in a list.
        assert_eq!(
            (list["items"][0].get("kind"), &list["items"][0]["metadata"]["name"]),
            (None, &json!("a"))
        );
    }
    let made = send(&shared, request("POST", MAPS, &json!({"metadata": {"name": "b"}})))
        .await
        .unwrap();
    assert_eq!(made.status(), 201);
    let missing = send(&shared, get(&format!("{MAPS}/c"))).await.unwrap();
    assert_eq!(
        (missing.status().as_u16(), document(missing).await["code"].clone()),
        (404, json!(404))
    );
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let body = Value::String("x".repeat(MAX_BODY_BYTES));
    let response = send(&world(), request("POST", MAPS, &body)).await.unwrap();
    assert_eq!(response.status(), 413);
}

#[tokio::test(start_paused = true)]
async fn a_watch_speaks_as_things_happen_and_ends_in_time() {
    let shared = world();
    let from = shared.with(|world| world.store().revision());
    let begun = Instant::now();
    let uri = format!("{MAPS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=90&resourceVersion={from}");
    let mut response = send(&shared, get(&uri)).await.unwrap();
    map(&shared, "a");
    let first = line(&mut response).await.unwrap();
    assert_eq!(
        (&first["type"], &first["object"]["kind"]),
        (&json!("ADDED"), &json!("ConfigMap"))
    );
    for at_s in [60, 88] {
        let bookmark = line(&mut response).await.unwrap();
        assert_eq!(
            (&bookmark["type"], begun.elapsed().as_secs()),
            (&json!("BOOKMARK"), at_s)
        );
        let version = shared.with(|world| world.store().revision()).to_string();
        assert_eq!(bookmark["object"]["metadata"]["resourceVersion"], version);
    }
    assert_eq!((line(&mut response).await, begun.elapsed().as_secs()), (None, 90));
}

#[tokio::test]
async fn a_watch_from_a_forgotten_revision_ends_with_the_reason() {
    let shared = world();
    map(&shared, "a");
    shared.with(|world| {
        let newest = world.store().revision();
        world.store_mut().compact(newest);
    });
    let mut response = send(&shared, get(&format!("{MAPS}?watch=1&resourceVersion=1")))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let error = line(&mut response).await.unwrap();
    assert_eq!(
        (&error["type"], &error["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert_eq!(line(&mut response).await, None);
}

#[tokio::test]
async fn a_closed_watch_leaves_nothing_behind() {
    let shared = world();
    let response = send(&shared, get(&format!("{MAPS}?watch=1"))).await.unwrap();
    assert!(Arc::strong_count(&shared) > 1);
    drop(response);
    // The connection's tasks end; the loop ends when they have.
    while Arc::strong_count(&shared) > 1 {
        tokio::task::yield_now().await;
    }
}

fn fault(shared: &Shared, fault: &Fault) {
    shared.with(|world| world.inject(fault)).unwrap();
}

/// Lets the world move on by seconds.
fn pass(shared: &Shared, seconds: u64) {
    shared.with(|world| {
        let to_ms = world.now_ms() + seconds * 1000;
        world.advance(to_ms);
    });
}

#[tokio::test(start_paused = true)]
async fn without_quorum_only_what_needs_none_answers() {
    let shared = world();
    for host in [2, 3] {
        fault(&shared, &Fault::Kill { host: HostId(host) });
    }
    pass(&shared, 2);
    let cached = format!("{MAPS}?resourceVersion=0");
    assert_eq!(send(&shared, get(&cached)).await.unwrap().status(), 200);
    pass(&shared, 20);
    let response = send(&shared, get(&cached)).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    assert_eq!(document(response).await["message"], "storage is (re)initializing");
    for (path, code) in [
        ("/version", 200),
        ("/livez/ping", 200),
        ("/apis", 200),
        ("/readyz", 500),
    ] {
        assert_eq!(send(&shared, get(path)).await.unwrap().status(), code, "{path}");
    }
    let begun = Instant::now();
    let late = send(&shared, get(MAPS)).await.unwrap();
    assert_eq!((late.status().as_u16(), begun.elapsed().as_secs()), (504, 60));
    // Somebody who waits is served when etcd is back.
    let waiting = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { send(&shared, get(MAPS)).await.unwrap().status() }
    });
    fault(&shared, &Fault::Revive { host: HostId(2) });
    pass(&shared, 60);
    assert_eq!(waiting.await.unwrap(), 200);
}

#[tokio::test]
async fn an_overloaded_server_refuses_everything() {
    let shared = world();
    for (code, retry) in [(429, Some("1")), (503, None)] {
        let host = HostId(1);
        fault(&shared, &Fault::Refuse { host, code });
        let response = send(&shared, get("/version")).await.unwrap();
        let told = response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), told), (code, retry));
        assert_eq!(document(response).await["kind"], "Status");
    }
}

#[tokio::test]
async fn a_lost_reply_is_a_broken_connection_and_a_change_made() {
    let shared = world();
    let (host, count) = (HostId(1), 1);
    fault(&shared, &Fault::LoseReplies { host, count });
    assert_eq!(send(&shared, get(MAPS)).await.unwrap().status(), 200);
    let create = || request("POST", MAPS, &json!({"metadata": {"name": "b"}}));
    assert!(send(&shared, create()).await.is_err());
    assert_eq!(send(&shared, create()).await.unwrap().status(), 409);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_says_nothing_and_does_not_end() {
    let shared = world();
    let mut response = send(
        &shared,
        get(&format!("{MAPS}?watch=1&timeoutSeconds=10&resourceVersion=1")),
    )
    .await
    .unwrap();
    fault(&shared, &Fault::SilentWatch { host: HostId(1) });
    map(&shared, "a");
    let silence = tokio::time::timeout(Duration::from_mins(2), line(&mut response)).await;
    assert!(silence.is_err());
}

#[tokio::test(start_paused = true)]
async fn logs_come_from_the_kubelet_of_the_node() {
    let shared = world();
    pass(&shared, 60);
    let pod = shared.with(|world| {
        let all = world.store().list(Resource::Pods, None);
        let mut on_two = all.filter(|(_, pod)| {
            pod["spec"]["nodeName"] == "nbe-2" && pod["status"]["containerStatuses"][0]["state"]["running"].is_object()
        });
        on_two.next().map(|(key, pod)| {
            (
                key.clone(),
                pod["spec"]["containers"][0]["name"].as_str().unwrap().to_owned(),
            )
        })
    });
    let (key, container) = pod.unwrap();
    let uri = format!(
        "/api/v1/namespaces/{}/pods/{}/log?container={container}&tailLines=3",
        key.namespace, key.name
    );
    let text = send(&shared, get(&uri))
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .count(),
        3
    );
    let mut followed = send(&shared, get(&format!("{uri}&follow=true"))).await.unwrap();
    followed.body_mut().frame().await.unwrap().unwrap();
    pass(&shared, 5);
    let more = followed.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(
        more.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .count(),
        1
    );
    let host = HostId(2);
    fault(
        &shared,
        &Fault::Stop {
            host,
            component: Component::Kubelet,
        },
    );
    assert!(followed.body_mut().frame().await.is_none());
    let refused = send(&shared, get(&uri)).await.unwrap();
    assert_eq!(refused.status(), 500);
    assert!(
        document(refused).await["message"]
            .as_str()
            .unwrap()
            .ends_with("10.77.0.12:10250: connect: connection refused")
    );
}
