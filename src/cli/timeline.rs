//! `quorate timeline`: what consoles on this host noticed, by cluster. Reads files only.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use color_eyre::eyre;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{Output, TimelineOf};
use super::conduct;
use super::observe::Resolved;
use super::output::table::table;
use super::output::{print, print_json};
use crate::app::timeline::{Entry, Topic};
use crate::base::{Age, Clock, Text};
use crate::check::Severity;
use crate::chronicle::{self, History, Span};
use crate::model::past::Identity;

/// `quorate timeline -o json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    clusters: Vec<OnRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct OnRecord<'a> {
    cluster: &'a Identity,
    watched: &'a [Span],
    /// Lines that could not be read.
    unread: usize,
    changes: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    at: Timestamp,
    topic: Topic,
    subject: &'a Text,
    text: &'a Text,
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lasted: Option<Duration>,
}

/// Prints it, the oldest entry first.
pub fn run(resolved: &Resolved, wanted: &TimelineOf) -> eyre::Result<ExitCode> {
    let now = Clock::start().now().wall;
    let from = wanted.since.map(|since| since.before(now));
    let histories = on_record(resolved, now, from)?;
    let clusters = histories.iter().map(|history| OnRecord {
        cluster: &history.identity,
        watched: &history.spans,
        unread: history.unread,
        changes: rows(history, wanted.filter.as_deref()),
    });
    let document = Document {
        schema: "quorate.timeline/v1",
        clusters: clusters.collect(),
    };
    match wanted.output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&text(&document))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is on record of every cluster, from a moment on.
pub fn on_record(resolved: &Resolved, now: Timestamp, from: Option<Timestamp>) -> eyre::Result<Vec<History>> {
    let dir = chronicle::dir(&conduct::state_dir(resolved)?);
    let mut histories = History::all(&chronicle::sessions(&dir, None)?, now);
    if let Some(from) = from {
        for history in &mut histories {
            history.entries.retain(|entry| entry.at.wall >= from);
            history.spans.retain(|span| span.to >= from);
        }
        histories.retain(|history| !history.spans.is_empty());
    }
    Ok(histories)
}

fn rows<'a>(history: &'a History, filter: Option<&str>) -> Vec<Row<'a>> {
    let filter = filter.unwrap_or_default().to_lowercase();
    let wanted = |entry: &&Entry| entry.words().to_lowercase().contains(&filter);
    let rows = history.entries.iter().filter(wanted).map(|entry| Row {
        at: entry.at.wall,
        topic: entry.topic,
        subject: &entry.subject,
        text: &entry.text,
        severity: entry.severity,
        lasted: entry.lasted,
    });
    rows.collect()
}

fn text(document: &Document<'_>) -> String {
    if document.clusters.is_empty() {
        return "nothing is on record: the console writes down what it notices, while it is open\n".to_owned();
    }
    let mut out = String::new();
    for of in &document.clusters {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "cluster: {}", of.cluster);
        for span in of.watched {
            let _ = writeln!(out, "watched {}", watched(span));
        }
        if of.unread > 0 {
            let _ = writeln!(out, "{} lines could not be read", of.unread);
        }
        let rows = of.changes.iter().map(|row| {
            let severity = row.severity.map_or("ok", Severity::word);
            vec![
                format!("{:.0}", row.at),
                severity.to_owned(),
                row.topic.word().to_owned(),
                row.subject.to_string(),
                row.text.to_string(),
            ]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            out.push_str("no change\n");
        } else {
            out.push_str(&table(&["TIME", "LEVEL", "WHAT", "SUBJECT", "CHANGE"], &rows));
        }
    }
    out
}

/// From when to when.
pub fn watched(span: &Span) -> String {
    let lasted = Duration::try_from(span.to.duration_since(span.from)).unwrap_or_default();
    let end = if span.is_open { ", and goes on" } else { "" };
    format!("from {:.0} to {:.0} ({}){end}", span.from, span.to, Age(lasted))
}
