//! What must not be done, and what etcd will not do.

use std::fs;

use serde_json::Value;

use super::story::{LATE, Run, SOON, is_whole};
use crate::lab::Lab;

/// A member that was added and never started; its id.
fn ghost(lab: &Lab) -> String {
    let added = lab.on_host(
        1,
        &[
            "etcdctl",
            "member",
            "add",
            "ghost",
            "--learner",
            "--peer-urls=https://10.77.0.19:2380",
            "-w",
            "json",
        ],
    );
    let added: Value = serde_json::from_slice(&added.stdout).unwrap_or_else(|error| panic!("{error}: {added:?}"));
    format!("{:x}", added["member"]["ID"].as_u64().unwrap())
}

fn relay(lab: &Lab, order: &str) {
    fs::write(lab.state().join("hosts/1/relay"), order).unwrap();
}

/// Between what was shown and its confirmation, the object was made anew, or the member moved to another address.
pub fn a_plan_that_was_shown_does_not_run_on_another_cluster(lab: &Lab) {
    let node = lab.state().join("paper.yaml");
    fs::write(&node, "apiVersion: v1\nkind: Node\nmetadata: {name: paper}\n").unwrap();
    let node = node.to_str().unwrap();
    lab.run(&["kubectl", "create", "-f", node]);
    let mut run = Run::start(lab, 1, &["run", "cordon", "paper"]);
    run.terminal
        .wait_for("the question", SOON, |screen| screen.contains("Run it? [y/N]"));
    lab.run(&["kubectl", "delete", "node", "paper"]);
    lab.run(&["kubectl", "create", "-f", node]);
    run.terminal.press("y\n");
    let journal = run.until_over("stopped", 1, SOON);
    assert!(
        journal.sent().is_empty() && journal.stopped().contains("made anew"),
        "{}",
        journal.stopped()
    );
    lab.run(&["kubectl", "delete", "node", "paper"]);

    let id = ghost(lab);
    let mut run = Run::start(lab, 1, &["run", "remove-remnant", &id]);
    run.terminal.wait_for("the question", SOON, |screen| {
        screen.contains("Type 10.77.0.19 to run it")
    });
    let moved = lab.on_host(
        1,
        &[
            "etcdctl",
            "member",
            "update",
            &id,
            "--peer-urls=https://10.77.0.18:2380",
        ],
    );
    assert!(moved.status.success(), "{moved:?}");
    run.terminal.press("10.77.0.19\n");
    let journal = run.until_over("stopped", 1, SOON);
    assert!(
        journal.sent().is_empty() && journal.stopped().contains("10.77.0.18 now"),
        "{}",
        journal.stopped()
    );
    // The reply of this removal is lost; it is looked for, and not sent again.
    relay(lab, "lose");
    let run = Run::start(lab, 1, &["run", "remove-remnant", &id, "--confirm", "10.77.0.18"]);
    let journal = run.until_over("finished", 0, SOON);
    assert_eq!(journal.answers()[0]["outcome"], "unknown");
    journal.is_a_whole_story();
    relay(lab, "");
}

/// etcd itself refuses: it is asked for the removal of a member that it needs.
pub fn an_unhealthy_cluster_is_waited_for_and_then_left_alone(lab: &Lab) {
    is_whole(lab, 1);
    let id = ghost(lab);
    lab.run(&["kill", "3"]);
    let status = lab.json_until(1, &["status"], |status| status["quorum"]["healthy"] == 2);
    let members = status["etcd"]["members"].as_array().unwrap();
    let second = members.iter().find(|member| member["name"] == "nbe-2").unwrap();
    relay(lab, &format!("misdirect {}", second["id"].as_str().unwrap()));
    let mut run = Run::start(lab, 1, &["run", "remove-remnant", &id, "--confirm", "10.77.0.19"]);
    run.until_waiting("remove member", "refused for now", SOON);
    let journal = run.until_over("stopped", 1, LATE);
    let first = journal.answers()[0].to_string();
    assert!(
        first.contains("refused") && first.contains("unhealthy cluster"),
        "{first}"
    );
    assert!(journal.sent().len() > 5, "it was asked again");
    assert!(
        journal.stopped().contains("refused for too long"),
        "{}",
        journal.stopped()
    );
    let status = lab.json(1, &["status"]);
    assert_eq!(status["quorum"]["voters"], 3, "nobody was removed");
}
