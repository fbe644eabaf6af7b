//! `quorate ok-to VERB NODE`: the gates of runs as an answer with an exit code.

use std::fmt::Write;
use std::process::ExitCode;

use color_eyre::eyre;
use serde::Serialize;

use super::args::{Look, OkVerb, Output};
use super::exit;
use super::observe::{self, Resolved};
use super::output::{mark, print, print_json, scenario};
use crate::base::{Text, Why};
use crate::plan::ok::{self, Reason, Verb};

/// `quorate ok-to -o json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
    verb: Verb,
    node: &'a Text,
    /// Null where it cannot be told.
    ok: Option<bool>,
    reasons: &'a [Reason],
    /// Why there is nothing to judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

/// Looks and answers: 0 yes, 1 no, 3 cannot tell; every reason on its own line.
pub fn run(resolved: &Resolved, verb: OkVerb, node: &Text, look: &Look) -> eyre::Result<ExitCode> {
    let verb = match verb {
        OkVerb::Stop => Verb::Stop,
        OkVerb::Remove => Verb::Remove,
        OkVerb::Add => Verb::Add,
    };
    let snapshot = observe::look(resolved, look.timeout)?.snapshot;
    let answer = ok::ok_to(verb, node, &snapshot);
    let verdict = answer.as_ref().ok().and_then(ok::Answer::verdict);
    let document = Document {
        schema: "quorate.ok-to/v1",
        simulated: scenario(&snapshot),
        verb,
        node,
        ok: verdict,
        reasons: answer.as_ref().map_or(&[], |answer| &answer.reasons),
        why: answer.as_ref().err().cloned(),
    };
    let printed = match look.output {
        Output::Json => print_json(&document),
        Output::Table => print(&text(&document)),
    };
    exit::unless_closed(printed)?;
    Ok(ExitCode::from(match verdict {
        Some(true) => exit::YES,
        Some(false) => exit::NO,
        None => exit::CANNOT_TELL,
    }))
}

fn text(document: &Document<'_>) -> String {
    let mut text = mark(document.simulated.as_ref());
    // Writing to a String cannot fail.
    if let Some(why) = &document.why {
        let _ = writeln!(text, "cannot tell: {why}");
    }
    for reason in document.reasons {
        let _ = writeln!(
            text,
            "{:<11}  {}: {}",
            reason.truth.word(),
            reason.claim,
            reason.truth.text()
        );
    }
    text
}
