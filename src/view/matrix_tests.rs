//! Every screen in every state that looks different, in every size, with and without colours; and the proof that no state is
//! told by colour alone. One file per screen and state: the text, the roles below it, and after `mono` what is left of them
//! without colours.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use ratatui::buffer::Buffer;

use super::dump::{roles, runs};
use super::picture::{draw, text};
use super::theme::{Colors, Glyphs, Role, Theme};
use crate::app::{Msg, Screen, State, update};
use crate::model::{Policy, Snapshot, example};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const STATES: [&str; 6] = ["healthy", "node-lost", "quorum-lost", "syncing", "empty", "huge"];

fn examples() -> impl Iterator<Item = (&'static str, Snapshot)> {
    let wanted = example::NAMED.into_iter().filter(|(name, _)| STATES.contains(name));
    wanted.map(|(name, snapshot)| (name, snapshot()))
}

fn open(snapshot: Snapshot, screen: Screen, (width, height): (u16, u16)) -> State {
    let mut state = State::new(Arc::new(snapshot), Policy::default());
    state.screen = screen;
    crate::app::work::refresh(&mut state);
    update(&mut state, Msg::Resize(width, height));
    state
}

fn frame(state: &State, size: (u16, u16)) -> String {
    let colored = draw(state, &Theme::marked(), size.0, size.1).0;
    let mono = draw(
        state,
        &Theme::default().on(Colors::None, Glyphs::Unicode),
        size.0,
        size.1,
    )
    .0;
    assert_eq!(text(&colored), text(&mono), "colours change no text");
    let mut out = format!("== {}x{}\n", size.0, size.1);
    for (y, line) in (0..).zip(text(&colored)) {
        let _ = writeln!(out, "{y:2}|{line}");
        for (mode, buffer) in [("", &colored), ("mono ", &mono)] {
            let runs = runs(buffer, y);
            if !runs.is_empty() {
                let _ = writeln!(out, "   {mode}{}", runs.join(" "));
            }
        }
    }
    out
}

#[test]
fn every_screen_in_every_state_and_size() {
    assert_eq!(examples().count(), STATES.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("matrix");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for (name, snapshot) in examples() {
        for screen in Screen::ALL {
            let frames = SIZES.map(|size| frame(&open(snapshot.clone(), screen, size), size));
            insta::assert_snapshot!(format!("{}_{name}", screen.name()), frames.concat());
        }
    }
}

/// Roles that say how something stands.
const STANDING: [Role; 5] = [Role::Ok, Role::Warning, Role::Critical, Role::Unknown, Role::Stale];

/// What the frame says in each role that means a state.
fn said(buffer: &Buffer) -> Vec<(Role, String)> {
    let rows = buffer.area.top()..buffer.area.bottom();
    let cells = rows.flat_map(|y| roles(buffer, y));
    cells.filter(|(role, _)| STANDING.contains(role)).collect()
}

#[test]
fn the_same_text_never_means_two_states() {
    let mut meanings: BTreeMap<String, BTreeSet<Role>> = BTreeMap::new();
    for (_, snapshot) in example::NAMED {
        for screen in Screen::ALL {
            let state = open(snapshot(), screen, (200, 60));
            for (role, text) in said(&draw(&state, &Theme::marked(), 200, 60).0) {
                assert!(
                    text.chars().any(|c| !c.is_whitespace()),
                    "a state without a sign: {role:?}"
                );
                meanings.entry(text.trim().to_owned()).or_default().insert(role);
            }
        }
    }
    assert!(meanings.len() > 40, "only {} texts", meanings.len());
    let twofold: Vec<_> = meanings.into_iter().filter(|(_, roles)| roles.len() > 1).collect();
    assert!(twofold.is_empty(), "told by colour alone: {twofold:?}");
}

#[test]
fn without_colours_states_still_differ() {
    for screen in Screen::ALL.into_iter().filter(|screen| *screen != Screen::Log) {
        let plain = Theme::default().on(Colors::None, Glyphs::Ascii);
        let frames: BTreeSet<Vec<String>> = examples()
            .filter(|(name, _)| *name != "huge")
            .map(|(_, snapshot)| text(&draw(&open(snapshot, screen, (120, 40)), &plain, 120, 40).0))
            .collect();
        assert_eq!(frames.len(), STATES.len() - 1, "{}", screen.name());
    }
}
