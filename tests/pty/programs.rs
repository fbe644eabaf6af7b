//! The operator's own pager and editor have the terminal for a while: they get the text and the keys, and the console comes
//! back as it was and hears the next key.

use std::fs;
use std::time::Duration;

use crate::console::Console;
use crate::{SHELL, SIZE, SOON, is_restored};

const A_WHILE: Duration = Duration::from_mins(1);
const QUORATE: [&str; 3] = [env!("CARGO_BIN_EXE_quorate"), "--sim", "healthy"];

/// Reads a line from the terminal and then ends, as often as it is started; counts.
fn reader(dir: &std::path::Path) -> String {
    let (text, keys) = (
        dir.join("text").display().to_string(),
        dir.join("keys").display().to_string(),
    );
    format!(
        "cat > {text}; touch {keys}; echo \"round $(grep -c '' {keys});\"; read key < /dev/tty; echo \"$key\" >> {keys}"
    )
}

fn yaml_of_the_first_node(argv: &[&str], environment: &[(&str, &str)]) -> Console {
    let mut console = Console::start(argv, environment, SIZE);
    console.wait_for("a verdict", A_WHILE, |screen| screen.contains("3 of 3 controllers"));
    console.press("2");
    console.wait_for("the row", SOON, |screen| screen.contains("> zone-a  nbe-1"));
    console.press("y");
    console.wait_for("its YAML", A_WHILE, |screen| screen.contains("kind: Node"));
    console
}

/// A console that has given its terminal to the [`reader`].
fn reading(argv: &[&str], dir: &std::path::Path) -> Console {
    let mut console = yaml_of_the_first_node(argv, &[("PAGER", &reader(dir))]);
    console.press("v");
    console.wait_for("the pager", SOON, |screen| screen.contains("round 0;"));
    console
}

fn leave(console: &mut Console) {
    console.press("\x03");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(console);
}

#[test]
fn a_pager_gets_the_text_and_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let mut console = reading(&QUORATE, dir.path());
    assert!(
        !console.is_alternate() && console.is_cooked(),
        "the terminal is the pager's"
    );
    // Keys of the console, which it must not see.
    console.press("q:quit\r");
    console.wait_for("the console again", SOON, |screen| screen.contains("kind: Node"));
    assert!(console.is_alternate());
    assert_eq!(fs::read_to_string(dir.path().join("keys")).unwrap(), "q:quit\n");
    let shown = fs::read_to_string(dir.path().join("text")).unwrap();
    assert!(
        shown.contains("kind: Node\n") && shown.contains("  name: nbe-1\n"),
        "{shown}"
    );
    leave(&mut console);
}

#[test]
fn the_first_key_after_it_is_heard_at_once_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut console = yaml_of_the_first_node(&QUORATE, &[("PAGER", &reader(dir.path()))]);
    for round in 0..30 {
        // What follows the key in the same breath was not meant for the console.
        console.press(if round % 3 == 0 { "vq" } else { "v" });
        console.wait_for("the pager", SOON, |screen| screen.contains(&format!("round {round};")));
        if round % 2 == 0 {
            console.resize(24 + round % 5, 80 + round % 7);
        }
        // The line ends the pager, which leaves the key behind it.
        console.press("\r?");
        console.wait_for("the help", SOON, |screen| screen.contains("Keys ───"));
        console.press("\x1b");
        console.wait_for("what was open", SOON, |screen| screen.contains("kind: Node"));
    }
    leave(&mut console);
}

#[test]
fn ctrl_c_ends_the_pager_and_not_the_console() {
    let pager = "cat > /dev/null; echo go; exec cat < /dev/tty > /dev/null";
    let mut console = yaml_of_the_first_node(&QUORATE, &[("PAGER", pager)]);
    console.press("v");
    console.wait_for("the pager", SOON, |screen| screen.contains("go"));
    console.press("\x03");
    console.wait_for("the console again", SOON, |screen| screen.contains("kind: Node"));
    console.press("?");
    console.wait_for("the help", SOON, |screen| screen.contains("Keys ───"));
    leave(&mut console);
}

#[test]
fn ctrl_z_stops_both_and_fg_goes_on_with_both() {
    let dir = tempfile::tempdir().unwrap();
    let argv = [&["sh", "-m", "-c", SHELL, "sh"], &QUORATE[..]].concat();
    let mut console = reading(&argv, dir.path());
    console.press("\x1a");
    console.wait_for("the shell", SOON, |screen| screen.contains("job stopped, icanon"));
    console.press("\n");
    console.press("x\r");
    console.wait_for("the console again", SOON, |screen| screen.contains("kind: Node"));
    assert_eq!(fs::read_to_string(dir.path().join("keys")).unwrap(), "x\n");
    console.press("\x03");
    console.wait_for("the end", SOON, |screen| screen.contains("job over"));
    is_restored(&console);
}

#[test]
fn where_nobody_would_resume_it_ctrl_z_stops_no_pager() {
    let dir = tempfile::tempdir().unwrap();
    let mut console = reading(&QUORATE, dir.path());
    console.press("\x1ax\r");
    console.wait_for("the console again", SOON, |screen| screen.contains("kind: Node"));
    assert_eq!(fs::read_to_string(dir.path().join("keys")).unwrap(), "x\n");
    leave(&mut console);
}

#[test]
fn a_pager_runs_on_a_terminal_that_controls_nobody_here() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    let pager = format!("cat > {}", text.display());
    let argv = [&["setsid", "--wait"], &QUORATE[..]].concat();
    let mut console = yaml_of_the_first_node(&argv, &[("PAGER", &pager)]);
    console.press("v");
    console.wait_for("the text", SOON, |_| {
        fs::read_to_string(&text).is_ok_and(|text| text.contains("kind: Node\n"))
    });
    console.press("?");
    console.wait_for("the help", SOON, |screen| screen.contains("Keys ───"));
    leave(&mut console);
}

#[test]
fn a_signal_ends_quorate_and_the_pager_whatever_it_made_of_the_terminal() {
    let pager = "cat > /dev/null; stty raw -echo < /dev/tty; echo go; exec cat < /dev/tty";
    let mut console = yaml_of_the_first_node(&QUORATE, &[("PAGER", pager)]);
    console.press("v");
    console.wait_for("the pager", SOON, |screen| screen.contains("go"));
    assert!(!console.is_cooked());
    let pid = console.pid().to_string();
    let killed = std::process::Command::new("kill").args(["-s", "TERM", &pid]).status();
    assert!(killed.unwrap().success());
    assert!(console.wait_for_exit(SOON).success());
    assert!(console.is_cooked());
    is_restored(&console);
}

#[test]
fn an_editor_gets_a_copy_and_a_program_that_fails_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display().to_string();
    let editor = format!("sh -c 'cp \"$1\" {place}/copy; echo \"$1\" > {place}/name' edit");
    let environment = [("VISUAL", &*editor), ("EDITOR", "false"), ("PAGER", "no-such-pager")];
    let mut console = yaml_of_the_first_node(&QUORATE, &environment);
    console.press("V");
    console.wait_for("the copy", SOON, |_| dir.path().join("name").exists());
    console.press("v");
    console.wait_for("why there is no pager", SOON, |screen| {
        screen.contains("$PAGER (no-such-pager) names no program that is there")
    });
    let copy = fs::read_to_string(dir.path().join("copy")).unwrap();
    assert!(copy.contains("kind: Node\n"), "{copy}");
    let name = fs::read_to_string(dir.path().join("name")).unwrap();
    assert!(!fs::exists(name.trim()).unwrap(), "the copy is removed: {name}");
    leave(&mut console);
}

#[test]
fn what_is_not_set_and_what_fails_is_said() {
    let mut console = yaml_of_the_first_node(&QUORATE, &[("PATH", "/nonexistent"), ("EDITOR", "exit 3;")]);
    console.press("v");
    console.wait_for("what is not set", SOON, |screen| {
        screen.contains("$PAGER is not set, and there is no less")
    });
    console.press("V");
    console.wait_for("how it ended", SOON, |screen| {
        screen.contains("$EDITOR (exit 3;) ended with exit status: 3")
    });
    leave(&mut console);
}
