#![doc = include_str!("ARCHITECTURE.md")]

pub mod app;
pub mod assemble;
pub mod base;
pub mod check;
pub mod cli;
pub mod config;
pub mod live;
pub mod model;
pub mod pb;
pub mod plan;
pub mod port;
pub mod rehearse;
pub mod run;
pub mod sim;
pub mod tui;
pub mod view;
