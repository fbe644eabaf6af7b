//! `quorate what-if [NAME]…`: what the loss of nodes or zones would do. Changes nothing.

use std::fmt::Write;
use std::process::ExitCode;

use color_eyre::eyre;
use serde::Serialize;

use super::args::Output;
use super::args::WhatIf;
use super::exit::{self, Usage};
use super::observe::{self, Resolved};
use super::output::table::table;
use super::output::{mark, print, print_json, scenario};
use crate::base::{Text, Why};
use crate::forecast::{self, Domain, Forecaster, Loss, Outlook, tell};
use crate::model::Snapshot;

/// `quorate what-if -o json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
    /// Each fault domain by itself, or the losses that were asked about, one after the other.
    losses: &'a [Outlook],
    /// Why nothing is foretold.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Why>,
}

/// Looks and foretells: exits 0, or 3 where nothing can be foretold.
pub fn run(resolved: &Resolved, asked: &WhatIf) -> eyre::Result<ExitCode> {
    let snapshot = observe::look(resolved, asked.look.timeout)?.snapshot;
    let told = foretell(&snapshot, asked)?;
    let document = Document {
        schema: "quorate.what-if/v1",
        simulated: scenario(&snapshot),
        losses: told.as_ref().map_or(&[], Vec::as_slice),
        why: told.as_ref().err(),
    };
    let printed = match asked.look.output {
        Output::Json => print_json(&document),
        Output::Table => print(&text(&document, asked.names.is_empty())),
    };
    exit::unless_closed(printed)?;
    Ok(ExitCode::from(if told.is_ok() { exit::YES } else { exit::CANNOT_TELL }))
}

fn foretell(snapshot: &Snapshot, asked: &WhatIf) -> eyre::Result<Result<Vec<Outlook>, Why>> {
    let forecaster = match Forecaster::new(snapshot) {
        Ok(forecaster) => forecaster,
        Err(why) => return Ok(Err(why)),
    };
    if asked.names.is_empty() {
        return Ok(Ok(forecaster.each(&forecast::domains(snapshot))));
    }
    let mut losses = vec![loss(snapshot, &asked.names)?];
    for name in &asked.then {
        losses.push(loss(snapshot, std::slice::from_ref(name))?);
    }
    Ok(Ok(forecaster.what_if(&losses)))
}

/// What the names of nodes, and of zones as `zone/NAME`, stand for.
fn loss(snapshot: &Snapshot, names: &[Text]) -> Result<Loss, Usage> {
    let mut nodes = Vec::new();
    for name in names {
        if let Some(zone) = name.as_str().strip_prefix("zone/") {
            let in_zone = snapshot.kube.nodes.values();
            let in_zone = in_zone.filter(|node| node.zone.as_ref().is_some_and(|own| own == zone));
            let before = nodes.len();
            nodes.extend(in_zone.map(|node| node.name.clone()));
            if nodes.len() == before {
                return Err(unknown(
                    &format!("zone {zone}"),
                    snapshot.zone_names().iter().map(|zone| format!("zone/{zone}")),
                ));
            }
        } else if snapshot.node(name).is_some() {
            nodes.push(name.clone());
        } else {
            let known = snapshot.kube.nodes.values().map(|node| node.name.to_string());
            return Err(unknown(&format!("node {name}"), known));
        }
    }
    let loss = Loss::of(nodes);
    Ok(match names {
        [only] if loss.nodes.len() > 1 => Loss {
            domain: Domain::Zone(Text::new(only.as_str().trim_start_matches("zone/"))),
            ..loss
        },
        _ => loss,
    })
}

fn unknown(what: &str, known: impl Iterator<Item = String>) -> Usage {
    let known: Vec<String> = known.collect();
    let message = if known.is_empty() {
        format!("there is no {what}")
    } else {
        format!("there is no {what}; there are: {}", known.join(", "))
    };
    Usage { message }
}

fn text(document: &Document<'_>, is_overview: bool) -> String {
    let mut text = mark(document.simulated.as_ref());
    // Writing to a String cannot fail.
    if let Some(why) = document.why {
        let _ = writeln!(text, "cannot tell: {why}");
    }
    if is_overview && document.why.is_none() {
        text.push_str(&overview(document.losses));
        return text;
    }
    for outlook in document.losses {
        let after: Vec<&str> = outlook.after.iter().map(Text::as_str).collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(", after {}", after.join(" and "))
        };
        let name = outlook.loss.name();
        let _ = if outlook.is_lost_already() {
            writeln!(text, "{name} is lost already{after}")
        } else {
            writeln!(text, "If {name} is lost{after}")
        };
        for chapter in tell::chapters(outlook) {
            let _ = writeln!(text, "  {}", chapter.title);
            for line in chapter.lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.push('\n');
    }
    text
}

const COLUMNS: [&str; 7] = [
    "IF LOST",
    "ETCD THEN",
    "WEB",
    "MOVE",
    "PENDING",
    "WAIT",
    "UNKNOWN AFTER",
];

fn overview(losses: &[Outlook]) -> String {
    let rows: Vec<Vec<String>> = losses.iter().map(|outlook| tell::columns(outlook).to_vec()).collect();
    let heading = format!("{}\n", table(&COLUMNS, &rows));
    format!("{heading}quorate what-if NAME tells each in full; --then NAME adds a second loss\n")
}
