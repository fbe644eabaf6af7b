//! The screens: each puts parts into an area.

pub mod actions;
pub mod etcd;
pub mod feeds;
pub mod findings;
pub mod forecast;
pub mod list;
pub mod log;
pub mod nodes;
pub mod overview;
pub mod placement;
pub mod pods;
pub mod readiness;
pub mod recovery;
pub mod timeline;
