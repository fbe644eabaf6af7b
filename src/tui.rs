//! stub

/// x
pub fn restore() {}
