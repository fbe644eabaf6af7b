//! Durations as people say them: `4 s`, `2 min 10 s`, `3 h`, `5 d`.

use std::fmt;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration in the largest unit of which there are two or more; whole seconds only below two minutes. For what is always
/// on screen: it changes seldom.
pub fn coarse(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / MINUTE),
        7200..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// A duration in words: the two largest units that are not zero, rounded down. From 30 days on only days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(pub Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&words(self.0.as_secs()))
    }
}

fn words(seconds: u64) -> String {
    let (large, unit, small, small_unit) = match seconds {
        0 => return "<1 s".to_owned(),
        1..MINUTE => (seconds, "s", 0, ""),
        MINUTE..HOUR => (seconds / MINUTE, "min", seconds % MINUTE, "s"),
        HOUR..DAY => (seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        DAY.. => {
            let days = seconds / DAY;
            let hours = if days < 30 { seconds % DAY / HOUR } else { 0 };
            (days, "d", hours, "h")
        }
    };
    if small == 0 {
        format!("{large} {unit}")
    } else {
        format!("{large} {unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_at_most_rounded_down() {
        let said = |seconds| Age(Duration::from_secs(seconds)).to_string();
        let cases = [
            (0, "<1 s"),
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (130, "2 min 10 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (3_659, "1 h"),
            (11_100, "3 h 5 min"),
            (86_399, "23 h 59 min"),
            (432_000, "5 d"),
            (439_200, "5 d 2 h"),
            (30 * DAY + 2 * HOUR, "30 d"),
        ];
        for (seconds, words) in cases {
            assert_eq!(said(seconds), words);
        }
    }

    #[test]
    fn coarse_ages() {
        let said = |seconds| coarse(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 119, 120, 7199, 7200, 172_800].map(said),
            ["0 s", "59 s", "119 s", "2 min", "119 min", "2 h", "2 d"]
        );
    }

    #[test]
    fn parts_of_a_second_do_not_round_up() {
        assert_eq!(Age(Duration::from_millis(999)).to_string(), "<1 s");
        assert_eq!(Age(Duration::from_millis(4_999)).to_string(), "4 s");
    }

    #[test]
    fn columns_can_be_padded() {
        assert_eq!(format!("{:>5}", Age(Duration::from_secs(4))), "  4 s");
    }
}
