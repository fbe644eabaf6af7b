//! The loop of a run: asks the stepper what is next, and does it. Every line is on disk before anything follows from it; a
//! request in flight is awaited to its end, whatever a person wishes meanwhile. Start reading at [`Engine::run`].

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::journal::Journal;
use crate::base::{Clock, Stamp, Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::plan::event::Operator;
use crate::plan::{Action, Drive, Entry, Input, Next, Question, RunEvent, RunView, Status, StepId};
use crate::port::act::{Act, Observe};

/// How many inputs may wait while a request is in flight.
pub const INPUTS: usize = 16;
/// How long the disk may take for one line.
const DISK: Duration = Duration::from_secs(10);

/// One run.
pub struct Engine<A, O> {
    act: A,
    observe: O,
    clock: Clock,
    operator: Operator,
    scribe: Scribe,
    status: watch::Sender<Status>,
}

impl<A: Act + Sync, O: Observe> Engine<A, O> {
    /// A run that was just begun or resumed, with its journal. Its status goes to whoever looks.
    pub fn new(
        (act, observe): (A, O),
        clock: Clock,
        operator: Operator,
        journal: Journal,
        view: RunView,
    ) -> (Self, watch::Receiver<Status>) {
        let (status, receiver) = watch::channel(Status::of(view));
        let engine = Self {
            act,
            observe,
            clock,
            operator,
            scribe: Scribe(Some(journal)),
            status,
        };
        (engine, receiver)
    }

    /// Goes on until the run has ended. An error says that the journal cannot be written: then nothing more is done.
    /// Dropping the future between two lines leaves a run that can be resumed.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> Result<RunView, Why> {
        let mut drive = Drive::new();
        let mut snapshot = self.observe.newer(before_all(&self.clock)).await;
        loop {
            while let Ok(input) = inputs.try_recv() {
                self.take(input).await?;
            }
            let next = drive.next(&self.view(), &snapshot);
            match next {
                Next::Record(event) => self.write(event).await?,
                Next::Send { step, action } => {
                    self.send(step, action).await?;
                    snapshot = self.observe.newer(snapshot.now).await;
                }
                Next::Ask { step, question } => {
                    self.show(Some((step, question)), None);
                    snapshot = self.pause(&mut inputs, snapshot).await?;
                }
                Next::Wait { because, .. } => {
                    self.show(None, Some(because));
                    snapshot = self.pause(&mut inputs, snapshot).await?;
                }
                Next::Ended(_) => return Ok(self.view()),
            }
        }
    }

    fn view(&self) -> RunView {
        self.status.borrow().view.clone()
    }

    /// Waits for an input or for newer facts; those come at least once a second.
    async fn pause(&mut self, inputs: &mut mpsc::Receiver<Input>, old: Snapshot) -> Result<Snapshot, Why> {
        tokio::select! {
            biased;
            Some(input) = inputs.recv() => {
                self.take(input).await?;
                Ok(old)
            }
            newer = self.observe.newer(old.now) => Ok(newer),
        }
    }

    /// The line is on disk before the request leaves, and the request is awaited to its end.
    async fn send(&mut self, step: StepId, action: Action) -> Result<(), Why> {
        self.write(RunEvent::Intended {
            step,
            action: action.clone(),
        })
        .await?;
        let sent = self.act.send(&action).await;
        self.write(RunEvent::Answered { step, sent }).await
    }

    /// Takes what a person said, if it may be said now.
    async fn take(&mut self, input: Input) -> Result<(), Why> {
        let view = self.view();
        let event = input.event(&view, &self.operator);
        let event = event.ok_or_else(|| Text::from("no step is left that this could concern"));
        let allowed = event.and_then(|event| view.may_take(&event).map(|()| event));
        match allowed {
            Ok(event) => self.write(event).await,
            Err(because) => {
                self.status.send_modify(|status| status.rejected = Some(because));
                Ok(())
            }
        }
    }

    async fn write(&mut self, event: RunEvent) -> Result<(), Why> {
        let entry = Entry {
            at: self.clock.now().wall,
            event,
        };
        let mut view = self.view();
        // Checked before it is written: what cannot be read back must not get in.
        view.apply(&entry).map_err(|illegal| {
            Why::new(
                WhyKind::Garbage,
                format!("this cannot be written down: {}", illegal.text),
            )
        })?;
        self.scribe.write(entry).await?;
        self.status.send_modify(|status| *status = Status::of(view));
        Ok(())
    }

    fn show(&self, question: Option<(StepId, Question)>, waits_for: Option<Text>) {
        self.status.send_if_modified(|status| {
            let is_new = status.question != question || status.waits_for != waits_for;
            status.question = question;
            status.waits_for = waits_for;
            is_new
        });
    }
}

/// A moment that every snapshot is newer than.
fn before_all(clock: &Clock) -> Stamp {
    Stamp {
        mono_ms: 0,
        wall: jiff::Timestamp::MIN,
        ..clock.now()
    }
}

/// Writes on a thread of its own, so that a disk that hangs holds up no signal and no terminal. The journal is gone for good
/// when it is not back in time.
struct Scribe(Option<Journal>);

impl Scribe {
    async fn write(&mut self, entry: Entry) -> Result<(), Why> {
        let lost = |kind, text: &str| {
            Why::new(kind, text).hint("nothing more is sent: repair the disk, then `quorate resume`")
        };
        let Some(mut journal) = self.0.take() else {
            return Err(lost(WhyKind::Broken, "the journal was given up"));
        };
        let writing = tokio::task::spawn_blocking(move || {
            let written = journal.append(&entry);
            (journal, written)
        });
        match timeout(DISK, writing).await {
            Ok(Ok((journal, written))) => {
                self.0 = Some(journal);
                written
            }
            Ok(Err(_)) => Err(lost(WhyKind::Broken, "writing the journal broke off")),
            Err(_) => {
                let text = format!("the journal was not written within {} s", DISK.as_secs());
                Err(lost(WhyKind::TimedOut, &text))
            }
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
