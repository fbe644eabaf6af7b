//! Logs of containers: what a container plausibly said, a line every few seconds since it started.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::query::Query;
use super::{Answer, Server};
use crate::sim::world::status::ApiError;
use crate::sim::world::store::{Key, Store, str_at};

/// Seconds from one line to the next.
const EVERY_S: i64 = 5;
/// More lines than these no kubelet keeps.
const MOST_LINES: i64 = 2_000;

/// A container's log as one client wants it.
#[derive(Debug, Clone)]
pub struct Log {
    /// The node whose kubelet has it.
    pub node: String,
    /// The pod.
    pub key: Key,
    /// The pod's uid: another pod of that name has another log.
    pub uid: String,
    /// Which container.
    pub container: String,
    /// Goes on as the container does.
    pub follows: bool,
    has_timestamps: bool,
    tail: Option<i64>,
    limit_bytes: Option<usize>,
    since: Option<Timestamp>,
    started: Timestamp,
    ended: Option<Timestamp>,
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The lines.
    pub text: String,
    /// The number of the line that comes next.
    pub next: i64,
}

/// Finds the container.
pub(super) fn answer(store: &Store, server: &Server, query: &Query, key: &Key) -> Result<Answer, ApiError> {
    let pod = store.must_get(key)?;
    let container = container(pod, query.text("container"), &key.name)?;
    let node = str_at(pod, "/spec/nodeName").unwrap_or_default();
    if node.is_empty() {
        return Ok(Answer::Empty);
    }
    let is_previous = query.is_true("previous");
    let (started, ended) = times(pod, &container, &key.name, is_previous)?;
    let since_s = query.number("sinceSeconds")?;
    let since = since_s.and_then(|seconds| server.now.checked_sub(SignedDuration::from_secs(seconds)).ok());
    let since_time = query.text("sinceTime").map(str::parse::<Timestamp>);
    let since_time = since_time
        .transpose()
        .map_err(|_| ApiError::bad_request("sinceTime is no RFC 3339 time"))?;
    Ok(Answer::Log(Log {
        node: node.to_owned(),
        key: key.clone(),
        uid: str_at(pod, "/metadata/uid").unwrap_or_default().to_owned(),
        container,
        follows: query.is_true("follow") && !is_previous,
        has_timestamps: query.is_true("timestamps"),
        tail: query.number("tailLines")?,
        limit_bytes: query
            .number("limitBytes")?
            .and_then(|bytes| usize::try_from(bytes).ok()),
        since: since.or(since_time),
        started,
        ended,
    }))
}

impl Log {
    /// The lines up to a moment.
    pub fn until(&self, now: Timestamp) -> Stretch {
        let end = self.lines_until(now);
        let tail = self.tail.unwrap_or(MOST_LINES).clamp(0, MOST_LINES);
        let since = self.since.map_or(0, |since| self.lines_until(since));
        let mut stretch = self.stretch((end - tail).max(since).max(0), end);
        if let Some(limit) = self.limit_bytes {
            stretch.text.truncate(stretch.text.floor_char_boundary(limit));
        }
        stretch
    }

    /// The lines from a number on, up to a moment.
    pub fn after(&self, next: i64, now: Timestamp) -> Stretch {
        self.stretch(next, self.lines_until(now).min(next + MOST_LINES))
    }

    fn stretch(&self, from: i64, to: i64) -> Stretch {
        Stretch {
            text: (from..to).map(|number| self.line(number)).collect(),
            next: to.max(from),
        }
    }

    /// How many lines there are by then: the first with the start.
    fn lines_until(&self, now: Timestamp) -> i64 {
        let now = self.ended.map_or(now, |ended| ended.min(now));
        let age = now.as_second() - self.started.as_second();
        if age < 0 { 0 } else { age / EVERY_S + 1 }
    }

    fn line(&self, number: i64) -> String {
        let at = self.started.checked_add(SignedDuration::from_secs(number * EVERY_S));
        let at = at.unwrap_or(self.started);
        let stamp = if self.has_timestamps {
            format!("{at:.9} ")
        } else {
            String::new()
        };
        format!("{stamp}{}\n", words(&self.container, &self.key.name, number))
    }
}

/// What a container says. The same number gives the same words.
fn words(container: &str, pod: &str, number: i64) -> String {
    if number == 0 {
        return format!("level=info msg=\"{container} is starting\" pod={pod}");
    }
    match number % 12 {
        3 => format!(
            "level=info msg=\"GET /api/status/ 200\" container={container} duration_ms={}",
            4 + number % 23
        ),
        7 => format!(
            "level=warning msg=\"slow query\" container={container} duration_ms={}",
            400 + number % 311
        ),
        11 => format!(
            "level=error msg=\"connection reset by peer\" container={container} retry={}",
            number % 3 + 1
        ),
        _ => format!("level=info msg=\"health check\" container={container} check={number}"),
    }
}

fn names(pod: &Value, list: &str) -> Vec<String> {
    let all = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
    let all = all.into_iter().flatten();
    all.filter_map(|container| str_at(container, "/name").map(str::to_owned))
        .collect()
}

/// The container that is meant; with several it must be named.
fn container(pod: &Value, asked: Option<&str>, name: &str) -> Result<String, ApiError> {
    let (main, init) = (names(pod, "containers"), names(pod, "initContainers"));
    if let Some(asked) = asked {
        return if main.iter().chain(&init).any(|own| own == asked) {
            Ok(asked.to_owned())
        } else {
            Err(ApiError::bad_request(format!(
                "container {asked} is not valid for pod {name}"
            )))
        };
    }
    match main.as_slice() {
        [one] => Ok(one.clone()),
        [] if init.is_empty() => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {name}"
        ))),
        _ => {
            let all: Vec<String> = init.into_iter().chain(main).collect();
            let message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                all.join(" ")
            );
            Err(ApiError::bad_request(message))
        }
    }
}

/// When the container started, and when it ended if it did.
fn times(
    pod: &Value,
    container: &str,
    name: &str,
    is_previous: bool,
) -> Result<(Timestamp, Option<Timestamp>), ApiError> {
    let lists = ["/status/containerStatuses", "/status/initContainerStatuses"];
    let status = lists
        .iter()
        .filter_map(|list| pod.pointer(list).and_then(Value::as_array))
        .flatten()
        .find(|status| str_at(status, "/name") == Some(container));
    let time = |pointer: &str| {
        status
            .and_then(|status| str_at(status, pointer))
            .and_then(|at| at.parse().ok())
    };
    let last = (
        time("/lastState/terminated/startedAt"),
        time("/lastState/terminated/finishedAt"),
    );
    if is_previous {
        return match last {
            (Some(started), ended) => Ok((started, ended)),
            (None, _) => Err(ApiError::bad_request(format!(
                "previous terminated container {container:?} in pod {name:?} not found"
            ))),
        };
    }
    if let Some(started) = time("/state/running/startedAt") {
        return Ok((started, None));
    }
    if let Some(started) = time("/state/terminated/startedAt") {
        return Ok((started, time("/state/terminated/finishedAt")));
    }
    if let (Some(started), ended) = last {
        return Ok((started, ended));
    }
    let reason = status.and_then(|status| str_at(status, "/state/waiting/reason"));
    let reason = reason.unwrap_or("ContainerCreating");
    let because = match reason {
        "ErrImagePull" | "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    };
    Err(ApiError::bad_request(format!(
        "container {container:?} in pod {name:?} is waiting to start: {because}"
    )))
}
