//! What was recorded on the demo is shown again: the past is marked as such, moved in by keys, and looked around in.

use std::time::Duration;

use crate::console::Console;
use crate::{SIZE, SOON, is_restored};

const A_WHILE: Duration = Duration::from_mins(1);

fn verdict(screen: &str) -> &str {
    screen.lines().next().unwrap_or_default()
}

#[test]
fn what_was_recorded_is_shown_again() {
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.jsonl");
    let file = file.to_str().unwrap();
    let mut console = Console::start(&[quorate, "demo"], &[], SIZE);
    console.wait_for("a healthy cluster", A_WHILE, |screen| {
        screen.contains("3 of 3 controllers healthy")
    });
    console.press(&format!(":record {file}\r"));
    console.wait_for("where to", SOON, |screen| screen.contains("recording to"));
    console.press("2G");
    console.wait_for("the selected node", SOON, |screen| {
        screen.contains("> ") && screen.contains("nbe-3")
    });
    console.press("K");
    console.wait_for("another verdict", A_WHILE, |screen| {
        verdict(screen).contains("2 of 3 healthy")
    });
    // The last frame has what was being typed when the recording ended.
    console.press(":record stop\r");
    console.wait_for("its end", SOON, |screen| screen.contains("the recording ended"));
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());

    let mut replay = Console::start(&[quorate, "replay", file], &[], SIZE);
    replay.wait_for("the past, marked", SOON, |screen| {
        verdict(screen).contains("REPLAY ") && screen.contains("  1/") && screen.contains("paused")
    });
    replay.press("}");
    replay.wait_for("the end", SOON, |screen| verdict(screen).contains("2 of 3 healthy"));
    replay.press("N");
    replay.wait_for("the change of the verdict", SOON, |screen| !screen.contains("  1/"));
    replay.press(",");
    replay.wait_for("the moment before", SOON, |screen| {
        !verdict(screen).contains("2 of 3 healthy")
    });
    replay.press("3");
    replay.wait_for("the members", SOON, |screen| {
        screen.contains("your own look") && screen.contains("own view")
    });
    replay.press("}");
    replay.wait_for("the members at the end", SOON, |screen| {
        screen.contains("2 of 3 healthy, NO MORE may be lost") && verdict(screen).contains("2 of 3 healthy")
    });
    replay.press("f");
    replay.wait_for("the nodes again", SOON, |screen| !screen.contains("your own look"));
    replay.press("{>");
    replay.wait_for("it plays", SOON, |screen| screen.contains("x2"));
    replay.press("q");
    assert!(replay.wait_for_exit(SOON).success());
    is_restored(&replay);
}
