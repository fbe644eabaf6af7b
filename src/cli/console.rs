//! `quorate` without a command: the console. It opens before any source has answered.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

use color_eyre::eyre;

use super::ack;
use super::conduct::{self, Conductor};
use super::deck;
use super::exit::Usage;
use super::foreman;
use super::log;
use super::observe::{self, Observing, Resolved};
use super::recorder;
use super::rehearse::Film;
use super::scribe::{self, Hired, Post};
use super::themes;
use crate::app::Message;
use crate::base::Why;
use crate::check::Severity;
use crate::chronicle;
use crate::plan::RunView;
use crate::tui::{self, Chosen, Crew, Deck, Desk, Diary, Options, Others, Programs, Recorder};

/// Whether the guided tour begins with the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Tour {
    Shown,
    Hidden,
}

/// Opens the console and returns when the operator leaves it.
pub fn run(resolved: &Resolved, tour: Tour) -> eyre::Result<ExitCode> {
    let is_linear = resolved.settings.linear.value;
    if !is_linear {
        demand_terminal()?;
    }
    let mut messages: Vec<Message> = resolved
        .problems
        .iter()
        .map(|problem| Message::new(Severity::Warning, problem.why().to_string()))
        .collect();
    messages.extend(log::start(&resolved.settings, None)?);
    let mut policy = resolved.settings.policy();
    match ack::accepted(resolved) {
        Ok(accepted) => policy.acknowledged = accepted,
        Err(why) => messages.push(Message::new(Severity::Warning, why.to_string())),
    }
    let colors = themes::colors(resolved);
    let (theme, error) = themes::chosen(resolved, colors);
    messages.extend(error.map(|error| Message::new(Severity::Warning, error.to_string())));
    let mut options = Options {
        policy,
        keys: resolved.settings.keys.value.clone(),
        theme,
        themes: themes::choice(resolved),
        glyphs: themes::glyphs(resolved),
        colors,
        messages,
        deck: Deck::default(),
        namespace: resolved.namespace.clone(),
        is_unlocked: resolved.may_write,
        has_tour: tour == Tour::Shown,
        programs: programs(&resolved.environment),
    };
    let runtime = observe::runtime()?;
    let outcome = runtime.block_on(async {
        let (desk, clerk) = Desk::open();
        let observing = observe::start_answering(resolved, clerk).await?;
        let snapshots = observing.observer.snapshots.clone();
        if let Some(cluster) = &observing.cluster {
            options.deck = deck::deck(cluster, observing.clock.clone());
        }
        let (diary, scribe) = diary(&observing, resolved)?;
        let (crew, foreman) = Crew::open();
        let conductor = Conductor::new(&observing, resolved)?;
        let film = Film {
            operator: conduct::operator(&resolved.environment, observing.place.host.name.clone()),
            clock: observing.clock.clone(),
            policy: options.policy.clone(),
        };
        let working = tokio::spawn(foreman::work(conductor, film, foreman));
        let (recorder, recording) = recorder(&observing, resolved)?;
        let others = Others {
            desk,
            crew,
            diary,
            recorder,
        };
        let shown = if is_linear {
            tui::linear::run(snapshots, others, options).await
        } else {
            tui::run(snapshots, others, options).await
        };
        for writing in scribe.into_iter().chain([recording]) {
            writing.leave();
        }
        // The terminal is given back, and the observing goes on until the run is paused.
        if let Ok(Some(open)) = working.await {
            eprintln!("{}", left_open(&open));
        }
        shown.map_err(eyre::Report::from)
    });
    // A file system that hangs must not keep the operator from leaving.
    runtime.shutdown_background();
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// The operator's pager and editor, as other programs find them.
pub fn programs(environment: &BTreeMap<String, String>) -> Programs {
    let value = |name| environment.get(name).filter(|value: &&String| !value.trim().is_empty());
    let editor = if value("VISUAL").is_some() { "VISUAL" } else { "EDITOR" };
    Programs {
        pager: Chosen::of("PAGER", value("PAGER"), "less"),
        editor: Chosen::of(editor, value(editor), "vi"),
    }
}

/// Who writes the timeline down. What happens to a simulated cluster is nobody's past.
fn diary(observing: &Observing, resolved: &Resolved) -> Result<(Diary, Option<Hired>), Why> {
    if observing.cluster.is_some() {
        return Ok((Diary::default(), None));
    }
    let (diary, scribe) = Diary::open();
    let post = Post {
        dir: chronicle::dir(&conduct::state_dir(resolved)?),
        operator: conduct::operator(&resolved.environment, observing.place.host.name.clone()),
        snapshots: observing.observer.snapshots.clone(),
        sink: observing.sink.clone(),
        clock: observing.clock.clone(),
    };
    Ok((diary, Some(scribe::hire(scribe, post))))
}

/// Who records everything. By itself it writes of real clusters alone.
fn recorder(observing: &Observing, resolved: &Resolved) -> Result<(Recorder, Hired), Why> {
    let (recorder, reel) = Recorder::open();
    let post = recorder::Post {
        dir: recorder::dir(&conduct::state_dir(resolved)?),
        operator: conduct::operator(&resolved.environment, observing.place.host.name.clone()),
        clock: observing.clock.clone(),
        is_automatic: observing.cluster.is_none(),
    };
    Ok((recorder, recorder::hire(reel, post)))
}

/// What is said of a run that is not at its end when the console is.
fn left_open(run: &RunView) -> String {
    format!(
        "{} is not done: it is paused. `quorate resume {} --write` goes on with it.",
        run.plan.intent, run.run.0
    )
}

/// Only lines can be written to files and pipes, and read from them.
fn demand_terminal() -> Result<(), Usage> {
    let missing = match (std::io::stdin().is_terminal(), std::io::stdout().is_terminal()) {
        (true, true) => return Ok(()),
        (false, true) => "standard input is not a terminal; `quorate --linear` takes lines from files and pipes",
        (_, false) => {
            "standard output is not a terminal; `quorate status`, `quorate check` and `quorate --linear` write to files \
             and pipes"
        }
    };
    Err(Usage {
        message: format!("the console needs a terminal: {missing}"),
    })
}
