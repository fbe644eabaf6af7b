//! Raw observations become snapshots.
