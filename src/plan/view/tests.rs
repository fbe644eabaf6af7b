//! Which lines may follow which, and that every legal journal resumes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::WhyKind;
use crate::model::example::{self, Death, member_id, name};
use crate::model::intent::Intent;
use crate::model::{Policy, Snapshot};
use crate::plan::drive::tests::{later, operator};
use crate::plan::drive::{Drive, Next, Question};
use crate::plan::{Condition, Planned, make};

fn plan() -> Plan {
    let intent = Intent::ReplaceNode { node: name(3) };
    let Planned::Plan(plan) = make(&intent, &example::node_lost(Death::Silent), &Policy::default()) else {
        panic!("a lost node is replaced");
    };
    *plan
}

fn at(event: RunEvent) -> Entry {
    Entry {
        at: example::now().wall,
        event,
    }
}

fn begun(plan: Plan) -> Entry {
    at(RunEvent::Begun {
        run: RunId("20261124-a1b2".into()),
        operator: operator(),
        digest: plan.digest(),
        plan: Box::new(plan),
    })
}

fn intended(plan: &Plan, n: u16) -> RunEvent {
    let Doing::Act { action } = &plan.steps[usize::from(n) - 1].doing else {
        panic!("step {n} sends nothing");
    };
    RunEvent::Intended {
        step: StepId(n),
        action: action.clone(),
    }
}

fn answered(n: u16, sent: Sent) -> RunEvent {
    RunEvent::Answered { step: StepId(n), sent }
}

fn done(n: u16) -> RunEvent {
    RunEvent::Done {
        step: StepId(n),
        evidence: Vec::new(),
        already: false,
    }
}

fn why() -> Why {
    Why::new(WhyKind::TimedOut, "no answer")
}

/// The error of the last of these lines; none of the others has one.
fn refusal(events: Vec<RunEvent>) -> String {
    let mut view = RunView::begin(&begun(plan())).unwrap();
    let count = events.len();
    for (n, event) in events.into_iter().enumerate() {
        let before = view.clone();
        match view.apply(&at(event)) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(n + 1, count, "{error}");
                assert_eq!(error.line, count + 1);
                assert_eq!(view, before, "a refused line changes nothing");
                return error.text.to_string();
            }
        }
    }
    String::new()
}

#[test]
fn a_plan_that_was_changed_is_not_run() {
    let mut entry = begun(plan());
    if let RunEvent::Begun { plan, .. } = &mut entry.event {
        plan.steps.remove(0);
    }
    let error = RunView::begin(&entry).unwrap_err();
    assert!(error.text.as_str().contains("digest"), "{error}");
    assert!(RunView::fold([]).is_err());
    assert!(RunView::begin(&at(RunEvent::Continued)).is_err());
}

#[test]
fn lines_that_cannot_follow() {
    let plan = plan();
    let go = || intended(&plan, 1);
    let accepted = || answered(1, Sent::Accepted);
    assert_eq!(refusal(vec![go(), accepted(), done(1)]), "");
    assert!(refusal(vec![accepted()]).contains("nothing was sent"));
    assert!(refusal(vec![go(), done(1)]).contains("in flight"));
    assert!(refusal(vec![go(), go()]).contains("not sent again"));
    assert!(refusal(vec![go(), accepted(), go()]).contains("not sent again"));
    assert!(refusal(vec![done(2)]).contains("does not stand at step 2"));
    assert!(refusal(vec![done(99)]).contains("does not stand at step 99"));
    assert!(refusal(vec![RunEvent::Finished]).contains("steps are left"));
    assert!(refusal(vec![RunEvent::Continued]).contains("not paused"));
    let paused = || RunEvent::Paused { because: "key".into() };
    assert!(refusal(vec![paused(), go()]).contains("paused"));
    assert_eq!(
        refusal(vec![paused(), RunEvent::Resumed { operator: operator() }, go()]),
        ""
    );
    let abandoned = || RunEvent::Abandoned {
        operator: operator(),
        reason: "enough".into(),
    };
    assert!(refusal(vec![abandoned(), go()]).contains("had ended"));
    let RunEvent::Intended { action, .. } = intended(&plan, 2) else {
        panic!()
    };
    let other = RunEvent::Intended {
        step: StepId(1),
        action,
    };
    assert!(refusal(vec![other]).contains("not the one that was shown"));
}

#[test]
fn the_words_are_typed_as_they_are_asked_for() {
    let plan = plan();
    let stated = |words: &str| RunEvent::Attested {
        step: StepId(3),
        operator: operator(),
        words: words.into(),
    };
    let both = || vec![intended(&plan, 1), answered(1, Sent::Accepted), done(1), done(2)];
    let with = |event| both().into_iter().chain([event]).collect();
    assert_eq!(refusal(with(stated("nbe-3 is off"))), "");
    assert!(refusal(with(stated("nbe-2 is off"))).contains("nbe-3 is off"));
    let skipped = RunEvent::StoppedWaiting {
        step: StepId(3),
        operator: operator(),
    };
    assert!(
        refusal(with(skipped)).contains("must be stated"),
        "no fence, no removal"
    );
}

#[test]
fn a_request_of_unknown_fate_needs_a_person() {
    let plan = plan();
    let lost = || answered(1, Sent::Unknown { why: why() });
    assert!(refusal(vec![intended(&plan, 1), lost(), intended(&plan, 1)]).contains("not sent again"));
    let agreed = || RunEvent::Agreed {
        step: StepId(1),
        operator: operator(),
    };
    assert!(refusal(vec![agreed()]).contains("unknown fate"));
    assert_eq!(
        refusal(vec![intended(&plan, 1), lost(), agreed(), intended(&plan, 1)]),
        ""
    );
    let refused = answered(1, Sent::Refused { why: why() });
    assert_eq!(refusal(vec![intended(&plan, 1), refused, intended(&plan, 1)]), "");
}

#[test]
fn no_override_for_arithmetic_identity_and_fencing() {
    let plan = plan();
    let removal = plan
        .steps
        .iter()
        .find(|step| step.title.as_str().starts_with("remove member"))
        .unwrap();
    assert!(removal.needs.len() > 4);
    // An upgrade that hangs because of the lost host must not keep it from being replaced.
    let is_firm = |need: &Condition| !need.may_be_overridden() || *need == Condition::NoUpgrade;
    assert!(removal.needs.iter().all(is_firm));
    let first = plan.steps[0].needs[0].name();
    let overridden = |gate: Text| RunEvent::Overridden {
        step: StepId(1),
        gate,
        operator: operator(),
        reason: "the disk is grown next door".into(),
    };
    assert_eq!(refusal(vec![overridden(first)]), "");
    assert!(refusal(vec![overridden("quorum-proven".into())]).contains("may be passed"));
}

#[test]
fn a_journal_line_reads_back() {
    let entry = begun(plan());
    let line = serde_json::to_string(&entry).unwrap();
    assert!(line.starts_with("{\"at\":") && !line.contains('\n'));
    assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
}

/// What befalls a run at one moment.
#[derive(Debug, Clone)]
enum Fate {
    Accepted { takes_effect: bool },
    Refused { for_now: bool },
    Lost { takes_effect: bool },
    Killed { takes_effect: bool },
    Quiet(u64),
    Pause,
    GoOn,
    GiveUp,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        any::<bool>().prop_map(|takes_effect| Fate::Accepted { takes_effect }),
        any::<bool>().prop_map(|for_now| Fate::Refused { for_now }),
        any::<bool>().prop_map(|takes_effect| Fate::Lost { takes_effect }),
        any::<bool>().prop_map(|takes_effect| Fate::Killed { takes_effect }),
        (1_u64..90).prop_map(Fate::Quiet),
        Just(Fate::Pause),
        Just(Fate::GoOn),
        Just(Fate::GiveUp),
    ]
}

/// A run with its journal, and a world in which the requests of `replace-node` take effect.
struct Story {
    journal: Vec<Entry>,
    view: RunView,
    drive: Drive,
    snapshot: Snapshot,
    sent_blindly: bool,
}

impl Story {
    fn new() -> Self {
        let journal = vec![begun(plan())];
        Self {
            view: RunView::fold(&journal).unwrap(),
            journal,
            drive: Drive::new(),
            snapshot: example::node_lost(Death::Silent),
            sent_blindly: false,
        }
    }

    fn write(&mut self, event: RunEvent) {
        let entry = Entry {
            at: self.snapshot.now.wall,
            event,
        };
        self.view.apply(&entry).unwrap();
        self.journal.push(entry);
    }

    fn effect(&mut self, action: &Action) {
        match action {
            Action::RemoveMember { .. } => {
                for row in self.snapshot.etcd.views.values_mut() {
                    row.value = example::view(&[1, 2]);
                }
                self.snapshot.etcd.peers.remove(&member_id(3));
            }
            Action::Delete { target } => {
                self.snapshot.kube.nodes.rows_mut().remove(&target.key);
                self.snapshot.kube.control_nodes.rows_mut().remove(&target.key);
            }
            _ => {}
        }
    }

    /// One thing that the stepper asks for, met by fate.
    fn turn(&mut self, fate: &Fate) {
        match self.drive.next(&self.view, &self.snapshot) {
            Next::Record(event) => self.write(event),
            Next::Send { step, action } => self.send(step, &action, fate),
            Next::Ask { step, question } => self.answer(step, &question, fate),
            Next::Wait { .. } => self.wait(fate),
            Next::Ended(_) => {}
        }
    }

    fn send(&mut self, step: StepId, action: &Action, fate: &Fate) {
        let was_unknown = matches!(
            self.view.current().unwrap().1.stage,
            Stage::Answered(Sent::Unknown { .. })
        );
        let is_irreversible = self.view.current().unwrap().0.risk == Risk::Irreversible;
        self.sent_blindly |= was_unknown && is_irreversible;
        self.write(RunEvent::Intended {
            step,
            action: action.clone(),
        });
        let (sent, takes_effect) = match fate {
            Fate::Accepted { takes_effect } => (Some(Sent::Accepted), *takes_effect),
            Fate::Refused { for_now } => {
                let kind = if *for_now {
                    WhyKind::Unavailable
                } else {
                    WhyKind::Forbidden
                };
                let why = Why::new(kind, "no");
                (Some(Sent::Refused { why }), false)
            }
            Fate::Killed { takes_effect } => (None, *takes_effect),
            Fate::Lost { takes_effect } => (Some(Sent::Unknown { why: why() }), *takes_effect),
            _ => (Some(Sent::Accepted), true),
        };
        if takes_effect {
            self.effect(action);
        }
        if let Some(sent) = sent {
            self.write(RunEvent::Answered { step, sent });
        } else {
            self.drive = Drive::new();
            self.view = RunView::fold(&self.journal).unwrap();
        }
    }

    fn answer(&mut self, step: StepId, question: &Question, fate: &Fate) {
        match (question, fate) {
            (Question::Attest { words }, _) => self.write(RunEvent::Attested {
                step,
                operator: operator(),
                words: words.clone(),
            }),
            (
                Question::Doubt {
                    may_send_again: true, ..
                },
                Fate::GoOn,
            ) => self.write(RunEvent::Agreed {
                step,
                operator: operator(),
            }),
            (_, Fate::GiveUp) => self.write(RunEvent::StoppedWaiting {
                step,
                operator: operator(),
            }),
            _ => self.wait(fate),
        }
    }

    fn wait(&mut self, fate: &Fate) {
        let seconds = match fate {
            Fate::Quiet(seconds) => *seconds,
            _ => 1,
        };
        match fate {
            Fate::Pause if self.view.paused.is_none() => self.write(RunEvent::Paused { because: "key".into() }),
            Fate::GoOn if self.view.paused.is_some() => self.write(RunEvent::Continued),
            _ => {}
        }
        // Time passes second by second, as for a real source.
        for _ in 0..seconds.min(5) {
            self.snapshot = later(&self.snapshot, 1);
        }
        if seconds > 5 {
            self.snapshot = later(&self.snapshot, seconds - 5);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_prefix_of_every_run_resumes_and_goes_on(fates in proptest::collection::vec(fate(), 1..120)) {
        let mut story = Story::new();
        for fate in &fates {
            story.turn(fate);
        }
        prop_assert!(!story.sent_blindly, "an irreversible request was sent again without a person");
        for length in 1..=story.journal.len() {
            let view = RunView::fold(&story.journal[..length]).unwrap();
            // Whatever comes next is legal, or ends the run.
            let mut resumed = Story {
                journal: story.journal[..length].to_vec(),
                view,
                drive: Drive::new(),
                snapshot: later(&story.snapshot, 1),
                sent_blindly: false,
            };
            for _ in 0..4 {
                resumed.turn(&Fate::Quiet(1));
            }
            prop_assert!(!resumed.sent_blindly);
        }
    }
}

#[test]
fn a_run_without_trouble_reaches_the_join() {
    let mut story = Story::new();
    let join = story
        .view
        .plan
        .steps
        .iter()
        .find(|step| step.title == "join the new host")
        .unwrap()
        .id;
    for _ in 0..2_000 {
        if story.view.current().is_none_or(|(step, _)| step.id >= join) || story.view.ended.is_some() {
            break;
        }
        // The bookkeeping is deleted by hand here: its keys differ by kind.
        story.turn(&Fate::Accepted { takes_effect: true });
        if let Some((step, _)) = story.view.current()
            && let Doing::Act {
                action: Action::Delete { target },
            } = &step.doing.clone()
            && target.kind != super::super::ObjectKind::Node
        {
            let kube = &mut story.snapshot.kube;
            kube.etcd_members.rows_mut().remove(&target.key);
            kube.leases.rows_mut().remove(&target.key);
        }
    }
    let (step, _) = story.view.current().unwrap();
    assert_eq!(
        step.id,
        join,
        "{:?} {:?}",
        story.view.ended,
        story.drive.next(&story.view, &story.snapshot)
    );
    assert_eq!(story.view.unseen().count(), 0);
    assert!(Duration::from_millis(step.deadline_ms) > Duration::from_hours(1));
}
