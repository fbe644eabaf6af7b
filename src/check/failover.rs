//! Checks of the failover family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
