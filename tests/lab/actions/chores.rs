//! Actions of every day.

use serde_json::{Value, json};

use super::story::{LATE, Run, SOON};
use crate::lab::Lab;

fn node(lab: &Lab, name: &str) -> Value {
    serde_json::from_str(&lab.run(&["kubectl", "get", "node", name, "-o", "json"])).unwrap()
}

fn zone(lab: &Lab, name: &str) -> Value {
    node(lab, name)["metadata"]["labels"]["topology.kubernetes.io/zone"].clone()
}

pub fn nodes_are_labelled_cordoned_and_drained(lab: &Lab) {
    let run = Run::start(lab, 1, &["run", "label-zones", "nbe-3=zone-x", "--yes"]);
    let journal = run.until_over("finished", 0, SOON);
    assert_eq!(
        (journal.deeds(), zone(lab, "nbe-3")),
        (vec!["label node nbe-3".to_owned()], json!("zone-x"))
    );
    let undo = &journal.0[0]["plan"]["steps"][0]["undo"];
    assert_eq!(undo["set"], json!({"topology.kubernetes.io/zone": "zone-c"}), "{undo}");
    let run = Run::start(lab, 1, &["run", "label-zones", "nbe-3=zone-c", "--yes"]);
    run.until_over("finished", 0, SOON).is_a_whole_story();
    assert_eq!(zone(lab, "nbe-3"), "zone-c");

    by_keys(lab);
    let run = Run::start(lab, 1, &["run", "drain", "nbe-2", "--yes"]);
    let journal = run.until_over("finished", 0, LATE);
    journal.is_a_whole_story();
    let deeds = journal.deeds();
    assert!(deeds.len() > 3 && deeds.iter().all(|deed| deed == "evict"), "{deeds:?}");
    let run = Run::start(lab, 1, &["run", "uncordon", "nbe-2", "--yes"]);
    run.until_over("finished", 0, SOON).is_a_whole_story();
    assert_eq!(node(lab, "nbe-2")["spec"]["unschedulable"], Value::Null);
}

/// The console: a node is selected, what can be done about it is shown, the plan is read, confirmed and run.
fn by_keys(lab: &Lab) {
    let mut run = Run::start(lab, 1, &[]);
    let screen = |run: &mut Run, what: &str, words: &str| {
        run.terminal.wait_for(what, SOON, |screen| screen.contains(words));
    };
    screen(&mut run, "a healthy cluster", "3 of 3 Ready");
    run.terminal.press(":nodes nbe-2\r");
    screen(&mut run, "the node", "nbe-2");
    run.terminal.press("a");
    screen(&mut run, "what can be done", "cordon nbe-2");
    run.terminal.press("x");
    screen(&mut run, "the plan", "x again runs it");
    run.terminal.press("x");
    screen(&mut run, "the ritual", "run this plan? y/N");
    run.terminal.press("y\r");
    let journal = run.until("finished", SOON, |journal| journal.is("finished"));
    assert_eq!(journal.deeds(), ["cordon node nbe-2"]);
    journal.is_a_whole_story();
    screen(&mut run, "its end", "cordon is done");
    run.terminal.press(":quit\r");
    assert!(run.terminal.wait_for_exit(SOON).success());
    assert_eq!(node(lab, "nbe-2")["spec"]["unschedulable"], true);
}

/// systemd's stand-in restarts k0s below the very process that asks for it.
pub fn the_controller_of_this_host_is_restarted(lab: &Lab) {
    let run = Run::start(lab, 1, &["run", "restart-controllers", "nbe-1", "--yes"]);
    let journal = run.until_over("finished", 0, LATE);
    journal.is_a_whole_story();
    assert_eq!(journal.sent()[0]["verb"], "restart");
}
