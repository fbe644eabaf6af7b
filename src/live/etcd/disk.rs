//! How fast the disk under the local member is, from the histograms in etcd's `/metrics`. Pure. Start reading at [`Timing::read`].

use std::time::Duration;

use crate::base::Stamp;
use crate::model::etcd::DiskTimes;

const FSYNC: &str = "etcd_disk_wal_fsync_duration_seconds";
const COMMIT: &str = "etcd_disk_backend_commit_duration_seconds";

/// A histogram as Prometheus' text format has it: upper ends in microseconds, and how many values are not above them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Histogram {
    buckets: Vec<(u64, u64)>,
    count: u64,
}

/// What was read before, so that what is told is of late and not of the whole life of the process.
#[derive(Debug, Default)]
pub struct Timing {
    before: Option<(Stamp, Histogram, Histogram)>,
}

impl Timing {
    /// Takes in the metrics; None where they hold no such histogram.
    pub fn read(&mut self, text: &str, at: Stamp) -> Option<DiskTimes> {
        let (fsync, commit) = (Histogram::parse(text, FSYNC)?, Histogram::parse(text, COMMIT)?);
        let before = self.before.replace((at, fsync.clone(), commit.clone()));
        // A process that was started anew counts from zero.
        let before = before.filter(|(_, old, _)| old.count <= fsync.count);
        let (over_s, fsync, commit) = match &before {
            Some((then, old_fsync, old_commit)) => {
                let over: Duration = at.since(*then);
                (Some(over.as_secs()), fsync.since(old_fsync), commit.since(old_commit))
            }
            None => (None, fsync, commit),
        };
        Some(DiskTimes {
            fsync_p99_us: fsync.p99_us(),
            commit_p99_us: commit.p99_us(),
            fsyncs: fsync.count,
            over_s,
        })
    }
}

impl Histogram {
    fn parse(text: &str, name: &str) -> Option<Self> {
        let own = text.lines().filter_map(|line| line.strip_prefix(name));
        let mut found = Histogram::default();
        let mut is_there = false;
        for line in own {
            let (label, value) = line.rsplit_once(' ')?;
            let Some(value) = count(value) else { continue };
            if label.starts_with("_count") {
                found.count = value;
                is_there = true;
            } else if let Some(end) = label
                .strip_prefix("_bucket{le=\"")
                .and_then(|rest| rest.split('"').next())
                && let Some(end_us) = micros(end)
            {
                found.buckets.push((end_us, value));
            }
        }
        is_there.then_some(found)
    }

    /// What was counted since an older reading.
    fn since(&self, old: &Histogram) -> Histogram {
        let before = |end: u64| {
            old.buckets
                .iter()
                .find(|(own, _)| *own == end)
                .map_or(0, |(_, count)| *count)
        };
        let buckets = self
            .buckets
            .iter()
            .map(|(end, count)| (*end, count.saturating_sub(before(*end))));
        Histogram {
            buckets: buckets.collect(),
            count: self.count.saturating_sub(old.count),
        }
    }

    /// The upper end of the bucket that holds 99 of 100 values.
    fn p99_us(&self) -> Option<u64> {
        let wanted = self.count.saturating_mul(99).div_ceil(100);
        let bucket = self
            .buckets
            .iter()
            .find(|(_, count)| self.count > 0 && *count >= wanted);
        bucket.map(|(end, _)| *end)
    }
}

/// Prometheus writes counts as decimal numbers, large ones as `1.234567e+06`.
fn count(text: &str) -> Option<u64> {
    let value: f64 = text.trim().parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked just before
    (value.is_finite() && (0.0..1e15).contains(&value)).then_some(value as u64)
}

/// Seconds to microseconds; None for `+Inf`.
fn micros(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    count(&(seconds * 1e6).round().to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::base::Clock;
    use proptest::prelude::*;

    fn metrics(rows: [(u64, u64); 3]) -> String {
        let [fast, slow, all] = rows.map(|(fsync, commit)| [(FSYNC, fsync), (COMMIT, commit)]);
        let mut text = String::from("# TYPE x histogram\n");
        for (end, row) in [("0.001", fast), ("0.064", slow), ("+Inf", all)] {
            for (name, value) in row {
                text.extend([format!("{name}_bucket{{le=\"{end}\"}} {value}\n")]);
            }
        }
        for (name, value) in all {
            text.extend([format!("{name}_sum 1.5\n{name}_count {value}\n")]);
        }
        text
    }

    #[test]
    fn the_first_reading_is_of_the_whole_life_and_the_next_of_late() {
        let mut timing = Timing::default();
        let clock = Clock::start().now();
        let first = timing
            .read(&metrics([(990, 10), (1000, 10), (1000, 10)]), clock)
            .unwrap();
        assert_eq!((first.fsync_p99_us, first.over_s), (Some(1_000), None));
        let later = clock.plus(Duration::from_secs(10));
        let next = timing
            .read(&metrics([(991, 10), (1100, 10), (1100, 10)]), later)
            .unwrap();
        assert_eq!((next.fsync_p99_us, next.commit_p99_us), (Some(64_000), None));
        assert_eq!((next.fsyncs, next.over_s), (100, Some(10)));
        // Started anew.
        let fresh = timing
            .read(&metrics([(5, 1), (5, 1), (5, 1)]), later.plus(Duration::from_secs(10)))
            .unwrap();
        assert_eq!((fresh.fsyncs, fresh.over_s), (5, None));
    }

    #[test]
    fn slower_than_the_last_bucket_has_no_upper_end() {
        let read = Timing::default()
            .read(&metrics([(0, 0), (0, 0), (7, 7)]), Clock::start().now())
            .unwrap();
        assert_eq!((read.fsync_p99_us, read.fsyncs), (None, 7));
        assert_eq!(
            Timing::default().read("etcd_server_has_leader 1\n", Clock::start().now()),
            None
        );
        assert_eq!(count("1.234567e+06"), Some(1_234_567));
    }

    proptest! {
        #[test]
        fn no_metrics_make_it_panic(text in any::<String>()) {
            let _ = Timing::default().read(&text, Clock::start().now());
            let _ = Timing::default().read(&format!("{FSYNC}_count {text}\n{COMMIT}_bucket{{le=\"{text}\"}} 1"), Clock::start().now());
        }
    }
}
