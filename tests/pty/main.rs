//! What only a terminal shows: the first frame, the terminal given back, however the program ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod console;
mod demo;
mod hostile;
mod programs;
mod replay;

use std::time::Duration;

use console::{Console, NO_SOURCES};

const SOON: Duration = Duration::from_secs(20);
const SIZE: (u16, u16) = (24, 80);

/// A console with nothing to see.
fn dead(size: (u16, u16), environment: &[(&str, &str)]) -> Console {
    let argv = [&[env!("CARGO_BIN_EXE_quorate")], &NO_SOURCES[..]].concat();
    Console::start(&argv, environment, size)
}

fn opened(size: (u16, u16), environment: &[(&str, &str)]) -> Console {
    let mut console = dead(size, environment);
    console.wait_for("a verdict", SOON, |screen| screen.contains("UNKNOWN"));
    assert!(console.is_alternate());
    console
}

fn is_restored(console: &Console) {
    assert!(!console.is_alternate(), "the alternate screen was left");
    let text = String::from_utf8_lossy(&console.written).into_owned();
    let last = |sequence: &str| text.rfind(sequence);
    assert!(last("\u{1b}[?25h") > last("\u{1b}[?25l"), "the cursor is visible again");
}

#[test]
fn a_console_without_any_source_opens_and_q_gives_the_terminal_back() {
    let mut console = opened(SIZE, &[]);
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let mut console = opened(SIZE, &[]);
        let pid = console.pid().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        console.wait_for_exit(SOON);
        is_restored(&console);
    }
}

#[test]
fn ctrl_c_ends_it() {
    let mut console = opened(SIZE, &[]);
    console.press("\u{3}");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}

/// Starts the console as a job of a shell, says so on the main screen when it stops, and brings it back on enter.
const SHELL: &str = r#""$@"; echo "job stopped, $(stty -a | grep -o '[-]*icanon')"; read answer; fg; echo "job over""#;

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_console_back() {
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let nothing = [&[quorate], &NO_SOURCES[..]].concat();
    for (job, shown, keys, leave) in [
        (nothing.as_slice(), "UNKNOWN", "\u{1a}", "q"),
        (&[quorate, "demo"], "3 of 3 controllers healthy", ":no\u{1a}", "\u{3}q"),
    ] {
        let argv = [&["sh", "-m", "-c", SHELL, "sh"], job].concat();
        let mut console = Console::start(&argv, &[], SIZE);
        console.wait_for("a verdict", SOON, |screen| screen.contains(shown));
        console.press(keys);
        console.wait_for("the shell", SOON, |screen| screen.contains("job stopped, icanon"));
        is_restored(&console);
        // What changes meanwhile is not told to a stopped process.
        console.resize(30, 100);
        console.press("\n");
        console.wait_for("the whole frame again", SOON, |screen| {
            let lines: Vec<&str> = screen.lines().collect();
            lines.len() == 30 && lines[0].contains(shown)
        });
        assert!(console.is_alternate());
        console.press(leave);
        console.wait_for("the end", SOON, |screen| screen.contains("job over"));
        is_restored(&console);
    }
}

#[test]
fn where_nobody_would_bring_it_back_ctrl_z_says_so_and_stops_nothing() {
    let mut console = opened(SIZE, &[]);
    console.press("\u{1a}");
    console.wait_for("why not", SOON, |screen| {
        screen.contains("nobody would bring quorate back")
    });
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}

#[test]
fn a_storm_of_resizes_ends_in_the_right_frame() {
    let mut console = opened(SIZE, &[]);
    for (rows, columns) in [(1, 1), (5, 20), (60, 200), (15, 60), (24, 80)] {
        console.resize(rows, columns);
        console.listen(Duration::from_millis(50));
    }
    for step in 0..100 {
        console.resize(10 + step * 7 % 50, 30 + step * 13 % 170);
    }
    console.resize(30, 100);
    // The last line of the last size: keys of the footer below everything.
    console.wait_for("the last frame", SOON, |screen| {
        let lines: Vec<&str> = screen.lines().collect();
        lines.len() == 30 && lines[0].contains("UNKNOWN") && lines[29].contains("? help")
    });
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}

/// The parameters of every SGR sequence: what sets colours and attributes.
fn attributes(console: &Console) -> Vec<Vec<u32>> {
    let text = String::from_utf8_lossy(&console.written).into_owned();
    let sequences = text.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m'));
    let is_sgr = |codes: &str| codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    sequences
        .filter(|(codes, _)| is_sgr(codes))
        .map(|(codes, _)| codes.split(';').map(|code| code.parse().unwrap_or(0)).collect())
        .collect()
}

/// The codes of the attributes that choose a colour, and not the terminal's own (39, 49).
fn colors(console: &Console) -> Vec<Vec<u32>> {
    let is_color = |codes: &Vec<u32>| codes.iter().any(|code| matches!(code, 30..=38 | 40..=48 | 90..=107));
    attributes(console).into_iter().filter(is_color).collect()
}

/// Whether the colour is one of ANSI's, which are written by their number, too: `38;5;n`.
fn is_of_sixteen(codes: &[u32]) -> bool {
    !codes.contains(&38) || matches!(codes, [38, 5, ..16, ..])
}

#[test]
fn every_kind_of_terminal_gets_the_colours_that_it_has() {
    for (terminal, colorterm, is_allowed) in [
        ("linux", "truecolor", is_of_sixteen as fn(&[u32]) -> bool),
        ("tmux-256color", "", |codes| !codes.starts_with(&[38, 2])),
        ("xterm-256color", "truecolor", |_| true),
        ("screen", "truecolor", is_of_sixteen),
    ] {
        let mut console = opened(SIZE, &[("TERM", terminal), ("COLORTERM", colorterm)]);
        console.press("q");
        assert!(console.wait_for_exit(SOON).success(), "{terminal}");
        let colors = colors(&console);
        assert!(!colors.is_empty(), "{terminal}");
        assert!(colors.iter().all(|codes| is_allowed(codes)), "{terminal}: {colors:?}");
        let has_unicode = console.written.iter().any(|byte| !byte.is_ascii());
        assert_eq!(has_unicode, terminal != "linux", "{terminal}");
    }
}

#[test]
fn no_color_means_no_colour() {
    for terminal in ["linux", "tmux-256color", "xterm-256color"] {
        let environment = [("TERM", terminal), ("NO_COLOR", "1"), ("COLORTERM", "truecolor")];
        let mut console = opened(SIZE, &environment);
        console.press("q");
        assert!(console.wait_for_exit(SOON).success(), "{terminal}");
        assert_eq!(colors(&console), Vec::<Vec<u32>>::new(), "{terminal}");
        assert!(!attributes(&console).is_empty(), "bold and reversed are no colours");
    }
}

#[test]
fn a_dumb_terminal_and_a_screen_reader_get_lines_and_not_one_escape() {
    for environment in [
        [("TERM", "dumb"), ("ACCESSIBLE", "")],
        [("TERM", "xterm-256color"), ("ACCESSIBLE", "1")],
    ] {
        let mut console = dead((200, 200), &environment);
        console.wait_for("a verdict", SOON, |screen| screen.contains("Verdict UNKNOWN"));
        console.press("feeds\n");
        // The sources may not have spoken yet: then their rows come as a change.
        console.wait_for("rows", SOON, |screen| {
            screen.contains("rows changed") || screen.contains("12. feed")
        });
        console.press("\n");
        console.wait_for("numbered rows", SOON, |screen| screen.contains("12. feed"));
        console.press("nonsense\n");
        console.wait_for("an answer", SOON, |screen| {
            screen.contains("there is no command :nonsense")
        });
        console.press("quit\n");
        assert!(console.wait_for_exit(SOON).success());
        let text = String::from_utf8_lossy(&console.written).into_owned();
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn a_broken_theme_and_a_broken_configuration_are_named_and_end_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (theme, config) = (folder.path().join("t.toml"), folder.path().join("c.toml"));
    std::fs::write(&theme, "inherits = \"default\"\ncriticl = \"red\"\n").unwrap();
    std::fs::write(&config, "ascii = \"yes\"\n").unwrap();
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let open = |arguments: &[&str]| {
        let mut console = Console::start(&[&[quorate], arguments].concat(), &[], (24, 120));
        console.wait_for("a verdict", SOON, |screen| screen.contains("UNKNOWN"));
        console
    };
    let mut console = open(&["--theme", theme.to_str().unwrap()]);
    console.wait_for("the line", SOON, |screen| {
        screen.contains("line 2") && screen.contains("criticl")
    });
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
    let mut console = open(&["--config", config.to_str().unwrap()]);
    console.wait_for("the line", SOON, |screen| {
        screen.contains("c.toml:1:9") && screen.contains("true or false")
    });
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let mut console = opened(SIZE, &[]);
    // Every source is off or will never come: the screen says so once.
    console.listen(Duration::from_secs(8));
    let bytes = console.listen(Duration::from_secs(5));
    assert_eq!(bytes, 0, "{}", console.screen());
}
