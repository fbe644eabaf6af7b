//! How long to wait before the next try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Waits that double, from `first` to `most`.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first,
        }
    }

    /// The next wait: up to a quarter shorter than planned, so that many waiters do not come back at once.
    pub fn next(&mut self) -> Duration {
        let planned = self.next;
        self.next = planned.saturating_mul(2).min(self.most);
        planned.mul_f64(1.0 - random_fraction() / 4.0)
    }

    /// All is well again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Between 0 and 1; each hasher of the standard library has new random keys.
fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_most_and_starts_again() {
        let half = Duration::from_millis(500);
        let mut backoff = Backoff::new(half, Duration::from_secs(10));
        let waits: Vec<Duration> = (0..8).map(|_| backoff.next()).collect();
        for (wait, planned) in waits.iter().zip([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]) {
            let planned = Duration::from_millis(planned);
            assert!(
                *wait <= planned && *wait >= planned.mul_f64(0.74),
                "{wait:?} for {planned:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= half);
    }
}
