//! Checks of the feeds family.

use super::Check;

/// The family's checks.
pub const CHECKS: &[Check] = &[];
