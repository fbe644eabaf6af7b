//! Figures in words: ages, buckets, sizes, the three blanks. Coarse on purpose: what only wobbles must not redraw.

pub use crate::base::plural as count;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::theme::{Glyph, Role, Theme};
pub use crate::base::age::coarse as age;
pub use crate::base::amount::{cores, memory, size};
use crate::base::{Why, WhyKind};
use crate::model::{FeedState, Snapshot};

/// An age in minutes or more: one that stands beside what is live must not tick every second.
pub fn coarse_age(of: Duration) -> String {
    match of.as_secs() {
        0..60 => "<1 min".to_owned(),
        60..120 => "1 min".to_owned(),
        _ => age(of),
    }
}

/// A round trip, in buckets, as wide as most. The first ends where the usual ends (1 to 5 ms between zones).
pub fn rtt(micros: u64) -> String {
    let millis = micros / 1000;
    let above = [5, 10, 20, 50, 100, 200, 500].into_iter().find(|edge| millis < *edge);
    let text = above.map_or_else(|| ">=500ms".to_owned(), |edge| format!("<{edge}ms"));
    format!("{text:6}")
}

/// The difference between two clocks, in buckets up to a second, then in whole seconds.
pub fn skew(millis: i64) -> String {
    match millis.unsigned_abs() {
        0..100 => "<0.1s".to_owned(),
        100..1_000 => "<1s".to_owned(),
        _ => format!("{:+}s", millis / 1000),
    }
}

/// A reason in a few words, where there is no room for its text. What is no failure of a connection has no shorter name.
pub fn short(why: &Why) -> &str {
    match why.kind {
        WhyKind::Refused => "connection refused",
        WhyKind::TimedOut => "no answer in time",
        WhyKind::Unreachable => "unreachable",
        WhyKind::Broken => "connection broke",
        WhyKind::Tls => "TLS failed",
        WhyKind::Unauthenticated => "not authenticated",
        WhyKind::Forbidden => "forbidden",
        WhyKind::Throttled => "throttled",
        WhyKind::Unavailable => "unavailable",
        WhyKind::NotFound
        | WhyKind::Garbage
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::NotYet
        | WhyKind::NoOccasion
        | WhyKind::Disabled => why.text.as_str(),
    }
}

/// What stands where there is no value: still loading, empty, or not available.
pub fn blank(theme: &Theme, feed: &FeedState) -> &'static str {
    match feed {
        FeedState::Syncing { .. } => theme.glyph(Glyph::Loading),
        FeedState::Off { why } if why.kind == WhyKind::NotYet => theme.glyph(Glyph::Loading),
        FeedState::Live { .. }
        | FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Lost { as_of: Some(_), .. } => "-",
        FeedState::Lost { as_of: None, .. } | FeedState::Off { .. } => "n/a",
    }
}

/// How old the rows of a feed are; None while they are live or there are none.
pub fn dated(snapshot: &Snapshot, feed: &FeedState) -> Option<String> {
    match feed {
        FeedState::Lagging { as_of, .. } | FeedState::Lost { as_of: Some(as_of), .. } => {
            Some(format!("{} ago", age(snapshot.now.since(*as_of))))
        }
        // When it was written counts, not when it was read.
        FeedState::Stored { written, .. } => Some(written.map_or_else(
            || "an unknown time ago".to_owned(),
            |written| format!("{} ago", age(snapshot.wall_age(written))),
        )),
        FeedState::Live { .. }
        | FeedState::Syncing { .. }
        | FeedState::Lost { as_of: None, .. }
        | FeedState::Off { .. } => None,
    }
}

/// When a feed answered last, where that is known; in minutes while it is live, so that a quiet screen stays as it is.
pub fn last_answer(snapshot: &Snapshot, feed: &FeedState) -> Option<(String, Role)> {
    match feed {
        FeedState::Live { as_of } => Some((format!("{} ago", coarse_age(snapshot.now.since(*as_of))), Role::Dim)),
        FeedState::Lost { as_of: None, .. } => Some(("never".to_owned(), Role::Stale)),
        FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Lost { as_of: Some(_), .. }
        | FeedState::Syncing { .. }
        | FeedState::Off { .. } => Some((dated(snapshot, feed)?, Role::Stale)),
    }
}

/// A feed's state as a sign, a word and a role.
pub fn feed(theme: &Theme, feed: &FeedState) -> (String, Role) {
    let (glyph, role) = match feed {
        FeedState::Live { .. } => (Glyph::Ok, Role::Ok),
        FeedState::Syncing { .. } => (Glyph::Loading, Role::Dim),
        FeedState::Lagging { .. } | FeedState::Stored { .. } => (Glyph::Stale, Role::Stale),
        FeedState::Lost { .. } => (Glyph::Critical, Role::Critical),
        FeedState::Off { .. } => (Glyph::Off, Role::Dim),
    };
    (format!("{} {}", theme.glyph(glyph), feed.word()), role)
}

/// Cuts a text to `width` columns, with a sign that something is missing.
pub fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = ellipsis.width();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    if width >= ellipsis.width() {
        out.push_str(ellipsis);
    }
    out
}

/// Cuts the middle out of a name, because names differ at their ends.
pub fn clip_middle(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width || width < 8 {
        return clip(text, width, ellipsis);
    }
    let tail_width = (width - ellipsis.width()) / 2;
    let mut tail: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > tail_width {
            break;
        }
        tail.push(c);
    }
    let tail: String = tail.into_iter().rev().collect();
    clip(text, width - tail.width(), ellipsis) + &tail
}

/// Units that stay on the line of their figure.
const UNITS: [&str; 13] = [
    "s", "min", "h", "d", "ms", "µs", "%", "B", "KiB", "MiB", "GiB", "GB", "Mbit/s",
];

/// Whether `before` ends with a figure, and `after` begins with its unit.
fn is_one(before: &str, after: &str) -> bool {
    let unit = after.split(' ').next().unwrap_or(after);
    let unit = unit.trim_end_matches([',', ';', ':', '.', ')']);
    before.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit)
}

/// The words of a text, a figure with its unit as one.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find(' ')).map(|at| from + at) {
        let (before, after) = rest.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        if is_one(before, after) {
            from = at + 1;
        } else {
            pieces.push(before);
            (rest, from) = (after, 0);
        }
    }
    pieces.push(rest);
    pieces
}

/// Breaks a text into lines of at most `width` columns, between words where possible, and not between a figure and its unit.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in pieces(text) {
        let mut word = word.to_owned();
        if !line.is_empty() && line.width() + 1 + word.width() > width && word.width() <= width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        // A word longer than a line fills what is left of this one, then whole lines.
        while line.width() + word.width() > width {
            let head = clip(&word, width.saturating_sub(line.width()), "");
            word = word.split_off(head.len());
            line.push_str(&head);
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn noise_stays_within_its_bucket() {
        assert_eq!(rtt(310), rtt(4_870));
        assert_eq!(rtt(5_000).len(), rtt(0).len());
        assert_eq!(rtt(5_000), "<10ms ");
        assert_eq!(rtt(2_000_000), ">=500ms");
        assert_eq!(skew(-40), skew(60));
        assert_eq!(skew(-3_200), "-3s");
        assert_eq!(size(25 * 1024 * 1024), "25 MiB");
        assert_eq!(memory(3 << 29), "1.5 GiB");
        assert_eq!(memory(512 << 20), "512 MiB");
        assert_eq!(
            [cores(250), cores(1000), cores(4000)],
            ["0.25 cores", "1 core", "4 cores"]
        );
    }

    #[test]
    fn a_unit_stays_with_its_figure() {
        assert_eq!(wrap("evicted in 20 s", 14), ["evicted in", "20 s"]);
        assert_eq!(wrap("in 1 min 20 s, of 5 min", 13), ["in 1 min", "20 s, of", "5 min"]);
        assert_eq!(wrap("3 of 3 served", 6), ["3 of 3", "served"]);
    }

    #[test]
    fn names_keep_both_ends() {
        assert_eq!(clip_middle("controller-rack-one", 11, "…"), "contr…k-one");
        assert_eq!(clip("北北北", 4, "…"), "北…");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "[a-z北 ]{0,80}", width in 2usize..40) {
            prop_assert!(clip(&text, width, "…").width() <= width);
            prop_assert!(clip_middle(&text, width, "…").width() <= width);
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.width() <= width));
            let kept: String = lines.concat().chars().filter(|c| *c != ' ').collect();
            let given: String = text.chars().filter(|c| *c != ' ').collect();
            prop_assert_eq!(kept, given);
        }
    }
}
