//! A rehearsal of the plan that is shown: asked of whoever runs actions, who plays it on a copy of the cluster, and read as a
//! sheet. It changes nothing, so it needs no unlocking, and it is no run: no journal, no banner. Start reading at [`rehearse`].

use serde::{Deserialize, Serialize};

use super::{Deed, Order, RowId, key_of, selected};
use crate::app::Effect;
use crate::app::paper::{Line, Tone};
use crate::app::reading;
use crate::app::sheet::{Body, Failure, Read, Sheet};
use crate::app::state::State;
use crate::base::{Stamp, Text, Why};
use crate::check::Severity;
use crate::model::question::QuestionId;
use crate::plan::Plan;

/// A plan on a copy of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// As it was shown.
    pub plan: Box<Plan>,
    /// How.
    #[serde(flatten)]
    pub script: Script,
    /// What happened, as `quorate rehearse` prints it; empty before its end.
    pub lines: Vec<Text>,
}

/// How a plan is rehearsed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// What goes wrong meanwhile, as `quorate rehearse --fault` takes it.
    pub faults: Vec<Text>,
    /// The file to which its screens are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Text>,
}

/// What is heard of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// Which one.
    pub id: QuestionId,
    /// When it ended.
    pub at: Stamp,
    /// What happened, line by line; otherwise why it could not be played.
    pub told: Result<Vec<Text>, Why>,
}

/// What was typed after `:rehearse`: `--fault FAULT@STEP`, any number of times, and `--record FILE`.
pub fn read(typed: &str) -> Result<Script, String> {
    let mut script = Script::default();
    let mut words = typed.split_whitespace();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, words.next()),
        };
        match (option, value.map(Text::new)) {
            ("--fault", Some(fault)) => script.faults.push(fault),
            ("--record", Some(file)) => script.recording = Some(file),
            _ => {
                return Err(
                    "it takes --fault FAULT@STEP, such as --fault second-node-dies@4, and --record FILE".to_owned(),
                );
            }
        }
    }
    Ok(script)
}

/// Shows the plan if it is not shown, and otherwise rehearses exactly that one.
pub fn rehearse(state: &mut State, script: Script) -> Result<Vec<Effect>, String> {
    let Some(RowId::Offer(name)) = selected(state) else {
        let offer = key_of(state, Deed::Offer);
        return Err(format!("only a plan can be rehearsed: {offer} shows what can be done"));
    };
    let offer = state.work.offer(&name).ok_or("this is not offered any more")?;
    let plan = Box::new(offer.plan().map_err(|why| why.to_string())?.clone());
    if !state.work.is_manned {
        return Err("nothing can be rehearsed from here".to_owned());
    }
    if state.detail.is_none() {
        state.detail = Some(0);
        let again = key_of(state, Deed::Rehearse);
        let text = format!("this is the plan; {again} again rehearses it, esc leaves it");
        state.say(Severity::Info, text);
        return Ok(Vec::new());
    }
    let lines = Vec::new();
    reading::lay(state, Body::Rehearsal(Rehearsal { plan, script, lines }));
    Ok(play(state))
}

/// The order to play what lies uppermost, where that is a rehearsal.
pub fn play(state: &State) -> Vec<Effect> {
    let sheet = state.sheets.last();
    let order = sheet.and_then(|sheet| match (&sheet.body, sheet.asked) {
        (Body::Rehearsal(own), Some(id)) => Some(Order::Rehearse {
            id,
            plan: own.plan.clone(),
            script: own.script.clone(),
        }),
        _ => None,
    });
    order.map(Effect::Work).into_iter().collect()
}

/// Takes in how it went; what nobody reads any more is dropped.
pub fn take(state: &mut State, told: Rehearsed) {
    let asked = Some(told.id);
    let Some(sheet) = state.sheets.iter_mut().find(|sheet| sheet.asked == asked) else {
        return;
    };
    let Body::Rehearsal(own) = &mut sheet.body else { return };
    sheet.read = Some(Read {
        at: told.at,
        from: None,
    });
    match told.told {
        Ok(lines) => own.lines = lines,
        Err(why) => sheet.failure = Some(Failure { why, last_answer: None }),
    }
}

impl Rehearsal {
    /// What it is of.
    pub fn title(&self) -> String {
        let Script { faults, recording } = &self.script;
        let faults = faults.iter().map(|fault| format!(" --fault {fault}"));
        let recording = recording.iter().map(|file| format!(" --record {file}"));
        let how: Vec<String> = faults.chain(recording).collect();
        format!("of {}{}", self.plan.intent, how.concat())
    }

    /// Everything it says.
    pub fn lines(&self, sheet: &Sheet) -> Vec<Line> {
        let plain = |text: &str, tone| Line::plain(text, tone);
        match (&sheet.failure, &sheet.read) {
            (Some(failure), _) => {
                let mut lines = vec![
                    plain(
                        "NOT REHEARSED: nothing was played, and nothing was sent to the cluster",
                        Tone::Warning,
                    ),
                    Line::plain(failure.why.text.clone(), Tone::Plain),
                ];
                lines.extend(failure.why.hint.clone().map(|hint| Line::plain(hint, Tone::Plain)));
                lines.push(plain("r tries it again", Tone::Dim));
                lines
            }
            (None, None) => vec![plain(
                "REHEARSAL: being played on a copy of the cluster; nothing is sent to it",
                Tone::Warning,
            )],
            (None, Some(_)) => {
                let tones = std::iter::once(Tone::Warning).chain(std::iter::repeat(Tone::Plain));
                self.lines
                    .iter()
                    .zip(tones)
                    .map(|(line, tone)| Line::plain(line.clone(), tone))
                    .collect()
            }
        }
    }
}
