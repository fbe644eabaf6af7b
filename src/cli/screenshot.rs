//! `quorate screenshot`: one frame of the console without a terminal. An example cluster and its clock stand still, so the
//! same command prints the same frame everywhere: the pictures in `assets/screens` are made so. With `--sim` it is a
//! simulated cluster, as it was once everything was heard.

use std::process::ExitCode;
use std::sync::Arc;

use color_eyre::eyre;

use super::args::Shot;
use super::exit::Usage;
use super::observe::{self, Resolved};
use super::output::print;
use super::themes;
use crate::app::{Msg, Screen, State, update, work};
use crate::config::{BACKGROUND, Origin};
use crate::model::{Policy, Snapshot, example};
use crate::view::picture::{draw, svg, text};
use crate::view::{Colors, Glyphs, Theme};

/// Draws and prints.
pub fn run(resolved: &Resolved, shot: &Shot) -> eyre::Result<ExitCode> {
    // What this terminal can show says nothing about who looks at the picture.
    let theme = match &resolved.settings.theme {
        of if of.origin == Origin::Environment(BACKGROUND) => Theme::default(),
        of => themes::named(resolved, &of.value).map_err(|error| Usage {
            message: error.to_string(),
        })?,
    };
    let ascii = &resolved.settings.ascii;
    let glyphs = if ascii.value && !matches!(ascii.origin, Origin::Environment(_)) {
        Glyphs::Ascii
    } else {
        Glyphs::Unicode
    };
    let theme = theme.on(Colors::Full, glyphs);
    let (width, height) = shot.size;
    let mut state = State::new(seen(resolved, shot)?, Policy::default()).in_namespace(resolved.namespace.as_ref());
    update(&mut state, Msg::Resize(width, height));
    state.screen = Screen::ALL
        .into_iter()
        .find(|screen| screen.name() == shot.screen)
        .unwrap_or_default();
    work::refresh(&mut state);
    let (mut buffer, mut geometry) = draw(&state, &theme, width, height);
    for key in shot.keys.iter().flat_map(|keys| &keys.0) {
        update(&mut state, Msg::Geometry(geometry));
        update(&mut state, Msg::Key(*key));
        (buffer, geometry) = draw(&state, &theme, width, height);
    }
    if shot.svg {
        print(&svg(&buffer, &theme))?;
    } else {
        print(&(text(&buffer).join("\n") + "\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The simulated cluster, or the example; the command line takes its names only.
fn seen(resolved: &Resolved, shot: &Shot) -> eyre::Result<Arc<Snapshot>> {
    if resolved.simulation.is_some() {
        return Ok(observe::look(resolved, None)?.snapshot);
    }
    let found = example::NAMED.into_iter().find(|(own, _)| *own == shot.state);
    Ok(Arc::new(
        found.map_or_else(example::healthy, |(_, snapshot)| snapshot()),
    ))
}
