//! A lost host is replaced by a new one.

use std::fs;

use serde_json::{Value, json};

use super::story::{Journal, LATE, Run, SOON, is_whole, wait_for};
use crate::audit;
use crate::lab::Lab;
use quorate::plan::Plan;
use quorate::plan::step::Step;

const REPLACE: [&str; 5] = ["run", "replace-node", "nbe-3", "--confirm", "nbe-3"];
const WORDS: &str = "nbe-3 is off";
const REMOVAL: &str = "remove member";
const JOIN: &str = "join the new host";

/// Two begin at once; the other survivor freezes; the dead host comes back; and in the end a new one has its place.
pub fn a_lost_host_is_replaced_while_much_else_goes_wrong() {
    let lab = Lab::up(&["--zones"]);
    lab.run(&["kill", "3"]);
    let (mut run, other) = the_first_of_two(&lab);
    the_dead_host_comes_back(&lab, &mut run, other);
    drop(run);
    is_whole(&lab, 1);

    lab.run(&["kill", "3"]);
    let rehearsed = rehearsal(&lab);
    let mut run = Run::start(&lab, 1, &[&REPLACE[..], &["--attest", WORDS]].concat());
    run.until_waiting("nbe-3 is powered off", "not served for 60 s", LATE);
    lab.run(&["freeze", "2"]);
    run.until_waiting(REMOVAL, "not so: etcd proves quorum", LATE);
    assert!(!run.journal().deeds().contains(&"remove-member".to_owned()));
    lab.run(&["revive", "2"]);
    run.until_waiting(JOIN, JOIN, LATE);
    lab.run(&["join", "4"]);
    let journal = run.until_over("finished", 0, LATE);
    is_told(&journal);
    is_as_rehearsed(&journal, &rehearsed);
    is_replaced(&lab);
}

/// The plan, played on a copy of the lab, which is only read.
fn rehearsal(lab: &Lab) -> Value {
    let before = changes(lab);
    let told = lab.json(1, &["rehearse", "replace-node", "nbe-3"]);
    assert_eq!(told["result"], "finished", "{told:#}");
    assert_eq!(changes(lab), before, "nothing was sent");
    told
}

/// The real run took the same steps in the same order, at the same gates, and sent its requests at the same ones.
fn is_as_rehearsed(journal: &Journal, rehearsed: &Value) {
    let plan: Plan = serde_json::from_value(journal.0[0]["plan"].clone()).unwrap();
    let sent = |step: &Step| {
        journal
            .0
            .iter()
            .any(|line| line["event"] == "intended" && line["step"] == step.id.0)
    };
    let real = plan.steps.iter().map(|step| {
        let gates: Vec<String> = step.needs.iter().map(|gate| gate.name().to_string()).collect();
        json!([step.id.0, step.title, gates, sent(step)])
    });
    let steps = rehearsed["steps"].as_array().unwrap().iter();
    let played = steps.map(|step| json!([step["step"], step["title"], step["gates"], step["attempts"] != 0]));
    // Whether pods must move so that they lie evenly, only their places tell.
    let is_told = |step: &Value| !step[1].as_str().unwrap().starts_with("move a pod of");
    let (real, played): (Vec<Value>, Vec<Value>) = (real.filter(is_told).collect(), played.filter(is_told).collect());
    assert_eq!(real, played);
    assert!(real.len() > 10, "{real:?}");
    let places: Vec<u16> = plan
        .steps
        .iter()
        .filter(|step| step.title.as_str().starts_with("move a pod of"))
        .map(|step| step.id.0)
        .collect();
    let kept = |lines: &[Value]| -> Vec<(String, u16)> {
        let lines = lines.iter().filter_map(moved_on_by);
        lines.filter(|(_, step)| !places.contains(step)).collect()
    };
    let (real, played) = (kept(&journal.0), kept(rehearsed["events"].as_array().unwrap()));
    assert_eq!(real, played);
    for event in ["attested", "intended", "done"] {
        assert!(real.iter().any(|(own, _)| own == event), "{event}: {real:?}");
    }
}

/// What a line of a journal, or of a rehearsal, says that moves a run on, and at which step.
fn moved_on_by(line: &Value) -> Option<(String, u16)> {
    let event = match line["event"].as_str()? {
        "already" => "done",
        event @ ("attested" | "overridden" | "intended" | "agreed" | "done" | "stopped-waiting") => event,
        _ => return None,
    };
    Some((event.to_owned(), u16::try_from(line["step"].as_u64()?).unwrap()))
}

/// On both survivors at once: one waits for a person, and the other is told who it is. The host of the other.
fn the_first_of_two(lab: &Lab) -> (Run<'_>, u8) {
    let mut runs = [
        Run::start_as(lab, 1, "ada", &REPLACE),
        Run::start_as(lab, 2, "bob", &REPLACE),
    ];
    let mut is_told = |n: usize| {
        let run: &mut Run = &mut runs[n];
        run.terminal.listen(std::time::Duration::from_millis(100));
        run.terminal.screen().contains("acts on this cluster")
    };
    let began = std::time::Instant::now();
    let second = loop {
        if let Some(n) = [0, 1].into_iter().find(|n| is_told(*n)) {
            break n;
        }
        assert!(
            began.elapsed() < SOON,
            "nobody was told:\n{}\n{}",
            runs[0].terminal.screen(),
            runs[1].terminal.screen()
        );
    };
    let [ada, bob] = runs;
    let (mut first, mut second, holder) = if second == 1 {
        (ada, bob, "ada on nbe-1, process ")
    } else {
        (bob, ada, "bob on nbe-2, process ")
    };
    let said = second.terminal.screen();
    assert!(
        said.contains(holder) && said.contains("wait until it has ended"),
        "{said}"
    );
    assert!(!second.terminal.wait_for_exit(SOON).success());
    assert!(second.journal().0.is_empty(), "nothing began");
    first.until("a run", SOON, |journal| journal.is("begun"));
    let other = if holder.starts_with("ada") { 2 } else { 1 };
    (first, other)
}

fn the_dead_host_comes_back(lab: &Lab, run: &mut Run, other: u8) {
    run.terminal.wait_for("the question", LATE, |screen| {
        screen.contains(&format!("type, if it is so: {WORDS}"))
    });
    lab.run(&["freeze", &other.to_string()]);
    let before = changes(lab);
    run.terminal.press(&format!("{WORDS}\n"));
    run.until_waiting(REMOVAL, "not so: etcd proves quorum", SOON);
    run.terminal
        .wait_for("the reason", SOON, |screen| screen.contains("quorum is lost"));
    lab.run(&["revive", "3"]);
    let journal = run.until("its end", LATE, |journal| journal.is("stopped"));
    assert!(journal.stopped().contains("nbe-3 answers"), "{}", journal.stopped());
    assert_eq!(journal.deeds(), ["save-snapshot", "save-pki"], "nothing was changed");
    assert_eq!(changes(lab), before, "nothing was sent");
    run.terminal
        .wait_for("what to do next", SOON, |screen| screen.contains("make a new plan"));
    assert_eq!(run.terminal.wait_for_exit(SOON).exit_code(), 1);
    lab.run(&["revive", &other.to_string()]);
}

/// What quorate asked API servers to change, beside its own lock.
fn changes(lab: &Lab) -> Vec<Value> {
    let mut all = audit::changes(lab);
    all.retain(|event| {
        let resource = event["objectRef"]["resource"].as_str().unwrap_or_default();
        event["objectRef"]["name"] != "quorate-run" && resource != "selfsubjectaccessreviews"
    });
    all
}

/// The journal of a run that replaced nbe-3 by nbe-4.
fn is_told(journal: &Journal) {
    journal.is_a_whole_story();
    let deeds = journal.deeds();
    let expected = [
        "save-snapshot",
        "save-pki",
        "remove-member",
        "delete node nbe-3",
        "delete control-node nbe-3",
        "delete etcd-member nbe-3",
        "delete lease k0s-ctrl-nbe-3",
        "label node nbe-4",
    ];
    assert_eq!(deeds[..expected.len()], expected, "{deeds:?}");
    assert!(journal.is_past("the new member is a voter"));
    assert!(journal.is_past("NetBox and the database of its console are complete"));
    let label = journal.sent()[expected.len() - 1].clone();
    assert_eq!(
        label["set"],
        json!({"topology.kubernetes.io/zone": "zone-c"}),
        "{label}"
    );
}

fn is_replaced(lab: &Lab) {
    // A single look ends after 5 s with what there is.
    let status = lab.json_until(1, &["status"], |status| status["quorum"]["spare"] == 1);
    let members = status["etcd"]["members"].as_array().unwrap();
    let mut names: Vec<&str> = members.iter().map(|member| member["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["nbe-1", "nbe-2", "nbe-4"]);
    let zones = status["zones"].as_array().unwrap();
    let third = zones.iter().find(|zone| zone["name"] == "zone-c").unwrap();
    let node = &third["nodes"][0];
    assert_eq!((&node["name"], &node["ready"]), (&json!("nbe-4"), &json!("True")));
}

/// On etcd 3.5: quorate is killed while the removal is in flight, and again while the new host is awaited.
pub fn a_run_whose_process_is_killed_reaches_its_goal_all_the_same() {
    let lab = Lab::up(&["--zones", "--etcd", "3.5", "--etcd-relay"]);
    lab.run(&["kill", "3"]);
    // etcd does what it is asked, and nobody hears of it.
    fs::write(lab.state().join("hosts/1/relay"), "hold").unwrap();
    let mut run = Run::start(&lab, 1, &[&REPLACE[..], &["--attest", WORDS]].concat());
    let asked = || fs::read_to_string(lab.state().join("hosts/1/relay.log")).unwrap_or_default();
    run.until(REMOVAL, LATE, |journal| {
        journal.deeds().last().is_some_and(|deed| deed == "remove-member")
    });
    wait_for("a removal at the relay", SOON, || !asked().is_empty());
    run.kill();
    run.resume(&[]);
    let journal = run.until("the removal to be seen", SOON, |journal| journal.is_past(REMOVAL));
    let fate = journal.answers()[2].to_string();
    assert!(fate.contains("unknown") && fate.contains("interrupted"), "{fate}");
    assert_eq!(asked().lines().count(), 1, "it was not sent again: {}", asked());

    run.until_waiting(JOIN, JOIN, LATE);
    run.kill();
    run.resume(&[]);
    lab.run(&["join", "4"]);
    let journal = run.until_over("finished", 0, LATE);
    is_told(&journal);
    is_replaced(&lab);
}
