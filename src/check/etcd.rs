//! Checks of the etcd family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
