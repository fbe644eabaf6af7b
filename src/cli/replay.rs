//! `quorate replay`: a recording as a console, or its frames as text.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Replayed;
use super::exit::Usage;
use super::observe::{self, Resolved};
use super::output::print;
use super::{log, recorder, themes};
use crate::base::{Why, WhyKind};
use crate::recording::{Recording, Unreadable, redacted};
use crate::run::journal::because;
use crate::tui::replay::{self, Player};
use crate::view::picture;

/// The largest file that is read.
const MAX_BYTES: u64 = 512 << 20;

/// Shows or prints it.
pub fn run(resolved: &Resolved, wanted: &Replayed) -> eyre::Result<ExitCode> {
    let recording = read(&wanted.file)?;
    if recording.torn > 0 {
        eprintln!(
            "quorate: the last line of {} is torn and left out",
            wanted.file.display()
        );
    }
    if let Some(copy) = &wanted.redact {
        return write_redacted(&recording, copy);
    }
    let colors = themes::colors(resolved);
    let (theme, problem) = themes::chosen(resolved, colors);
    if let Some(problem) = problem {
        eprintln!("quorate: {problem}");
    }
    let theme = theme.on(colors, themes::glyphs(resolved));
    let mut player = Player::open(recording, theme.clone(), wanted.size).map_err(told)?;
    let at = wanted.at.as_ref().map(|at| player.frame_at(at)).transpose();
    let at = at.map_err(|message| Usage { message })?;
    if let Some(frame) = at {
        player.go(frame).map_err(told)?;
    }
    if wanted.dump {
        return dump(&mut player, at.is_some());
    }
    // Its log is no part of the recording.
    log::start(&resolved.settings, None)?;
    let runtime = observe::runtime()?;
    runtime.block_on(replay::run(player, theme))?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// A file that does not fit itself is no fault of the program.
#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn told(why: Unreadable) -> Why {
    Why::new(WhyKind::Garbage, why.to_string())
}

fn read(path: &Path) -> Result<Recording, Why> {
    let cannot = |error| because("read", path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        let text = format!("{} is larger than {} MiB", path.display(), MAX_BYTES >> 20);
        return Err(Why::new(WhyKind::Garbage, text));
    }
    Recording::read(&String::from_utf8_lossy(&bytes))
}

/// A copy for people outside.
fn write_redacted(recording: &Recording, copy: &Path) -> eyre::Result<ExitCode> {
    let (head, lines) = redacted(recording)?;
    recorder::File::named(copy, &head, lines.iter().map(String::as_str))?;
    print(&format!("other names in {}\n", copy.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The frame that is shown, or all of them, each below a line that says which it is.
fn dump(player: &mut Player, is_one: bool) -> eyre::Result<ExitCode> {
    loop {
        let (frame, frames) = (player.place(), player.len());
        let lines = picture::text(player.drawn()).join("\n");
        print(&format!("--- {frame}/{frames} {}\n{lines}\n", player.at(frame)))?;
        if is_one || frame == frames {
            return Ok(ExitCode::SUCCESS);
        }
        player.go(frame + 1).map_err(told)?;
    }
}
