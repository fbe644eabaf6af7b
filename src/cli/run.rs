//! `quorate run INTENT` and `quorate resume`: the preview, the confirmation that the plan's risk demands, and the run, line
//! by line, with or without a terminal. Start reading at [`begin`].

mod talk;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use self::talk::Talk;
use super::args::Answers;
use super::conduct::{self, Conductor, Running};
use super::exit::{self, Usage};
use super::observe::{self, Observing, Resolved};
use super::output::{plan as document, print};
use super::settle::Enough;
use super::wish::Wish;
use crate::base::{Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::plan::make::{Planned, is_reversible};
use crate::plan::step::Doing;
use crate::plan::view::Ending;
use crate::plan::{Condition, Input, Plan, Question, Risk, RunId, RunView, Status, StepId};
use crate::run::journal::Archive;
use crate::run::place;

/// How long the lock in the cluster is given back without a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// Plans, shows, asks, runs.
pub fn begin(resolved: &Resolved, wish: &Wish, answers: &Answers) -> eyre::Result<ExitCode> {
    let intent = wish.intent()?;
    with_observation(resolved, async |observing, snapshot, talk| {
        let planned = super::plan::planned(resolved, &intent, &snapshot)?;
        print(&document::text(&intent, &planned, &snapshot))?;
        let plan = match planned {
            Planned::Plan(plan) => *plan,
            Planned::Nothing { .. } => return Ok(ExitCode::from(exit::YES)),
            Planned::Refused { .. } => return Ok(ExitCode::from(exit::NO)),
        };
        everything_is_answered(&plan, answers, talk.is_open())?;
        if !is_confirmed(&plan, answers, talk).await? {
            talk.say("not confirmed: nothing was done");
            return Ok(ExitCode::from(exit::NO));
        }
        let conductor = Conductor::new(observing, resolved)?;
        let running = conductor.begin(plan, answers.take_over).await?;
        follow(running, observing, answers, talk).await
    })
}

/// Goes on with a run: the one that was named, or the newest that is open.
pub fn resume(resolved: &Resolved, run: Option<Text>, answers: &Answers) -> eyre::Result<ExitCode> {
    let run = match run {
        Some(run) => RunId(run),
        None => newest_open(resolved)?,
    };
    with_observation(resolved, async |observing, _, talk| {
        let conductor = Conductor::new(observing, resolved)?;
        let running = conductor.resume(&run, answers.take_over).await?;
        follow(running, observing, answers, talk).await
    })
}

/// Starts all sources and waits for what there is to know.
fn with_observation(
    resolved: &Resolved,
    work: impl AsyncFnOnce(&Observing, Arc<Snapshot>, &mut Talk) -> eyre::Result<ExitCode>,
) -> eyre::Result<ExitCode> {
    if !resolved.may_write {
        let message = "this changes the cluster: add --write, or look with `quorate plan`".to_owned();
        return Err(Usage { message }.into());
    }
    observe::warn_of(&resolved.problems);
    observe::start_log(resolved)?;
    let runtime = observe::runtime()?;
    let outcome = runtime.block_on(async {
        let mut observing = observe::start(resolved).await?;
        observe::settle(&mut observing, resolved.settings.timeout.value, Enough::Everything).await;
        let snapshot = observing.observer.snapshots.borrow().clone();
        let mut talk = Talk::open(std::io::stdin().is_terminal() && std::io::stdout().is_terminal());
        work(&observing, snapshot, &mut talk).await
    });
    runtime.shutdown_background();
    outcome
}

fn newest_open(resolved: &Resolved) -> Result<RunId, Why> {
    let archive = Archive::at(place::runs(&conduct::state_dir(resolved)?));
    let mut stories = archive.runs()?.into_iter().filter_map(Result::ok);
    let open = stories.find(|story| story.view.ended.is_none());
    open.map(|story| story.view.run)
        .ok_or_else(|| Why::new(WhyKind::NotFound, "no run of this host is open").hint("`quorate journal` lists them"))
}

/// Without a terminal nobody can be asked.
fn everything_is_answered(plan: &Plan, answers: &Answers, can_ask: bool) -> Result<(), Usage> {
    if can_ask {
        return Ok(());
    }
    let mut missing = Vec::new();
    match (&plan.confirm, plan.risk) {
        (Some(name), _) if answers.confirm.as_ref() != Some(name) => missing.push(format!("--confirm {name}")),
        (None, Risk::Reversible | Risk::Irreversible) if !answers.yes => missing.push("--yes".to_owned()),
        _ => {}
    }
    let words = plan.steps.iter().filter_map(|step| match &step.doing {
        Doing::Attest { words } => Some(words),
        Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. } | Doing::ByHand | Doing::Watch => None,
    });
    let unsaid = words.filter(|words| !answers.attest.contains(words));
    missing.extend(unsaid.map(|words| format!("--attest {:?}", words.as_str())));
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "there is no terminal to ask at, and not everything is confirmed. If it is so, add: {}",
        missing.join(" ")
    );
    Err(Usage { message })
}

/// The ritual: y/N for what can be undone, the name for what cannot.
async fn is_confirmed(plan: &Plan, answers: &Answers, talk: &mut Talk) -> eyre::Result<bool> {
    if let Some(name) = &plan.confirm {
        if answers.confirm.as_ref() == Some(name) {
            return Ok(true);
        }
        let typed = talk
            .ask(&format!("This cannot be undone. Type {name} to run it: "))
            .await;
        return Ok(typed.is_some_and(|typed| typed == name.as_str()));
    }
    if answers.yes || plan.risk == Risk::Harmless {
        return Ok(true);
    }
    let typed = talk.ask("Run it? [y/N] ").await;
    Ok(typed.is_some_and(|typed| typed.eq_ignore_ascii_case("y") || typed.eq_ignore_ascii_case("yes")))
}

/// Shows a run until it has ended or is left.
async fn follow(
    mut running: Running,
    observing: &Observing,
    answers: &Answers,
    talk: &mut Talk,
) -> eyre::Result<ExitCode> {
    let mut follower = Follower {
        answers,
        shown: None,
        asked: None,
        passed: Vec::new(),
    };
    for note in &running.notes {
        talk.say(note.as_str());
    }
    let (mut interrupt, mut hangup, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::terminate())?,
    );
    let mut status = running.status.clone();
    status.mark_changed();
    let mut leaves = false;
    loop {
        let told = tokio::select! {
            ended = running.ended() => {
                let view = ended?;
                follower.show(&Status::of(view.clone()), talk);
                let code = ending(&view, talk);
                tokio::select! {
                    () = give_back(running, talk) => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                    _ = terminate.recv() => {}
                }
                return Ok(code);
            }
            Ok(()) = status.changed() => {
                let now = status.borrow_and_update().clone();
                follower.show(&now, talk);
                if leaves && now.view.paused.is_some() {
                    return Ok(left(&now.view, talk));
                }
                let snapshot = observing.observer.snapshots.borrow().clone();
                match follower.answer(&now, &snapshot, talk) {
                    Some(Told::Leave(because)) => {
                        leaves = true;
                        Some(Input::Pause { because })
                    }
                    Some(Told::Input(input)) => Some(input),
                    None => None,
                }
            }
            Some(line) = talk.line() => typed(&line, &status.borrow(), talk),
            Some(()) = interrupt.recv() => { leaves = true; Some(pause("ctrl-c")) }
            Some(()) = hangup.recv() => { leaves = true; Some(pause("the terminal was lost")) }
            Some(()) = terminate.recv() => { leaves = true; Some(pause("quorate was asked to end")) }
        };
        let is_paused = status.borrow().view.paused.is_some();
        match told {
            Some(Input::Pause { .. }) if leaves && is_paused => return Ok(left(&status.borrow().view, talk)),
            Some(input) => {
                if leaves {
                    talk.say("pausing; a request in flight is awaited to its end");
                }
                if running.inputs.try_send(input).is_err() {
                    talk.say("the run has not taken in what was said before; that was not taken");
                }
            }
            None => {}
        }
    }
}

/// Gives the locks back, and says so where that takes time.
async fn give_back(running: Running, talk: &Talk) {
    let given = running.give_back();
    tokio::pin!(given);
    if timeout(PATIENCE, &mut given).await.is_err() {
        talk.say("giving back the lock in the cluster, which does not answer; ctrl-c leaves it to run out by itself");
        given.await;
    }
}

fn pause(because: &str) -> Input {
    Input::Pause {
        because: because.into(),
    }
}

fn ending(view: &RunView, talk: &Talk) -> ExitCode {
    talk.say(&format!("run {}: {}", view.run.0, view.standing()));
    if is_reversible(view) {
        talk.say(&format!("`quorate run undo {} --write` takes it back", view.run.0));
    }
    match &view.ended {
        Some(Ending::Finished) => {
            for step in view.unseen() {
                talk.say(&format!("not seen done: step {}. {}", step.id.0, step.title));
            }
            ExitCode::from(exit::YES)
        }
        Some(Ending::Stopped { why, .. }) => {
            talk.say(&format!("because: {why}"));
            ExitCode::from(exit::NO)
        }
        Some(Ending::Abandoned { .. }) | None => ExitCode::from(exit::NO),
    }
}

fn left(view: &RunView, talk: &Talk) -> ExitCode {
    talk.say(&format!(
        "run {} is {}; `quorate resume {0} --write` goes on with it",
        view.run.0,
        view.standing()
    ));
    ExitCode::from(exit::CANNOT_TELL)
}

/// What follows from how the run stands.
enum Told {
    Input(Input),
    /// Pause, and leave the run to a person, for this reason.
    Leave(Text),
}

/// What was shown and answered so far.
struct Follower<'a> {
    answers: &'a Answers,
    shown: Option<Shown>,
    asked: Option<(StepId, Question)>,
    /// Gates for which an override was sent.
    passed: Vec<(StepId, Text)>,
}

/// What a person has read.
#[derive(PartialEq)]
struct Shown {
    step: Option<StepId>,
    stage: String,
    waiting: Option<Text>,
    rejected: Option<Text>,
}

impl Follower<'_> {
    /// Says what is new.
    fn show(&mut self, status: &Status, talk: &Talk) {
        let view = &status.view;
        let old = self.shown.take();
        let current = view.current();
        let now = Shown {
            step: current.map(|(step, _)| step.id),
            stage: current.map_or_else(String::new, |(_, state)| state.stage.word().to_owned()),
            // A line of the journal is followed by the reason with all its particulars.
            waiting: match &status.waits_for {
                Some(_) => view.waiting.as_ref().map(|(_, because)| because.clone()),
                None => old.as_ref().and_then(|shown| shown.waiting.clone()),
            },
            rejected: status.rejected.clone(),
        };
        let before = old
            .as_ref()
            .map_or(1, |shown| shown.step.map_or(u16::MAX, |step| step.0));
        let until = now.step.map_or(u16::MAX, |step| step.0);
        let passed = view.plan.steps.iter().zip(&view.steps);
        for (step, state) in passed.filter(|(step, _)| old.is_some() && (before..until).contains(&step.id.0)) {
            talk.say(&format!("step {}: {}: {}", step.id.0, state.stage.word(), step.title));
        }
        let is_new_step = old.as_ref().is_none_or(|shown| shown.step != now.step);
        if let Some((step, state)) = current.filter(|_| is_new_step) {
            let of = view.plan.steps.len();
            talk.say(&format!(
                "step {} of {of}: {} ({})",
                step.id.0,
                step.title,
                state.stage.word()
            ));
        } else if current.is_some() && old.as_ref().is_some_and(|shown| shown.stage != now.stage) {
            talk.say(&format!("        {}", now.stage));
        }
        if let Some(because) = &now.waiting
            && old.as_ref().is_none_or(|shown| shown.waiting != now.waiting)
        {
            let because = status.waits_for.as_ref().unwrap_or(because);
            talk.say(&format!("        waiting: {because}"));
        }
        if let Some(because) = &now.rejected
            && old.as_ref().is_none_or(|shown| shown.rejected != now.rejected)
        {
            talk.say(&format!("        not taken: {because}"));
        }
        self.shown = Some(now);
    }

    /// What was confirmed beforehand, or a question to the person at the terminal.
    fn answer(&mut self, status: &Status, snapshot: &Snapshot, talk: &Talk) -> Option<Told> {
        if let Some(input) = self.overrides(status, snapshot) {
            return Some(Told::Input(input));
        }
        if status.question.as_ref() == self.asked.as_ref() {
            return None;
        }
        self.asked.clone_from(&status.question);
        let (step, question) = status.question.as_ref()?;
        if let Question::Attest { words } = question
            && self.answers.attest.contains(words)
        {
            return Some(Told::Input(Input::Attest { words: words.clone() }));
        }
        let asked = match question {
            Question::Attest { words } => format!("step {}: type, if it is so: {words}", step.0),
            Question::Doubt { why, may_send_again } => {
                let again = if *may_send_again { "y sends it again, " } else { "" };
                format!(
                    "step {}: only you can tell whether it is done ({why}): {again}w goes on without it, a REASON gives up",
                    step.0
                )
            }
            Question::Overdue { because } => format!(
                "step {} takes longer than it should ({because}): wait on, or w goes on without it, a REASON gives up",
                step.0
            ),
        };
        talk.say(&asked);
        let because = || Text::from(format!("only a person can tell: {asked}"));
        (!talk.is_open()).then(|| Told::Leave(because()))
    }

    /// Lets a gate pass that is closed now, where that was confirmed beforehand.
    fn overrides(&mut self, status: &Status, snapshot: &Snapshot) -> Option<Input> {
        let (step, state) = status.view.current()?;
        status.waits_for.as_ref()?;
        let closed = step.needs.iter().find(|need| {
            let is_passed = state.overridden.contains_key(&need.name());
            !is_passed && !need.preview(snapshot).is_met()
        })?;
        let name = closed.name();
        let (gate, reason) = self.answers.overrides.iter().find(|(gate, _)| *gate == name)?;
        if self.passed.contains(&(step.id, name.clone())) {
            return None;
        }
        self.passed.push((step.id, name));
        Some(Input::Override {
            gate: gate.clone(),
            reason: reason.clone(),
        })
    }
}

/// What a person typed while the run goes on.
fn typed(line: &str, status: &Status, talk: &Talk) -> Option<Input> {
    if let Some((_, Question::Attest { words })) = &status.question
        && words.as_str() == line
    {
        return Some(Input::Attest { words: words.clone() });
    }
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (rest, is_doubt) = (
        rest.trim(),
        matches!(status.question, Some((_, Question::Doubt { .. }))),
    );
    Some(match word {
        "y" if is_doubt => Input::Agree,
        "p" => pause("the operator paused it"),
        "c" => Input::Continue,
        "w" => Input::StopWaiting,
        "a" if !rest.is_empty() => Input::Abandon { reason: rest.into() },
        "o" => {
            let (step, _) = status.view.current()?;
            let mut gates = step.needs.iter().map(Condition::name);
            // A gate's name may hold blanks.
            let named = gates.find_map(|gate| {
                let reason = Text::from(rest.strip_prefix(gate.as_str())?.trim());
                (!reason.is_empty()).then_some((gate, reason))
            });
            let Some((gate, reason)) = named else {
                talk.say("o GATE REASON lets one gate of this step pass");
                return None;
            };
            Input::Override { gate, reason }
        }
        _ => {
            talk.say("p pauses, c continues, w stops waiting for this step, o GATE REASON lets a gate pass, a REASON gives up; ctrl-c pauses and leaves");
            return None;
        }
    })
}
