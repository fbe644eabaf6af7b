//! The terminal's foreground, lent to one program as a shell lends it to a job: what its keyboard sends (`ctrl-c`, `ctrl-z`)
//! reaches that program alone, and no other that we are just starting. Start reading at [`Foreground::lend`].

use std::io;

use nix::sys::signal::{SigSet, Signal as Number};
use rustix::process::{Pid, Signal as Sent, WaitId, WaitIdOptions, getpgrp, kill_process_group, waitid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::starting;

/// Lent until dropped.
pub struct Foreground {
    job: Pid,
    /// SIGCHLD.
    changed: Signal,
}

impl Foreground {
    /// Lends it to a child that was started as the leader of a process group of its own.
    pub fn lend(child: &Child) -> io::Result<Self> {
        let changed = signal(SignalKind::child())?;
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let job = id.ok_or(io::ErrorKind::NotFound)?;
        let lent = Self { job, changed };
        lent.again()?;
        Ok(lent)
    }

    /// Lends it once more after a stop, and lets the program go on.
    pub fn again(&self) -> io::Result<()> {
        let terminal = io::stdin();
        // A terminal that does not control us (`su -c`) has no foreground of ours, and sends signals to nobody here.
        if tcgetpgrp(&terminal).is_ok_and(|group| group != self.job) {
            // Resumed in the background, we are stopped here until the shell has us in the foreground.
            let _alone = starting::alone();
            tcsetpgrp(&terminal, self.job)?;
        }
        // It may have asked for the terminal before it was its own, and been stopped for that.
        Ok(kill_process_group(self.job, Sent::CONT)?)
    }

    /// Waits until the program is stopped; for ever where it has ended.
    pub async fn stopped(&mut self) {
        let stops = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        while !matches!(waitid(WaitId::Pid(self.job), stops), Ok(Some(_))) {
            self.changed.recv().await;
        }
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let terminal = io::stdin();
        // A shell that has taken it meanwhile keeps it.
        if !tcgetpgrp(&terminal).is_ok_and(|group| group == self.job) {
            return;
        }
        // From the background nobody may take it who hears this signal. Failures are found by who uses the terminal next.
        let deaf = SigSet::from(Number::SIGTTOU);
        let _ = deaf.thread_block();
        let _ = tcsetpgrp(&terminal, getpgrp());
        let _ = deaf.thread_unblock();
    }
}
