//! The one clock. Ages are differences of monotonic time; wall time is for people and for comparing with
//! what other machines wrote.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One moment, on both clocks. Ordered by monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Milliseconds since the program started.
    pub mono_ms: u64,
    /// The machine's wall clock, UTC.
    pub wall: Timestamp,
}

impl Stamp {
    /// How long after `earlier` this moment is; zero when it is not after.
    pub fn since(self, earlier: Stamp) -> Duration {
        Duration::from_millis(self.mono_ms.saturating_sub(earlier.mono_ms))
    }

    /// Milliseconds by which this moment's wall clock is after `wall`; zero when it is not after.
    /// Only as good as the two machines' clocks agree.
    pub fn wall_since(self, wall: Timestamp) -> Duration {
        let ms = self.wall.as_millisecond() - wall.as_millisecond();
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// The moment `later` after this one.
    #[must_use]
    pub fn plus(self, later: Duration) -> Stamp {
        let ms = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        let wall = jiff::SignedDuration::try_from(later)
            .ok()
            .and_then(|span| self.wall.checked_add(span).ok());
        Stamp {
            mono_ms: self.mono_ms.saturating_add(ms),
            wall: wall.unwrap_or(self.wall),
        }
    }
}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stamp {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.mono_ms, self.wall).cmp(&(other.mono_ms, other.wall))
    }
}

/// Hands out [`Stamp`]s. Copies share one origin, so their stamps compare.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// This moment.
    pub fn now(&self) -> Stamp {
        Stamp {
            mono_ms: u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall: Timestamp::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Stamp {
        Stamp {
            mono_ms,
            wall: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn ages_never_run_backwards() {
        assert_eq!(at(10).since(at(4)), Duration::from_millis(6));
        assert_eq!(at(4).since(at(10)), Duration::ZERO);
    }

    #[test]
    fn plus_moves_both_clocks() {
        let later = at(5).plus(Duration::from_secs(2));
        assert_eq!(later.mono_ms, 2005);
        assert_eq!(later.wall_since(Timestamp::UNIX_EPOCH), Duration::from_secs(2));
    }
}
