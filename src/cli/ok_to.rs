//! `quorate ok-to VERB NODE`: the gates of runs as an answer with an exit code.

use std::fmt::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use color_eyre::eyre;
use serde::Serialize;

use super::args::{Look, OkVerb, Output};
use super::exit;
use super::observe::{self, Resolved};
use super::output::{mark, print, print_json, scenario};
use crate::base::{Text, Why, WhyKind};
use crate::live::reach::Numbers;
use crate::live::reach::newcomer::{self, Way};
use crate::live::shell::Shell;
use crate::model::Snapshot;
use crate::model::host::JournalLine;
use crate::model::journal::explain;
use crate::model::reach::Knock;
use crate::plan::ok::{self, Reason, Verb};
use crate::plan::truth::Truth;

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
pub fn run(
    resolved: &Resolved,
    (verb, at): (OkVerb, Option<IpAddr>),
    node: &Text,
    look: &Look,
) -> eyre::Result<ExitCode> {
    let verb = match verb {
        OkVerb::Stop => Verb::Stop,
        OkVerb::Remove => Verb::Remove,
        OkVerb::Add => Verb::Add,
    };
    if at.is_some() && verb != Verb::Add {
        let message = "--at belongs to `ok-to add`: only a new host is asked what it reaches".to_owned();
        return Err(exit::Usage { message }.into());
    }
    let snapshot = observe::look(resolved, look.timeout)?.snapshot;
    let mut answer = ok::ok_to(verb, node, &snapshot);
    if let (Some(host), Ok(answer)) = (at, &mut answer) {
        answer.reasons.extend(ways(host, &snapshot)?);
    }
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

/// What the new host reaches, and whether it is reached.
fn ways(host: IpAddr, snapshot: &Snapshot) -> eyre::Result<Vec<Reason>> {
    if snapshot.simulated.is_some() {
        let claim = Text::from(format!("{host} reaches the controllers"));
        let why = Why::new(
            WhyKind::Missing,
            "the simulated cluster has no host that has not joined",
        );
        let truth = Truth::Unknown { why };
        return Ok(vec![Reason { claim, truth }]);
    }
    let shell = Shell::default();
    let asked = newcomer::ask(&shell, host, snapshot, Numbers::default());
    let found = observe::runtime()?.block_on(asked);
    let failures = found.failures.map(|failures| last_try(host, &failures));
    Ok(found.ways.into_iter().map(reason).chain(failures).collect())
}

/// What a join that failed left in the host's journal.
fn last_try(host: IpAddr, failures: &Result<Vec<JournalLine>, Why>) -> Reason {
    let when = |line: &JournalLine| line.at.map_or_else(|| "undated".to_owned(), |at| at.to_string());
    let truth = match failures.as_deref() {
        Err(why) => Truth::Unknown { why: why.clone() },
        Ok([]) => Truth::met("its journal has none that is known"),
        Ok([.., last]) => match explain(last.text.as_str()) {
            Some(known) => Truth::unmet(format!(
                "{}; {} ({}: {})",
                known.meaning,
                known.advice,
                when(last),
                last.text
            )),
            None => Truth::unmet(&last.text),
        },
    };
    Reason {
        claim: Text::from(format!("k0s on {host} says of no join that failed")),
        truth,
    }
}

fn reason(way: Way) -> Reason {
    let truth = match way.knock {
        Err(why) => Truth::Unknown { why },
        Ok(Knock::Connected) => Truth::met("it connects"),
        Ok(Knock::Refused) if way.may_refuse => Truth::met("nothing listens there yet, and nothing is in the way"),
        Ok(Knock::Refused) => Truth::unmet("nothing listens there"),
        Ok(Knock::Silent) => Truth::unmet("no answer: a firewall is in the way, or the host is off"),
        Ok(Knock::Unreachable) => Truth::unmet("the network knows no way there"),
    };
    Reason {
        claim: way.claim,
        truth,
    }
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
