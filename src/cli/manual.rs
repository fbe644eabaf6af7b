//! The man pages: what clap knows of a command, and what else belongs there, from the tables that the program goes by. Start
//! reading at [`of_all`].

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use color_eyre::eyre;

use super::args::Cli;
use super::exit::{STATUS, Usage};
use super::recorder;
use crate::config::{self, variables};
use crate::{chronicle, run};

/// Variables that are no settings, and what they do.
const OTHER_VARIABLES: [(&str, &str); 8] = [
    (
        "PAGER",
        "What the console reads a text in, by default with `v`; less where it is not set.",
    ),
    (
        "VISUAL",
        "The editor for a copy of a text, by default with `V`, and for `quorate config --edit`.",
    ),
    ("EDITOR", "The same, where VISUAL is not set; vi where neither is."),
    (
        "TMPDIR",
        "Where that copy and the hosts of a simulated cluster are for a while.",
    ),
    (
        "XDG_CONFIG_HOME",
        "Where the user's settings are, in quorate; ~/.config where it is not set.",
    ),
    (
        "XDG_STATE_HOME",
        "Where journals, the timeline and recordings are, in quorate; else, for root, as below; else ~/.local/state.",
    ),
    ("COLORTERM", "truecolor or 24bit: the terminal has all colours."),
    (
        "SUDO_USER, USER, LOGNAME",
        "The first that is set names the operator in journals.",
    ),
];

/// The page of the program.
pub fn of_all() -> io::Result<Vec<u8>> {
    let man = Man::new(Cli::command());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_extra_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let mut text = String::new();
    let environment = OTHER_VARIABLES.map(|(name, meaning)| (name.to_owned(), meaning.to_owned()));
    section(
        &mut text,
        "ENVIRONMENT",
        variables::variables().into_iter().chain(environment),
    );
    section(&mut text, "FILES", files());
    let status = STATUS.map(|(code, meaning)| (code.to_string(), meaning.to_owned()));
    section(&mut text, "EXIT STATUS", status);
    see_also(&mut text, commands().iter().map(clap::Command::get_name));
    page.extend(text.into_bytes());
    man.render_version_section(&mut page)?;
    // It goes on with the description.
    let page = String::from_utf8_lossy(&page).replace(".SH EXTRA\n", ".PP\n");
    Ok(page.into_bytes())
}

/// The page of one command. What every command takes is told on the program's.
pub fn of(name: &str) -> eyre::Result<Vec<u8>> {
    let all = commands();
    let Some(command) = all.iter().find(|own| own.get_name() == name) else {
        let names: Vec<&str> = all.iter().map(clap::Command::get_name).collect();
        let message = format!("there is no command {name}; there are {}", names.join(", "));
        return Err(Usage { message }.into());
    };
    let global = Cli::command();
    let is_global = |arg: &clap::Arg| global.get_arguments().any(|own| own.get_id() == arg.get_id());
    let own = command.clone().mut_args(|arg| {
        let hidden = is_global(&arg);
        arg.hide(hidden)
    });
    let actions: Vec<String> = own.get_subcommands().map(|own| own.get_name().to_owned()).collect();
    let man = Man::new(own).source(format!("quorate {}", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if !actions.is_empty() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    // They have no pages of their own.
    for action in &actions {
        let of_its_own = escaped(&format!("quorate-{name}-{action}(1)"));
        page = page.replace(&of_its_own, &escaped(action));
    }
    if !actions.is_empty() {
        let _ = writeln!(
            page,
            ".PP\n\\fBquorate {}\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR tells what each takes.",
            escaped(name)
        );
    }
    see_also(&mut page, [""]);
    Ok(page.into_bytes())
}

/// The commands, as they are after all was put together.
fn commands() -> Vec<clap::Command> {
    let mut all = Cli::command();
    all.build();
    all.get_subcommands().cloned().collect()
}

fn files() -> Vec<(String, String)> {
    let state = Path::new(run::place::ROOT);
    let below = |dir: &Path| dir.display().to_string();
    [
        (
            config::SYSTEM_FILE.to_owned(),
            "The settings of every user of this host.",
        ),
        (
            "~/.config/quorate/config.toml".to_owned(),
            "Your settings, which outrank those.",
        ),
        ("~/.config/quorate/themes/".to_owned(), "Your themes."),
        (
            below(&run::place::runs(state)),
            "The journals of what was done, as root.",
        ),
        (below(&chronicle::dir(state)), "What consoles noticed, as root."),
        (below(&recorder::dir(state)), "Recordings, as root."),
        (
            below(&run::place::volatile()),
            "The journal of start-controller where the usual place cannot be written.",
        ),
    ]
    .map(|(file, meaning)| (file, meaning.to_owned()))
    .into()
}

fn section(page: &mut String, title: &str, rows: impl IntoIterator<Item = (String, String)>) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, ".SH \"{title}\"");
    for (name, meaning) in rows {
        let _ = writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(&name), escaped(&meaning));
    }
}

/// The pages of these commands; that of the program for an empty name.
fn see_also<'a>(page: &mut String, names: impl IntoIterator<Item = &'a str>) {
    let page_of = |name: &str| match name {
        "" => "\\fBquorate\\fR(1)".to_owned(),
        name => format!("\\fB{}\\fR(1)", escaped(&format!("quorate-{name}"))),
    };
    let pages: Vec<String> = names.into_iter().map(page_of).collect();
    let _ = writeln!(page, ".SH \"SEE ALSO\"\n{}", pages.join(",\n"));
}

/// A text as roff has it: no escape, no hyphen and no accent, and no request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}
