//! Guided actions on the console: what is offered, what was shown, what a person confirmed and answered, and the run as its
//! journal tells it. Plans are made here, because making one is pure; running one is an [`Effect`]. Start reading at
//! [`Work`], then [`press`].

mod offers;
mod rehearsal;
mod ritual;

pub use offers::{Offer, about, offers};
use rehearsal::rehearse;
pub use rehearsal::{Rehearsal, Rehearsed, Script, play};
pub use ritual::{Ritual, accept};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Effect;
use super::key::Key;
use super::keys::Command;
use super::rows::{RowId, rows};
use super::screen::Screen;
use super::state::{Message, State};
use super::{Cursor, navigate};
use crate::base::Text;
use crate::check::Severity;
use crate::model::intent::read_zones;
use crate::model::question::QuestionId;
use crate::plan::view::Ending;
use crate::plan::{Input, Plan, Question, RunId, RunView, Status};

/// How many runs of the past are listed.
pub const MAX_PAST: usize = 50;

/// Everything about guided actions that a frame shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Whether actions may be run. A console opens read-only.
    pub is_unlocked: bool,
    /// Whether there is anybody to run them: not for recorded and example frames.
    pub is_manned: bool,
    /// Whether the next run takes the lock from whoever holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_over: bool,
    /// Of what the actions are offered; None for the whole cluster.
    pub about: Option<RowId>,
    /// The zones that the operator named for `label-zones`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<Text, Text>,
    /// What is offered, with the plans as they were made when they were last looked at.
    pub offers: Vec<Offer>,
    /// The run of this console, or its last one.
    pub run: Option<Status>,
    /// Runs whose journals are on this host, the newest first.
    pub past: Vec<RunView>,
}

/// What is to be done about guided actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Run this plan. It was shown and confirmed.
    Begin {
        /// As it was shown.
        plan: Box<Plan>,
        /// Take the lock from whoever holds it.
        take_over: bool,
    },
    /// Go on with a run whose journal is here.
    Resume {
        /// Which.
        run: RunId,
        /// Take the lock from whoever holds it.
        take_over: bool,
    },
    /// Tell the run something.
    Tell(Input),
    /// Play this plan on a copy of the cluster. It was shown.
    Rehearse {
        /// Which asking of it.
        id: QuestionId,
        /// As it was shown.
        plan: Box<Plan>,
        /// How.
        script: Script,
    },
}

/// What is heard of guided actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum News {
    /// How the run stands.
    Run(Box<Status>),
    /// The runs whose journals are on this host, the newest first.
    Past(Vec<RunView>),
    /// Something that the operator should know.
    Said(Message),
    /// How a rehearsal went.
    Rehearsed(Rehearsed),
}

/// What a key does about guided actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Deed {
    /// Show what can be done about the selected row; on the screen of actions, for the whole cluster.
    Offer,
    /// Let actions be run, or not.
    Unlock,
    /// Run the plan that is shown, or answer what the run asks.
    Go,
    /// Rehearse the plan that is shown.
    Rehearse,
    /// Take the lock in the cluster from a run whose process is gone for good, with the next run.
    TakeOver,
    Pause,
    StopWaiting,
    Override,
    Abandon,
}

impl Work {
    /// The run, while it has not ended.
    pub fn open_run(&self) -> Option<&Status> {
        self.run.as_ref().filter(|run| run.is_open())
    }

    /// One offer.
    pub fn offer(&self, name: &Text) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.name == *name)
    }

    /// One run, of now or of the past.
    pub fn run(&self, id: &RunId) -> Option<&RunView> {
        let now = self.run.as_ref().map(|run| &run.view).filter(|view| view.run == *id);
        now.or_else(|| self.past.iter().find(|view| view.run == *id))
    }
}

/// Takes in news.
pub fn take(state: &mut State, news: News) {
    match news {
        News::Run(run) => {
            let had_ended = state.work.run.as_ref().is_some_and(|old| !old.is_open());
            if !run.is_open() && !had_ended {
                tell_ending(state, &run.view);
            }
            state.timeline.note_run(state.snapshot.now, &run.view);
            let known = state.work.run.as_ref().map(|old| &old.view.run);
            let new = (known != Some(&run.view.run)).then(|| RowId::Run(run.view.run.clone()));
            state.work.run = Some(*run);
            // A run that has just begun is what its operator wants to see.
            if let Some(row) = new.filter(|_| state.screen == Screen::Actions) {
                navigate::reveal(state, &row);
                state.detail = Some(0);
            }
        }
        News::Said(message) => state.message = Some(message),
        News::Rehearsed(told) => rehearsal::take(state, told),
        News::Past(mut past) => {
            past.truncate(MAX_PAST);
            state.work.past = past;
        }
    }
    navigate::follow_rows(state);
}

fn tell_ending(state: &mut State, view: &RunView) {
    let what = view.plan.intent.word();
    match &view.ended {
        Some(Ending::Finished) => state.say(Severity::Info, format!("{what} is done")),
        Some(Ending::Stopped { why, .. }) => state.say(Severity::Warning, format!("{what} stopped: {why}")),
        Some(Ending::Abandoned { .. }) => state.say(Severity::Warning, format!("{what} was abandoned")),
        None => {}
    }
}

/// New facts: the plans are made anew, unless one of them is being read: what was shown is what runs.
pub fn refresh(state: &mut State) {
    if state.screen == Screen::Actions && state.detail.is_none() && state.prompt.is_none() {
        let mut offers = offers(state);
        for offer in &mut offers {
            // A plan that says the same is the same: its date stands still, and so does the screen.
            let old = state.work.offer(&offer.name);
            offer.keep(old);
        }
        state.work.offers = offers;
    }
}

/// Does what a key means.
pub fn press(state: &mut State, deed: Deed) -> Result<Vec<Effect>, String> {
    match deed {
        Deed::Offer => {
            let about = about(state);
            open(state, about);
        }
        Deed::Unlock => unlock(state)?,
        Deed::Go => return go(state),
        Deed::Rehearse => return rehearse(state, Script::default()),
        Deed::TakeOver => {
            may_run(state)?;
            ritual::open(state, Ritual::TakeOver);
        }
        Deed::Pause => return pause(state),
        Deed::StopWaiting => {
            running(state)?;
            ritual::open(state, Ritual::StopWaiting);
        }
        Deed::Override => {
            let gate = blocking_gate(state)?;
            ritual::open(state, Ritual::Override { gate });
        }
        Deed::Abandon => {
            running(state)?;
            ritual::open(state, Ritual::Abandon);
        }
    }
    Ok(Vec::new())
}

/// Shows what can be done about a row, or about the whole cluster.
pub fn open(state: &mut State, about: Option<RowId>) {
    state.work.about = about;
    state.work.offers.clear();
    state.cursors.insert(Screen::Actions, Cursor::default());
    state.detail = None;
    navigate::go(state, Screen::Actions);
    refresh(state);
}

/// Takes `NODE=ZONE` words, and shows what labelling them would do.
pub fn name_zones(state: &mut State, words: &str) -> Result<Vec<Effect>, String> {
    state.work.zones = read_zones(words)?;
    open(state, None);
    let offer = state
        .work
        .offers
        .iter()
        .find(|offer| offer.intent.word() == "label-zones");
    if let Some(row) = offer.map(|offer| RowId::Offer(offer.name.clone())) {
        navigate::reveal(state, &row);
    }
    Ok(Vec::new())
}

/// Takes the words after `:rehearse`, and rehearses the plan that is shown.
pub fn rehearse_with(state: &mut State, words: &str) -> Result<Vec<Effect>, String> {
    rehearse(state, rehearsal::read(words)?)
}

fn unlock(state: &mut State) -> Result<(), String> {
    if !state.work.is_manned {
        return Err("nothing can be run from here".to_owned());
    }
    if state.work.is_unlocked && state.work.open_run().is_some() {
        return Err("a run is open: pause it (P) or abandon it (A) first".to_owned());
    }
    if state.work.is_unlocked {
        state.work.is_unlocked = false;
        state.work.takes_over = false;
        state.say(Severity::Info, "read-only again");
    } else {
        ritual::open(state, Ritual::Unlock);
    }
    Ok(())
}

/// Leaves; a run that is open is paused first, and only the next key leaves.
pub fn quit(state: &mut State) -> Vec<Effect> {
    let is_past = state.replay.is_some();
    if is_past || state.work.open_run().is_none_or(|run| run.view.paused.is_some()) {
        return vec![Effect::Quit];
    }
    let leave = state.key_of(Command::Leave);
    let text = format!(
        "a run is open: it is paused before its next step. {leave} again leaves; `quorate resume` goes on with it"
    );
    state.say(Severity::Warning, text);
    let because = Text::new("the operator leaves");
    vec![Effect::Work(Order::Tell(Input::Pause { because }))]
}

fn key_of(state: &State, deed: Deed) -> Key {
    state.key_of(Command::Work(deed))
}

/// The row that is selected among the actions.
fn selected(state: &State) -> Option<RowId> {
    rows(state).get(state.cursor().index).cloned()
}

fn go(state: &mut State) -> Result<Vec<Effect>, String> {
    match selected(state) {
        Some(RowId::Offer(name)) => confirm(state, &name)?,
        Some(RowId::Run(id)) if state.work.open_run().is_some_and(|run| run.view.run == id) => {
            answer(state)?;
        }
        Some(RowId::Run(id)) => return resume(state, id),
        _ => {
            let offer = key_of(state, Deed::Offer);
            return Err(format!("choose an action first: {offer} shows what can be done"));
        }
    }
    Ok(Vec::new())
}

/// Shows the plan if it is not shown, and otherwise asks for the confirmation that its risk demands.
fn confirm(state: &mut State, name: &Text) -> Result<(), String> {
    let offer = state.work.offer(name).ok_or("this is not offered any more")?;
    let plan = offer.plan().map_err(|why| why.to_string())?.clone();
    if state.detail.is_none() {
        state.detail = Some(0);
        let (run, rehearse) = (key_of(state, Deed::Go), key_of(state, Deed::Rehearse));
        let next = match (state.work.is_manned, state.work.is_unlocked) {
            (true, true) => format!("{run} again runs it, {rehearse} rehearses it"),
            (true, false) => format!(
                "read-only: {} unlocks; {rehearse} rehearses it",
                key_of(state, Deed::Unlock)
            ),
            (false, _) => "nothing can be run from here".to_owned(),
        };
        state.say(Severity::Info, format!("this is the plan; {next}; esc leaves it"));
        return Ok(());
    }
    may_run(state)?;
    ritual::open(state, Ritual::of(&plan));
    Ok(())
}

fn may_run(state: &State) -> Result<(), String> {
    if !state.work.is_manned {
        return Err("nothing can be run from here".to_owned());
    }
    if !state.work.is_unlocked {
        return Err(format!("read-only: {} unlocks", key_of(state, Deed::Unlock)));
    }
    match state.work.open_run() {
        Some(run) => Err(format!(
            "{} is still open: one run at a time",
            run.view.plan.intent.word()
        )),
        None => Ok(()),
    }
}

fn resume(state: &mut State, id: RunId) -> Result<Vec<Effect>, String> {
    let run = state.work.run(&id).ok_or("this run is not known any more")?;
    if run.ended.is_some() {
        return Err("this run has ended".to_owned());
    }
    may_run(state)?;
    let take_over = std::mem::take(&mut state.work.takes_over);
    Ok(vec![Effect::Work(Order::Resume { run: id, take_over })])
}

/// The run that is open, to be told something.
fn running(state: &State) -> Result<&Status, String> {
    state.work.open_run().ok_or_else(|| "no run is open".to_owned())
}

fn answer(state: &mut State) -> Result<(), String> {
    let question = running(state)?.question.clone();
    let (on, up) = (key_of(state, Deed::StopWaiting), key_of(state, Deed::Abandon));
    let ways = format!("{on} goes on without it, {up} gives up");
    let ritual = match question {
        Some((_, Question::Attest { words })) => Ritual::Attest { words },
        Some((
            _,
            Question::Doubt {
                may_send_again: true, ..
            },
        )) => Ritual::Agree,
        Some((_, Question::Doubt { .. })) => return Err(format!("looking again; {ways}")),
        Some((_, Question::Overdue { .. })) => {
            return Err(format!("it still waits; {ways}"));
        }
        None => return Err("the run asks nothing".to_owned()),
    };
    ritual::open(state, ritual);
    Ok(())
}

fn pause(state: &State) -> Result<Vec<Effect>, String> {
    let input = match &running(state)?.view.paused {
        Some(_) => Input::Continue,
        None => Input::Pause {
            because: Text::new("the operator paused it"),
        },
    };
    Ok(vec![Effect::Work(Order::Tell(input))])
}

/// The first gate of the present step that is not open and that a person may let pass.
fn blocking_gate(state: &State) -> Result<Text, String> {
    let run = running(state)?;
    let (step, at) = run.view.current().ok_or("no step is left")?;
    let closed = step.needs.iter().find(|need| {
        let passed = at.overridden.contains_key(&need.name());
        !passed && !need.preview(&state.snapshot).is_met()
    });
    match closed {
        None => Err("no gate is closed".to_owned()),
        Some(gate) if gate.may_be_overridden() => Ok(gate.name()),
        Some(gate) => Err(format!("nobody may let this pass: {}", gate.claim())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
