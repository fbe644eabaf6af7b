//! A cluster whose every text wants to take over the terminal (`--sim hostile`): it is shown, written out, and no such
//! byte comes out of any screen or document.

use std::time::Duration;

use crate::console::Console;

const SOON: Duration = Duration::from_secs(30);

/// What stands in the scenario and may not come out, beside the escapes that a terminal program writes itself.
const FORBIDDEN: [&str; 10] = [
    "\u{1b}]0;",
    "\u{7}",
    "\u{8}",
    "\u{9b}",
    "\u{9d}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
];

fn forbidden(bytes: &[u8]) -> Vec<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    FORBIDDEN.into_iter().filter(|needle| text.contains(needle)).collect()
}

fn open(console: &mut Console, screen: &str) {
    console.press(&format!(":{screen}\r"));
    console.wait_for(screen, SOON, |text| text.contains(&format!(" {screen}]")));
}

#[test]
fn no_screen_shows_hostile_text_as_it_is() {
    let argv = [env!("CARGO_BIN_EXE_quorate"), "--sim", "hostile", "-vv"];
    let mut console = Console::start(&argv, &[], (45, 160));
    console.wait_for("the complaint", SOON, |screen| {
        screen.contains("NetBox Enterprise is not ready")
    });
    for screen in [
        "nodes",
        "etcd",
        "placement",
        "pods",
        "feeds",
        "timeline",
        "log",
        "findings",
    ] {
        open(&mut console, screen);
    }
    console.press("d");
    console.wait_for("the message, written out", SOON, |screen| {
        screen.contains("Details  nbe.ready") && screen.contains("\\u{1b}]0;owned")
    });
    // An escape alone, not the beginning of a sequence.
    console.press("\u{1b}");
    console.wait_for("the list", SOON, |screen| !screen.contains("Details  nbe.ready"));
    open(&mut console, "nodes");
    console.press("e");
    console.wait_for("events, written out", SOON, |screen| {
        screen.contains("Events") && screen.contains("\\u{1b}]0;owned") && screen.contains("\\u{202e}")
    });
    console.press("\u{3}");
    assert!(console.wait_for_exit(SOON).success());
    assert_eq!(forbidden(&console.written), Vec::<&str>::new());
}

#[test]
fn no_document_has_hostile_text_as_it_is() {
    for command in [
        &["status"][..],
        &["status", "-o", "json"],
        &["check"],
        &["check", "-o", "json"],
        &["doctor"],
        &["screenshot", "findings", "--size", "200x60"],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(command)
            .args(["--sim", "hostile"])
            .env_remove("KUBECONFIG")
            .output()
            .unwrap();
        assert!(!output.stdout.is_empty(), "{command:?}");
        assert_eq!(forbidden(&output.stdout), Vec::<&str>::new(), "{command:?}");
        let has_escape = output.stdout.contains(&0x1b);
        assert!(!has_escape, "{command:?}");
    }
}
