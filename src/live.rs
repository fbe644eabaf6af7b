//! The real sources.

pub mod etcd;
pub mod host;
pub mod kube;
pub mod layout;
pub mod probe;
