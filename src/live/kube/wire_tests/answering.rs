//! Questions of a reader: one object, events, logs; through the server in use.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::answer::{InUse, in_use};
use super::super::wire::{Reply, Then, ok, refuse};
use super::*;
use crate::base::Text;
use crate::model::question::{Answer, LogRef, ObjectRef, Question, QuestionId, Standing, Told};
use crate::model::{ObjectKey, Snapshot};

/// Somebody who asks.
pub(super) struct Asker {
    in_use: InUse,
    standing: watch::Sender<Standing>,
    answers: mpsc::Receiver<Answer>,
    _snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Asker {
    fn new() -> Self {
        let (in_use, answering) = in_use();
        let (standing, asked) = watch::channel(Standing::new());
        let (sender, answers) = mpsc::channel(4);
        let clock = Clock::start();
        let (snapshots, newest) = watch::channel(Arc::new(Snapshot::empty(clock.now())));
        tokio::spawn(answering.run(asked, sender, newest, clock.clone()));
        Self {
            in_use,
            standing,
            answers,
            _snapshots: snapshots,
        }
    }

    pub(super) fn of(wire: &Wire) -> Self {
        let asker = Self::new();
        asker.in_use.set(Some(&memory_session(wire)));
        asker
    }

    pub(super) fn ask(&self, id: u64, question: Question) {
        self.standing.send_modify(|all| {
            all.insert(QuestionId(id), question);
        });
    }

    pub(super) async fn told(&mut self) -> Told {
        tokio::time::timeout(PATIENCE, self.answers.recv())
            .await
            .unwrap()
            .unwrap()
            .told
    }
}

pub(super) fn object(kind: KubeKind, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        key: ObjectKey::new(namespace, name),
        uid: Some("u1".into()),
    }
}

pub(super) fn yaml(of: ObjectRef) -> Question {
    Question::Yaml {
        of,
        managed_fields: false,
    }
}

pub(super) fn log(follow: bool) -> Question {
    Question::Log {
        of: LogRef {
            pod: ObjectKey::new("kotsadm", "netbox-1"),
            container: Some("netbox".into()),
            previous: !follow,
        },
        tail: 500,
        follow,
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_is_read_at_the_version_that_is_served() {
    let wire = Wire::new(|path, _| match path {
        "/apis" => ok(&json!({"groups": [{
            "name": "etcd.k0sproject.io", "preferredVersion": {"version": "v1beta1"}, "versions": [{"version": "v1beta1"}],
        }]})),
        _ => ok(&json!({"kind": "X", "metadata": {"name": "nbe-1", "managedFields": []}})),
    });
    let mut asker = Asker::of(&wire);
    asker.ask(1, yaml(object(KubeKind::Pods, "kotsadm", "netbox-1")));
    let Told::Yaml(lines) = asker.told().await else {
        panic!()
    };
    assert_eq!(lines, ["kind: X", "metadata:", "  name: nbe-1"]);
    asker.ask(2, yaml(object(KubeKind::EtcdMembers, "", "nbe-1")));
    asker.told().await;
    assert_eq!(
        wire.asked(),
        [
            "/api/v1/namespaces/kotsadm/pods/netbox-1",
            "/apis",
            "/apis/etcd.k0sproject.io/v1beta1/etcdmembers/nbe-1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn failures_come_in_clear_words() {
    for (reply, kind, word) in [
        (
            refuse(403, "no"),
            WhyKind::Forbidden,
            "resources [\"nodes\"], verbs [\"get\"]",
        ),
        (refuse(404, "gone"), WhyKind::NotFound, "deleted since"),
        (Reply::Hang, WhyKind::TimedOut, "within 5 s"),
    ] {
        let mut asker = Asker::of(&Wire::new(move |_, _| reply.clone()));
        asker.ask(1, yaml(object(KubeKind::Nodes, "", "nbe-1")));
        let Told::Failed { why, .. } = asker.told().await else {
            panic!()
        };
        assert_eq!(why.kind, kind);
        assert!(why.to_string().contains(word), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_server_the_answer_says_so_and_the_next_question_goes_to_the_new_one() {
    let mut asker = Asker::new();
    asker.ask(1, yaml(object(KubeKind::Nodes, "", "nbe-1")));
    let Told::Failed { why, .. } = asker.told().await else {
        panic!()
    };
    assert!(why.text.as_str().contains("no API server is in use"), "{why}");
    let wire = Wire::new(|_, _| ok(&json!({"kind": "Node"})));
    asker.in_use.set(Some(&memory_session(&wire)));
    asker.ask(2, yaml(object(KubeKind::Nodes, "", "nbe-1")));
    assert_eq!(asker.told().await, Told::Yaml(vec!["kind: Node".into()]));
}

#[tokio::test(start_paused = true)]
async fn names_cannot_leave_their_place_in_the_path() {
    let wire = Wire::new(|_, _| ok(&json!({})));
    let mut asker = Asker::of(&wire);
    for (id, name) in (1..).zip(["../secrets/x", "a?b", "", ".."]) {
        asker.ask(id, yaml(object(KubeKind::Pods, "kotsadm", name)));
        assert!(matches!(asker.told().await, Told::Failed { .. }), "{name}");
    }
    assert_eq!(wire.asked(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn events_come_newest_first_from_all_pages() {
    let wire = Wire::new(|_, query| {
        let event = |reason: &str, time: &str| json!({"reason": reason, "type": "Warning", "lastTimestamp": time});
        if query.contains("continue=next") {
            return ok(&json!({"metadata": {}, "items": [event("new", "2026-11-24T10:00:00Z")]}));
        }
        ok(&json!({"metadata": {"continue": "next"}, "items": [event("old", "2026-11-24T09:00:00Z")]}))
    });
    let mut person = Asker::of(&wire);
    let of = Some(object(KubeKind::Pods, "kotsadm", "netbox-1"));
    person.ask(1, Question::Events { of });
    let Told::Events { events, more: 0 } = person.told().await else {
        panic!()
    };
    let reasons: Vec<&Text> = events.iter().map(|event| &event.reason).collect();
    assert_eq!(reasons, ["new", "old"]);
    person.ask(2, Question::Events { of: None });
    person.told().await;
    let asked = wire.asked();
    assert!(
        asked[0].contains("involvedObject.uid%3Du1") && asked[0].contains("name%3Dnetbox-1"),
        "{asked:?}"
    );
    assert!(asked[2].contains("type%3DWarning"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_until_nobody_reads() {
    let wire = Wire::new(|_, _| Reply::Lines(vec![json!("one"), json!("two")], Then::Silence));
    let mut person = Asker::of(&wire);
    person.ask(1, log(true));
    let mut lines = Vec::new();
    while lines.len() < 2 {
        let Told::Log(more) = person.told().await else { panic!() };
        lines.extend(more);
    }
    assert_eq!(lines, ["\"one\"", "\"two\""]);
    assert_eq!(
        wire.asked(),
        ["/api/v1/namespaces/kotsadm/pods/netbox-1/log?tailLines=500&container=netbox&follow=true"]
    );
    person.standing.send_modify(Standing::clear);
    let quiet = tokio::time::timeout(Duration::from_mins(1), person.answers.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_ends_with_its_reason() {
    let end = async |then: Then, follow| {
        let mut person = Asker::of(&Wire::new(move |_, _| Reply::Lines(vec![json!("one")], then)));
        person.ask(1, log(follow));
        loop {
            if let Told::LogEnded(end) = person.told().await {
                return end;
            }
        }
    };
    assert_eq!(end(Then::CloseAfter(Duration::ZERO), false).await, None);
    assert_eq!(end(Then::Break, true).await.unwrap().kind, WhyKind::Broken);
}

#[tokio::test(start_paused = true)]
async fn another_server_ends_a_log_that_the_old_one_told() {
    let wire = Wire::new(|_, _| Reply::Lines(Vec::new(), Then::Silence));
    let mut asker = Asker::of(&wire);
    asker.ask(1, log(true));
    assert_eq!(asker.told().await, Told::Log(Vec::new()));
    asker.in_use.set(Some(&memory_session(&wire)));
    let Told::LogEnded(Some(why)) = asker.told().await else {
        panic!()
    };
    assert!(why.text.as_str().contains("another API server"), "{why}");
}
