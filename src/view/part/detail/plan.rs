//! A plan before it runs, and a run: every step as the command that it stands for, what must be true before it, and how it
//! went. Start reading at [`offer`], then [`run`].

use super::chapter::{Chapter, Paragraph};
use crate::app::State;
use crate::app::work::Offer;
use crate::base::Text;
use crate::plan::event::Sent;
use crate::plan::step::Doing;
use crate::plan::view::{Ending, Stage, StepView};
use crate::plan::{Condition, Plan, Planned, RunView, Step, Truth};
use crate::view::part::work;
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// What an action would do.
pub fn offer(state: &State, theme: &Theme, offer: &Offer) -> Vec<Chapter> {
    match &offer.planned {
        Planned::Plan(plan) => {
            let mut chapters = vec![overview(plan)];
            chapters.extend(plan.steps.iter().map(|step| planned(state, theme, step)));
            chapters
        }
        Planned::Nothing { why } => vec![Chapter::only(vec![("not needed", why.to_string(), Role::Ok)])],
        Planned::Refused { because } => {
            let rows = because.iter().map(|why| ("blocked", why.to_string(), Role::Unknown));
            vec![Chapter::only(rows.collect())]
        }
    }
}

/// A run: where it stands, what it asks, and every step.
pub fn run(state: &State, theme: &Theme, view: &RunView) -> Vec<Chapter> {
    let mut chapters = vec![standing(state, theme, view)];
    let steps = view.plan.steps.iter().zip(&view.steps);
    let current = view.current().map(|(step, _)| step.id);
    chapters.extend(steps.map(|(step, at)| {
        let is_current = view.ended.is_none() && current == Some(step.id);
        ran(state, theme, step, at, is_current)
    }));
    chapters
}

fn overview(plan: &Plan) -> Chapter {
    let (risk, role) = work::risk(plan.risk);
    let made = plan.made.strftime("%H:%M:%SZ");
    let mut rows = vec![("risk", risk.to_owned(), role)];
    rows.extend(
        plan.warnings
            .iter()
            .map(|text| ("know", text.to_string(), Role::Warning)),
    );
    rows.extend(plan.arithmetic.iter().map(|line| {
        let text = format!(
            "{}: {} of {} voters healthy, spare {}",
            line.moment, line.healthy, line.voters, line.spare
        );
        ("quorum", text, if line.spare > 0 { Role::Text } else { Role::Warning })
    }));
    Chapter::of(
        "Plan",
        format!("{}, made {made}", words::count(plan.steps.len(), "step")),
        rows,
    )
}

/// A step that was not begun: what it is, and how its gates stand at this moment.
fn planned(state: &State, theme: &Theme, step: &Step) -> Chapter {
    let mut rows = command(step);
    rows.extend(step.needs.iter().map(|need| gate(state, theme, "needs", need)));
    rows.extend(
        step.done_when
            .iter()
            .map(|goal| ("done when", goal.claim().to_string(), Role::Text)),
    );
    rows.extend(
        step.stop_when
            .iter()
            .map(|stop| ("stops when", stop.claim().to_string(), Role::Text)),
    );
    Chapter::of(title(step), work::risk(step.risk).0.to_owned(), rows)
}

fn title(step: &Step) -> String {
    format!("{}. {}", step.id.0, step.title)
}

fn command(step: &Step) -> Vec<Paragraph> {
    let label = match &step.doing {
        Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. } => "does",
        Doing::ByHand => "by hand",
        Doing::Attest { .. } => "you state",
        Doing::Watch => "watches",
    };
    let text = match &step.doing {
        Doing::Attest { words } => words,
        Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. } | Doing::ByHand | Doing::Watch => {
            &step.command
        }
    };
    vec![(label, text.to_string(), Role::Accent)]
}

/// A condition as it stands at this moment.
fn gate(state: &State, theme: &Theme, label: &'static str, condition: &Condition) -> Paragraph {
    let truth = condition.preview(&state.snapshot);
    let (glyph, role) = match truth {
        Truth::Met { .. } => (Glyph::Ok, Role::Ok),
        Truth::Unmet { .. } => (Glyph::Critical, Role::Critical),
        Truth::Unknown { .. } => (Glyph::Unknown, Role::Unknown),
    };
    let text = format!(
        "{} {} ({}: {})",
        theme.glyph(glyph),
        condition.claim(),
        truth.word(),
        truth.text()
    );
    (label, text, role)
}

fn standing(state: &State, theme: &Theme, view: &RunView) -> Chapter {
    let (glyph, word, role) = work::standing(view);
    let mut rows = vec![("run", format!("{} {word}", theme.glyph(glyph)), role)];
    match &view.ended {
        Some(Ending::Stopped { why, .. }) => rows.push(("because", why.to_string(), Role::Critical)),
        Some(Ending::Abandoned { operator, reason }) => {
            rows.push(("because", format!("{}: {reason}", operator.user), Role::Text));
        }
        Some(Ending::Finished) => {
            let unseen: Vec<String> = view.unseen().map(|step| step.title.to_string()).collect();
            rows.extend(unseen.into_iter().map(|title| ("not seen", title, Role::Warning)));
        }
        None => {}
    }
    rows.extend(
        view.paused
            .as_ref()
            .map(|why| ("paused", why.to_string(), Role::Warning)),
    );
    let own = state.work.run.as_ref().filter(|run| run.view.run == view.run);
    if let Some((_, question)) = own.and_then(|run| run.question.as_ref()) {
        rows.push(("asks you", work::asked(question), Role::Warning));
        rows.push(("", "x answers".to_owned(), Role::Key));
    }
    if let Some(waits) = own.and_then(|run| run.waits_for.as_ref()) {
        rows.push(("waits for", waits.to_string(), Role::Accent));
    }
    let by = format!(
        "{} on {}, journal {}",
        view.operator.user, view.operator.host, view.run.0
    );
    Chapter::of(view.plan.intent.to_string(), by, rows)
}

/// A step of a run.
fn ran(state: &State, theme: &Theme, step: &Step, at: &StepView, is_current: bool) -> Chapter {
    let (glyph, role) = match &at.stage {
        Stage::Done { .. } => (Glyph::Ok, Role::Ok),
        Stage::GivenUp | Stage::Answered(Sent::Refused { .. } | Sent::Unknown { .. }) => {
            (Glyph::Warning, Role::Warning)
        }
        _ if is_current => (Glyph::Loading, Role::Accent),
        _ => (Glyph::Off, Role::Dim),
    };
    let mut rows = Vec::new();
    if is_current {
        rows.extend(command(step));
        rows.extend(step.needs.iter().map(|need| gate(state, theme, "needs", need)));
        rows.extend(step.done_when.iter().map(|goal| gate(state, theme, "done when", goal)));
    }
    rows.extend(outcome(&at.stage));
    let passed = at.overridden.iter();
    rows.extend(passed.map(|(gate, why): (&Text, &Text)| ("let pass", format!("{gate}: {why}"), Role::Warning)));
    let mut how = format!("{} {}", theme.glyph(glyph), at.stage.word());
    if let Some(changed) = at.changed {
        how = format!("{how}, {} ago", words::coarse_age(state.snapshot.wall_age(changed)));
    }
    Chapter::of_step(title(step), (how, role), rows)
}

fn outcome(stage: &Stage) -> Vec<Paragraph> {
    match stage {
        Stage::Done { evidence, .. } => {
            let shown = evidence.iter();
            shown.map(|text| ("seen", text.to_string(), Role::Text)).collect()
        }
        Stage::Answered(Sent::Refused { why }) => vec![("refused", why.to_string(), Role::Warning)],
        Stage::Answered(Sent::Unknown { why }) => vec![("fate unknown", why.to_string(), Role::Warning)],
        Stage::Attested { operator, words } => {
            vec![("stated", format!("{}: {words}", operator.user), Role::Text)]
        }
        Stage::Ahead | Stage::InFlight | Stage::Agreed | Stage::GivenUp | Stage::Answered(Sent::Accepted) => Vec::new(),
    }
}
