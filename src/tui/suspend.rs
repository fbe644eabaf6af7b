//! `ctrl-z`: the terminal goes back to the shell, until the shell resumes us. Start reading at [`Suspension::sleep`].

use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::process::{Signal as Stop, getpgrp, getsid, kill_current_process_group};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use super::guard;
use crate::base::starting;

/// SIGCONT, the same on every system that has job control.
const CONTINUE: SignalKind = SignalKind::from_raw(Stop::CONT.as_raw());
/// SIGTSTP: somebody else wishes that we suspend.
const SUSPEND: SignalKind = SignalKind::from_raw(Stop::TSTP.as_raw());
/// A stopped process continues by a signal. Should that be lost, it is awake all the same after so long.
const AWAKE_AFTER: Duration = Duration::from_secs(2);

/// Waits to be suspended, and to be resumed.
pub struct Suspension {
    asked: Signal,
    resumed: Signal,
}

impl Suspension {
    /// Begins to listen; from now on SIGTSTP does not stop the process by itself, which would leave the terminal raw.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            asked: signal(SUSPEND)?,
            resumed: signal(CONTINUE)?,
        })
    }

    /// Waits until somebody asks by a signal.
    pub async fn asked(&mut self) {
        self.asked.recv().await;
    }

    /// Gives the terminal back, stops with the whole process group (`cargo run` and `sudo` are in it), and takes the
    /// terminal again once resumed.
    pub async fn sleep(&mut self) -> io::Result<()> {
        guard::restore();
        self.stop().await?;
        guard::take()
    }

    /// Stops with the whole process group until resumed; the terminal is not ours.
    pub async fn stop(&mut self) -> io::Result<()> {
        while self.resumed.recv().now_or_never().is_some() {}
        {
            let _alone = starting::alone();
            kill_current_process_group(Stop::STOP)?;
        }
        // Another thread may take the signal, and this one run on for a moment.
        timeout(AWAKE_AFTER, self.resumed.recv()).await.ok();
        Ok(())
    }
}

/// Whether somebody would resume us: a shell with job control gives every job a process group of its own. Without one, we
/// would be stopped for ever.
pub fn has_shell() -> bool {
    getsid(None).is_ok_and(|session| session != getpgrp())
}
