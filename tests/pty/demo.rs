//! The demo as its user sees it: the tour, a node switched off and revived by keys, and the verdict that follows.

use std::time::Duration;

use crate::console::Console;
use crate::{SIZE, SOON, is_restored};

/// A simulated cluster starts and certificates are made; a node's death is told by time-outs.
const A_WHILE: Duration = Duration::from_mins(1);

#[test]
fn the_tour_of_the_demo_can_be_walked_and_the_verdict_follows() {
    let mut console = Console::start(&[env!("CARGO_BIN_EXE_quorate"), "demo"], &[], SIZE);
    console.wait_for("the tour", SOON, |screen| screen.contains("select nbe-3, press K"));
    console.wait_for("a healthy cluster", A_WHILE, |screen| {
        screen.contains("3 of 3 controllers healthy")
    });
    console.press("2G");
    console.wait_for("the selected node", SOON, |screen| {
        screen.contains("> ") && screen.contains("nbe-3")
    });
    console.press("K");
    console.wait_for("what was done", SOON, |screen| screen.contains("nbe-3 switched off"));
    console.wait_for("another verdict", A_WHILE, |screen| {
        screen
            .lines()
            .next()
            .is_some_and(|line| line.contains("2 of 3 healthy"))
    });
    console.wait_for("the next step", SOON, |screen| {
        screen.contains("Press > for faster time")
    });
    console.press(">");
    console.wait_for("the speed", SOON, |screen| screen.contains("x5"));
    console.press("R");
    console.wait_for("the verdict of the beginning", A_WHILE, |screen| {
        screen.lines().next().is_some_and(|line| line.contains("3 of 3"))
    });
    console.press("q");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}
