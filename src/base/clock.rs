//! The one clock. Ages are differences of monotonic time; wall time is for people and for comparing with
//! what other machines wrote. A simulated cluster may run faster than we do; then both are its time, and
//! [`Stamp::waited_since`] is ours.

use std::sync::{Arc, Mutex, PoisonError};
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
    /// How many of `mono_ms` passed for a simulated cluster that runs faster than we do, and not for us.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Stamp {
    /// How long after `earlier` this moment is; zero when it is not after.
    pub fn since(self, earlier: Stamp) -> Duration {
        Duration::from_millis(self.mono_ms.saturating_sub(earlier.mono_ms))
    }

    /// How long we waited since `earlier`: how fresh an answer is, however fast a simulated cluster's time runs.
    pub fn waited_since(self, earlier: Stamp) -> Duration {
        let ours = |stamp: Stamp| stamp.mono_ms.saturating_sub(stamp.ahead_ms);
        Duration::from_millis(ours(self).saturating_sub(ours(earlier)))
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
            ahead_ms: self.ahead_ms,
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

/// Hands out [`Stamp`]s. Clones share one origin, so their stamps compare.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    /// Of a clock whose time can run faster.
    pace: Option<Arc<Mutex<Pace>>>,
}

/// How fast time has run since when.
#[derive(Debug, Clone, Copy)]
struct Pace {
    since: Instant,
    at: Stamp,
    speed: u32,
}

impl Pace {
    fn at(&self, moment: Instant) -> Stamp {
        let ours = moment.saturating_duration_since(self.since);
        let theirs = ours * self.speed;
        Stamp {
            ahead_ms: self.at.ahead_ms + millis(theirs).saturating_sub(millis(ours)),
            ..self.at.plus(theirs)
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Clock {
    /// A clock whose monotonic time begins now.
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            pace: None,
        }
    }

    /// The same for a simulated cluster: its time can run faster, see [`Clock::set_speed`].
    pub fn scalable() -> Self {
        let clock = Self::start();
        let pace = Pace {
            since: clock.origin,
            at: clock.now(),
            speed: 1,
        };
        Self {
            pace: Some(Arc::new(Mutex::new(pace))),
            ..clock
        }
    }

    /// This moment.
    pub fn now(&self) -> Stamp {
        match &self.pace {
            Some(pace) => lock(pace).at(Instant::now()),
            None => Stamp {
                mono_ms: millis(self.origin.elapsed()),
                wall: Timestamp::now(),
                ahead_ms: 0,
            },
        }
    }

    /// How many times faster than ours its time runs: 1 outside of a simulator.
    pub fn speed(&self) -> u32 {
        self.pace.as_ref().map_or(1, |pace| lock(pace).speed)
    }

    /// Makes time run faster or slower from now on; it does not jump. Does nothing to a clock that is not scalable.
    pub fn set_speed(&self, speed: u32) {
        self.set_speed_at(Instant::now(), speed);
    }

    fn set_speed_at(&self, moment: Instant, speed: u32) {
        if let Some(pace) = &self.pace {
            let mut pace = lock(pace);
            *pace = Pace {
                at: pace.at(moment),
                since: moment,
                speed: speed.max(1),
            };
        }
    }
}

/// A panic elsewhere does not stop the clock.
fn lock(pace: &Mutex<Pace>) -> std::sync::MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Stamp {
        Stamp {
            mono_ms,
            wall: Timestamp::UNIX_EPOCH,
            ahead_ms: 0,
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

    #[test]
    fn a_change_of_speed_makes_no_jump_and_counts_both_times() {
        let clock = Clock::scalable();
        let second = |n: u64| clock.origin + Duration::from_secs(n);
        let now = |n| clock.pace.as_ref().map_or(at(0), |pace| lock(pace).at(second(n)));
        let begin = now(0);
        clock.set_speed_at(second(10), 20);
        let fast = now(12);
        assert_eq!(fast.since(begin), Duration::from_secs(50));
        assert_eq!(fast.waited_since(begin), Duration::from_secs(12));
        assert_eq!(fast.wall_since(begin.wall), Duration::from_secs(50));
        clock.set_speed_at(second(12), 1);
        assert_eq!(now(12), fast);
        assert_eq!(now(13).since(fast), Duration::from_secs(1));
        assert_eq!(now(13).waited_since(begin), Duration::from_secs(13));
    }

    #[test]
    fn a_real_clock_has_one_speed() {
        let clock = Clock::start();
        clock.set_speed(60);
        assert_eq!((clock.speed(), clock.now().ahead_ms), (1, 0));
    }
}
