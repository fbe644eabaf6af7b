//! The console's guided actions: orders come in, a run goes on beside the console, news go out. One run at a time. Start
//! reading at [`work`].

use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::conduct::{Conductor, Running};
use super::rehearse::{self, Film};
use crate::app::Message;
use crate::app::work::{News, Order, Rehearsed, Script};
use crate::base::{Text, Why, WhyKind};
use crate::check::Severity;
use crate::model::Snapshot;
use crate::model::question::QuestionId;
use crate::plan::{Input, Plan, RunView, Status};
use crate::tui::Foreman;

/// How long a request in flight is awaited after the console is gone; longer than its own deadline.
const LEAVE: Duration = Duration::from_secs(30);
/// A rehearsal takes seconds; one that takes longer than this is ended.
const LONGEST_REHEARSAL: Duration = Duration::from_mins(1);

/// Serves the console until it is gone. A run that is still open then is paused, and returned: it can be resumed.
pub async fn work(conductor: Conductor, film: Film, mut foreman: Foreman) -> Option<RunView> {
    let mut running: Option<Running> = None;
    // Beside the run, because both are awaited at once.
    let mut status: Option<watch::Receiver<Status>> = None;
    let mut rehearsing: Option<Rehearsing> = None;
    tell_past(&conductor, &foreman).await;
    loop {
        tokio::select! {
            order = foreman.orders.recv() => {
                let Some(order) = order else {
                    return leave(running).await;
                };
                if let Err(why) = take((&conductor, &film), &mut running, &mut rehearsing, &foreman, order).await {
                    tell(&foreman, Severity::Warning, &why.to_string()).await;
                }
                status = running.as_ref().map(|run| run.status.clone());
            }
            told = rehearsed(rehearsing.as_mut()) => {
                if let Some(Rehearsing { id, .. }) = &rehearsing.take() {
                    let (id, at) = (*id, conductor.snapshot().now);
                    drop(foreman.news.send(News::Rehearsed(Rehearsed { id, at, told })).await);
                }
            }
            now = changed(status.as_mut()) => {
                if let Some(because) = &now.rejected {
                    tell(&foreman, Severity::Info, because.as_str()).await;
                }
                send(&foreman, now).await;
            }
            ended = ended(running.as_mut()) => {
                status = None;
                if let Some(run) = running.take() {
                    let last = run.status.borrow().clone();
                    tokio::spawn(run.give_back());
                    send(&foreman, last).await;
                }
                if let Err(why) = ended {
                    tell(&foreman, Severity::Critical, &why.to_string()).await;
                }
                tell_past(&conductor, &foreman).await;
            }
        }
    }
}

/// A rehearsal that is being played, beside everything else. Dropping it ends it.
struct Rehearsing {
    id: QuestionId,
    is_unwanted: Arc<AtomicBool>,
    playing: JoinHandle<Result<Vec<Text>, Why>>,
}

impl Rehearsing {
    fn begin(id: QuestionId, snapshot: Arc<Snapshot>, plan: Plan, script: Script, film: Film) -> Self {
        let is_unwanted: Arc<AtomicBool> = Arc::default();
        let deadline = Instant::now() + LONGEST_REHEARSAL;
        let stop = Arc::clone(&is_unwanted);
        let may_go_on = move || !stop.load(Ordering::Relaxed) && Instant::now() < deadline;
        let playing = tokio::task::spawn_blocking(move || rehearse::shown(&snapshot, plan, &script, &film, may_go_on));
        Self {
            id,
            is_unwanted,
            playing,
        }
    }
}

impl Drop for Rehearsing {
    fn drop(&mut self) {
        self.is_unwanted.store(true, Ordering::Relaxed);
    }
}

/// The end of the rehearsal; never where there is none.
async fn rehearsed(rehearsing: Option<&mut Rehearsing>) -> Result<Vec<Text>, Why> {
    let Some(own) = rehearsing else {
        return future::pending().await;
    };
    let broken = |error| Why::new(WhyKind::Broken, format!("the rehearsal broke off: {error}"));
    (&mut own.playing).await.unwrap_or_else(|error| Err(broken(error)))
}

/// Pauses the run. What is in flight is awaited, so that the journal tells how it went.
async fn leave(running: Option<Running>) -> Option<RunView> {
    let mut run = running?;
    let because = Text::new("the console was closed");
    drop(run.inputs.send(Input::Pause { because }).await);
    let stands = |status: &Status| status.view.paused.is_some() || status.view.ended.is_some();
    if timeout(LEAVE, run.status.wait_for(stands)).await.is_err() {
        tracing::warn!("the run did not pause within {} s", LEAVE.as_secs());
    }
    let view = run.status.borrow().view.clone();
    view.ended.is_none().then_some(view)
}

async fn take(
    (conductor, film): (&Conductor, &Film),
    running: &mut Option<Running>,
    rehearsing: &mut Option<Rehearsing>,
    foreman: &Foreman,
    order: Order,
) -> Result<(), Why> {
    let begun = match order {
        Order::Rehearse { id, plan, script } => {
            *rehearsing = Some(Rehearsing::begin(id, conductor.snapshot(), *plan, script, film.clone()));
            return Ok(());
        }
        Order::Tell(input) => {
            if let Some(run) = running {
                // Full means that a request is in flight; it is awaited to its end before anything else.
                drop(run.inputs.send(input).await);
            }
            return Ok(());
        }
        Order::Begin { plan, take_over } => conductor.begin(*plan, take_over).await?,
        Order::Resume { run, take_over } => conductor.resume(&run, take_over).await?,
    };
    for note in &begun.notes {
        tell(foreman, Severity::Warning, note.as_str()).await;
    }
    let status = begun.status.borrow().clone();
    send(foreman, status).await;
    *running = Some(begun);
    Ok(())
}

/// The run's next status; never where there is no run.
async fn changed(status: Option<&mut watch::Receiver<Status>>) -> Status {
    if let Some(status) = status
        && status.changed().await.is_ok()
    {
        return status.borrow_and_update().clone();
    }
    // Its end is told by `ended`.
    future::pending().await
}

/// The end of the run; never where there is none.
async fn ended(running: Option<&mut Running>) -> Result<RunView, Why> {
    match running {
        Some(run) => run.ended().await,
        None => future::pending().await,
    }
}

async fn send(foreman: &Foreman, status: Status) {
    // A console that is gone needs no news.
    drop(foreman.news.send(News::Run(Box::new(status))).await);
}

async fn tell(foreman: &Foreman, severity: Severity, text: &str) {
    tracing::info!("{}", Text::new(text));
    drop(foreman.news.send(News::Said(Message::new(severity, text))).await);
}

async fn tell_past(conductor: &Conductor, foreman: &Foreman) {
    let past = conductor.past();
    drop(foreman.news.send(News::Past(past)).await);
}
