//! Which versions of which API groups the server serves. One request answers for all kinds; its answer is shared for a
//! while, so that five kinds that are not installed cost one request each time they look again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fault::Fault;
use super::session::Session;
use crate::base::WhyKind;
use crate::plan::rights::Asked;

/// What lists the groups.
pub const GROUPS: &str = "/apis";
/// How long an answer is shared. Shorter than [`super::follow::LOOK_AGAIN`], so that each look is a new one.
const FRESH: Duration = Duration::from_secs(20);
/// How long a failure is shared.
const FAILED_FOR: Duration = Duration::from_secs(1);

type Groups = BTreeMap<String, Vec<String>>;

/// The API groups of one server.
#[derive(Default)]
pub struct Catalog {
    last: Mutex<Option<(Instant, Result<Groups, Fault>)>>,
}

impl Catalog {
    /// The served versions of a group, the preferred one first. Empty where there is no such group.
    pub async fn versions(&self, session: &Session, group: &str) -> Result<Vec<String>, Fault> {
        let mut last = self.last.lock().await;
        let fresh = |(at, answer): &(Instant, Result<Groups, Fault>)| {
            let limit = if answer.is_ok() { FRESH } else { FAILED_FOR };
            at.elapsed() < limit
        };
        if !last.as_ref().is_some_and(fresh) {
            let answer = discover(session).await;
            *last = Some((Instant::now(), answer));
        }
        match &*last {
            Some((_, Ok(groups))) => Ok(groups.get(group).cloned().unwrap_or_default()),
            Some((_, Err(fault))) => Err(fault.clone()),
            None => Ok(Vec::new()),
        }
    }
}

async fn discover(session: &Session) -> Result<Groups, Fault> {
    let body = session.get(GROUPS).await.map_err(|mut fault| {
        if fault.why.kind == WhyKind::Forbidden {
            fault.why = fault.why.hint(Asked::get(GROUPS).needs());
        }
        fault
    })?;
    let garbage = || Fault::garbage(&session.server, "answered something that is no list of API groups");
    let answer: Value = serde_json::from_slice(&body).map_err(|_| garbage())?;
    let groups = answer.get("groups").and_then(Value::as_array).ok_or_else(garbage)?;
    Ok(groups.iter().filter_map(read_group).collect())
}

fn read_group(raw: &Value) -> Option<(String, Vec<String>)> {
    let version = |raw: &Value| raw.get("version").and_then(Value::as_str).map(str::to_owned);
    let preferred = raw.get("preferredVersion").and_then(version);
    let mut versions: Vec<String> = preferred.into_iter().collect();
    for other in raw
        .get("versions")
        .and_then(Value::as_array)?
        .iter()
        .filter_map(version)
    {
        if !versions.contains(&other) {
            versions.push(other);
        }
    }
    Some((raw.get("name")?.as_str()?.to_owned(), versions))
}
