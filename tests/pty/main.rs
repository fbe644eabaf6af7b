//! What only a terminal shows: the first frame, the terminal given back, however the program ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod console;

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

#[test]
fn resizing_never_ends_it() {
    let mut console = opened(SIZE, &[]);
    for (rows, columns) in [(1, 1), (5, 20), (60, 200), (15, 60), (24, 80)] {
        console.resize(rows, columns);
        console.listen(Duration::from_millis(50));
    }
    console.wait_for("the verdict again", SOON, |screen| screen.contains("UNKNOWN"));
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
}

#[test]
fn dumb_and_linux_terminals_work_and_no_color_means_no_color() {
    for terminal in ["dumb", "linux", "tmux-256color"] {
        let mut console = opened(SIZE, &[("TERM", terminal), ("NO_COLOR", "1")]);
        console.press("q");
        assert!(console.wait_for_exit(SOON).success(), "{terminal}");
        let text = String::from_utf8_lossy(&console.written).into_owned();
        let is_color = |sequence: &str| {
            sequence
                .split(';')
                .any(|code| matches!(code.parse::<u32>(), Ok(31..=37 | 90..=97 | 41..=47)))
        };
        let styled = text
            .split("\u{1b}[")
            .skip(1)
            .filter_map(|rest| rest.split_once('m').map(|(codes, _)| codes));
        let colors: Vec<&str> = styled.filter(|codes| codes.len() < 12 && is_color(codes)).collect();
        assert!(colors.is_empty(), "{terminal}: {colors:?}");
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
