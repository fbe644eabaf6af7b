//! The parts that screens are made of, one per file: pure functions from the state to text.

pub mod detail;
pub mod failover;
pub mod feeds;
pub mod findings;
pub mod footer;
pub mod forecast;
pub mod help;
pub mod labelled;
pub mod matrix;
pub mod members;
pub mod nodes;
pub mod palette;
pub mod pods;
pub mod quorum;
pub mod readiness;
pub mod recovery;
pub mod section;
pub mod sheet;
pub mod small;
pub mod table;
pub mod tabs;
pub mod timeline;
pub mod tour;
pub mod verdict;
pub mod work;
pub mod workloads;
