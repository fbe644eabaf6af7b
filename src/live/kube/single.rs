//! Blocking work that may hang (a dead file system, a credential plugin), at most one at a time. Knows nothing of what it runs.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// A piece of work that is not started again before it has ended, so that threads that hang do not pile up.
pub struct Single<T>(Mutex<Option<JoinHandle<T>>>);

impl<T> Default for Single<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Send + 'static> Single<T> {
    /// Runs `work` on a thread of its own, or goes on waiting for the work that was too late the last time. None when it is
    /// (again) too late, or broke off.
    pub async fn run(&self, limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let outcome = tokio::time::timeout(limit, async {
            let mut running = self.0.lock().await;
            let ended = running.get_or_insert_with(|| tokio::task::spawn_blocking(work)).await;
            *running = None;
            ended.ok()
        });
        outcome.await.ok().flatten()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_hangs_is_waited_for_and_not_started_twice() {
        let single = Single::default();
        let (release, released) = mpsc::channel::<()>();
        let hangs = move || released.recv().map(|()| 1).unwrap_or_default();
        assert_eq!(single.run(Duration::ZERO, hangs).await, None);
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&starts);
        let second = move || counted.fetch_add(1, Ordering::SeqCst) + 10;
        assert_eq!(single.run(Duration::from_millis(1), second.clone()).await, None);
        release.send(()).unwrap();
        assert_eq!(single.run(Duration::from_mins(1), second.clone()).await, Some(1));
        assert_eq!(starts.load(Ordering::SeqCst), 0);
        assert_eq!(single.run(Duration::from_mins(1), second).await, Some(10));
    }
}
