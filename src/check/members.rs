//! Checks of the members family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
