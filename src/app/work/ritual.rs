//! What a person must type before something happens. The riskier it is, the more: `y` for what can be undone, the name of
//! the node for what cannot. Nothing is ever done by one key.

use serde::{Deserialize, Serialize};

use super::{Deed, Order, RowId, key_of, selected};
use crate::app::Effect;
use crate::app::prompt::{Prompt, PromptKind};
use crate::app::state::State;
use crate::base::Text;
use crate::check::Severity;
use crate::plan::{Input, Plan, Risk};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ritual {
    /// Let actions be run.
    Unlock,
    /// Take the lock from a run whose process is gone: these words.
    TakeOver,
    /// Run what can be undone: `y`.
    Yes,
    /// Run what cannot: this name.
    Name(Text),
    /// State what cannot be observed: these words.
    Attest {
        /// The words.
        words: Text,
    },
    /// Send again what may have arrived: `y`.
    Agree,
    /// Go on without this step: `y`.
    StopWaiting,
    /// Let one gate pass: a reason.
    Override {
        /// The gate's name.
        gate: Text,
    },
    /// Give the run up: a reason.
    Abandon,
}

/// What is typed to take a lock that somebody holds.
const TAKE_OVER: &str = "take over";

/// The shortest reason, in characters: enough for a word that means something to the next reader of the journal.
const MIN_REASON: usize = 4;

impl Ritual {
    /// What a plan's risk demands.
    pub fn of(plan: &Plan) -> Self {
        match (&plan.risk, &plan.confirm) {
            (Risk::Irreversible, Some(name)) => Ritual::Name(name.clone()),
            (Risk::Irreversible, None) => Ritual::Name(Text::new(plan.intent.word())),
            (Risk::Reversible | Risk::Harmless, _) => Ritual::Yes,
        }
    }

    /// What stands before the line being typed.
    pub fn question(&self) -> String {
        match self {
            Ritual::Unlock => "let actions be run? y/N ".to_owned(),
            Ritual::TakeOver => format!("the process of the other run is gone for good; type \"{TAKE_OVER}\": "),
            Ritual::Yes => "run this plan? y/N ".to_owned(),
            Ritual::Name(name) => format!("cannot be undone; type {name} to run it: "),
            Ritual::Attest { words } => format!("type \"{words}\": "),
            Ritual::Agree => "send it again? y/N ".to_owned(),
            Ritual::StopWaiting => "go on, although it was not seen done? y/N ".to_owned(),
            Ritual::Override { gate } => format!("let {gate} pass, because: "),
            Ritual::Abandon => "give the run up, because: ".to_owned(),
        }
    }

    /// Whether what was typed is what is asked for; otherwise what was expected.
    fn check(&self, typed: &str) -> Result<(), String> {
        let is_yes = matches!(typed, "y" | "Y" | "yes");
        match self {
            Ritual::Unlock | Ritual::Yes | Ritual::Agree | Ritual::StopWaiting if is_yes => Ok(()),
            Ritual::Unlock | Ritual::Yes | Ritual::Agree | Ritual::StopWaiting => Err("nothing was done".to_owned()),
            Ritual::TakeOver if typed == TAKE_OVER => Ok(()),
            Ritual::TakeOver => Err(format!("nothing was done: {typed:?} is not {TAKE_OVER:?}")),
            Ritual::Name(wanted) | Ritual::Attest { words: wanted } if typed == wanted.as_str() => Ok(()),
            Ritual::Name(wanted) | Ritual::Attest { words: wanted } => {
                Err(format!("nothing was done: {typed:?} is not {:?}", wanted.as_str()))
            }
            Ritual::Override { .. } | Ritual::Abandon if typed.chars().count() >= MIN_REASON => Ok(()),
            Ritual::Override { .. } | Ritual::Abandon => {
                Err("nothing was done: the journal needs a reason that the next reader understands".to_owned())
            }
        }
    }
}

/// Asks for it.
pub fn open(state: &mut State, ritual: Ritual) {
    state.prompt = Some(Prompt::new(PromptKind::Ritual(ritual)));
}

/// Does what was confirmed, or says that nothing was done.
pub fn accept(state: &mut State, ritual: Ritual, typed: &str) -> Vec<Effect> {
    if let Err(why) = ritual.check(typed) {
        state.say(Severity::Info, why);
        return Vec::new();
    }
    let input = match ritual {
        Ritual::Unlock => {
            state.work.is_unlocked = true;
            let unlock = key_of(state, Deed::Unlock);
            let text = format!("actions may be run now; {unlock} makes it read-only again");
            state.say(Severity::Warning, text);
            return Vec::new();
        }
        Ritual::TakeOver => {
            state.work.takes_over = true;
            let text = "the next run takes the lock from whoever holds it: choose it, and x";
            state.say(Severity::Warning, text);
            return Vec::new();
        }
        Ritual::Yes | Ritual::Name(_) => return begin(state),
        Ritual::Attest { words } => Input::Attest { words },
        Ritual::Agree => Input::Agree,
        Ritual::StopWaiting => Input::StopWaiting,
        Ritual::Override { gate } => Input::Override {
            gate,
            reason: Text::new(typed),
        },
        Ritual::Abandon => Input::Abandon {
            reason: Text::new(typed),
        },
    };
    vec![Effect::Work(Order::Tell(input))]
}

fn begin(state: &mut State) -> Vec<Effect> {
    let Some(RowId::Offer(name)) = selected(state) else {
        return Vec::new();
    };
    let plan = state.work.offer(&name).and_then(|offer| offer.plan().ok().cloned());
    let Some(plan) = plan else {
        state.say(Severity::Warning, "nothing was done: the plan is not there any more");
        return Vec::new();
    };
    let take_over = std::mem::take(&mut state.work.takes_over);
    vec![Effect::Work(Order::Begin {
        plan: Box::new(plan),
        take_over,
    })]
}
