//! What reaches the outside, and when: never before its line is on disk.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::model::example;
use crate::model::intent::Intent;
use crate::plan::event::Sent;
use crate::plan::step::Doing;
use crate::plan::view::{Ending, Stage};
use crate::plan::{Plan, Risk, RunId, Step};
use crate::run::journal::Archive;

fn operator() -> Operator {
    Operator {
        user: "ada".into(),
        host: "nbe-1".into(),
        pid: 7,
    }
}

fn step(id: u16, doing: Doing) -> Step {
    Step {
        id: StepId(id),
        title: "do it".into(),
        command: "do it".into(),
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

fn defragment(id: u16) -> Step {
    let action = Action::Defragment {
        node: "nbe-1".into(),
        address: None,
    };
    step(id, Doing::Act { action })
}

fn attest(id: u16) -> Step {
    let words = "it is off".into();
    step(id, Doing::Attest { words })
}

fn begun(steps: Vec<Step>) -> Entry {
    let plan = Plan {
        intent: Intent::EtcdSpace,
        cluster: None,
        made: jiff::Timestamp::UNIX_EPOCH,
        risk: Risk::Reversible,
        steps,
        warnings: Vec::new(),
        arithmetic: Vec::new(),
        confirm: None,
    };
    Entry {
        at: jiff::Timestamp::UNIX_EPOCH,
        event: RunEvent::Begun {
            run: RunId("r".into()),
            operator: operator(),
            digest: plan.digest(),
            plan: Box::new(plan),
        },
    }
}

/// Notes what is sent, and what the journal said by then.
#[derive(Clone, Default)]
struct Outside {
    journal: PathBuf,
    sent: Arc<Mutex<Vec<String>>>,
    /// Answers only when told to.
    gate: Option<Arc<Notify>>,
}

impl Act for Outside {
    async fn may(&self, _: &Action) -> Result<(), Why> {
        Ok(())
    }

    async fn send(&self, action: &Action) -> Sent {
        let text = std::fs::read_to_string(&self.journal).unwrap();
        let last = text.lines().next_back().unwrap().to_owned();
        assert!(last.contains("\"intended\""), "{action:?} left before its line: {last}");
        self.sent.lock().unwrap().push(last);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        Sent::Accepted
    }
}

/// A second passes with each look.
struct Seconds(Snapshot);

impl Observe for Seconds {
    async fn newer(&mut self, _: Stamp) -> Snapshot {
        // Whoever waits for an input must get it.
        tokio::task::yield_now().await;
        self.0.now = self.0.now.plus(Duration::from_secs(1));
        self.0.clone()
    }
}

struct Bench {
    archive: Archive,
    outside: Outside,
    _dir: TempDir,
}

impl Bench {
    /// A run that has begun, its engine and its status.
    fn begin(steps: Vec<Step>) -> (Self, Engine<Outside, Seconds>, watch::Receiver<Status>) {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::at(dir.path().join("runs"));
        let journal = archive.begin(&begun(steps)).unwrap();
        let outside = Outside {
            journal: journal.path().to_owned(),
            ..Outside::default()
        };
        let bench = Self {
            archive,
            outside,
            _dir: dir,
        };
        let (engine, status) = bench.engine(journal);
        (bench, engine, status)
    }

    fn engine(&self, journal: Journal) -> (Engine<Outside, Seconds>, watch::Receiver<Status>) {
        let view = self.archive.read(&RunId("r".into())).unwrap().view;
        let parts = (self.outside.clone(), Seconds(example::healthy()));
        Engine::new(parts, Clock::start(), operator(), journal, view)
    }

    fn sent(&self) -> usize {
        self.outside.sent.lock().unwrap().len()
    }

    fn on_disk(&self) -> RunView {
        self.archive.read(&RunId("r".into())).unwrap().view
    }
}

async fn tell(inputs: &mpsc::Sender<Input>, input: Input) {
    inputs.send(input).await.unwrap();
}

#[tokio::test]
async fn a_run_goes_to_its_end_and_its_journal_tells_it() {
    let (bench, engine, status) = Bench::begin(vec![defragment(1), attest(2), defragment(3)]);
    let (inputs, told) = mpsc::channel(INPUTS);
    tell(&inputs, Input::Continue).await;
    let running = tokio::spawn(engine.run(told));
    let mut asks = status.clone();
    let asked = asks.wait_for(|status| status.question.is_some()).await.unwrap().clone();
    assert!(matches!(asked.question, Some((StepId(2), Question::Attest { .. }))));
    assert_eq!(bench.sent(), 1);
    tell(&inputs, Input::Agree).await;
    let rejected = asks.wait_for(|status| status.rejected.is_some()).await.unwrap().clone();
    assert!(rejected.rejected.unwrap().as_str().contains("unknown fate"));
    let words = "it is off".into();
    tell(&inputs, Input::Attest { words }).await;
    let view = running.await.unwrap().unwrap();
    assert_eq!((view.ended.as_ref(), bench.sent()), (Some(&Ending::Finished), 2));
    assert_eq!(bench.on_disk(), view);
}

#[tokio::test]
async fn a_paused_run_sends_nothing() {
    let (bench, engine, mut status) = Bench::begin(vec![defragment(1)]);
    let (inputs, told) = mpsc::channel(INPUTS);
    let because: Text = "ctrl-c".into();
    tell(&inputs, Input::Pause { because }).await;
    let running = tokio::spawn(engine.run(told));
    status.wait_for(|status| status.waits_for.is_some()).await.unwrap();
    assert_eq!((bench.sent(), bench.on_disk().paused.is_some()), (0, true));
    tell(&inputs, Input::Continue).await;
    running.await.unwrap().unwrap();
    assert_eq!(bench.sent(), 1);
}

#[tokio::test]
async fn a_request_in_flight_is_awaited_before_the_pause() {
    let (bench, mut engine, mut status) = Bench::begin(vec![defragment(1), defragment(2)]);
    let gate = Arc::new(Notify::new());
    engine.act.gate = Some(Arc::clone(&gate));
    let (inputs, told) = mpsc::channel(INPUTS);
    let _running = tokio::spawn(engine.run(told));
    status
        .wait_for(|status| status.view.steps[0].stage == Stage::InFlight)
        .await
        .unwrap();
    let because: Text = "ctrl-c".into();
    tell(&inputs, Input::Pause { because }).await;
    gate.notify_one();
    status.wait_for(|status| status.view.paused.is_some()).await.unwrap();
    assert_eq!(bench.sent(), 1);
}

/// What a kill leaves: a line, and no answer to it.
#[tokio::test]
async fn killed_in_flight_and_resumed_it_looks_and_does_not_send_again() {
    let (bench, mut engine, mut status) = Bench::begin(vec![defragment(1)]);
    engine.act.gate = Some(Arc::new(Notify::new()));
    let (_inputs, told) = mpsc::channel(INPUTS);
    let running = tokio::spawn(engine.run(told));
    status
        .wait_for(|status| status.view.steps[0].stage == Stage::InFlight)
        .await
        .unwrap();
    running.abort();
    let _ = running.await;

    let (journal, _) = bench.archive.resume(&RunId("r".into()), None).unwrap();
    let (engine, mut status) = bench.engine(journal);
    let (inputs, told) = mpsc::channel(INPUTS);
    let running = tokio::spawn(engine.run(told));
    let asked = status
        .wait_for(|status| status.question.is_some())
        .await
        .unwrap()
        .clone();
    assert!(matches!(asked.question, Some((_, Question::Doubt { .. }))), "{asked:?}");
    assert_eq!(bench.sent(), 1);
    tell(&inputs, Input::Agree).await;
    running.await.unwrap().unwrap();
    assert_eq!(bench.sent(), 2);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let (bench, mut engine, _status) = Bench::begin(vec![defragment(1)]);
    engine.scribe.0 = None;
    let (_inputs, told) = mpsc::channel(INPUTS);
    let why = Box::pin(engine.run(told)).await.unwrap_err();
    assert!(why.to_string().contains("nothing more is sent"), "{why}");
    assert_eq!(bench.sent(), 0);
}
