//! `quorate record`: what is observed, into a file that `quorate replay` shows. Works without a terminal; nothing is drawn, and
//! each snapshot counts as a frame.

use std::process::ExitCode;

use color_eyre::eyre;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::args::Recorded;
use super::check::policy;
use super::conduct;
use super::observe::{self, Observing, Resolved};
use super::output::print;
use super::recorder::{self, File, Frames, Kept};
use crate::app::{Msg, State};

/// However long it is meant to last when nobody says so.
const NO_END: std::time::Duration = std::time::Duration::from_hours(365 * 24);

/// Records until it is interrupted or the time is up.
pub fn run(resolved: &Resolved, wanted: &Recorded) -> eyre::Result<ExitCode> {
    observe::warn_of(&resolved.problems);
    observe::start_log(resolved)?;
    let runtime = observe::runtime()?;
    let recorded = runtime.block_on(async {
        let observing = observe::start(resolved).await?;
        record(observing, resolved, wanted).await
    });
    runtime.shutdown_background();
    let frames = recorded?;
    print(&format!("{frames} frames in {}\n", wanted.file.display()))?;
    Ok(ExitCode::SUCCESS)
}

async fn record(mut observing: Observing, resolved: &Resolved, wanted: &Recorded) -> eyre::Result<usize> {
    let operator = conduct::operator(&resolved.environment, observing.place.host.name.clone());
    let head = recorder::head(&operator, &observing.clock);
    let file = File::named(&wanted.file, &head, std::iter::empty())?;
    let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let end = sleep_until(Instant::now() + wanted.lasts.unwrap_or(NO_END));
    tokio::pin!(end);
    let snapshots = &mut observing.observer.snapshots;
    let first = snapshots.borrow_and_update().clone();
    let console = State::new(first, policy(resolved)).in_namespace(resolved.namespace.as_ref());
    let mut frames = Frames::of(console, file);
    loop {
        if frames.add()? == Kept::Full {
            eprintln!("quorate: {} is as large as it may be", frames.path().display());
            return Ok(frames.count);
        }
        tokio::select! {
            () = &mut end => return Ok(frames.count),
            _ = signals.0.recv() => return Ok(frames.count),
            _ = signals.1.recv() => return Ok(frames.count),
            changed = snapshots.changed() => changed?,
        }
        let snapshot = snapshots.borrow_and_update().clone();
        frames.take(Msg::Snapshot(snapshot))?;
    }
}
