//! Checks of the product family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
