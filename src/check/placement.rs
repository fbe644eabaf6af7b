//! Checks of the placement family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
