//! Reads the values of flags: bounds keep a slip of the finger from doing harm, and what is wrong is told with an example.

use std::time::Duration;

use super::{Keys, Since};
use crate::app::key;
use crate::base::Text;
use crate::config::value::Value;

/// Reads a time from a minute to a year.
pub(super) fn days(raw: &str) -> Result<Duration, String> {
    let lasts = <Duration as Value>::parse(raw).map_err(|problem| problem.to_string())?;
    if (Duration::from_mins(1)..=Duration::from_hours(366 * 24)).contains(&lasts) {
        Ok(lasts)
    } else {
        Err(format!("{raw:?} is out of bounds: from 1m to 366d"))
    }
}

/// Reads a time from a second to a week.
pub(super) fn lasting(raw: &str) -> Result<Duration, String> {
    let lasts = <Duration as Value>::parse(raw).map_err(|problem| problem.to_string())?;
    if (Duration::from_secs(1)..=Duration::from_hours(7 * 24)).contains(&lasts) {
        Ok(lasts)
    } else {
        Err(format!("{raw:?} is out of bounds: from 1s to 7d"))
    }
}

/// Reads a moment: how long ago, or a point in time with its offset.
pub(super) fn since(raw: &str) -> Result<Since, String> {
    let ago = <Duration as Value>::parse(raw).ok().map(Since::Ago);
    let at = || raw.parse().ok().map(Since::At);
    ago.or_else(at)
        .ok_or_else(|| format!("{raw:?} is no moment: write how long ago, such as 90m or 2d, or 2026-11-29T03:00:00Z"))
}

/// Reads a time such as `500ms`, `10s` or `2m`, as the configuration does.
pub(super) fn timeout(raw: &str) -> Result<Duration, String> {
    let timeout = <Duration as Value>::parse(raw).map_err(|problem| problem.to_string())?;
    let bounds = Duration::from_millis(100)..=Duration::from_mins(10);
    if bounds.contains(&timeout) {
        Ok(timeout)
    } else {
        Err(format!("{raw:?} is out of bounds: from 100ms to 10m"))
    }
}

/// A time within the setting's bounds, as it was written: it is a setting like those of files.
pub(super) fn request_timeout(raw: &str) -> Result<String, String> {
    let read = timeout(raw)?;
    if read < Duration::from_secs(1) {
        return Err(format!("{raw:?} is out of bounds: from 1s to 10m"));
    }
    Ok(raw.to_owned())
}

/// Reads `80x24`. The bounds keep a slip of the finger from filling the memory.
pub(super) fn size(raw: &str) -> Result<(u16, u16), String> {
    let read = |part: &str| part.parse::<u16>().ok().filter(|cells| (1..=500).contains(cells));
    raw.split_once('x')
        .and_then(|(columns, rows)| Some((read(columns)?, read(rows)?)))
        .ok_or_else(|| format!("{raw:?} is no size: write columns and rows, up to 500, such as 80x24"))
}

/// A name that Kubernetes would take: what is none could only list nothing, and look as if all were gone.
pub(super) fn namespace(raw: &str) -> Result<Text, String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_namespace = (1..=63).contains(&raw.len()) && raw.chars().all(is_name) && !raw.starts_with('-');
    let no_name = || format!("{raw:?} is no namespace: lower-case letters, digits and hyphens, such as kotsadm");
    is_namespace.then(|| Text::new(raw)).ok_or_else(no_name)
}

pub(super) fn overridden(raw: &str) -> Result<(Text, Text), String> {
    match raw.split_once('=') {
        Some((gate, reason)) if !gate.is_empty() && !reason.trim().is_empty() => {
            Ok((gate.into(), reason.trim().into()))
        }
        _ => Err(format!("{raw:?} names no gate and reason: write GATE=REASON")),
    }
}

pub(super) fn keys(raw: &str) -> Result<Keys, String> {
    key::parse_sequence(raw).map(Keys).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for wrong in ["", "80", "80x", "0x24", "80x501", "axb", "80x24x1"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_an_age_or_a_point_in_time() {
        assert_eq!(since("2h"), Ok(Since::Ago(Duration::from_hours(2))));
        let at = "2026-11-29T03:00:00Z";
        assert_eq!(since(at), Ok(Since::At(at.parse().unwrap())));
        for wrong in ["", "yesterday", "2026-11-29", "-2h"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn timeouts_have_bounds() {
        assert_eq!(timeout("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(timeout("500ms").unwrap(), Duration::from_millis(500));
        for wrong in ["", "0s", "-1s", "10", "11m", "soon"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
