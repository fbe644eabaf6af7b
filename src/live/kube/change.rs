//! Requests that change something, through the API server in use: each is sent once, and its outcome is told as far as the
//! reply tells. Decides nothing. Start reading at [`Changes::send`].

use serde_json::{Value, json};
use tokio::sync::watch;

use super::session::{Session, Undone};
use crate::base::{Why, WhyKind};
use crate::plan::event::Sent;
use crate::plan::request::{Call, Method};
use crate::plan::rights::{self, Asked, Attributes};

/// Where whoever asks is told what they may.
pub const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// A way to change things.
#[derive(Clone)]
pub struct Changes(watch::Receiver<Option<Session>>);

impl Changes {
    /// Through whichever server is in use.
    pub(super) const fn through(sessions: watch::Receiver<Option<Session>>) -> Self {
        Self(sessions)
    }

    fn session(&self) -> Result<Session, Why> {
        let session = self.0.borrow().clone();
        session.ok_or_else(|| {
            Why::new(WhyKind::Unavailable, "no API server is in use")
                .hint("the feeds screen, or `quorate doctor`, says why")
        })
    }

    /// Reads one object.
    pub async fn read(&self, path: &str) -> Result<Value, Why> {
        let session = self.session()?;
        let body = session.get(path).await.map_err(|fault| fault.why)?;
        serde_json::from_slice(&body)
            .map_err(|_| Why::new(WhyKind::Garbage, format!("{}{path} is no JSON", session.server)))
    }

    /// Sends a call, and tells the answer's body.
    pub async fn ask(&self, call: &Call) -> Result<Value, Undone> {
        let session = self.session().map_err(|why| Undone::Refused(why.into()))?;
        ask(&session, call).await
    }

    /// Sends a call.
    pub async fn send(&self, call: &Call) -> Sent {
        let Err(undone) = self.ask(call).await else {
            return Sent::Accepted;
        };
        match undone {
            // What is to be deleted and is not there is what was wanted.
            Undone::Refused(fault) if call.method == Method::Delete && is(&fault, 404) => Sent::Accepted,
            Undone::Refused(fault) => Sent::Refused {
                why: advise(fault.status.map(|status| status.as_u16()), fault.why),
            },
            Undone::Unknown(fault) => Sent::Unknown { why: fault.why },
        }
    }

    /// Whether the API server in use would let us send a call.
    pub async fn may(&self, call: &Call) -> Result<(), Why> {
        may(&self.session()?, call).await
    }
}

async fn ask(session: &Session, call: &Call) -> Result<Value, Undone> {
    let body = session.change(call).await?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

/// Whether an API server would let us send a call (`SelfSubjectAccessReview`). Changes nothing.
pub async fn may(session: &Session, call: &Call) -> Result<(), Why> {
    let asked = rights::change(call.method, &call.path)
        .ok_or_else(|| Why::new(WhyKind::Config, format!("{} is no object's path", call.path)))?;
    let review = Call {
        method: Method::Post,
        path: REVIEWS.to_owned(),
        content_type: "application/json",
        body: json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes(&asked)},
        }),
    };
    let answer = ask(session, &review).await.map_err(|undone| match undone {
        Undone::Refused(fault) if fault.why.kind == WhyKind::Forbidden => {
            let asked = rights::change(review.method, &review.path).map(Asked::Objects);
            fault.why.hint(asked.map_or_else(String::new, |asked| asked.needs()))
        }
        Undone::Refused(fault) | Undone::Unknown(fault) => fault.why,
    })?;
    if answer.pointer("/status/allowed").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    let text = format!("you may not {} {} {}", asked.verb, asked.resource(), asked.name);
    let hint = format!("{}; or use the cluster's admin.conf", Asked::Objects(asked).needs());
    Err(Why::new(WhyKind::Forbidden, text.trim_end()).hint(hint))
}

fn is(fault: &super::fault::Fault, status: u16) -> bool {
    fault.status.is_some_and(|own| own.as_u16() == status)
}

/// What a refusal means for whoever acts.
fn advise(status: Option<u16>, why: Why) -> Why {
    match status {
        Some(409) => why.hint("it was changed or replaced since it was looked at: look again, nothing was done"),
        // How real servers take a patch with another uid: "field is immutable".
        Some(422) if why.text.as_str().contains("metadata.uid") => {
            why.hint("another object has that name now: make a new plan, nothing was done")
        }
        Some(429) => {
            why.hint("a PodDisruptionBudget allows no eviction now, or the server is busy: it can be asked again")
        }
        Some(404) => why.hint("it is not there any more: make a new plan"),
        _ => why,
    }
}

/// The attributes as a review takes them.
fn attributes(asked: &Attributes) -> Value {
    json!({
        "group": asked.group, "version": asked.version, "namespace": asked.namespace, "verb": asked.verb,
        "resource": asked.resource, "name": asked.name, "subresource": asked.subresource,
    })
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
