//! Integration tests: one binary, one module per subject. They need nothing but the Rust toolchain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assets;
mod cli;
mod failover;
mod forecast;
mod formats;
mod layers;
mod losses;
mod parity;
mod plugin;
mod readme;
mod recording;
mod run;
mod said;
mod scenarios;
mod settings;
mod sim;
mod ssh;
mod systemd;
