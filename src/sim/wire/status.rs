//! k0s's status socket: `GET /status` over a unix socket. Start reading at [`keep`].

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Shared;
use crate::sim::world::World;
use crate::sim::world::host::{Component, HostId, Run};

/// Answers while k0s runs, until the task is dropped. A frozen one accepts and says nothing.
pub async fn keep(socket: PathBuf, shared: Arc<Shared>, host: HostId, mut ticks: watch::Receiver<u64>) {
    let mut listener: Option<UnixListener> = None;
    let mut connections = JoinSet::new();
    loop {
        let run = shared.with(|world| world.run(host, Component::K0s));
        if run == Run::Dead {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            // A dead k0s leaves its socket behind, and a new one replaces it.
            let _ = std::fs::remove_file(&socket);
            listener = UnixListener::bind(&socket)
                .inspect_err(|error| tracing::warn!("simulator: {} cannot be listened on: {error}", socket.display()))
                .ok();
        }
        let accept = async {
            match &listener {
                Some(listener) if run == Run::Running => listener.accept().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            ticked = ticks.changed() => if ticked.is_err() { return },
            accepted = accept => {
                if let Ok((stream, _)) = accepted {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let service = service_fn(|request: Request<Incoming>| {
                            let answer = answer(&request, &shared, host);
                            async move { Ok::<_, Infallible>(answer) }
                        });
                        let http = hyper::server::conn::http1::Builder::new();
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                while connections.try_join_next().is_some() {}
            }
        }
    }
}

fn answer(request: &Request<Incoming>, shared: &Shared, host: HostId) -> Response<Full<Bytes>> {
    if request.uri().path() != "/status" {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    }
    Response::new(Full::from(shared.with(|world| status(world, host))))
}

fn status(world: &World, host: HostId) -> String {
    let data_dir = "/var/lib/embedded-cluster/k0s";
    let status = json!({
        "Version": world.api_server(host).version,
        "Pid": Component::K0s.pid(),
        "Role": "controller",
        "Workloads": true,
        "SingleNode": false,
        "K0sVars": {"InvocationID": world.invocation_id(host), "DataDir": data_dir},
    });
    status.to_string()
}
