//! Events as lines: what happened, how often, and when, counted from when they were read.

use super::paper::{Line, Tone};
use crate::base::{Stamp, Text, age};
use crate::model::question::{Event, ObjectRef};

/// The events in lines, the newest first.
pub fn lines(of: Option<&ObjectRef>, events: &[Event], more: usize, read: Option<Stamp>) -> Vec<Line> {
    if events.is_empty() {
        let what = of.map_or_else(|| "no warning".to_owned(), |of| format!("no event of {of}"));
        // An API server forgets events after an hour, unless it is told otherwise (kube-apiserver --event-ttl).
        return vec![Line::plain(
            format!("- {what}: API servers usually forget after an hour"),
            Tone::Dim,
        )];
    }
    let mut lines: Vec<Line> = events
        .iter()
        .flat_map(|event| paragraph(of.is_none(), event, read))
        .collect();
    if more > 0 {
        lines.push(Line::plain(format!("-- and {more} more --"), Tone::Dim));
    }
    lines
}

/// One event: a line that says what, and its message.
fn paragraph(names_object: bool, event: &Event, read: Option<Stamp>) -> [Line; 2] {
    let when = match (event.last, read) {
        (Some(last), Some(read)) => format!("{} before", age::coarse(read.wall_since(last))),
        (Some(last), None) => format!("{last:.0}"),
        (None, _) => "no time".to_owned(),
    };
    let kind = if event.is_warning { "Warning" } else { "Normal" };
    let times = if event.count > 1 {
        format!(", {} times", event.count)
    } else {
        String::new()
    };
    let about = if names_object {
        format!("{}: ", event.about)
    } else {
        String::new()
    };
    let source = if event.source.is_empty() {
        String::new()
    } else {
        format!("  ({})", event.source)
    };
    let tone = if event.is_warning { Tone::Warning } else { Tone::Plain };
    [
        Line::plain(format!("{kind} {about}{} {when}{times}{source}", event.reason), tone),
        Line::plain(Text::from(format!("  {}", event.message)), Tone::Plain),
    ]
}
