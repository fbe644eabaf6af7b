//! Answers what is asked only while somebody reads: through the API server in use, with GETs, and no longer than the
//! question stands. Whatever a log or an object says goes to the reader alone, never to our own log. Start reading at
//! [`Answering::run`].

pub mod events;
mod log;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::catalog::Catalog;
use super::change::Changes;
use super::fault::Fault;
use super::session::Session;
use crate::base::{Clock, Stamp, Text, Why, WhyKind};
use crate::model::question::{Answer, ObjectRef, Question, QuestionId, Standing, Told};
use crate::model::{FeedId, Snapshot};

/// Tells which API server is in use.
pub struct InUse(watch::Sender<Option<Session>>);

impl InUse {
    /// A way to change things through whichever server is in use.
    pub fn changes(&self) -> Changes {
        Changes::through(self.0.subscribe())
    }

    /// Another one is used from now on, or none.
    pub(super) fn set(&self, session: Option<&Session>) {
        self.0.send_replace(session.cloned());
    }
}

/// Who answers; see [`Answering::run`].
pub struct Answering(watch::Receiver<Option<Session>>);

/// Both ends of what tells which API server is in use.
pub fn in_use() -> (InUse, Answering) {
    let (sender, receiver) = watch::channel(None);
    (InUse(sender), Answering(receiver))
}

impl Answering {
    /// Answers until nobody asks any more.
    pub async fn run(
        self,
        mut standing: watch::Receiver<Standing>,
        answers: mpsc::Sender<Answer>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        clock: Clock,
    ) {
        let mut running: BTreeMap<QuestionId, AbortHandle> = BTreeMap::new();
        // Ends all that run when it is dropped.
        let mut tasks = JoinSet::new();
        loop {
            let asked = standing.borrow_and_update().clone();
            running.retain(|id, task| {
                let stands = asked.contains_key(id);
                if !stands {
                    task.abort();
                }
                stands
            });
            for (id, question) in asked {
                running.entry(id).or_insert_with(|| {
                    let reply = Reply {
                        id,
                        answers: answers.clone(),
                        snapshots: snapshots.clone(),
                        clock: clock.clone(),
                    };
                    tasks.spawn(answer(question, self.0.clone(), reply))
                });
            }
            while tasks.try_join_next().is_some() {}
            if standing.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Where the answer to one question goes.
struct Reply {
    id: QuestionId,
    answers: mpsc::Sender<Answer>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    clock: Clock,
}

impl Reply {
    /// Says something; false where nobody listens.
    async fn say(&self, from: Option<&Session>, told: Told) -> bool {
        let answer = Answer {
            id: self.id,
            at: self.clock.now(),
            from: from.map(|session| Text::from(session.server.to_string())),
            told,
        };
        self.answers.send(answer).await.is_ok()
    }

    /// When an API server answered last, where none does now.
    fn last_answer(&self) -> Option<Stamp> {
        let feed = self.snapshots.borrow().feed(FeedId::Api);
        if feed.is_live() { None } else { feed.as_of() }
    }

    async fn fail(&self, from: Option<&Session>, why: Why) {
        let last_answer = self.last_answer();
        self.say(from, Told::Failed { why, last_answer }).await;
    }
}

async fn answer(question: Question, mut sessions: watch::Receiver<Option<Session>>, reply: Reply) {
    loop {
        let session = sessions.borrow_and_update().clone();
        let Some(session) = session else {
            return reply.fail(None, nobody(&reply)).await;
        };
        let told = match &question {
            Question::Yaml { of, managed_fields } => yaml::read(&session, of, *managed_fields).await,
            Question::Events { of } => events::read(&session, of.as_ref()).await,
            Question::Log { of, tail, follow } => {
                return log::read(&session, of, *tail, *follow, &mut sessions, &reply).await;
            }
        };
        match told {
            Ok(told) => {
                reply.say(Some(&session), told).await;
                return;
            }
            // Another server was chosen meanwhile: it is asked the same.
            Err(fault) if fault.status.is_none() && sessions.has_changed().unwrap_or(false) => {}
            Err(fault) => return reply.fail(Some(&session), explain(fault, &question)).await,
        }
    }
}

/// Why there is no API server to ask.
fn nobody(reply: &Reply) -> Why {
    let feed = reply.snapshots.borrow().feed(FeedId::Api);
    let because = feed.why().map(|why| format!(": {}", why.text)).unwrap_or_default();
    Why::new(WhyKind::Unavailable, format!("no API server is in use{because}"))
        .hint("what is on the screens comes from other sources or is older; the feeds screen tells")
}

/// The fault with advice that fits the question.
fn explain(fault: Fault, question: &Question) -> Why {
    let why = fault.why;
    match why.kind {
        WhyKind::Forbidden if why.hint.is_none() => {
            let (group, resource) = match question {
                Question::Yaml { of, .. } => (of.kind.group(), of.kind.plural()),
                Question::Events { .. } => ("", "events"),
                Question::Log { .. } => ("", "pods/log"),
            };
            let verb = if matches!(question, Question::Events { .. }) {
                "list"
            } else {
                "get"
            };
            why.hint(format!(
                "needs a ClusterRole rule: apiGroups [{group:?}], resources [{resource:?}], verbs [{verb:?}]"
            ))
        }
        WhyKind::NotFound => why.hint("it may have been deleted since; esc goes back"),
        _ => why,
    }
}

/// The paths at which an object may be, the likeliest first.
async fn paths(session: &Session, of: &ObjectRef) -> Result<Vec<String>, Fault> {
    let (group, plural) = (of.kind.group(), of.kind.plural());
    let name = segment(session, of.key.name.as_str())?;
    let place = if of.key.namespace.is_empty() {
        format!("{plural}/{name}")
    } else {
        let namespace = segment(session, of.key.namespace.as_str())?;
        format!("namespaces/{namespace}/{plural}/{name}")
    };
    if group.is_empty() {
        return Ok(vec![format!("/api/v1/{place}")]);
    }
    if !of.kind.is_custom() {
        return Ok(vec![format!("/apis/{group}/v1/{place}")]);
    }
    let versions = Catalog::default().versions(session, group).await?;
    Ok(versions
        .iter()
        .map(|version| format!("/apis/{group}/{version}/{place}"))
        .collect())
}

/// A name as part of a path. Names of Kubernetes need no escapes; what does is no name.
fn segment<'a>(session: &Session, name: &'a str) -> Result<&'a str, Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    let is_name = !name.is_empty() && name != "." && name != ".." && name.chars().all(is_plain);
    is_name
        .then_some(name)
        .ok_or_else(|| Fault::garbage(&session.server, "would be asked for what is no name"))
}
