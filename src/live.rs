//! The real sources.

pub mod dial;
pub mod etcd;
pub mod host;
pub mod kube;
pub mod probe;
#[cfg(test)]
mod test_pki;
pub mod tls;
