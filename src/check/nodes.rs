//! Checks of the nodes family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
