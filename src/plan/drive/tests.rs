//! The stepper over hand-made plans: what it asks for, and when.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::model::etcd::Vantage;
use crate::model::example::{self, Death, address, healthy, member_id, name};
use crate::model::feed::{FeedState, History};
use crate::model::intent::Intent;
use crate::model::{FeedId, KubeKind, ObjectKey};
use crate::plan::action::{ObjectKind, Target};
use crate::plan::event::{Entry, Operator, RunId};
use crate::plan::step::{Plan, Risk};

pub(crate) fn operator() -> Operator {
    Operator {
        user: "ada".into(),
        host: name(1),
        pid: 7,
    }
}

/// Everything that answered at the snapshot's moment answers again, `seconds` later.
pub(crate) fn later(snapshot: &Snapshot, seconds: u64) -> Snapshot {
    let mut next = snapshot.clone();
    next.now = snapshot.now.plus(Duration::from_secs(seconds));
    let now = next.now;
    let renew = |history: &mut History| {
        if let Some(run) = &mut history.failing {
            run.latest = now;
            run.count += 1;
        } else if history.last_ok.is_some() {
            history.last_ok = Some(now);
        }
    };
    for state in next.feeds.values_mut() {
        if let FeedState::Live { as_of } = state {
            *as_of = now;
        }
    }
    next.etcd.linearizable.iter_mut().for_each(renew);
    next.etcd.serializable.iter_mut().for_each(renew);
    next.etcd.peers.values_mut().for_each(|peer| renew(&mut peer.history));
    next
}

fn step(doing: Doing) -> Step {
    Step {
        id: StepId(1),
        title: "do it".into(),
        command: "kubectl do it".into(),
        doing,
        risk: Risk::Reversible,
        needs: Vec::new(),
        stop_when: Vec::new(),
        done_when: Vec::new(),
        hold_ms: 0,
        deadline_ms: 60_000,
        undo: None,
    }
}

fn node_target(n: u8) -> Target {
    Target::pin(&healthy().kube, ObjectKind::Node, ObjectKey::new("", name(n))).unwrap()
}

fn cordon() -> Step {
    let node = node_target(3);
    Step {
        needs: vec![
            Condition::Same { target: node.clone() },
            Condition::Permitted {
                act: crate::plan::gate::Act::Stop { member: member_id(3) },
            },
        ],
        done_when: vec![Condition::Cordoned {
            node: node.clone(),
            on: true,
        }],
        ..step(Doing::Act {
            action: Action::Cordon { node, on: true },
        })
    }
}

fn remove() -> Step {
    Step {
        risk: Risk::Irreversible,
        needs: vec![Condition::MemberListed {
            id: member_id(3),
            address: address(3),
        }],
        done_when: vec![Condition::MemberAbsent { id: member_id(3) }],
        ..step(Doing::Act {
            action: Action::RemoveMember {
                id: member_id(3),
                address: address(3),
            },
        })
    }
}

/// A run, its stepper and the world as it is seen, moved by hand.
struct Bench {
    view: RunView,
    drive: Drive,
    snapshot: Snapshot,
}

impl Bench {
    fn new(steps: Vec<Step>, snapshot: Snapshot) -> Self {
        let plan = Plan {
            intent: Intent::EtcdSpace,
            cluster: Some(example::CLUSTER),
            made: snapshot.now.wall,
            risk: Risk::Reversible,
            steps,
            warnings: Vec::new(),
            arithmetic: Vec::new(),
            confirm: None,
        };
        let begun = RunEvent::Begun {
            run: RunId("r1".into()),
            operator: operator(),
            digest: plan.digest(),
            plan: Box::new(plan),
        };
        let entry = Entry {
            at: snapshot.now.wall,
            event: begun,
        };
        Self {
            view: RunView::begin(&entry).unwrap(),
            drive: Drive::new(),
            snapshot,
        }
    }

    fn write(&mut self, event: RunEvent) {
        let entry = Entry {
            at: self.snapshot.now.wall,
            event,
        };
        self.view.apply(&entry).unwrap();
    }

    /// The next thing that is no line to write, now.
    fn settle(&mut self) -> Next {
        for _ in 0..10 {
            match self.drive.next(&self.view, &self.snapshot) {
                Next::Record(event) => self.write(event),
                next => return next,
            }
        }
        panic!("writes without end");
    }

    /// The same, `seconds` later.
    fn after(&mut self, seconds: u64) -> Next {
        self.snapshot = later(&self.snapshot, seconds);
        self.settle()
    }

    fn send(&mut self, sent: Sent) {
        let Doing::Act { action } = self.view.plan.steps[0].doing.clone() else {
            panic!("nothing to send");
        };
        let step = StepId(1);
        self.write(RunEvent::Intended { step, action });
        self.write(RunEvent::Answered { step, sent });
    }
}

fn is_send(next: &Next) -> bool {
    matches!(next, Next::Send { .. })
}

fn unknown() -> Sent {
    Sent::Unknown {
        why: Why::new(WhyKind::TimedOut, "no answer"),
    }
}

#[test]
fn gates_want_facts_newer_than_the_question() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    let Next::Wait { because, .. } = bench.settle() else {
        panic!("facts of before the question are no answer");
    };
    assert!(because.as_str().contains("not read since"), "{because}");
    assert!(is_send(&bench.after(1)));
}

#[test]
fn a_goal_that_is_reached_already_is_skipped() {
    let mut snapshot = healthy();
    example::change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.unschedulable = true;
    });
    let mut bench = Bench::new(vec![cordon()], snapshot);
    bench.after(1);
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
    assert!(matches!(bench.view.steps[0].stage, Stage::Done { already: true, .. }));
    assert_eq!(bench.view.ended, Some(Ending::Finished));
}

#[test]
fn an_accepted_request_is_done_when_it_is_seen() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    bench.after(1);
    assert!(is_send(&bench.after(1)));
    bench.send(Sent::Accepted);
    assert!(matches!(bench.after(1), Next::Wait { .. }));
    example::change(&mut bench.snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.unschedulable = true;
    });
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
    assert!(matches!(bench.view.steps[0].stage, Stage::Done { already: false, .. }));
}

#[test]
fn a_namesake_made_meanwhile_ends_the_run() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    example::change(&mut bench.snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.uid = "another".into();
    });
    bench.after(1);
    let Next::Ended(Ending::Stopped { why, .. }) = bench.after(1) else {
        panic!("another node is touched");
    };
    assert!(why.text.as_str().contains("made anew"), "{why}");
}

#[test]
fn arithmetic_waits_and_goes_on_when_it_allows_again() {
    let mut snapshot = healthy();
    example::kill_member(&mut snapshot, 2, Death::Refused, 20);
    let mut bench = Bench::new(vec![cordon()], snapshot);
    bench.after(1);
    for _ in 0..50 {
        let next = bench.after(1);
        assert!(matches!(next, Next::Wait { .. }), "{next:?}");
    }
    let lines = bench.view.lines;
    bench.after(1);
    assert_eq!(bench.view.lines, lines, "a reason is written once");
    let back = example::answered(0);
    bench.snapshot.etcd.peers.get_mut(&member_id(2)).unwrap().history = back;
    bench.snapshot.feeds.insert(
        FeedId::EtcdPeer(member_id(2)),
        FeedState::Live {
            as_of: bench.snapshot.now,
        },
    );
    assert!(is_send(&bench.after(1)));
}

#[test]
fn reasons_that_take_turns_are_written_once_each() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    let answering = bench.snapshot.etcd.peers[&member_id(2)].history.clone();
    example::kill_member(&mut bench.snapshot, 2, Death::Refused, 20);
    let refusing = bench.snapshot.etcd.peers[&member_id(2)].history.clone();
    bench.after(1);
    let mut lines = 0;
    for n in 0..60 {
        // It refuses, and is asked too seldom to be sure, in turns.
        let mut history = if n % 2 == 0 {
            refusing.clone()
        } else {
            answering.clone()
        };
        history.last_ok = None;
        bench.snapshot.etcd.peers.get_mut(&member_id(2)).unwrap().history = history;
        assert!(matches!(bench.after(1), Next::Wait { .. }));
        if n == 4 {
            lines = bench.view.lines;
        }
    }
    assert_eq!(bench.view.lines, lines);
}

#[test]
fn a_restart_of_unknown_fate_is_given_time() {
    let action = Action::Service {
        node: name(2),
        address: Some(address(2)),
        verb: crate::plan::action::ServiceVerb::Restart,
    };
    let step = Step {
        done_when: vec![Condition::HolderChanged {
            lease: ObjectKey::new("kube-node-lease", "k0s-ctrl-nbe-2"),
            from: healthy()
                .kube
                .leases
                .get(&ObjectKey::new("kube-node-lease", "k0s-ctrl-nbe-2"))
                .unwrap()
                .value
                .holder
                .clone(),
        }],
        deadline_ms: 600_000,
        ..step(Doing::Act { action })
    };
    let mut bench = Bench::new(vec![step], healthy());
    bench.after(1);
    bench.after(1);
    bench.send(unknown());
    bench.after(1);
    for _ in 0..SETTLE_SERVICE.as_secs() - 1 {
        let next = bench.after(1);
        assert!(matches!(next, Next::Wait { .. }), "{next:?}");
    }
    bench.after(1);
    assert!(
        matches!(bench.after(1), Next::Ask { .. }),
        "never a second restart by itself"
    );
}

#[test]
fn a_lost_reply_of_a_removal_is_looked_for_and_then_asked_about() {
    let mut bench = Bench::new(vec![remove()], healthy());
    bench.after(1);
    assert!(is_send(&bench.after(1)));
    bench.send(unknown());
    for _ in 0..SETTLE.as_secs() {
        let next = bench.after(1);
        assert!(matches!(next, Next::Wait { .. }), "{next:?}");
    }
    let Next::Ask {
        question: Question::Doubt { may_send_again, .. },
        ..
    } = bench.after(1)
    else {
        panic!("it is sent again without a person");
    };
    assert!(may_send_again);
    bench.write(RunEvent::Agreed {
        step: StepId(1),
        operator: operator(),
    });
    bench.after(1);
    assert!(is_send(&bench.after(1)));
}

#[test]
fn a_removal_whose_reply_was_lost_and_that_took_effect_is_done() {
    let mut bench = Bench::new(vec![remove()], healthy());
    bench.after(1);
    bench.after(1);
    bench.send(unknown());
    bench.after(1);
    for view in bench.snapshot.etcd.views.values_mut() {
        view.value = example::view(&[1, 2]);
    }
    bench.snapshot.etcd.views.remove(&Vantage::Peer(member_id(3)));
    bench.snapshot.etcd.peers.remove(&member_id(3));
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
}

#[test]
fn an_unhealthy_cluster_is_waited_for_and_then_stops_the_run() {
    let why = Why::new(WhyKind::Unavailable, "etcdserver: unhealthy cluster");
    let mut bench = Bench::new(vec![remove()], healthy());
    bench.after(1);
    let mut sent = 0;
    for _ in 0..1_000 {
        match bench.after(1) {
            Next::Send { .. } => {
                sent += 1;
                bench.send(Sent::Refused { why: why.clone() });
            }
            Next::Wait { .. } => {}
            next => {
                let Next::Ended(Ending::Stopped { why, .. }) = next else {
                    panic!("{next:?}");
                };
                assert!(why.text.as_str().contains("unhealthy cluster"), "{why}");
                assert!((10..30).contains(&sent), "{sent}");
                return;
            }
        }
    }
    panic!("it is never enough");
}

#[test]
fn an_interrupted_request_is_of_unknown_fate() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    bench.after(1);
    bench.after(1);
    let Doing::Act { action } = cordon().doing else {
        panic!()
    };
    bench.write(RunEvent::Intended {
        step: StepId(1),
        action,
    });
    bench.drive = Drive::new();
    assert!(matches!(bench.after(1), Next::Wait { .. }));
    assert!(matches!(
        bench.view.steps[0].stage,
        Stage::Answered(Sent::Unknown { .. })
    ));
    // A cordon can be taken back and means the same twice: once it is seen not to be, it goes out again.
    let again = (0..20).any(|_| is_send(&bench.after(1)));
    assert!(again);
}

#[test]
fn a_paused_run_sends_nothing_and_still_sees() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    bench.write(RunEvent::Paused {
        because: "ctrl-c".into(),
    });
    bench.after(1);
    let Next::Wait { because, .. } = bench.after(1) else {
        panic!("it acts while paused");
    };
    assert!(because.as_str().starts_with("paused"));
    bench.write(RunEvent::Continued);
    assert!(is_send(&bench.after(1)));
}

#[test]
fn what_stops_a_later_step_stops_the_run_now() {
    let later = Step {
        id: StepId(2),
        stop_when: vec![Condition::HostAnswers {
            id: Some(member_id(3)),
            node: name(3),
        }],
        ..remove()
    };
    let mut bench = Bench::new(vec![cordon(), later], example::node_lost(Death::Silent));
    bench.after(1);
    assert!(matches!(bench.after(1), Next::Send { .. } | Next::Wait { .. }));
    bench.snapshot.etcd.peers.get_mut(&member_id(3)).unwrap().history = example::answered(0);
    let Next::Ended(Ending::Stopped { why, .. }) = bench.after(1) else {
        panic!("the dead host came back, and the run goes on");
    };
    assert!(why.text.as_str().contains("answers"), "{why}");
}

#[test]
fn a_goal_must_hold() {
    let mut step = cordon();
    step.hold_ms = 10_000;
    let mut bench = Bench::new(vec![step], healthy());
    bench.after(1);
    bench.after(1);
    bench.send(Sent::Accepted);
    bench.after(1);
    let set = |bench: &mut Bench, on: bool| {
        example::change(&mut bench.snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
            node.unschedulable = on;
        });
    };
    set(&mut bench, true);
    bench.after(5);
    set(&mut bench, false);
    bench.after(1);
    set(&mut bench, true);
    assert!(matches!(bench.after(9), Next::Wait { .. }));
    assert!(matches!(bench.after(9), Next::Wait { .. }));
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
}

#[test]
fn a_service_that_cannot_be_reached_is_left_to_a_person() {
    let service = Action::Service {
        node: name(2),
        address: Some(address(2)),
        verb: crate::plan::action::ServiceVerb::Restart,
    };
    let lease = ObjectKey::new("kube-node-lease", "k0s-ctrl-nbe-2");
    let from = healthy().kube.leases.get(&lease).unwrap().value.holder.clone();
    let step = Step {
        done_when: vec![Condition::HolderChanged {
            lease: lease.clone(),
            from,
        }],
        ..step(Doing::Act { action: service })
    };
    let mut bench = Bench::new(vec![step], healthy());
    bench.after(1);
    assert!(is_send(&bench.after(1)));
    bench.send(Sent::Refused {
        why: Why::new(WhyKind::Missing, "there is no ssh here"),
    });
    let Next::Wait { because, .. } = bench.after(1) else {
        panic!("a person can do it");
    };
    assert!(because.as_str().contains("by hand: kubectl do it"), "{because}");
    example::change(&mut bench.snapshot.kube.leases, &lease, |lease| {
        lease.holder = Some("new".into());
    });
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
}

#[test]
fn what_nothing_shows_and_cannot_be_done_from_here_is_asked_about() {
    let there = Action::Defragment {
        node: name(2),
        address: Some(address(2)),
    };
    let step = Step {
        done_when: Vec::new(),
        ..step(Doing::Act { action: there })
    };
    let mut bench = Bench::new(vec![step], healthy());
    bench.after(1);
    bench.send(Sent::Refused {
        why: Why::new(WhyKind::Denied, "no key"),
    });
    let Next::Ask {
        question: Question::Doubt {
            why, may_send_again, ..
        },
        ..
    } = bench.after(1)
    else {
        panic!("only a person can tell whether it was done by hand");
    };
    assert!(may_send_again && why.text.as_str().contains("no key"), "{why}");
    assert!(why.text.as_str().contains("by hand: kubectl do it"), "{why}");
}

#[test]
fn another_cluster_ends_the_run() {
    let mut bench = Bench::new(vec![cordon()], healthy());
    bench.view.plan.cluster = Some(example::OTHER_CLUSTER);
    assert!(matches!(bench.after(1), Next::Ended(Ending::Stopped { .. })));
}

#[test]
fn what_is_overdue_is_asked_about_and_may_still_come() {
    let mut step = step(Doing::Watch);
    step.done_when = vec![Condition::HighlyAvailable];
    step.title = "wait for high availability".into();
    let mut snapshot = healthy();
    let key = ObjectKey::new("", "20261001120000");
    example::change(&mut snapshot.kube.installations, &key, |row| {
        row.high_availability = false;
    });
    let mut bench = Bench::new(vec![step], snapshot);
    bench.after(1);
    assert!(matches!(bench.after(50), Next::Wait { .. }));
    assert!(matches!(
        bench.after(20),
        Next::Ask {
            question: Question::Overdue { .. },
            ..
        }
    ));
    let kind = KubeKind::Installations;
    let mut row = bench.snapshot.kube.installations.get(&key).unwrap().value.clone();
    row.high_availability = true;
    example::put(&mut bench.snapshot.kube.installations, kind, key, row);
    assert_eq!(bench.after(1), Next::Ended(Ending::Finished));
}

#[test]
fn what_nothing_shows_is_sent_again_after_a_pause_and_not_for_ever() {
    let mut bare = cordon();
    bare.done_when.clear();
    let mut bench = Bench::new(vec![bare], healthy());
    bench.after(1);
    bench.after(1);
    bench.send(unknown());
    assert!(!is_send(&bench.after(1)));
    assert!(is_send(&bench.after(7)));
    bench.send(unknown());
    let Next::Ask { question, .. } = bench.after(130) else {
        panic!("a person is asked in the end");
    };
    assert!(matches!(
        question,
        Question::Doubt {
            may_send_again: true,
            ..
        }
    ));
}
