//! The operator's own pager and editor have the terminal for a while: they get the text and the keys, and the console comes
//! back as it was.

use std::fs;
use std::time::Duration;

use crate::console::Console;
use crate::{SIZE, SOON, is_restored};

const A_WHILE: Duration = Duration::from_mins(1);

fn yaml_of_the_first_node(environment: &[(&str, &str)]) -> Console {
    let argv = [env!("CARGO_BIN_EXE_quorate"), "--sim", "healthy"];
    let mut console = Console::start(&argv, environment, SIZE);
    console.wait_for("a verdict", A_WHILE, |screen| screen.contains("3 of 3 controllers"));
    console.press("2");
    console.wait_for("the row", SOON, |screen| screen.contains("> zone-a  nbe-1"));
    console.press("y");
    console.wait_for("its YAML", A_WHILE, |screen| screen.contains("kind: Node"));
    console
}

#[test]
fn a_pager_gets_the_text_and_the_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (text, keys) = (dir.path().join("text"), dir.path().join("keys"));
    let pager = format!(
        "cat > {}; echo which key; read key < /dev/tty; echo \"$key\" > {}",
        text.display(),
        keys.display()
    );
    let mut console = yaml_of_the_first_node(&[("PAGER", &pager)]);
    console.press("v");
    console.wait_for("the pager", SOON, |screen| screen.contains("which key"));
    assert!(!console.is_alternate(), "the terminal is the pager's");
    // A key of the console, which it must not see.
    console.press("q\r");
    console.wait_for("the console again", SOON, |screen| screen.contains("kind: Node"));
    assert!(console.is_alternate());
    assert_eq!(fs::read_to_string(&keys).unwrap(), "q\n");
    let shown = fs::read_to_string(&text).unwrap();
    assert!(
        shown.contains("kind: Node\n") && shown.contains("  name: nbe-1\n"),
        "{shown}"
    );
    console.press("\x03");
    assert!(console.wait_for_exit(SOON).success());
    is_restored(&console);
}

#[test]
fn an_editor_gets_a_copy_and_a_program_that_fails_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display().to_string();
    let editor = format!("sh -c 'cp \"$1\" {place}/copy; echo \"$1\" > {place}/name' edit");
    let mut console = yaml_of_the_first_node(&[("VISUAL", &editor), ("EDITOR", "false"), ("PAGER", "no-such-pager")]);
    console.press("V");
    console.wait_for("the copy", SOON, |_| dir.path().join("name").exists());
    console.press("v");
    console.wait_for("why there is no pager", SOON, |screen| {
        screen.contains("\"no-such-pager\" ended with exit status: 127")
    });
    let copy = fs::read_to_string(dir.path().join("copy")).unwrap();
    assert!(copy.contains("kind: Node\n"), "{copy}");
    let name = fs::read_to_string(dir.path().join("name")).unwrap();
    assert!(!fs::exists(name.trim()).unwrap(), "the copy is removed: {name}");
    console.press("\x03");
    assert!(console.wait_for_exit(SOON).success());
}
