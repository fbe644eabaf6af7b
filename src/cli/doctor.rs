//! `quorate doctor`: what was discovered here, which sources work, and what is missing.

use std::process::ExitCode;

use color_eyre::eyre;
use serde::Serialize;

use super::args::{Look, Output};
use super::observe::{self, Resolved};
use super::output::below::{self, HostDocument, ReachDocument};
use super::output::entry::{self, EntryDocument};
use super::output::external::{self, ExternalDocument};
use super::output::feeds::{FeedDocument, feeds};
use super::output::status_text::feed_row;
use super::output::table::table;
use super::output::{self, print, print_json};
use crate::base::{Text, Why};
use crate::model::dark::Diagnosis;

/// What `doctor -o json` prints.
#[derive(Debug, Serialize)]
struct DoctorDocument<'a> {
    schema: &'static str,
    /// The scenario, where nothing of this is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
    host: &'a Text,
    is_root: bool,
    /// What was found where.
    notes: &'a [Text],
    /// What is wrong with the settings.
    settings: Vec<Why>,
    /// What is dark, as far as it can be told from here.
    diagnosis: Diagnosis,
    /// What this host tells from below.
    below: HostDocument,
    /// How the ports of the other controllers are reached.
    reach: Vec<ReachDocument>,
    /// The ways in for users and administrators.
    entry: Vec<EntryDocument>,
    external: Vec<ExternalDocument>,
    feeds: Vec<FeedDocument>,
}

/// Looks, prints, and exits 0 when every source works or is off, otherwise 1.
pub fn run(resolved: &Resolved, look: &Look) -> eyre::Result<ExitCode> {
    let observe::Seen { snapshot, notes } = observe::look(resolved, look.timeout)?;
    let document = DoctorDocument {
        schema: "quorate.doctor/v1",
        simulated: output::scenario(&snapshot),
        host: &snapshot.host.name,
        is_root: snapshot.host.is_root,
        notes: &notes,
        settings: resolved.problems.iter().map(crate::config::ConfigError::why).collect(),
        diagnosis: snapshot.diagnosis(),
        below: below::host(&snapshot),
        reach: below::reach(&snapshot),
        entry: entry::entries(&snapshot),
        external: external::services(&snapshot),
        feeds: feeds(&snapshot),
    };
    match look.output {
        Output::Json => print_json(&document)?,
        Output::Table => print(&text(&document))?,
    }
    let is_fine = |feed: &FeedDocument| feed.state == "live" || feed.state == "off";
    let works = document.settings.is_empty() && document.feeds.iter().all(is_fine);
    Ok(ExitCode::from(u8::from(!works)))
}

fn text(document: &DoctorDocument<'_>) -> String {
    let user = if document.is_root { "root" } else { "not root" };
    let mut sections = vec![
        format!(
            "{}{} as {user}\n",
            output::mark(document.simulated.as_ref()),
            document.host
        ),
        list("Found here:", document.notes),
    ];
    if !document.settings.is_empty() {
        sections.push(list("Wrong in the settings:", &document.settings));
    }
    let diagnosis = &document.diagnosis;
    let lines: Vec<&Text> = std::iter::once(&diagnosis.headline)
        .chain(&diagnosis.evidence)
        .collect();
    sections.push(list("Diagnosis:", &lines));
    sections.push(below::host_text(&document.below));
    sections.push(below::reach_text(&document.reach));
    sections.push(entry::text(&document.entry));
    sections.push(external::text(&document.external));
    sections.retain(|section| !section.is_empty());
    let rows: Vec<Vec<String>> = document.feeds.iter().map(feed_row).collect();
    sections.push(table(&["FEED", "STATE", "LAST ANSWER", "BECAUSE"], &rows));
    sections.join("\n")
}

fn list(title: &str, lines: &[impl std::fmt::Display]) -> String {
    let lines = lines.iter().map(|line| format!("  {line}\n"));
    format!("{title}\n{}", lines.collect::<String>())
}
