//! Guided actions and runs: one line each, and the banner of a run that is open.

use ratatui::text::{Line, Span};

use crate::app::rows::name;
use crate::app::work::Offer;
use crate::app::{RowId, State};
use crate::plan::view::Ending;
use crate::plan::{Plan, Planned, Question, Risk, RunView, Status};
use crate::view::part::section::Heading;
use crate::view::part::table::{Cell, cell};
use crate::view::theme::{Glyph, Role, Theme};
use crate::view::words;

/// The cells of the rows, in the order of `ladder::ACTIONS`.
pub fn render(state: &State, theme: &Theme, rows: &[RowId]) -> Vec<Vec<Cell>> {
    let cells = rows.iter().filter_map(|row| match row {
        RowId::Offer(name) => state.work.offer(name).map(|offer| offered(state, theme, offer)),
        RowId::Run(id) => state.work.run(id).map(|view| run(state, theme, view)),
        _ => None,
    });
    cells.collect()
}

fn offered(state: &State, theme: &Theme, offer: &Offer) -> Vec<Cell> {
    let (glyph, word, role) = match &offer.planned {
        Planned::Plan(plan) if is_held(state, plan) => (Glyph::Off, "waits at its first gate", Role::Unknown),
        Planned::Plan(_) => (Glyph::Info, "can be run", Role::Info),
        Planned::Nothing { .. } => (Glyph::Ok, "nothing to do", Role::Dim),
        Planned::Refused { .. } => (Glyph::Off, "blocked", Role::Unknown),
    };
    let what = match &offer.planned {
        Planned::Plan(plan) => format!("{}, {}", words::count(plan.steps.len(), "step"), risk(plan.risk).0),
        Planned::Nothing { why } => why.to_string(),
        Planned::Refused { because } => because.first().map(ToString::to_string).unwrap_or_default(),
    };
    vec![
        cell(offer.name.to_string(), Role::Text),
        cell(format!("{} {word}", theme.glyph(glyph)), role),
        cell(what, Role::Dim),
    ]
}

/// Whether a run would stand still before it has done anything: a gate of its first step is closed now.
fn is_held(state: &State, plan: &Plan) -> bool {
    let first = plan.steps.first();
    first.is_some_and(|step| step.needs.iter().any(|need| !need.preview(&state.snapshot).is_met()))
}

/// A risk in words.
pub const fn risk(risk: Risk) -> (&'static str, Role) {
    match risk {
        Risk::Harmless => ("changes nothing", Role::Text),
        Risk::Reversible => ("can be undone", Role::Text),
        Risk::Irreversible => ("cannot be undone", Role::Warning),
    }
}

fn run(state: &State, theme: &Theme, view: &RunView) -> Vec<Cell> {
    let (glyph, word, role) = standing(view);
    let began = words::coarse_age(state.snapshot.wall_age(view.began));
    let what = format!("run by {} on {}, {began} ago", view.operator.user, view.operator.host);
    vec![
        cell(view.plan.intent.to_string(), Role::Text),
        cell(format!("{} {word}", theme.glyph(glyph)), role),
        cell(what, Role::Dim),
    ]
}

/// How a run stands, in a few words.
pub fn standing(view: &RunView) -> (Glyph, String, Role) {
    match (&view.ended, view.current()) {
        (Some(Ending::Finished), _) => (Glyph::Ok, "done".to_owned(), Role::Ok),
        (Some(Ending::Stopped { step, .. }), _) => {
            (Glyph::Critical, format!("stopped at step {}", step.0), Role::Critical)
        }
        (Some(Ending::Abandoned { .. }), _) => (Glyph::Off, "abandoned".to_owned(), Role::Dim),
        (None, Some((step, _))) => {
            let word = if view.paused.is_some() { "paused at" } else { "at" };
            let text = format!("{word} step {} of {}", step.id.0, view.plan.steps.len());
            (Glyph::Loading, text, Role::Accent)
        }
        (None, None) => (Glyph::Loading, "about to end".to_owned(), Role::Accent),
    }
}

/// About what they are, and whether they may be run.
pub fn heading(state: &State) -> Heading {
    let about = state.work.about.as_ref();
    let about = about.map_or_else(|| "the whole cluster".to_owned(), |row| name(state, row));
    let lock = match (state.work.is_manned, state.work.is_unlocked) {
        (false, _) => ("none can be run from here", Role::Dim),
        (true, false) => ("read-only: W unlocks", Role::Dim),
        (true, true) => ("unlocked", Role::Warning),
    };
    Heading {
        title: "Actions",
        summary: vec![(format!("for {about}"), Role::Text), (lock.0.to_owned(), lock.1)],
        note: String::new(),
    }
}

/// The line above the footer while a run is open here, or anywhere in the cluster.
pub fn banner(state: &State, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let (text, role) = match state.work.open_run() {
        Some(run) => own(run),
        None => (foreign(state)?, Role::Warning),
    };
    let text = words::clip(&text, width.saturating_sub(5), theme.glyph(Glyph::Ellipsis));
    Some(Line::from(vec![
        Span::styled(
            " RUN ",
            theme.style(role).add_modifier(ratatui::style::Modifier::REVERSED),
        ),
        Span::styled(format!(" {text}"), theme.style(role)),
    ]))
}

fn own(run: &Status) -> (String, Role) {
    let view = &run.view;
    let what = format!("{} {}", view.plan.intent, standing(view).1);
    match (&run.question, &run.waits_for) {
        (Some((_, question)), _) => (format!("{what} asks you: {}", asked(question)), Role::Warning),
        (None, Some(waits)) => (format!("{what}: {waits}"), Role::Accent),
        (None, None) => (what, Role::Accent),
    }
}

/// Another quorate's run, as the Lease in the cluster tells it.
fn foreign(state: &State) -> Option<String> {
    let lock = state.snapshot.run_lock()?;
    Some(format!(
        "elsewhere: {}, seen {} ago",
        lock.holder,
        words::coarse_age(lock.age)
    ))
}

/// A question in one line.
pub fn asked(question: &Question) -> String {
    match question {
        Question::Attest { words } => format!("only you can tell: \"{words}\""),
        Question::Doubt { why, .. } => format!("only you can tell whether it is done: {why}"),
        Question::Overdue { because } => format!("it takes longer than it should: {because}"),
    }
}
