//! `quorate` without a command: the console. It opens before any source has answered.

use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use color_eyre::eyre;

use super::exit::Usage;
use super::log;
use super::observe::{self, Resolved};
use crate::app::Message;
use crate::base::Clock;
use crate::check::Severity;
use crate::config::{Color, user_file};
use crate::tui::{self, Options};
use crate::view::{Colors, Glyphs, Theme};

/// The largest theme file that is read.
const MAX_THEME_BYTES: u64 = 64 * 1024;

/// Opens the console and returns when the operator leaves it.
pub fn run(resolved: &Resolved) -> eyre::Result<ExitCode> {
    if !std::io::stdout().is_terminal() {
        let message = "the console needs a terminal; `quorate status` and `quorate check` write to files and pipes";
        return Err(Usage {
            message: message.to_owned(),
        }
        .into());
    }
    let mut messages: Vec<Message> = resolved
        .problems
        .iter()
        .map(|problem| Message::new(Severity::Warning, problem.why().to_string()))
        .collect();
    messages.extend(log::start(&resolved.settings, None)?);
    let theme = theme(resolved, &mut messages);
    let options = Options {
        policy: resolved.settings.policy(),
        theme,
        glyphs: if resolved.settings.ascii.value {
            Glyphs::Ascii
        } else {
            Glyphs::Unicode
        },
        colors: colors(resolved),
        messages,
    };
    let runtime = observe::runtime()?;
    let outcome = runtime.block_on(async {
        let observer = observe::start(resolved, Clock::start());
        tui::run(observer.snapshots.clone(), options).await
    });
    // A file system that hangs must not keep the operator from leaving.
    runtime.shutdown_background();
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn theme(resolved: &Resolved, messages: &mut Vec<Message>) -> Theme {
    let folder = user_file(&resolved.environment).and_then(|file| Some(file.parent()?.join("themes")));
    let find = |name: &str| find_theme(folder.as_deref(), name);
    let (theme, error) = Theme::named_or_default(&resolved.settings.theme.value, &find);
    messages.extend(error.map(|error| Message::new(Severity::Warning, error.to_string())));
    theme
}

/// A user's theme: a file when the name is a path, otherwise `NAME.toml` in the folder of themes.
fn find_theme(folder: Option<&Path>, name: &str) -> Option<(String, String)> {
    let path = if name.contains('/') {
        PathBuf::from(name)
    } else {
        folder?.join(format!("{name}.toml"))
    };
    let mut text = String::new();
    let file = File::open(&path).ok()?;
    std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_THEME_BYTES), &mut text).ok()?;
    Some((path.display().to_string(), text))
}

fn colors(resolved: &Resolved) -> Colors {
    let variable = |name: &str| resolved.environment.get(name).map(String::as_str);
    let able = Colors::detect(None, variable("TERM"), variable("COLORTERM"));
    match (resolved.settings.color.value, able) {
        (Color::Never, _) => Colors::None,
        (Color::Always, Colors::None) => Colors::Sixteen,
        (Color::Always | Color::Auto, able) => able,
    }
}
