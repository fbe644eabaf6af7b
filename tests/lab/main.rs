//! Tests against a real control plane: `tests/run` prepares and runs them. Each test starts a lab of its own and ends it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../pty/console.rs"]
mod console;
mod lab;

mod access;
mod audit;
mod healthy;
mod hostile;
mod losses;
mod membership;
