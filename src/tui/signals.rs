//! The signals that end the console.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// How late an interrupt may arrive that was meant for a program which has ended by it.
const LATE: Duration = Duration::from_millis(500);

/// Listens for SIGTERM, SIGHUP (the SSH connection is gone) and SIGINT from outside.
pub struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    /// Until when an interrupt is not ours.
    forgiven_until: Option<Instant>,
}

impl Signals {
    /// Begins to listen; from now on these signals do not end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            forgiven_until: None,
        })
    }

    /// Waits for any of them.
    pub async fn any(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => return,
                _ = self.interrupt.recv() => {
                    if self.forgiven_until.is_none_or(|end| Instant::now() > end) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for those that mean us even while another program has the terminal: ctrl-c is that one's.
    pub async fn ended(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// The program that had the terminal has ended: its ctrl-c may still arrive here.
    pub fn forgive(&mut self) {
        self.forgiven_until = Some(Instant::now() + LATE);
    }
}
