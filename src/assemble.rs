//! Raw observations become snapshots.

pub mod objects;
