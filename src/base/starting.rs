//! A process that is stopped between a fork and the exec that follows is not stopped as a whole: its shell hears nothing, and
//! the terminal is nobody's. So children are started, and the process is stopped, one after the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

static STARTING: Mutex<()> = Mutex::new(());

/// Held while a child process is started, and while this one is stopped.
pub fn alone() -> MutexGuard<'static, ()> {
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}
