//! Other hosts through ssh, with a real server: a restart of every controller from one of them, and every way in which a
//! host can fail to be reached.

use std::time::Duration;

use serde_json::Value;

use crate::console::Console;
use crate::lab::Lab;
use crate::sshd::Sshd;
use crate::visits;

/// How long quorate may take to look, to reach a host that hangs, and to say so.
const SOON: Duration = Duration::from_mins(1);
/// How long a restart may take to be seen done: it must stay up for a minute.
const RESTARTED: Duration = Duration::from_mins(6);
/// Tall, so that nothing that a run says scrolls away.
const SIZE: (u16, u16) = (90, 240);
const RESTART: &str = "--no-ask-password --no-block restart k0scontroller";

/// The journal's lines of the newest run on host 1.
fn journal(lab: &Lab) -> Vec<Value> {
    let runs = lab.json(1, &["journal"]);
    let newest = runs["runs"][0]["run"].as_str().unwrap().to_owned();
    lab.json(1, &["journal", &newest])["entries"]
        .as_array()
        .unwrap()
        .clone()
}

fn restarts(sshd: &Sshd, host: u8) -> usize {
    sshd.calls(host).iter().filter(|call| *call == RESTART).count()
}

/// Lets the member of a host lead.
fn lead(lab: &Lab, host: u8) {
    let status = |host: u8| -> Value {
        let output = lab.on_host(host, &["etcdctl", "endpoint", "status", "-w", "json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0]["Status"].clone()
    };
    let wanted = status(host)["header"]["member_id"].as_u64().unwrap();
    let leader = status(host)["leader"].as_u64().unwrap();
    if leader == wanted {
        return;
    }
    let leads = |host: &u8| status(*host)["header"]["member_id"].as_u64() == Some(leader);
    let from = (1..=3).find(leads).unwrap();
    let output = lab.on_host(from, &["etcdctl", "move-leader", &format!("{wanted:x}")]);
    assert!(output.status.success(), "{output:?}");
}

/// Who holds the lease that k0s on a host renews.
fn holder(lab: &Lab, host: u8) -> String {
    let lease = format!("k0s-ctrl-nbe-{host}");
    let path = "jsonpath={.spec.holderIdentity}";
    lab.run(&["kubectl", "-n", "kube-node-lease", "get", "lease", &lease, "-o", path])
}

#[test]
fn every_controller_restarts_one_by_one_and_the_leader_last() {
    let lab = Lab::up(&["--zones"]);
    let sshd = Sshd::start(&lab, &[2, 3]);
    lead(&lab, 2);
    let before: Vec<String> = (1..=3).map(|host| holder(&lab, host)).collect();

    let ran = lab.quorate(
        1,
        &[
            "run",
            "restart-controllers",
            "nbe-1",
            "nbe-2",
            "nbe-3",
            "--yes",
            "--write",
        ],
    );
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said}\n{}\n{}",
        String::from_utf8_lossy(&ran.stderr),
        sshd.log(2)
    );
    assert!(!said.contains("by hand"), "{said}");

    let entries = journal(&lab);
    let events: Vec<(&str, u64)> = entries
        .iter()
        .filter_map(|entry| {
            let event = entry["event"].as_str()?;
            ["intended", "answered", "done"]
                .contains(&event)
                .then(|| (event, entry["step"].as_u64().unwrap()))
        })
        .collect();
    let expected: Vec<(&str, u64)> = (1..=3)
        .flat_map(|step| ["intended", "answered", "done"].map(|event| (event, step)))
        .collect();
    assert_eq!(events, expected, "each is seen back before the next one is touched");
    let nodes: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["action"]["node"].as_str())
        .collect();
    assert_eq!(nodes, ["nbe-1", "nbe-3", "nbe-2"], "the leader last");
    let answers = entries.iter().filter(|entry| entry["event"] == "answered");
    assert!(
        answers.into_iter().all(|entry| entry["sent"]["outcome"] == "accepted"),
        "{entries:#?}"
    );
    for host in 2..=3 {
        assert_eq!(restarts(&sshd, host), 1, "{:?}", sshd.calls(host));
    }
    for host in 1..=3 {
        assert_ne!(holder(&lab, host), before[usize::from(host) - 1], "host {host}");
    }
    room_is_made_on_every_controller(&lab);
    a_host_is_asked_what_it_reaches(&lab);
}

/// Any host with a server does: whether it has joined makes no difference to its ways.
fn a_host_is_asked_what_it_reaches(lab: &Lab) {
    let answer = lab.quorate(1, &["ok-to", "add", "fresh", "--at", "10.77.0.13"]);
    let said = String::from_utf8_lossy(&answer.stdout);
    for (controller, address) in [("nbe-1", "10.77.0.11"), ("nbe-2", "10.77.0.12")] {
        for (what, port) in [("the API server", 6443), ("etcd", 2380), ("the kubelet", 10250)] {
            let line =
                format!("yes          10.77.0.13 reaches {what} of {controller} ({address}:{port}): it connects");
            assert!(said.contains(&line), "{line}\n{said}");
        }
    }
    assert!(
        said.contains("this host reaches the port of etcd of 10.77.0.13 (10.77.0.13:2380): it connects"),
        "{said}"
    );
}

/// Bytes of the file of a host's etcd.
fn file_bytes(lab: &Lab, host: u8) -> u64 {
    let output = lab.on_host(host, &["etcdctl", "endpoint", "status", "-w", "json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()[0]["Status"]["dbSize"]
        .as_u64()
        .unwrap()
}

/// etcd of other hosts answers on their own loopback alone.
fn room_is_made_on_every_controller(lab: &Lab) {
    const MIB: u64 = 1 << 20;
    let fill = "file=$(mktemp); head -c 1000000 /dev/zero > $file; \
                for n in $(seq 100); do etcdctl put fill < $file; done; rm $file; \
                revision=$(etcdctl endpoint status -w json | grep -oE '\"revision\":[0-9]+' | cut -d: -f2); \
                etcdctl compact --physical $revision";
    let output = lab.on_host(1, &["sh", "-ec", fill]);
    assert!(output.status.success(), "{output:?}");
    assert!((1..=3).all(|host| file_bytes(lab, host) > 90 * MIB));

    let ran = lab.quorate(1, &["run", "etcd-space", "--confirm", "etcd-space", "--write"]);
    assert!(ran.status.success(), "{ran:?}");
    let entries = journal(lab);
    let answers: Vec<&Value> = entries.iter().filter(|entry| entry["event"] == "answered").collect();
    assert_eq!(answers.len(), 4, "one compaction and three files: {entries:#?}");
    assert!(
        answers.iter().all(|entry| entry["sent"]["outcome"] == "accepted"),
        "{entries:#?}"
    );
    for host in 1..=3 {
        assert!(file_bytes(lab, host) < 40 * MIB, "host {host}");
    }
}

/// A restart of host 2, begun on a terminal.
fn begin(lab: &Lab) -> Console {
    let mut console = lab.console(1, &["run", "restart-controllers", "nbe-2", "--write"], SIZE);
    console.wait_for("question", SOON, |screen| screen.contains("Run it? [y/N]"));
    console.press("y\r");
    console
}

/// Waits until all of it stands on the screen, in whatever lines.
fn says(console: &mut Console, words: &[&str]) {
    console.wait_for(&format!("{words:?}"), SOON, |screen| {
        words.iter().all(|word| screen.contains(word))
    });
}

fn give_up(mut console: Console) {
    console.press("a seen enough\r");
    console.wait_for("end", SOON, |screen| screen.contains(": abandoned"));
    console.wait_for_exit(SOON);
    assert!(
        !console.screen().to_lowercase().contains("password:"),
        "a prompt: {}",
        console.screen()
    );
}

#[test]
fn a_host_that_cannot_be_reached_is_named_and_its_step_is_left_to_a_person() {
    let lab = Lab::up(&["--zones"]);
    let sshd = Sshd::start(&lab, &[2]);
    visits::whatever_happens_is_told_and_nothing_stays(&lab, &sshd);
    let by_hand = "do it by hand: ssh root@10.77.0.12 systemctl restart k0scontroller";
    let note = "step 1 has to be done by hand";

    let key = sshd.read("key/id.pub");
    sshd.remove("key/id.pub");
    let mut console = begin(&lab);
    says(
        &mut console,
        &[
            note,
            "Permission denied",
            "ssh -o BatchMode=yes 10.77.0.12 true",
            by_hand,
        ],
    );
    give_up(console);
    sshd.write("key/id.pub", &key);

    let known = sshd.read("home-1/.ssh/known_hosts");
    sshd.write("home-1/.ssh/known_hosts", "");
    let mut console = begin(&lab);
    says(
        &mut console,
        &[
            note,
            "Host key verification failed",
            "not known here: connect by hand once",
            by_hand,
        ],
    );
    give_up(console);
    sshd.write("home-1/.ssh/known_hosts", &format!("10.77.0.12 {key}"));
    let mut console = begin(&lab);
    says(
        &mut console,
        &[
            note,
            "Host key verification failed",
            "ssh-keygen -R 10.77.0.12",
            by_hand,
        ],
    );
    give_up(console);
    assert_eq!(
        sshd.read("home-1/.ssh/known_hosts"),
        format!("10.77.0.12 {key}"),
        "no key is learned"
    );
    sshd.write("home-1/.ssh/known_hosts", &known);

    sshd.write(
        "home-2/.bashrc",
        "printf 'Welcome to \\033[31mnbe-2\\n0\\n'; printf 'root@nbe-2:~# '\n",
    );
    let mut console = begin(&lab);
    says(
        &mut console,
        &[
            note,
            "id on 10.77.0.12 answers",
            "which is no user id",
            "be silent",
            by_hand,
        ],
    );
    give_up(console);
    sshd.remove("home-2/.bashrc");

    sshd.operator("ada");
    let mut console = begin(&lab);
    says(
        &mut console,
        &[
            note,
            "the user on 10.77.0.12 is not root and sudo asks for a password",
            by_hand,
        ],
    );
    give_up(console);
    sshd.operator("root");
    assert_eq!(restarts(&sshd, 2), 0, "{:?}", sshd.calls(2));

    // Connections are accepted, and nobody answers. A person does it, and that is noticed.
    sshd.signal(2, "STOP");
    let mut console = begin(&lab);
    says(&mut console, &[note, "banner exchange", "timed out", by_hand]);
    let output = lab.on_host(2, &["systemctl", "restart", "k0scontroller"]);
    assert!(output.status.success(), "{output:?}");
    console.wait_for("end", RESTARTED, |screen| screen.contains(": finished"));
    sshd.signal(2, "CONT");
    assert_eq!(restarts(&sshd, 2), 0, "{:?}", sshd.calls(2));
}

#[test]
fn a_connection_that_is_lost_in_the_middle_is_looked_after_and_not_repeated() {
    let lab = Lab::up(&["--zones"]);
    let sshd = Sshd::start(&lab, &[2]);
    // A greeting before the answer is no obstacle.
    sshd.write("home-2/.bashrc", "printf 'Welcome to \\033[31mnbe-2\\n'\n");

    // The session stops answering, and nothing is restarted.
    sshd.write("drop-2", "kill -STOP $PPID; exit 1");
    let mut console = begin(&lab);
    says(&mut console, &["looking", "k0s-ctrl-nbe-2 is held as before"]);
    give_up(console);
    assert_eq!(restarts(&sshd, 2), 1, "{:?}", sshd.calls(2));
    let unknown = |entry: &&Value| entry["event"] == "answered" && entry["sent"]["outcome"] == "unknown";
    let entries = journal(&lab);
    let answer = entries.iter().find(unknown).unwrap_or_else(|| panic!("{entries:#?}"));
    assert!(
        answer["sent"]["why"]["text"].as_str().unwrap().contains("10.77.0.12"),
        "{answer}"
    );

    // The session ends, and the restart happens all the same.
    sshd.write("drop-2", "kill -KILL $PPID");
    let mut console = begin(&lab);
    console.wait_for("end", RESTARTED, |screen| screen.contains(": finished"));
    assert_eq!(restarts(&sshd, 2), 2, "{:?}", sshd.calls(2));
    let entries = journal(&lab);
    assert!(entries.iter().any(|entry| unknown(&entry)), "{entries:#?}");
    a_dead_host_is_looked_at_from_another_one(&lab);
}

/// Only where the operator wants it: `look_from_there`.
fn a_dead_host_is_looked_at_from_another_one(lab: &Lab) {
    lab.run(&["kill", "3"]);
    let file = lab.state().join("look.toml");
    std::fs::write(&file, "look_from_there = true\n").unwrap();
    let mut console = lab.console(1, &["--config", file.to_str().unwrap()], SIZE);
    console.wait_for("the loss", SOON, |screen| screen.contains("no spare"));
    console.press("!");
    says(
        &mut console,
        &[
            "from 10.77.0.12: ",
            "etcd's port does not accept there either: the process",
        ],
    );
    console.press("\x03");
    console.wait_for_exit(SOON);
}
