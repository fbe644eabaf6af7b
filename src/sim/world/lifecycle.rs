//! Node lifecycle.

use super::store::Store;

/// What the running kube-controller-manager has in its memory.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    /// Up to which revision changes were looked at.
    revision: u64,
}

impl Lifecycle {
    /// Another kube-controller-manager takes over: it knows nothing of what its predecessor saw.
    pub fn forget(&mut self) {
        self.revision = 0;
    }

    /// The beginning is settled: nothing of it needs a reaction.
    pub fn rest(&mut self, store: &Store) {
        self.revision = store.revision();
    }
}
