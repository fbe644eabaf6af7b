//! The API server of one host behind HTTP: what waits, what breaks off and what goes on for a while. What it answers is
//! `sim::world::api`'s business; listeners, TLS and processes that are stopped are those of `sim::wire`. Start reading at
//! [`serve`].

mod logs;
mod reply;
mod watching;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Request, Response};
use tokio::time::Instant;

use super::Shared;
use crate::sim::world::Serving;
use crate::sim::world::api::{self, Answer, Call, Method, Needs, User};
use crate::sim::world::host::HostId;
use crate::sim::world::status::{ApiError, Details};

/// What is sent back. A body that goes on ends at its own deadline.
pub type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// `--request-timeout` of the real one: what waits for etcd gives up after it.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request that waits looks whether etcd is back.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// For how many seconds without etcd the watch cache still answers.
const CACHE_S: u64 = 3;
/// The real one takes no larger body.
const MAX_BODY_BYTES: usize = 3 << 20;

/// Serves one request to the API server of a host. `user` is who the client's certificate says. An error means that the
/// connection breaks off without an answer: hand it to hyper.
pub async fn serve<B>(request: Request<B>, shared: &Arc<Shared>, host: HostId, user: &User) -> io::Result<Reply>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Display,
{
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(reply::refusal(&too_large())),
        Err(error) => return Err(io::Error::other(error)),
    };
    let header = |name| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let call = Call {
        method: method(&head.method),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        accept: header(ACCEPT),
        content_type: header(CONTENT_TYPE),
        body: &body,
        user,
    };
    if let Err(error) = until_served(shared, host, api::needs(&call)).await {
        return Ok(reply::refusal(&error));
    }
    match ask(shared, host, &call)? {
        Ok(Answer::Watch(watch)) => Ok(watching::reply(shared, host, watch)),
        Ok(Answer::Log(log)) => Ok(logs::reply(shared, host, log).await),
        Ok(answer) => Ok(reply::of(answer)),
        Err(error) => Ok(reply::refusal(&error)),
    }
}

/// Asks the world. Where the reply to a change is to be lost, the change is made all the same.
fn ask(shared: &Shared, host: HostId, call: &Call<'_>) -> io::Result<Result<Answer, ApiError>> {
    shared.with(|world| {
        let server = world.api_server(host);
        let before = world.store().revision();
        let answer = api::answer(world.store_mut(), &server, call);
        if world.store().revision() != before && world.loses_reply(host) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(answer)
    })
}

/// Waits as the real one does while etcd has no quorum, and refuses in the end.
async fn until_served(shared: &Shared, host: HostId, needs: Needs) -> Result<(), ApiError> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        let (serving, lost_s) = shared.with(|world| {
            let lost_s = world.api_server(host).without_etcd_s;
            (world.serving(host), lost_s.unwrap_or(0))
        });
        match (serving, needs) {
            (Serving::Refusing(429), _) => return Err(ApiError::too_many_requests(1)),
            (Serving::Refusing(code), _) => return Err(ApiError::of_code(code)),
            (Serving::Well, _) | (Serving::WithoutEtcd, Needs::Nothing) => return Ok(()),
            (Serving::WithoutEtcd, Needs::Cache) if lost_s < CACHE_S => return Ok(()),
            (Serving::WithoutEtcd, Needs::Cache) => return Err(reinitializing()),
            (Serving::WithoutEtcd, Needs::Etcd) if Instant::now() >= deadline => return Err(timeout()),
            (Serving::WithoutEtcd, Needs::Etcd) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

fn reinitializing() -> ApiError {
    ApiError::new(429, "TooManyRequests", "storage is (re)initializing").with(Details {
        retry_after_s: 1,
        ..Details::default()
    })
}

fn timeout() -> ApiError {
    let message = "Timeout: request did not complete within requested timeout - context deadline exceeded";
    ApiError::new(504, "Timeout", message).with(Details::default())
}

fn too_large() -> ApiError {
    let message = format!("Request entity too large: limit is {MAX_BODY_BYTES}");
    ApiError::new(413, "RequestEntityTooLarge", message)
}

fn method(method: &hyper::Method) -> Method {
    match *method {
        hyper::Method::GET => Method::Get,
        hyper::Method::POST => Method::Post,
        hyper::Method::PUT => Method::Put,
        hyper::Method::PATCH => Method::Patch,
        hyper::Method::DELETE => Method::Delete,
        _ => Method::Other,
    }
}
