//! Logs of containers on the wire: the API server fetches them from the kubelet of the pod's node, if that answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};

use super::{Reply, Shared, reply};
use crate::sim::world::World;
use crate::sim::world::api::Log;
use crate::sim::world::host::{Component, Host, HostId, Path, Run};
use crate::sim::world::status::ApiError;
use crate::sim::world::store::str_at;

/// How long the API server waits for a kubelet that does not answer.
const DIAL: Duration = Duration::from_secs(30);
/// How often a log that is followed is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How the kubelet of a node answers.
enum Kubelet {
    Answers,
    Refuses(String),
    IsSilent(String),
}

/// A log as the answer to a request.
pub(super) async fn reply(shared: &Arc<Shared>, host: HostId, log: Log) -> Reply {
    let failed = |address: &str, why: &str| {
        let (pod, container) = (&log.key, &log.container);
        let path = format!("/containerLogs/{}/{}/{container}", pod.namespace, pod.name);
        let message = format!("Get \"https://{address}:10250{path}\": dial tcp {address}:10250: {why}");
        reply::refusal(&ApiError::new(500, "", message))
    };
    match shared.with(|world| kubelet(world, host, &log.node)) {
        Kubelet::Refuses(address) => failed(&address, "connect: connection refused"),
        Kubelet::IsSilent(address) => {
            tokio::time::sleep(DIAL).await;
            failed(&address, "i/o timeout")
        }
        Kubelet::Answers => {
            let begin = shared.with(|world| log.until(world.wall()));
            if log.follows {
                follow(Arc::clone(shared), host, log, begin.text, begin.next)
            } else {
                reply::text(begin.text)
            }
        }
    }
}

/// Goes on until the pod or its kubelet is gone.
fn follow(shared: Arc<Shared>, host: HostId, log: Log, text: String, next: i64) -> Reply {
    let begin = Some(text).filter(|text| !text.is_empty());
    let lines = stream::unfold((begin, next), move |(begin, next)| {
        let (shared, log) = (Arc::clone(&shared), log.clone());
        async move {
            if let Some(text) = begin {
                return Some((Ok::<_, io::Error>(frame(text)), (None, next)));
            }
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                let more = shared.with(|world| {
                    let pod = world.store().get(&log.key)?;
                    let is_same = str_at(pod, "/metadata/uid") == Some(&log.uid);
                    let is_there = is_same && matches!(kubelet(world, host, &log.node), Kubelet::Answers);
                    is_there.then(|| log.after(next, world.wall()))
                })?;
                if !more.text.is_empty() {
                    return Some((Ok(frame(more.text)), (None, more.next)));
                }
            }
        }
    });
    let mut reply = Response::new(StreamBody::new(lines).boxed_unsync());
    reply::headers(&mut reply, 200, "text/plain");
    reply
}

fn frame(text: String) -> Frame<Bytes> {
    Frame::data(Bytes::from(text))
}

fn kubelet(world: &World, from: HostId, node: &str) -> Kubelet {
    let Some(Host { id, address, .. }) = world.hosts().iter().find(|host| host.name == node) else {
        // A node without a machine behind it: nobody has its address.
        return Kubelet::IsSilent(node.to_owned());
    };
    match (world.path(from, *id), world.run(*id, Component::Kubelet)) {
        (Path::Open, Run::Running) => Kubelet::Answers,
        (Path::Open, Run::Dead) => Kubelet::Refuses(address.clone()),
        (Path::Silent, _) | (_, Run::Frozen) => Kubelet::IsSilent(address.clone()),
    }
}
