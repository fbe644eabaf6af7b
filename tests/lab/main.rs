//! Tests against a real control plane: `tests/run` prepares and runs them. Each test starts a lab of its own and ends it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../pty/console.rs"]
#[allow(dead_code)] // shared by three test binaries; each uses a part
mod console;
mod lab;

mod access;
mod actions;
mod audit;
mod black_holes;
mod dark;
mod entry;
mod external;
mod flags;
mod half_dark;
mod haproxy;
mod healthy;
mod hostile;
mod losses;
mod membership;
mod named;
mod order;
mod parity;
mod report;
mod roles;
mod ssh;
mod sshd;
mod storage;
mod visits;
